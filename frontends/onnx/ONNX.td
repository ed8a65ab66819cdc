// The onnx dialect: an ONNX file as MLIR, private to this frontend.
#ifndef ATTUNE_FRONTENDS_ONNX_ONNX_TD
#define ATTUNE_FRONTENDS_ONNX_ONNX_TD

include "mlir/IR/OpBase.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def ONNX_Dialect : Dialect {
  let name = "onnx";
  let cppNamespace = "::attune::onnx";
  let summary = "An ONNX graph, node by node";
  let description = [{
    Holds what the file says and nothing more: types may be unranked or unknown
    (`none`), operators are names. Two ops instead of 190, because the only thing
    that happens at this level is one lookup per node.
  }];
}

def ONNX_NodeOp : Op<ONNX_Dialect, "node"> {
  let summary = "One ONNX node";
  let description = [{
    `op` of `domain` in the version that came with opset `since`; `params` are
    the node's, and the operator's defaults where the node gives none. Optional
    inputs that are left out have their positions in `absent`. Subgraphs are
    `bodies`, named by `body_names` in order; they may use outer values.

    Initializers are nodes of operator `Constant` marked `initializer`.

    ```mlir
    %2 = onnx.node "Softmax" 13 (%1) {axis = -1 : i64} : (tensor<*xf32>) -> none
    ```
  }];
  let arguments = (ins StrAttr:$op, DefaultValuedOptionalStrAttr<StrAttr, "">:$domain,
      I64Attr:$since, Variadic<AnyType>:$inputs,
      DefaultValuedOptionalAttr<DenseI64ArrayAttr, "{}">:$absent,
      DictionaryAttr:$params, UnitAttr:$initializer,
      OptionalAttr<StrArrayAttr>:$body_names);
  let results = (outs Variadic<AnyType>:$outputs);
  let regions = (region VariadicRegion<AnyRegion>:$bodies);
  let assemblyFormat = [{
    $op (`of` $domain^)? $since (`initializer` $initializer^)? `(` $inputs `)`
    (`absent` $absent^)? $params attr-dict `:` functional-type($inputs, $outputs)
    (`bodies` $body_names^ $bodies)?
  }];
  let hasVerifier = 1;
}

def ONNX_YieldOp : Op<ONNX_Dialect, "yield", [Pure, Terminator, ParentOneOf<["NodeOp"]>]> {
  let summary = "The outputs of a subgraph";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
}

#endif // ATTUNE_FRONTENDS_ONNX_ONNX_TD
