//===- Machine.cpp - the table of compute capabilities --------------------===//
//
// CUDA C++ Programming Guide, "Compute Capabilities", technical specifications:
// shared memory of a block; registers, shared memory, resident threads and
// resident blocks of a multiprocessor.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cuda/Machine.h"

using namespace attune::target::cuda;

static constexpr int64_t kKiB = 1024;

static constexpr Machine kMachines[] = {
    {"sm_80", 80, "+ptx80", 163 * kKiB, 64 * kKiB, 164 * kKiB, 2048, 32},
    {"sm_90a", 90, "+ptx80", 227 * kKiB, 64 * kKiB, 228 * kKiB, 2048, 32},
};

llvm::ArrayRef<Machine> Machine::all() { return kMachines; }

const Machine *Machine::find(llvm::StringRef name) {
  for (const Machine &machine : kMachines)
    if (name == machine.name)
      return &machine;
  return nullptr;
}
