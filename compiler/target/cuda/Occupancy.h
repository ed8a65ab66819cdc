//===- Occupancy.h - how many blocks a multiprocessor holds -----*- C++ -*-===//
//
// The rule of the CUDA C++ Programming Guide ("Hardware Multithreading") with
// the units of allocation of compute capabilities 8.0 and 9.0, which are those
// of cuda_occupancy.h in the toolkit:
//
//   registers      a warp takes 32 times those of a thread, rounded up to 256;
//                  a multiprocessor has four equal parts, and a warp fits one
//   shared memory  a block takes its bytes and 1 KiB for the system, rounded up
//                  to 128
//   threads        a block takes whole warps
//
// The fewest blocks that one of these, or the limit of blocks, allows.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/Machine.h"

namespace attune::target::cuda {

/// What a block of threads takes.
struct BlockNeeds {
  int64_t threads;
  int64_t registers; ///< of a thread
  int64_t sharedBytes;
};

/// Blocks that reside on a multiprocessor at once; 0: a launch would fail.
int64_t residentBlocks(const Machine &machine, const BlockNeeds &needs);

/// The share of the warps that a multiprocessor may hold.
double occupancy(const Machine &machine, const BlockNeeds &needs);

} // namespace attune::target::cuda
