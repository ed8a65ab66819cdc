// The table of machines. Cache sizes are those of the smaller machines of a
// level (Zen 2/3, Skylake client; Skylake server, Zen 4): blocks that fit there
// fit all.
#include "compiler/kernels/MachineModel.h"

namespace attune::kernels {

static constexpr int64_t kKiB = 1024;

static constexpr MachineModel kMachines[] = {
    {"x86-64-v2", 4, 16, 16, 2, 32 * kKiB, 256 * kKiB},
    {"x86-64-v3", 8, 16, 16, 6, 32 * kKiB, 512 * kKiB},
    {"x86-64-v4", 16, 32, 16, 8, 32 * kKiB, 1024 * kKiB},
    // A warp for a vector; the tile is that of one tensor core product.
    {"sm_80", 32, 255, 0, 16, 192 * kKiB, 40960 * kKiB, /*isGpu=*/true},
};

std::optional<MachineModel> MachineModel::get(llvm::StringRef name) {
  for (const MachineModel &machine : kMachines)
    if (name == machine.name)
      return machine;
  return std::nullopt;
}

} // namespace attune::kernels
