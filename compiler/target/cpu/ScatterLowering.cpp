//===- ScatterLowering.cpp ------------------------------------------------===//
#include "compiler/target/cpu/ScatterLowering.h"
#include "compiler/target/common/Scatter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;
using attune::target::common::ScatterEmitter;

LogicalResult attune::target::cpu::lowerScatter(tile::KernelOp kernel,
                                                Emitter &emit) {
  FailureOr<tile::ScatterOp> op = common::matchScatter(kernel);
  KernelFrame frame(kernel, emit);
  if (failed(op) || failed(frame.start()))
    return failure();
  auto forEachVector = [&](Value columns, ScatterEmitter::RunBody body) {
    Value whole = emit.roundDown(columns, kLanes);
    emit.forLoop(emit.integer(0), whole, kLanes,
                 [&](Value column) { body({column, /*lanes=*/true, {}}); });
    emit.ifThen(emit.less(whole, columns), [&] {
      body({whole, true, emit.lanesBelow(emit.sub(columns, whole))});
    });
  };
  // An index of another item's is a comparison that a machine foresees.
  ScatterEmitter scatter(frame, *op, /*indicesAtOnce=*/1, forEachVector);
  auto body = [&](Value, ValueRange) -> FailureOr<Emitter::Values> {
    scatter.emitItem();
    return Emitter::Values();
  };
  if (failed(frame.forEachItem({}, body)))
    return failure();
  frame.finish();
  return success();
}
