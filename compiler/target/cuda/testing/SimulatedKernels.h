//===- SimulatedKernels.h - tile kernels, compiled and emulated -*- C++ -*-===//
//
// For tests: takes kernels as text, makes PTX of them as the product does, and
// runs that on the GPU emulator (tests/gpusim). Every buffer is an allocation
// of its own, so an access beyond it is reported; so are races, reads of what
// nobody wrote, and copies that were not waited for. Buffers that overlap are
// one allocation.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/testing/TestTarget.h"
#include "compiler/target/cuda/EmitPtx.h"
#include "mlir/IR/OwningOpRef.h"
#include "tests/gpusim/Device.h"
#include <memory>

namespace attune::target::cuda::testing {

using common::testing::Argument;

class SimulatedKernels {
public:
  /// Null after errors, which go to stderr.
  static std::unique_ptr<SimulatedKernels>
  compile(const std::string &text, const Machine &machine = Machine::least());

  /// Runs a kernel. Buffers are copied to the device and back; `seed` orders
  /// blocks and warps; buffers start `offset` bytes after an aligned address.
  /// What was done wrong stands in the report.
  gpusim::Report run(const std::string &name,
                     const std::vector<Argument> &arguments, uint64_t seed,
                     uint64_t offset = 0);

  const Ptx &ptx() const { return code; }
  /// A kernel as it was before; null if there is none of this name.
  tile::KernelOp find(const std::string &name) {
    return module->lookupSymbol<tile::KernelOp>(name);
  }

private:
  SimulatedKernels() = default;
  std::unique_ptr<mlir::MLIRContext> context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Ptx code;
};

} // namespace attune::target::cuda::testing
