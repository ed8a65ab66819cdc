// What a user may ask of the compiler. One struct, filled by tools/ and handed
// down; passes get what concerns them as pass options.
#pragma once

#include "compiler/target/cpu/CodeVersion.h"
#include <string>
#include <vector>

namespace attune {

struct CompileOptions {
  /// "auto" (by cost), "fused" or "unfused".
  std::string attention = "auto";
  /// What products and attention read: "f32", "f16" or "bf16".
  std::string precision = "f32";
  /// False makes each op a kernel of its own; what `diff` compares with.
  bool fuse = true;
  /// Code versions of the package, best first.
  std::vector<target::cpu::CodeVersion> versions;
};

} // namespace attune
