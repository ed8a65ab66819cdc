//===- ScatterLowering.cpp ------------------------------------------------===//
#include "compiler/target/cuda/ScatterLowering.h"
#include "compiler/target/common/Scatter.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
using attune::target::common::ScatterEmitter;

static constexpr int64_t kMostThreads = 256;
/// Loads of indices under way together: each thread reads all of them.
static constexpr int64_t kIndicesAtOnce = 8;

/// One for each column of an item, or as many as a block has.
static int64_t threadsFor(tile::ScatterOp op) {
  int64_t columns = op.getColumns().getType().getSize();
  return std::min<int64_t>(kMostThreads, llvm::alignTo(columns, kWarp));
}

LogicalResult attune::target::cuda::checkScatter(tile::KernelOp kernel) {
  return failure(failed(common::matchScatter(kernel)));
}

LogicalResult attune::target::cuda::lowerScatter(tile::KernelOp kernel,
                                                 OpBuilder &builder,
                                                 const Machine &machine) {
  FailureOr<tile::ScatterOp> op = common::matchScatter(kernel);
  if (failed(op))
    return failure();
  Emitter emit(kernel.getLoc(), builder, machine, /*lanes=*/1);
  KernelFrame frame(kernel, emit);
  int64_t threads = threadsFor(*op);
  if (failed(frame.start(threads)))
    return failure();
  auto forEachColumn = [&](Value columns, ScatterEmitter::RunBody body) {
    emit.forLoop(frame.itemThread(), columns, threads,
                 [&](Value column) { body({column, /*lanes=*/false, {}}); });
  };
  ScatterEmitter(frame, *op, kIndicesAtOnce, forEachColumn).emitItem();
  frame.finish();
  return success();
}
