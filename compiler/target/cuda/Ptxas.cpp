//===- Ptxas.cpp ----------------------------------------------------------===//
#include "compiler/target/cuda/Ptxas.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FileUtilities.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/Regex.h"
#include "llvm/Support/raw_ostream.h"

using namespace attune::target::cuda;
using llvm::StringRef;

std::optional<std::string> attune::target::cuda::findPtxas() {
  auto in = [](StringRef folder) -> std::optional<std::string> {
    if (auto found = llvm::sys::findProgramByName("ptxas", {folder}))
      return *found;
    return std::nullopt;
  };
  if (auto given = llvm::sys::Process::GetEnv("ATTUNE_PTXAS"))
    return given->empty() ? std::nullopt : given;
  if (auto home = llvm::sys::Process::GetEnv("CUDA_HOME")) {
    llvm::SmallString<128> folder(*home);
    llvm::sys::path::append(folder, "bin");
    if (auto found = in(folder))
      return found;
  }
  if (auto found = llvm::sys::findProgramByName("ptxas"))
    return *found;
  return in("/usr/local/cuda/bin");
}

/// "ptxas info : Compiling entry function 'f' for 'sm_80'", then lines with
/// "0 bytes spill stores" and "Used 40 registers, ... 512 bytes smem".
static std::vector<Resources> parseReport(StringRef report) {
  static const llvm::Regex entry("entry function '([^']+)'"),
      spills("([0-9]+) bytes spill stores"), used("Used ([0-9]+) registers"),
      shared("([0-9]+) bytes smem");
  std::vector<Resources> kernels;
  llvm::SmallVector<StringRef> lines, match;
  report.split(lines, '\n');
  for (StringRef line : lines) {
    if (entry.match(line, &match)) {
      kernels.push_back({match[1].str()});
      continue;
    }
    if (kernels.empty())
      continue;
    auto read = [&](const llvm::Regex &regex, int64_t &into) {
      if (regex.match(line, &match))
        match[1].getAsInteger(10, into);
    };
    read(spills, kernels.back().spilledBytes);
    read(used, kernels.back().registers);
    read(shared, kernels.back().staticShared);
  }
  return kernels;
}

static std::string contentOf(StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  return buffer ? (*buffer)->getBuffer().str() : std::string();
}

std::string attune::target::cuda::ptxasRelease(const std::string &ptxas) {
  llvm::SmallString<128> output;
  if (llvm::sys::fs::createTemporaryFile("ptxas", "txt", output))
    return "";
  llvm::FileRemover remove(output);
  StringRef command[] = {ptxas, "--version"};
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(output),
                                          StringRef(output)};
  llvm::sys::ExecuteAndWait(ptxas, command, std::nullopt, redirects,
                            /*SecondsToWait=*/60);
  llvm::SmallVector<StringRef> match;
  std::string text = contentOf(output);
  return llvm::Regex("release ([0-9.]+)").match(text, &match) ? match[1].str()
                                                              : "";
}

std::optional<Cubin> attune::target::cuda::assemble(const std::string &ptxas,
                                                    StringRef ptx,
                                                    const Machine &machine,
                                                    std::string &error) {
  llvm::SmallString<128> input, output, report;
  int descriptor = -1;
  if (llvm::sys::fs::createTemporaryFile("kernels", "ptx", descriptor, input) ||
      llvm::sys::fs::createTemporaryFile("kernels", "cubin", output) ||
      llvm::sys::fs::createTemporaryFile("ptxas", "txt", report)) {
    error = "cannot write temporary files";
    return std::nullopt;
  }
  llvm::FileRemover removeInput(input), removeOutput(output),
      removeReport(report);
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true) << ptx;
  std::string arch = ("-arch=" + machine.name).str();
  StringRef command[] = {ptxas, "-v",  "--warning-as-error", arch, input,
                         "-o",  output};
  std::optional<StringRef> redirects[] = {std::nullopt, StringRef(report),
                                          StringRef(report)};
  int code = llvm::sys::ExecuteAndWait(ptxas, command, std::nullopt, redirects,
                                       /*SecondsToWait=*/600,
                                       /*MemoryLimit=*/0, &error);
  std::string text = contentOf(report);
  if (code) {
    if (!text.empty())
      error = text;
    else if (error.empty())
      error = "exit code " + std::to_string(code);
    return std::nullopt;
  }
  std::string bytes = contentOf(output);
  if (bytes.empty()) {
    error = "it succeeded, and wrote nothing";
    return std::nullopt;
  }
  return Cubin{{bytes.begin(), bytes.end()}, parseReport(text), text};
}
