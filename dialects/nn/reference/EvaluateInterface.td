// The interface through which the evaluator asks an op for its value.
include "mlir/IR/OpBase.td"

def EvaluateOpInterface : OpInterface<"EvaluateOpInterface"> {
  let cppNamespace = "::attune::nn";
  let description = [{
    Computes the results of one op from concrete operands, in double precision.
    Attached as external models (registerEvaluators), so that the ops stay free
    of it.
  }];
  let methods = [InterfaceMethod<
    "The results, or failure after a diagnostic at the op.",
    "::mlir::FailureOr<::llvm::SmallVector<::attune::nn::Array>>", "evaluate",
    (ins "::attune::nn::Evaluator &":$evaluator,
         "::llvm::ArrayRef<::attune::nn::Array>":$operands)>];
}
