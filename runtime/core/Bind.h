//===- Bind.h - a plan at given dims --------------------------------------===//
//
// Enters: a plan and the values of its symbols. Leaves: numbers only: branches
// decided, sizes and offsets computed and checked, the arena laid out, and one
// straight list of steps whose arguments lack nothing but base addresses.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Plan.h"

namespace attune::core {

inline constexpr uint32_t kCopyKernel = ~uint32_t(0);

/// One launch or copy. Its arguments are Binding::args from firstArg on.
struct Step {
  uint32_t node = 0;   ///< In Plan::nodes.
  uint32_t kernel = 0; ///< In Plan::kernels, or kCopyKernel.
  size_t firstArg = 0;
  int64_t grid = 0, chunk = 1;
  double flops = 0, bytes = 0;
};

/// An argument that is an address: base of the buffer plus offset.
struct AddressArg {
  size_t arg = 0;
  uint32_t buffer = 0; ///< Or kArena.
  int64_t offset = 0;
};
/// The base of the arena itself, for scratch.
inline constexpr uint32_t kArena = ~uint32_t(0);

/// An output that no kernel writes in place; copied after the run.
struct OutputCopy {
  uint32_t output = 0, buffer = 0;
};

struct Binding {
  std::vector<int64_t> symbols;
  std::vector<std::vector<int64_t>> inputDims, outputDims;
  std::vector<uint64_t> inputBytes, outputBytes;
  std::vector<uint64_t> arenaOffset; ///< Per buffer; meaningful for arena ones.
  std::vector<int64_t> args;
  std::vector<AddressArg> addresses;
  std::vector<Step> steps;
  /// Per buffer of kind output: the output that lends its memory.
  std::vector<uint32_t> lender;
  std::vector<OutputCopy> outputCopies;
  uint64_t arenaBytes = 0, lowerBound = 0;
};

/// The plan at `symbols` (one per symbol) for `threads`. Errors name the node
/// or value; `out` is whole or untouched.
Error bindPlan(const Plan &plan, std::span<const int64_t> symbols,
               uint32_t threads, Binding &out);

/// Solves the symbols from the shapes of all inputs, and checks every dim.
/// `dims[i]` belongs to input i and has its rank.
Error solveSymbols(const Plan &plan, std::span<const std::vector<int64_t>> dims,
                   std::vector<int64_t> &symbols);

/// Checks values given directly against the limits of their symbols.
Error checkSymbols(const Plan &plan, std::span<const int64_t> symbols);

/// Kernel of the copy steps: args are {dst, src, bytes}, the grid counts blocks
/// of kCopyBlock bytes.
void copyKernel(const int64_t *args, int64_t worker, int64_t begin,
                int64_t end);
inline constexpr int64_t kCopyBlock = 65536;

} // namespace attune::core
