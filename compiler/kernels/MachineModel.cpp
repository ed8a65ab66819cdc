// The table of machines. Cache sizes are those of the smaller machines of a
// level (Zen 2/3, Skylake client; Skylake server, Zen 4): blocks that fit there
// fit all.
#include "compiler/kernels/MachineModel.h"

namespace attune::kernels {

static constexpr int64_t kKiB = 1024;

// Maps: 8 KB of each f32 operand, so that all stay in L1. Transposing, runs of
// 1 KB are written, and a cache line is read of each of as many rows; squares
// of 64 take 3-19 % longer. Lanes: eight registers, of which a softmax wants
// one for the maximum and one for the sum.
static constexpr SweepBlocks kCoreSweeps = {2048, 256, 16, 64, 1};
static constexpr SweepBlocks kWideSweeps = {2048, 256, 16, 128, 1};
// Maps: two vectors for each of 256 threads. Transposing, the tile that a block
// of threads turns. Lanes: the 128 bytes that a warp asks for at once; fewer,
// but no less than a sector, where multiprocessors would stand idle.
static constexpr SweepBlocks kGpuSweeps = {2048, 32, 32, 32, 128};

// One text of sm_80 serves all devices, so it counts the multiprocessors of an
// H100; others have 82 to 148.
static constexpr MachineModel kMachines[] = {
    {"x86-64-v2", 4, 16, 16, 2, 32 * kKiB, 256 * kKiB, false, 0, kCoreSweeps},
    {"x86-64-v3", 8, 16, 16, 6, 32 * kKiB, 512 * kKiB, false, 0, kCoreSweeps},
    {"x86-64-v4", 16, 32, 16, 8, 32 * kKiB, 1024 * kKiB, false, 0, kWideSweeps},
    {"sm_80", 4, 255, 0, 16, 160 * kKiB, 300 * kKiB, true, 132, kGpuSweeps},
    {"sm_90a", 4, 255, 0, 16, 220 * kKiB, 370 * kKiB, true, 132, kGpuSweeps},
};

std::optional<MachineModel> MachineModel::get(llvm::StringRef name) {
  for (const MachineModel &machine : kMachines)
    if (name == machine.name)
      return machine;
  return std::nullopt;
}

} // namespace attune::kernels
