//===- Emitter.h - the vocabulary of CPU code -------------------*- C++ -*-===//
//
// The common emitter with vectors of 16 lanes on every code version, and what
// only a CPU has.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/Emitter.h"
#include "compiler/target/cpu/CodeVersion.h"

namespace attune::target::cpu {

class Emitter : public common::Emitter {
public:
  Emitter(mlir::Location loc, mlir::OpBuilder &builder, const Machine &machine)
      : common::Emitter(loc, builder, kLanes, machine.fma), machine(machine) {
    hasGather = machine.gather;
  }

  const Machine &machine;

  Value slot(Value array, int64_t index, mlir::Type type); ///< an 8-byte slot
  void prefetch(Value pointer, int locality);
  Value sumLanes(Value vector); ///< a fixed tree, so the same bits each time
  Value maxLanes(Value vector);
};

} // namespace attune::target::cpu
