// The passes of the differentiate stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def Differentiate : Pass<"differentiate", "::mlir::ModuleOp"> {
  let summary = "A loss becomes its gradients: @loss to @grad";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def AppendOptimizer : Pass<"append-optimizer", "::mlir::ModuleOp"> {
  let summary = "@apply and @step, which change the weights by their gradients";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def VerifyDifferentiated : Pass<"verify-differentiated", "::mlir::ModuleOp"> {
  let summary = "The contract of the differentiate stage";
}
