// The passes of the fusion stage, in the order in which they run.
include "mlir/Pass/PassBase.td"

def AlignReductions : Pass<"align-reductions", "::mlir::ModuleOp"> {
  let summary = "Reductions and softmax run over trailing dims";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def MergeProjections : Pass<"merge-projections", "::mlir::ModuleOp"> {
  let summary = "Queries, keys and values of one tensor by one product";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def ChooseAttention : Pass<"choose-attention", "::mlir::ModuleOp"> {
  let summary = "Fused or unfused, for each attention, by cost or by command";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [Option<"attention", "attention", "std::string", "\"auto\"",
      "auto: by the cost model; fused; saved: fused, with saved scores; unfused">,
    Option<"gpu", "gpu", "bool", "false",
      "Some code version is for a GPU, where auto is fused">,
    Option<"frugal", "frugal", "bool", "false",
      "Activations are to be few: auto keeps no scores for gradients">];
}

def DecomposeLosses : Pass<"decompose-losses", "::mlir::ModuleOp"> {
  let summary = "Cross entropy as reductions over classes";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
}

def ConvertPrecision : Pass<"convert-precision", "::mlir::ModuleOp"> {
  let summary = "Products and attention read f16, bf16 or f32 as tf32, and sum in f32";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [Option<"precision", "precision", "std::string", "\"f32\"",
      "f32: nothing changes; tf32; f16; bf16">];
}

def FormGroups : Pass<"form-groups", "::mlir::ModuleOp"> {
  let summary = "Each op that computes goes into one nn.group";
  let dependentDialects = ["::attune::nn::NNDialect", "::mlir::arith::ArithDialect"];
  let options = [Option<"fuse", "fuse", "bool", "true",
      "False: each op is a group of its own">];
}

def VerifyFused : Pass<"verify-fused", "::mlir::ModuleOp"> {
  let summary = "The contract of the fusion stage";
}
