// The passes of the differentiate stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def AppendLoss : Pass<"append-loss", "::mlir::ModuleOp"> {
  let summary = "A model that only computes gets a loss: @loss and @eval";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [
    Option<"loss", "loss", "std::string", "\"\"",
      "cross_entropy or mse; empty: none is appended">,
    Option<"output", "output", "std::string", "\"\"",
      "The result of @main that it reads; empty: the only one">,
    Option<"smoothing", "smoothing", "double", "0.0", "Label smoothing of cross_entropy">,
    Option<"ignore", "ignore", "int64_t", "-100", "The label that does not count">,
    ListOption<"trainable", "trainable", "std::string",
      "Globs of the weights that are trained; none: all that the output is made of">,
    ListOption<"settings", "settings", "std::string",
      "Entries of nn.training: optimizer=sgd, clip=1.0">];
}

def Differentiate : Pass<"differentiate", "::mlir::ModuleOp"> {
  let summary = "A loss becomes its gradients: @loss to @grad";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def AppendOptimizer : Pass<"append-optimizer", "::mlir::ModuleOp"> {
  let summary = "@apply and @step, which change the weights by their gradients";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def Recompute : Pass<"recompute", "::mlir::ModuleOp"> {
  let summary = "Forward values are computed again instead of kept";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [
    Option<"rule", "rule", "std::string", "\"none\"", "none, gelu or gelu+norm">,
    Option<"fraction", "fraction", "double", "1.0",
      "Share of the bytes of activations that may be kept">];
}

def VerifyDifferentiated : Pass<"verify-differentiated", "::mlir::ModuleOp"> {
  let summary = "The contract of the differentiate stage";
}
