//===- CodeGeneration.cpp -------------------------------------------------===//
#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/common/MathLowering.h"
#include "mlir/Conversion/Passes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace attune;

OwningOpRef<ModuleOp> attune::target::common::copyKernels(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = ModuleOp::create(module.getLoc());
  OpBuilder builder(copy->getBodyRegion());
  for (auto kernel : module.getOps<tile::KernelOp>())
    builder.clone(*kernel);
  return copy;
}

OwningOpRef<ModuleOp> attune::target::common::copyAlone(tile::KernelOp kernel) {
  OwningOpRef<ModuleOp> copy = ModuleOp::create(kernel.getLoc());
  OpBuilder builder(copy->getBodyRegion());
  builder.clone(*kernel);
  return copy;
}

LogicalResult attune::target::common::lowerMath(ModuleOp module,
                                                RewritePatternSet patterns,
                                                StringRef where) {
  if (failed(applyPatternsGreedily(module, std::move(patterns))))
    return failure();
  WalkResult left = module.walk([&](Operation *op) {
    bool isMath =
        isa<math::MathDialect>(op->getDialect()) || isa<arith::RemFOp>(op);
    if (!isMath || hasInstruction(op))
      return WalkResult::advance();
    op->emitOpError("on ") << op->getResult(0).getType() << " has no lowering "
                           << where;
    return WalkResult::interrupt();
  });
  return failure(left.wasInterrupted());
}

void attune::target::common::addConversionsToLLVM(OpPassManager &passes) {
  passes.addPass(createSCFToControlFlowPass());
  passes.addPass(createConvertVectorToLLVMPass());
  passes.addPass(createConvertMathToLLVMPass());
  passes.addPass(createArithToLLVMConversionPass());
  passes.addPass(createConvertControlFlowToLLVMPass());
  passes.addPass(createConvertFuncToLLVMPass());
  passes.addPass(createUBToLLVMConversionPass());
  passes.addPass(createReconcileUnrealizedCastsPass());
}

std::unique_ptr<llvm::TargetMachine>
attune::target::common::createTargetMachine(
    StringRef name, StringRef processor, StringRef features,
    const llvm::TargetOptions &options) {
  std::string error;
  llvm::Triple triple(name);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, processor, features, options, llvm::Reloc::PIC_, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target) {
  // Loops are shaped by the lowerings; unrolling or vectorising them again only
  // makes accumulators spill.
  llvm::PipelineTuningOptions tuning;
  tuning.LoopUnrolling = false;
  tuning.LoopInterleaving = false;
  tuning.LoopVectorization = false;
  tuning.SLPVectorization = false;
  llvm::PassBuilder builder(&target, tuning);
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  // No function of C may be recognised in a loop: nothing would provide it.
  llvm::TargetLibraryInfoImpl library(module.getTargetTriple());
  library.disableAllFunctions();
  functions.registerPass([&] { return llvm::TargetLibraryAnalysis(library); });
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

std::optional<llvm::SmallVector<char>>
attune::target::common::generateCode(llvm::Module &module,
                                     llvm::TargetMachine &target,
                                     llvm::CodeGenFileType type) {
  optimize(module, target);
  llvm::SmallVector<char> bytes;
  llvm::raw_svector_ostream stream(bytes);
  llvm::legacy::PassManager passes;
  if (target.addPassesToEmitFile(passes, stream, nullptr, type))
    return std::nullopt;
  passes.run(module);
  return bytes;
}
