//===- Machine.h - the compute capabilities code is made for ----*- C++ -*-===//
//
// PTX is always made for the least capability, and the driver translates it for
// any later one; cubins are made where ptxas is installed. What differs between
// capabilities is stated here, in one table.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include <cstdint>

namespace attune::target::cuda {

inline constexpr int64_t kWarp = 32;
/// Shared memory that a block may have on any capability from 8.0 on, whatever
/// the one that code is made for has: PTX is to run on all.
inline constexpr int64_t kPortableSharedBytes = 99 * 1024;

/// What lowering needs to know of a capability. Immutable, shared by threads.
struct Machine {
  llvm::StringLiteral name; ///< as ptxas has it: "sm_80"
  int64_t capability;       ///< 10 * major + minor
  llvm::StringLiteral ptx;  ///< feature of the PTX version
  int64_t sharedBytes;      ///< of a block at most, with the driver's leave

  // Of a multiprocessor; what a block takes of it is rounded as
  // residentBlocks (Occupancy.h) says.
  int64_t registers;
  int64_t sharedOfAll; ///< bytes, for all blocks that reside there
  int64_t threads;
  int64_t blocks; ///< that reside there at most

  static llvm::ArrayRef<Machine> all();
  /// The one that PTX is made for.
  static const Machine &least() { return all().front(); }
  /// Null if there is no code for `name`.
  static const Machine *find(llvm::StringRef name);
};

} // namespace attune::target::cuda
