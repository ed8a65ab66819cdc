//===- Ptxas.h - PTX into machine code, where the toolkit is ----*- C++ -*-===//
//
// ptxas is a program of the CUDA toolkit. Packages do without it: the driver
// translates PTX when it is loaded. With it they start faster, and what a
// kernel takes of a multiprocessor is known beforehand.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/Machine.h"
#include <optional>
#include <string>
#include <vector>

namespace attune::target::cuda {

/// What a kernel takes.
struct Resources {
  std::string kernel;
  int64_t registers = 0;    ///< of a thread
  int64_t spilledBytes = 0; ///< stores of registers to memory, of a thread
  int64_t staticShared = 0;
};

struct Cubin {
  std::vector<char> bytes;
  std::vector<Resources> kernels; ///< in the order of ptxas
  std::string report;             ///< all that ptxas said
};

/// The path of ptxas: $ATTUNE_PTXAS, where that is set (to nothing: none is to
/// be used); else the one in $CUDA_HOME/bin, on PATH, in /usr/local/cuda/bin.
std::optional<std::string> findPtxas();

/// Its release, "13.0"; empty where it does not say.
std::string ptxasRelease(const std::string &ptxas);

/// Assembles for one capability. Nothing, and what ptxas says in `error`, where
/// it fails; warnings count as errors, but for spills, which are reported.
std::optional<Cubin> assemble(const std::string &ptxas, llvm::StringRef ptx,
                              const Machine &machine, std::string &error);

} // namespace attune::target::cuda
