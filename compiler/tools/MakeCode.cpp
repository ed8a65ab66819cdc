// From finished kernels to the code sections of one code version.
#include "compiler/tools/MakeCode.h"

#include "attune/format.h"
#include "compiler/target/cpu/EmitObject.h"
#include "compiler/target/cuda/EmitPtx.h"
#include "compiler/target/cuda/Ptxas.h"
#include "compiler/target/package/LinkObject.h"

namespace attune::tools {

using namespace mlir;
using target::cpu::CodeVersion;
using target::cuda::Machine;
using target::package::CodeBlob;

static uint64_t featuresOf(CodeVersion version) {
  switch (version) {
  case CodeVersion::X86_64_V2:
    return format::kX86V2;
  case CodeVersion::X86_64_V3:
    return format::kX86V3;
  case CodeVersion::X86_64_V4:
    return format::kX86V4;
  }
  llvm_unreachable("unknown code version");
}

std::optional<target::package::CodeVersion>
makeCpuCode(ModuleOp module, CodeVersion version, std::string &error) {
  SmallVector<char, 0> object;
  if (failed(target::cpu::emitCpuObject(module, version, object)))
    return std::nullopt;
  auto library = target::package::linkSharedObject(object, error);
  if (failed(library)) {
    error = "linking the kernels failed: " + error;
    return std::nullopt;
  }
  CodeBlob blob{format::SectionKind::Code, featuresOf(version),
                target::cpu::codeVersionName(version).str(),
                std::move(*library)};
  return target::package::CodeVersion{module, {std::move(blob)}, {}};
}

std::optional<target::package::CodeVersion>
makeCudaCode(ModuleOp module, const CodeTarget &target, std::string &error) {
  const Machine &least = Machine::least();
  auto ptx = target::cuda::emitPtx(module, least);
  if (failed(ptx))
    return std::nullopt;
  target::package::CodeVersion version{module, {}, {}};
  for (const target::cuda::PtxKernel &kernel : ptx->kernels)
    version.launches[kernel.name] = {kernel.threads, kernel.sharedBytes,
                                     kernel.itemsPerBlock};
  // With the NUL that the driver wants behind a text.
  std::vector<char> text(ptx->text.begin(), ptx->text.end());
  text.push_back('\0');
  version.code.push_back({format::SectionKind::Ptx, uint64_t(least.capability),
                          (least.name + " ptx").str(), std::move(text)});

  std::optional<std::string> ptxas = target::cuda::findPtxas();
  if (!ptxas && target.binariesAreRequired) {
    error = "--target cuda:" + llvm::join(target.binaries, ",") +
            " needs ptxas of the CUDA toolkit, which is neither on PATH nor in "
            "$CUDA_HOME/bin nor named by $ATTUNE_PTXAS; --target cuda does "
            "without it";
    return std::nullopt;
  }
  for (const std::string &name : target.binaries) {
    if (!ptxas)
      break;
    const Machine &machine = *Machine::find(name);
    auto cubin = target::cuda::assemble(*ptxas, ptx->text, machine, error);
    if (!cubin) {
      error = *ptxas + " -arch=" + name + ": " + error;
      return std::nullopt;
    }
    version.code.push_back({format::SectionKind::Cubin,
                            uint64_t(machine.capability), name,
                            std::move(cubin->bytes)});
  }
  return version;
}

} // namespace attune::tools
