//===- Tile.td - the tile dialect -------------------------------*- tablegen -*-===//
//
// The level at which one kernel is written down: blocks of values, spans that
// bound them, dots, and the online softmax. It says *what* a kernel computes and
// with which blocks; how a target carries that out is the target's business.
//
//===----------------------------------------------------------------------===//

#ifndef ATTUNE_DIALECTS_TILE_TILE_TD
#define ATTUNE_DIALECTS_TILE_TILE_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/EnumAttr.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::attune::tile";
  let summary = "What one kernel computes, in blocks";
  let description = [{
    A `tile.kernel` is a program over *blocks*. A block is a builtin tensor; a
    block dimension is bounded by a `!tile.span<N>`: a start and a count of at
    most N. Positions of a block at or beyond the count of its span are *idle*:
    a load gives them its fill value, a store does not write them, and a target
    need not compute them.

    Global operands are strided memrefs that keep batch, head, row and column as
    separate dimensions. Their layout has offset 0: the caller adds it to the
    pointer. A dimension that is broadcast has stride 0.

    Ordinary `arith` and `math` ops on blocks are element-wise; there is no
    element-wise op here. Packing, prefetch, register tiles, stages and barriers
    are not ops either: they are a target's way of carrying a kernel out.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let dependentDialects = [
    "::mlir::arith::ArithDialect", "::mlir::math::MathDialect",
    "::mlir::memref::MemRefDialect", "::mlir::tensor::TensorDialect"
  ];
  let hasOperationAttrVerify = 0;
  let hasRegionArgAttrVerify = 0;
}

//===----------------------------------------------------------------------===//
// Type
//===----------------------------------------------------------------------===//

def Tile_SpanType : TypeDef<Tile_Dialect, "Span"> {
  let mnemonic = "span";
  let summary = "a run of positions along one axis";
  let description = [{
    `(start, count)` with `0 <= count <= size`. `size` is the extent of a block
    dimension that the span indexes; `!tile.span<?>` has no static limit, so the
    block dimension is dynamic and its extent equals the count.
  }];
  let parameters = (ins "int64_t":$size);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    bool isDynamic() const { return ::mlir::ShapedType::isDynamic(getSize()); }
  }];
}

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

def Tile_Family : I32EnumAttr<"Family", "the form of a kernel", [
    I32EnumAttrCase<"contraction", 0>, I32EnumAttrCase<"attention", 1>,
    I32EnumAttrCase<"row", 2>, I32EnumAttrCase<"map", 3>,
    I32EnumAttrCase<"scatter", 4>, I32EnumAttrCase<"attention_backward", 5>]> {
  let cppNamespace = "::attune::tile";
  let genSpecializedAttr = 0;
}
def Tile_FamilyAttr : EnumAttr<Tile_Dialect, Tile_Family, "family">;

def Tile_ReduceKind : I32EnumAttr<"ReduceKind", "how elements are combined", [
    I32EnumAttrCase<"sum", 0>, I32EnumAttrCase<"max", 1>,
    I32EnumAttrCase<"min", 2>, I32EnumAttrCase<"prod", 3>,
    I32EnumAttrCase<"maxnum", 4>]> {
  let cppNamespace = "::attune::tile";
  let genSpecializedAttr = 0;
}
def Tile_ReduceKindAttr : EnumAttr<Tile_Dialect, Tile_ReduceKind, "reduce_kind">;

def Tile_PanelsAttr : AttrDef<Tile_Dialect, "Panels"> {
  let mnemonic = "panels";
  let summary = "an operand stored in panels";
  let description = [{
    Storage of a rank-2 operand, given as argument attribute `tile.panels`. The
    memref type stays the logical one (`[K, N]` or `[N, K]`); `axis` names its N
    dimension. The bytes are `[ceil(N / width)][K][width]`, unit stride, 64-byte
    aligned, columns beyond N zero. Whoever provides the operand (the packer of
    weights) reads this attribute; a target that does not know the width
    reports an error.
  }];
  let parameters = (ins "int64_t":$axis, "int64_t":$width);
  let assemblyFormat = "`<` struct(params) `>`";
  let genVerifyDecl = 1;
}

include "dialects/tile/KernelOps.td"
include "dialects/tile/BlockOps.td"
include "dialects/tile/SoftmaxOps.td"

#endif
