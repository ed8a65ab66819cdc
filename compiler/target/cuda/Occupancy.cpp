//===- Occupancy.cpp ------------------------------------------------------===//
#include "compiler/target/cuda/Occupancy.h"
#include "llvm/Support/MathExtras.h"
#include <algorithm>

using namespace attune::target::cuda;

static constexpr int64_t kParts = 4; // warp schedulers, each with its registers
static constexpr int64_t kRegisterUnit = 256, kSharedUnit = 128,
                         kSystemShared = 1024;
static constexpr int64_t kThreadRegisters = 255;

static int64_t warpsOf(const BlockNeeds &needs) {
  return llvm::divideCeil(needs.threads, kWarp);
}

static int64_t blocksByRegisters(const Machine &machine,
                                 const BlockNeeds &needs) {
  if (needs.registers > kThreadRegisters)
    return 0;
  int64_t ofWarp = llvm::alignTo(std::max<int64_t>(needs.registers, 1) * kWarp,
                                 kRegisterUnit);
  int64_t warps = machine.registers / kParts / ofWarp * kParts;
  return warps / warpsOf(needs);
}

static int64_t blocksByShared(const Machine &machine, const BlockNeeds &needs) {
  if (needs.sharedBytes > machine.sharedBytes)
    return 0;
  return machine.sharedOfAll /
         int64_t(llvm::alignTo(needs.sharedBytes + kSystemShared, kSharedUnit));
}

int64_t attune::target::cuda::residentBlocks(const Machine &machine,
                                             const BlockNeeds &needs) {
  int64_t byThreads = machine.threads / (warpsOf(needs) * kWarp);
  return std::min({machine.blocks, byThreads, blocksByRegisters(machine, needs),
                   blocksByShared(machine, needs)});
}

double attune::target::cuda::occupancy(const Machine &machine,
                                       const BlockNeeds &needs) {
  return double(residentBlocks(machine, needs) * warpsOf(needs) * kWarp) /
         double(machine.threads);
}
