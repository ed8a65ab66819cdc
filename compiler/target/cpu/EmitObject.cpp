//===- EmitObject.cpp -----------------------------------------------------===//
#include "compiler/target/cpu/EmitObject.h"
#include "compiler/target/cpu/LowerKernels.h"
#include "dialects/tile/Tile.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/Analysis/TargetLibraryInfo.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Support/TargetSelect.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

static constexpr llvm::StringLiteral kTriple = "x86_64-unknown-linux-gnu";

void attune::target::cpu::registerTranslations(DialectRegistry &registry) {
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
}

static std::unique_ptr<llvm::TargetMachine>
createTargetMachine(const Machine &machine) {
  static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    return true;
  }();
  (void)initialized;
  std::string error;
  llvm::Triple triple(kTriple);
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return nullptr;
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, machine.name, /*Features=*/"", llvm::TargetOptions(),
      llvm::Reloc::PIC_, std::nullopt, llvm::CodeGenOptLevel::Aggressive));
}

/// Vectors are explicit in the code: keep them whole, tune for the machine, and
/// expect no library.
static void setAttributes(llvm::Module &module, const Machine &machine) {
  for (llvm::Function &function : module) {
    if (function.isDeclaration())
      continue;
    function.addFnAttr("target-cpu", machine.name);
    function.addFnAttr("tune-cpu", machine.tuning);
    function.addFnAttr("prefer-vector-width", "512");
    function.addFnAttr("min-legal-vector-width", "512");
    function.addFnAttr("no-builtins");
    function.addFnAttr(llvm::Attribute::NoUnwind);
  }
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

/// An object of a package imports nothing.
static LogicalResult checkImports(ModuleOp kernels, StringRef object) {
  auto file = llvm::object::ObjectFile::createELFObjectFile(
      llvm::MemoryBufferRef(object, "kernels"));
  if (!file) {
    llvm::consumeError(file.takeError());
    return kernels.emitError("internal error: the emitted object is not ELF");
  }
  for (const llvm::object::ELFSymbolRef symbol :
       cast<llvm::object::ELFObjectFileBase>(**file).symbols()) {
    llvm::Expected<uint32_t> flags = symbol.getFlags();
    llvm::Expected<StringRef> name = symbol.getName();
    bool imported = flags && (*flags & llvm::object::SymbolRef::SF_Undefined);
    std::string text = name ? name->str() : "?";
    if (!flags)
      llvm::consumeError(flags.takeError());
    if (!name)
      llvm::consumeError(name.takeError());
    // The null symbol is undefined and has no name.
    if (imported && !text.empty())
      return kernels.emitError("internal error: the object would import '")
             << text << "'";
  }
  return success();
}

/// A module of nothing but the kernels: what else the given one holds (weights,
/// the plan) is none of this target's business.
static OwningOpRef<ModuleOp> copyKernels(ModuleOp module) {
  OwningOpRef<ModuleOp> copy = ModuleOp::create(module.getLoc());
  OpBuilder builder(copy->getBodyRegion());
  for (auto kernel : module.getOps<tile::KernelOp>())
    builder.clone(*kernel);
  return copy;
}

LogicalResult
attune::target::cpu::emitCpuObject(ModuleOp kernels, CodeVersion version,
                                   SmallVectorImpl<char> &object) {
  const Machine &machine = Machine::get(version);
  OwningOpRef<ModuleOp> copy = copyKernels(kernels);
  PassManager passes(kernels.getContext());
  buildLoweringPipeline(passes, version);
  if (failed(passes.run(*copy)))
    return failure();

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*copy, context, "kernels");
  std::unique_ptr<llvm::TargetMachine> target = createTargetMachine(machine);
  if (!module || !target)
    return kernels.emitError("internal error: no LLVM IR or no x86 target");
  module->setTargetTriple(llvm::Triple(kTriple));
  module->setDataLayout(target->createDataLayout());
  setAttributes(*module, machine);
  optimize(*module, *target);

  llvm::legacy::PassManager codegen;
  size_t start = object.size();
  SmallVector<char> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (target->addPassesToEmitFile(codegen, stream, nullptr,
                                  llvm::CodeGenFileType::ObjectFile))
    return kernels.emitError("internal error: x86 cannot emit objects");
  codegen.run(*module);
  object.insert(object.begin() + start, bytes.begin(), bytes.end());
  return checkImports(kernels, StringRef(object.data() + start, bytes.size()));
}
