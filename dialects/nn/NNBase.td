// The nn dialect and the constraints its ops share.
#ifndef ATTUNE_NN_BASE_TD
#define ATTUNE_NN_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/EnumAttr.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def NN_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::attune::nn";
  let summary = "What a neural network computes: value-semantic ops on tensors";
  let description = [{
    The graph level. Ops work on ranked tensors, have no side effects and say
    nothing about how they are computed. Few ops with attributes are preferred
    over many near-twins.

    A tensor with a dynamic dimension carries its symbolic shape as encoding:
    `tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>`. Dimensions are canonical
    polynomials (`#nn.dim`), so two equal dimensions are the same attribute. A
    fully static tensor has no encoding. Encodings exist in this dialect only.
  }];
  let useDefaultAttributePrinterParser = 1;
}

class NN_Op<string mnemonic, list<Trait> traits = []>
    : Op<NN_Dialect, mnemonic, traits>;

// A pure op whose result types follow from operands and attributes.
class NN_InferredOp<string mnemonic, list<Trait> traits = []>
    : NN_Op<mnemonic, !listconcat([Pure, InferTypeOpAdaptor], traits)>;

// Dynamic dimensions need a #nn.shape encoding; static tensors have none.
def NN_HasCanonicalType : CPred<"::attune::nn::isCanonicalTensorType($_self)">;

def NN_Tensor : RankedTensorOf<
    [F64, F32, F16, BF16, I64, I32, I16, I8, I1], [NN_HasCanonicalType],
    "ranked tensor with symbolic shape">;
def NN_FloatTensor : RankedTensorOf<
    [F64, F32, F16, BF16], [NN_HasCanonicalType], "ranked float tensor with symbolic shape">;
def NN_BoolTensor : RankedTensorOf<
    [I1], [NN_HasCanonicalType], "ranked i1 tensor with symbolic shape">;
def NN_IndexTensor : RankedTensorOf<
    [I64, I32], [NN_HasCanonicalType], "ranked i64 or i32 tensor with symbolic shape">;

def NN_Scalar64 : Type<CPred<"::attune::nn::isScalar64($_self)">, "i64 tensor of rank 0",
                       "::mlir::RankedTensorType">,
    BuildableType<"::mlir::RankedTensorType::get({}, $_builder.getI64Type())">;

#endif // ATTUNE_NN_BASE_TD
