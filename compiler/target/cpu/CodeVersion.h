//===- CodeVersion.h - the x86-64 levels code is made for -------*- C++ -*-===//
//
// One package may hold several code versions of the same kernels; the runtime
// picks one at load. What differs between them is stated here, in one table.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>
#include <optional>

namespace attune::target::cpu {

/// The micro-architecture levels of the x86-64 psABI that attune serves.
enum class CodeVersion { X86_64_V2, X86_64_V3, X86_64_V4 };

/// The target name: "x86-64-v3".
llvm::StringRef codeVersionName(CodeVersion version);
std::optional<CodeVersion> codeVersionFromName(llvm::StringRef name);

/// Vectors in the emitted code are this long on every version; LLVM splits them
/// into what the registers hold.
inline constexpr int64_t kLanes = 16;

/// Columns of a packed panel: one vector.
inline constexpr int64_t kPanelWidth = kLanes;

/// A register tile: `rows` rows by `panels` panels of accumulators.
struct RegisterTile {
  int64_t rows;
  int64_t panels;
};

/// What lowering needs to know of a code version. Immutable, shared by threads.
struct Machine {
  CodeVersion version;
  llvm::StringLiteral name;   ///< -mcpu
  llvm::StringLiteral tuning; ///< -mtune
  bool fma;        ///< has fused multiply-add; else x * y + z rounds twice
  bool prefetch;   ///< software prefetch pays (AVX-512: 10-15 points)
  bool gather;     ///< an instruction gathers faster than single loads
  int64_t unrollK; ///< steps of k per iteration of a micro-kernel
  /// Contraction tiles for full blocks of rows and their tails, tallest first.
  llvm::ArrayRef<RegisterTile> tiles;
  /// The tiles of attention: Q K^T and P V share the number of rows.
  RegisterTile attention;

  static const Machine &get(CodeVersion version);
};

} // namespace attune::target::cpu
