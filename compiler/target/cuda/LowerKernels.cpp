//===- LowerKernels.cpp - the passes of the CUDA target -------------------===//
#include "compiler/target/cuda/LowerKernels.h"
#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/common/MathLowering.h"
#include "compiler/target/cuda/AttentionLowering.h"
#include "compiler/target/cuda/ContractionLowering.h"
#include "compiler/target/cuda/KernelFrame.h"
#include "compiler/target/cuda/MathInstructions.h"
#include "compiler/target/cuda/ScatterLowering.h"
#include "compiler/target/cuda/SweepLowering.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

static LogicalResult refuseBackward(tile::KernelOp kernel) {
  return kernel.emitError(
      "fused gradients of attention are not supported on CUDA");
}

static LogicalResult lowerKernel(tile::KernelOp kernel, OpBuilder &builder,
                                 const Machine &machine) {
  switch (kernel.getFamily()) {
  case tile::Family::contraction:
    return lowerContraction(kernel, builder, machine);
  case tile::Family::attention:
    return lowerAttention(kernel, builder, machine);
  case tile::Family::row:
  case tile::Family::map:
    return lowerSweeps(kernel, builder, machine);
  case tile::Family::attention_backward:
    return refuseBackward(kernel);
  case tile::Family::scatter:
    return lowerScatter(kernel, builder, machine);
  }
  llvm_unreachable("every family has a lowering");
}

LogicalResult attune::target::cuda::checkKernel(tile::KernelOp kernel) {
  switch (kernel.getFamily()) {
  case tile::Family::contraction:
    return checkContraction(kernel);
  case tile::Family::attention:
    return checkAttention(kernel);
  case tile::Family::row:
  case tile::Family::map:
    return checkSweeps(kernel);
  case tile::Family::attention_backward:
    return refuseBackward(kernel);
  case tile::Family::scatter:
    return checkScatter(kernel);
  }
  llvm_unreachable("every family has a lowering");
}

void attune::target::cuda::declareSharedMemory(ModuleOp module) {
  OpBuilder builder = OpBuilder::atBlockBegin(module.getBody());
  auto bytes = LLVM::LLVMArrayType::get(builder.getI8Type(), 0);
  LLVM::GlobalOp::create(builder, module.getLoc(), bytes, /*isConstant=*/false,
                         LLVM::Linkage::External, kSharedSymbol, Attribute(),
                         /*alignment=*/1024, /*addrSpace=*/3);
}

namespace {

struct LowerKernels : PassWrapper<LowerKernels, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerKernels)
  LowerKernels() = default;
  LowerKernels(const LowerKernels &other)
      : PassWrapper<LowerKernels, OperationPass<ModuleOp>>(other) {}
  explicit LowerKernels(const Machine &machine) {
    machineName = machine.name.str();
  }
  StringRef getArgument() const final { return "lower-kernels-cuda"; }
  StringRef getDescription() const final {
    return "Make an NVVM kernel of every tile.kernel";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, LLVM::LLVMDialect, NVVM::NVVMDialect,
                math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  }
  void runOnOperation() override {
    const Machine *machine = Machine::find(machineName);
    if (!machine) {
      getOperation().emitError("unknown compute capability '")
          << machineName << "'";
      return signalPassFailure();
    }
    declareSharedMemory(getOperation());
    OpBuilder builder(&getContext());
    for (auto kernel :
         llvm::make_early_inc_range(getOperation().getOps<tile::KernelOp>())) {
      builder.setInsertionPoint(kernel);
      if (failed(lowerKernel(kernel, builder, *machine)))
        return signalPassFailure();
      kernel.erase();
    }
  }
  Option<std::string> machineName{*this, "capability",
                                  llvm::cl::desc("sm_80 or sm_90a"),
                                  llvm::cl::init("sm_80")};
};

struct LowerMath : PassWrapper<LowerMath, OperationPass<ModuleOp>> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerMath)
  StringRef getArgument() const final { return "lower-math-cuda"; }
  StringRef getDescription() const final {
    return "Expand the math ops that have no instruction";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect,
                    scf::SCFDialect, vector::VectorDialect>();
  }
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateMathInstructions(patterns);
    target::common::populateMathLowering(patterns, /*hasFma=*/true);
    // Not all of arith-expand, which would take max and min apart.
    arith::populateCeilFloorDivExpandOpsPatterns(patterns);
    if (failed(target::common::lowerMath(getOperation(), std::move(patterns),
                                         "for CUDA")))
      signalPassFailure();
  }
};

} // namespace

std::unique_ptr<Pass>
attune::target::cuda::createLowerKernelsPass(const Machine &machine) {
  return std::make_unique<LowerKernels>(machine);
}

std::unique_ptr<Pass> attune::target::cuda::createLowerMathPass() {
  return std::make_unique<LowerMath>();
}

void attune::target::cuda::buildLoweringPipeline(OpPassManager &passes,
                                                 const Machine &machine) {
  passes.addPass(createLowerKernelsPass(machine));
  passes.addPass(createCSEPass());
  passes.addPass(createLowerMathPass());
  target::common::addConversionsToLLVM(passes);
}

void attune::target::cuda::registerPasses() {
  registerPass([]() -> std::unique_ptr<Pass> {
    return std::make_unique<LowerKernels>();
  });
  registerPass(
      []() -> std::unique_ptr<Pass> { return std::make_unique<LowerMath>(); });
  PassPipelineRegistration<>("cuda-to-llvm",
                             "Lower tile kernels to the LLVM dialect for CUDA",
                             [](OpPassManager &passes) {
                               buildLoweringPipeline(passes, Machine::least());
                             });
}
