// The passes of the cleanup stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def ConvertConv : Pass<"convert-conv", "::mlir::ModuleOp"> {
  let summary = "Convolutions become views and products";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [Option<"maxPositions", "max-positions", "int64_t", "1024",
      "Largest number of kernel positions that are unrolled into slices">];
}

def FoldConstants : Pass<"fold-constants", "::mlir::ModuleOp"> {
  let summary = "Ops on small constants become constants";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [Option<"maxElements", "max-elements", "int64_t", "65536",
      "Largest constant that is made">];
}

def Simplify : Pass<"simplify", "::mlir::ModuleOp"> {
  let summary = "One shape for each meaning: identities, views, broadcasts, known positions";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [Option<"maxElements", "max-elements", "int64_t", "65536",
      "Largest constant that is made">];
}

def FoldWeights : Pass<"fold-weights", "::mlir::ModuleOp"> {
  let summary = "What is computed from frozen weights alone becomes a derived weight";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def VerifyClean : Pass<"verify-clean", "::mlir::ModuleOp"> {
  let summary = "The contract of the cleanup stage";
}
