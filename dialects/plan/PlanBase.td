// The plan dialect and its types.
#ifndef ATTUNE_PLAN_BASE_TD
#define ATTUNE_PLAN_BASE_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "dialects/nn/NNAttrs.td"

def Plan_Dialect : Dialect {
  let name = "plan";
  let cppNamespace = "::attune::plan";
  let summary = "What the host does: buffers, launches, copies, choices";
  let description = [{
    A program for the runtime, serialised as data (runtime/core/README.md) and
    walked by it. Sizes and offsets are dims, evaluated when a session learns its
    input shapes. Buffers are SSA values; how long one lives is where it is used.
  }];
  let useDefaultTypePrinterParser = 1;
  let dependentDialects = ["::attune::nn::NNDialect"];
}

class Plan_Op<string mnemonic, list<Trait> traits = []>
    : Op<Plan_Dialect, mnemonic, traits>;

def Plan_Buffer : TypeDef<Plan_Dialect, "Buffer"> {
  let mnemonic = "buffer";
  let summary = "A run of bytes in device or host memory";
}

#endif // ATTUNE_PLAN_BASE_TD
