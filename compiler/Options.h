// What a user may ask of the compiler. One struct, filled by tools/ and handed
// down; passes get what concerns them as pass options.
#pragma once

#include "compiler/TrainingOptions.h"
#include "compiler/target/cpu/CodeVersion.h"
#include "compiler/target/cuda/Machine.h"
#include <string>
#include <vector>

namespace attune {

/// What one code version of the package is made for.
struct CodeTarget {
  enum class Device { Cpu, Cuda } device = Device::Cpu;
  target::cpu::CodeVersion cpu{}; ///< of a CPU
  /// Of CUDA: the capabilities whose binaries go beside the PTX, "sm_90a".
  std::vector<std::string> binaries;
  /// Whether it is an error that they cannot be made.
  bool binariesAreRequired = false;

  /// As the kernels stage knows it: "x86-64-v3", "sm_80".
  std::string name() const {
    return device == Device::Cpu ? target::cpu::codeVersionName(cpu).str()
                                 : target::cuda::Machine::least().name.str();
  }
};

struct CompileOptions {
  /// "auto" (by cost), "fused", "saved" (fused, with scores that the gradients
  /// read) or "unfused".
  std::string attention = "auto";
  /// What products and attention read: "f32", "tf32" (f32 in memory), "f16" or
  /// "bf16".
  std::string precision = "f32";
  /// False makes each op a kernel of its own; what `diff` compares with.
  bool fuse = true;
  TrainingOptions training;
  /// Code versions of the package, best first.
  std::vector<CodeTarget> versions;
};

} // namespace attune
