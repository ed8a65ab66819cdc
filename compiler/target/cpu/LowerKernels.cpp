//===- LowerKernels.cpp - the passes of the CPU target --------------------===//
//
// Enters: a module of tile.kernel ops with schedules. Leaves: the same module
// with one function per kernel, in scf and vector (lower-kernels-cpu), without
// math ops that would call libm (lower-math-cpu), in the LLVM dialect
// (cpu-to-llvm).
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/LowerKernels.h"
#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/common/MathLowering.h"
#include "compiler/target/common/Scatter.h"
#include "compiler/target/cpu/AttentionBackwardLowering.h"
#include "compiler/target/cpu/AttentionLowering.h"
#include "compiler/target/cpu/ContractionLowering.h"
#include "compiler/target/cpu/ElementTypes.h"
#include "compiler/target/cpu/ScatterLowering.h"
#include "compiler/target/cpu/SweepLowering.h"
#include "mlir/Dialect/Arith/Transforms/Passes.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Pass/PassOptions.h"
#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

FailureOr<AffineMap> attune::target::cpu::scratchBytes(tile::KernelOp kernel,
                                                       CodeVersion version) {
  if (failed(checkElementTypes(kernel, version)))
    return failure();
  switch (kernel.getFamily()) {
  case tile::Family::contraction: {
    FailureOr<Contraction> parts = matchContraction(kernel);
    if (failed(parts))
      return failure();
    return ContractionScratch(kernel, *parts).layout.total();
  }
  case tile::Family::attention: {
    FailureOr<Attention> parts = matchAttention(kernel);
    if (failed(parts))
      return failure();
    return AttentionScratch(kernel, *parts).layout.total();
  }
  case tile::Family::row:
  case tile::Family::map: {
    FailureOr<SweepPlan> plan = SweepPlan::make(kernel);
    if (failed(plan))
      return failure();
    return plan->layout.total();
  }
  case tile::Family::attention_backward: {
    FailureOr<AttentionBackward> parts = matchAttentionBackward(kernel);
    if (failed(parts))
      return failure();
    return AttentionBackwardScratch(kernel, *parts).layout.total();
  }
  case tile::Family::scatter:
    return failed(common::matchScatter(kernel))
               ? FailureOr<AffineMap>(failure())
               : AffineMap();
  }
  llvm_unreachable("every family has a lowering");
}

static LogicalResult lowerKernel(tile::KernelOp kernel, Emitter &emit) {
  switch (kernel.getFamily()) {
  case tile::Family::contraction:
    return lowerContraction(kernel, emit);
  case tile::Family::attention:
    return lowerAttention(kernel, emit);
  case tile::Family::row:
  case tile::Family::map:
    return lowerSweeps(kernel, emit);
  case tile::Family::attention_backward:
    return lowerAttentionBackward(kernel, emit);
  case tile::Family::scatter:
    return lowerScatter(kernel, emit);
  }
  llvm_unreachable("every family has a lowering");
}

namespace {

/// A pass with the one option that all of them have.
template <typename Derived>
struct VersionedPass : PassWrapper<Derived, OperationPass<ModuleOp>> {
  VersionedPass() = default;
  VersionedPass(const VersionedPass &other)
      : PassWrapper<Derived, OperationPass<ModuleOp>>(other) {}
  explicit VersionedPass(CodeVersion version) {
    versionName = codeVersionName(version).str();
  }
  const Machine *machine() {
    std::optional<CodeVersion> version = codeVersionFromName(versionName);
    if (version)
      return &Machine::get(*version);
    this->getOperation().emitError("unknown code version '")
        << versionName << "'";
    this->signalPassFailure();
    return nullptr;
  }
  Pass::Option<std::string> versionName{
      *this, "version", llvm::cl::desc("x86-64-v2, x86-64-v3 or x86-64-v4"),
      llvm::cl::init("x86-64-v3")};
};

struct LowerKernels : VersionedPass<LowerKernels> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerKernels)
  using VersionedPass::VersionedPass;
  StringRef getArgument() const final { return "lower-kernels-cpu"; }
  StringRef getDescription() const final {
    return "Make a function of scf and vector of every tile.kernel";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry
        .insert<arith::ArithDialect, func::FuncDialect, LLVM::LLVMDialect,
                math::MathDialect, scf::SCFDialect, vector::VectorDialect>();
  }
  void runOnOperation() override {
    const Machine *target = machine();
    if (!target)
      return;
    OpBuilder builder(&getContext());
    for (auto kernel :
         llvm::make_early_inc_range(getOperation().getOps<tile::KernelOp>())) {
      builder.setInsertionPoint(kernel);
      Emitter emit(kernel.getLoc(), builder, *target);
      if (failed(lowerKernel(kernel, emit)))
        return signalPassFailure();
      kernel.erase();
    }
  }
};

struct LowerMath : VersionedPass<LowerMath> {
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(LowerMath)
  using VersionedPass::VersionedPass;
  StringRef getArgument() const final { return "lower-math-cpu"; }
  StringRef getDescription() const final {
    return "Expand the math ops that have no instruction";
  }
  void getDependentDialects(DialectRegistry &registry) const override {
    registry.insert<arith::ArithDialect, LLVM::LLVMDialect, math::MathDialect,
                    scf::SCFDialect>();
  }
  void runOnOperation() override {
    const Machine *target = machine();
    if (!target)
      return;
    RewritePatternSet patterns(&getContext());
    target::common::populateMathLowering(patterns, target->fma);
    if (failed(target::common::lowerMath(getOperation(), std::move(patterns),
                                         "on the CPU")))
      signalPassFailure();
  }
};

struct PipelineOptions : PassPipelineOptions<PipelineOptions> {
  Option<std::string> version{
      *this, "version", llvm::cl::desc("x86-64-v2, x86-64-v3 or x86-64-v4"),
      llvm::cl::init("x86-64-v3")};
};

} // namespace

std::unique_ptr<Pass>
attune::target::cpu::createLowerKernelsPass(CodeVersion version) {
  return std::make_unique<LowerKernels>(version);
}

std::unique_ptr<Pass>
attune::target::cpu::createLowerMathPass(CodeVersion version) {
  return std::make_unique<LowerMath>(version);
}

void attune::target::cpu::buildLoweringPipeline(OpPassManager &passes,
                                                CodeVersion version) {
  passes.addPass(createLowerKernelsPass(version));
  passes.addPass(createCSEPass());
  passes.addPass(createLowerMathPass(version));
  passes.addPass(arith::createArithExpandOpsPass());
  target::common::addConversionsToLLVM(passes);
}

void attune::target::cpu::registerPasses() {
  registerPass([]() -> std::unique_ptr<Pass> {
    return std::make_unique<LowerKernels>();
  });
  registerPass(
      []() -> std::unique_ptr<Pass> { return std::make_unique<LowerMath>(); });
  PassPipelineRegistration<PipelineOptions>(
      "cpu-to-llvm", "Lower tile kernels to the LLVM dialect",
      [](OpPassManager &passes, const PipelineOptions &options) {
        std::optional<CodeVersion> version =
            codeVersionFromName(options.version);
        buildLoweringPipeline(passes, version.value_or(CodeVersion::X86_64_V3));
      });
}
