//===- KernelArguments.h - what a test passes to a kernel -------*- C++ -*-===//
//
// The calling convention (dialects/tile/KernelOps.td) as tests of every target
// fill it in.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "dialects/tile/Tile.h"
#include <vector>

namespace attune::target::common::testing {

/// An argument: a buffer with its run-time sizes and strides (in elements), or
/// a scalar.
struct Argument {
  Argument(void *data, std::vector<int64_t> sizes,
           std::vector<int64_t> strides = {});
  Argument(int64_t value) : value(value) {}

  void *data = nullptr;
  std::vector<int64_t> sizes, strides; ///< strides default to row-major
  int64_t value = 0;

  /// Elements from the first to the last that it has.
  int64_t extent() const;
};

/// Work items of a call.
int64_t gridSize(tile::KernelOp kernel, const std::vector<Argument> &arguments);

/// The slots up to the scratch. `pointer` gives the address of an argument.
std::vector<int64_t>
slotsOf(tile::KernelOp kernel, const std::vector<Argument> &arguments,
        llvm::function_ref<int64_t(unsigned argument)> pointer);

} // namespace attune::target::common::testing
