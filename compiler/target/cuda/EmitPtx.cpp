//===- EmitPtx.cpp --------------------------------------------------------===//
#include "compiler/target/cuda/EmitPtx.h"
#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/cuda/KernelFrame.h"
#include "compiler/target/cuda/LowerKernels.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/TargetSelect.h"
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
  // Without leave to fuse, a multiplication and an addition round twice, as
  // they do on the CPU.
  llvm::TargetOptions options;
  options.AllowFPOpFusion = llvm::FPOpFusion::Standard;
  return target::common::createTargetMachine(kTriple, machine.name, machine.ptx,
                                             options);
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
  OwningOpRef<ModuleOp> copy = target::common::copyKernels(kernels);
  PassManager passes(kernels.getContext());
  buildLoweringPipeline(passes, machine);
  if (failed(passes.run(*copy)))
    return failure();
  Ptx ptx;
  ptx.kernels = takeLaunches(*copy);

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*copy, context, "kernels");
  std::unique_ptr<llvm::TargetMachine> device = createTargetMachine(machine);
  if (!module || !device)
    return kernels.emitError("internal error: no LLVM IR or no NVPTX target");
  module->setTargetTriple(llvm::Triple(kTriple));
  module->setDataLayout(device->createDataLayout());
  auto text = target::common::generateCode(*module, *device,
                                           llvm::CodeGenFileType::AssemblyFile);
  if (!text)
    return kernels.emitError("internal error: NVPTX cannot emit text");
  ptx.text.assign(text->begin(), text->end());
  if (failed(checkCalls(kernels, ptx.text)))
    return failure();
  return ptx;
}
