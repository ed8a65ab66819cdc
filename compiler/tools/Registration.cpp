// The two lists behind attune-opt and attune-compile: one line per dialect, one
// line per stage with passes. A new stage appends its line here, nowhere else.
#include "compiler/tools/Registration.h"

#include "compiler/cleanup/Passes.h"
#include "compiler/detect/Passes.h"
#include "compiler/differentiate/Derivatives.h"
#include "compiler/differentiate/Passes.h"
#include "compiler/fusion/Cost.h"
#include "compiler/fusion/Passes.h"
#include "compiler/kernels/Passes.h"
#include "compiler/memory/Passes.h"
#include "compiler/target/cpu/EmitObject.h"
#include "compiler/target/cpu/LowerKernels.h"
#include "compiler/target/cuda/EmitPtx.h"
#include "compiler/target/cuda/LowerKernels.h"
#include "dialects/nn/reference/Evaluator.h"
#include "dialects/plan/Plan.h"
#include "dialects/tile/Tile.h"
#include "frontends/onnx/ONNX.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Transforms/Passes.h"

void attune::registerAllDialects(mlir::DialectRegistry &registry) {
  // Upstream, in the order in which lowering reaches them.
  registry.insert<mlir::func::FuncDialect, mlir::arith::ArithDialect,
                  mlir::math::MathDialect, mlir::tensor::TensorDialect,
                  mlir::memref::MemRefDialect, mlir::scf::SCFDialect,
                  mlir::vector::VectorDialect, mlir::LLVM::LLVMDialect,
                  mlir::NVVM::NVVMDialect>();
  // attune's own, in pipeline order: one line each.
  registry.insert<attune::onnx::ONNXDialect>();
  registry.insert<attune::nn::NNDialect>();
  attune::nn::registerEvaluators(registry);
  attune::differentiate::registerDerivatives(registry);
  attune::fusion::registerCostModels(registry);
  registry.insert<attune::tile::TileDialect>();
  registry.insert<attune::plan::PlanDialect>();
  attune::target::cpu::registerTranslations(registry);
  attune::target::cuda::registerTranslations(registry);
}

void attune::registerAllPasses() {
  // Upstream: canonicalize, cse, symbol-dce and the like.
  mlir::registerTransformsPasses();
  // attune's own, in pipeline order: one line per stage.
  attune::cleanup::registerPasses();
  attune::detect::registerPasses();
  attune::differentiate::registerPasses();
  attune::fusion::registerPasses();
  attune::kernels::registerPasses();
  attune::memory::registerPasses();
  attune::target::cpu::registerPasses();
  attune::target::cuda::registerPasses();
}
