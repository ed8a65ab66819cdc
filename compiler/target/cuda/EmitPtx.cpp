//===- EmitPtx.cpp --------------------------------------------------------===//
#include "compiler/target/cuda/EmitPtx.h"
#include "compiler/target/cuda/KernelFrame.h"
#include "compiler/target/cuda/LowerKernels.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;

static constexpr llvm::StringLiteral kTriple = "nvptx64-nvidia-cuda";

void attune::target::cuda::registerTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerNVVMDialectTranslation(registry);
}

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const Machine &machine) {
  static const bool initialized = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  // Without leave to fuse, a multiplication and an addition round twice, as
  // they do on the CPU.
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, machine.name, machine.ptx, options, llvm::Reloc::PIC_,
      std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

static void optimize(llvm::Module &module, llvm::TargetMachine &target) {
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
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  builder.buildPerModuleDefaultPipeline(llvm::OptimizationLevel::O3)
      .run(module, modules);
}

/// A module of nothing but the kernels.
static OwningOpRef<ModuleOp> copyKernels(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = ModuleOp::create(module.getLoc());
  OpBuilder builder(copy->getBodyRegion());
  for (auto kernel : module.getOps<tile::KernelOp>())
    builder.clone(*kernel);
  return copy;
}

/// Takes the attributes of launches off the functions: LLVM knows them not.
static std::vector<PtxKernel> takeLaunches(ModuleOp module) {
  std::vector<PtxKernel> kernels;
  for (auto function : module.getOps<LLVM::LLVMFuncOp>()) {
    auto threads = function->getAttrOfType<IntegerAttr>(kThreadsAttr);
    auto shared = function->getAttrOfType<IntegerAttr>(kSharedAttr);
    auto items = function->getAttrOfType<IntegerAttr>(kItemsAttr);
    if (!threads || !shared || !items)
      continue;
    kernels.push_back({function.getSymName().str(), threads.getInt(),
                       shared.getInt(), items.getInt()});
    for (StringRef name : {kThreadsAttr, kSharedAttr, kItemsAttr})
      function->removeAttr(name);
  }
  return kernels;
}

/// Without a toolkit nothing would provide a function that the text calls.
static LogicalResult checkCalls(ModuleOp kernels, StringRef text) {
  size_t call = text.find(".extern .func");
  if (call == StringRef::npos)
    return success();
  StringRef line = text.substr(call).split('\n').first;
  return kernels.emitError("internal error: the PTX would import: ") << line;
}

FailureOr<Ptx> attune::target::cuda::emitPtx(ModuleOp kernels,
                                             const Machine &machine) {
  OwningOpRef<ModuleOp> copy = copyKernels(kernels);
  PassManager passes(kernels.getContext());
  buildLoweringPipeline(passes, machine);
  if (failed(passes.run(*copy)))
    return failure();
  Ptx ptx;
  ptx.kernels = takeLaunches(*copy);

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*copy, context, "kernels");
  std::unique_ptr<llvm::TargetMachine> target = createTargetMachine(machine);
  if (!module || !target)
    return kernels.emitError("internal error: no LLVM IR or no NVPTX target");
  module->setTargetTriple(llvm::Triple(kTriple));
  module->setDataLayout(target->createDataLayout());
  optimize(*module, *target);

  llvm::legacy::PassManager codegen;
  SmallVector<char> text;
  llvm::raw_svector_ostream stream(text);
  if (target->addPassesToEmitFile(codegen, stream, nullptr,
                                  llvm::CodeGenFileType::AssemblyFile))
    return kernels.emitError("internal error: NVPTX cannot emit text");
  codegen.run(*module);
  ptx.text.assign(text.begin(), text.end());
  if (failed(checkCalls(kernels, ptx.text)))
    return failure();
  return ptx;
}
