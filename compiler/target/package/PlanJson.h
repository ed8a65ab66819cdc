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

/// The JSON text of `program`. Every weight that it names must be in `weights`.
std::string planJson(plan::ProgramOp program,
                     const llvm::StringMap<WeightPlace> &weights);

} // namespace attune::target::package
