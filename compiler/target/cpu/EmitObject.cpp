//===- EmitObject.cpp -----------------------------------------------------===//
#include "compiler/target/cpu/EmitObject.h"
#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/cpu/LowerKernels.h"
#include "dialects/tile/Tile.h"
#include "mlir/Pass/PassManager.h"
#include "mlir/Target/LLVMIR/Dialect/All.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/Module.h"
#include "llvm/Object/ELFObjectFile.h"
#include "llvm/Support/TargetSelect.h"
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
  return target::common::createTargetMachine(kTriple, machine.name,
                                             /*features=*/"",
                                             llvm::TargetOptions());
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

LogicalResult
attune::target::cpu::emitCpuObject(ModuleOp kernels, CodeVersion version,
                                   SmallVectorImpl<char> &object) {
  const Machine &machine = Machine::get(version);
  OwningOpRef<ModuleOp> copy = target::common::copyKernels(kernels);
  PassManager passes(kernels.getContext());
  buildLoweringPipeline(passes, version);
  if (failed(passes.run(*copy)))
    return failure();

  llvm::LLVMContext context;
  std::unique_ptr<llvm::Module> module =
      translateModuleToLLVMIR(*copy, context, "kernels");
  std::unique_ptr<llvm::TargetMachine> processor = createTargetMachine(machine);
  if (!module || !processor)
    return kernels.emitError("internal error: no LLVM IR or no x86 target");
  module->setTargetTriple(llvm::Triple(kTriple));
  module->setDataLayout(processor->createDataLayout());
  setAttributes(*module, machine);
  auto bytes = target::common::generateCode(*module, *processor,
                                            llvm::CodeGenFileType::ObjectFile);
  if (!bytes)
    return kernels.emitError("internal error: x86 cannot emit objects");
  object.append(bytes->begin(), bytes->end());
  return checkImports(kernels, StringRef(bytes->data(), bytes->size()));
}
