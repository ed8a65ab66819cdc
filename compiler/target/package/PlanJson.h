// A plan as the JSON that the runtime walks (its schema:
// runtime/core/README.md).
#pragma once

#include "dialects/plan/Plan.h"
#include <string>

namespace attune::target::package {

/// Where a weight lies in the package.
struct WeightPlace {
  uint32_t section;
  uint64_t offset;
};

/// What a launch on a GPU must know of a kernel.
struct GpuLaunch {
  int64_t threads = 0;     ///< of a block
  int64_t sharedBytes = 0; ///< dynamic shared memory of a block
  int64_t items = 1;       ///< work items of a block
};

/// The data type's name in the C API: "f32".
llvm::StringRef dtypeName(mlir::Type type);

/// The JSON text of `program`. Every weight that it names must be in `weights`
/// or, if it outlasts the run, have its number in `states`; for a GPU every
/// kernel must be in `launches`.
std::string planJson(plan::ProgramOp program,
                     const llvm::StringMap<WeightPlace> &weights,
                     const llvm::StringMap<int64_t> &states,
                     const llvm::StringMap<GpuLaunch> &launches);

} // namespace attune::target::package
