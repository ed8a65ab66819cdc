// The passes of the detect stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def DetectGelu : Pass<"detect-gelu", "::mlir::ModuleOp"> {
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let summary = "GELU (erf, tanh), SiLU and sigmoid from their parts";
}

def DetectNorm : Pass<"detect-norm", "::mlir::ModuleOp"> {
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let summary = "Layer and RMS norm from their parts";
}

def DetectSoftmax : Pass<"detect-softmax", "::mlir::ModuleOp"> {
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let summary = "Softmax from exp and sum";
}

def DetectAttention : Pass<"detect-attention", "::mlir::ModuleOp"> {
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let summary = "Attention from two products around a softmax";
}

def DetectMasks : Pass<"detect-masks", "::mlir::ModuleOp"> {
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let summary = "Causal, window and key masks from the bias of an attention";
}

def VerifyDetected : Pass<"verify-detected", "::mlir::ModuleOp"> {
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let summary = "The contract of the detect stage";
}
