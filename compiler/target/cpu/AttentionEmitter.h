//===- AttentionEmitter.h - the loops of an attention kernel ----*- C++ -*-===//
//
// Private to AttentionLowering.cpp (work items, blocks of keys, the two dots)
// and AttentionRowPass.cpp (what stands between the dots).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/BlockEvaluator.h"
#include "compiler/target/cpu/AttentionLowering.h"
#include "compiler/target/cpu/Band.h"

namespace attune::target::cpu {

using common::BlockEvaluator;
using common::Coord;

/// Emits one kernel.
class AttentionEmitter {
public:
  AttentionEmitter(KernelFrame &frame, const Attention &parts)
      : frame(frame), emit(frame.emit), parts(parts),
        scratch(frame.kernel, parts), evaluator(frame),
        band(frame, parts.rows, parts.loop.getSpan(), parts.band.getLower(),
             parts.band.getUpper()),
        depth(llvm::alignTo(parts.depth(), kLanes)),
        columns(llvm::alignTo(parts.columns(), kLanes)),
        scoreStride(llvm::alignTo(parts.blockKeys(), 4 * kPanelWidth) +
                    kLanes) {}

  /// The whole function.
  llvm::LogicalResult run();

private:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = Emitter::Values;

  static constexpr double kInfinity = std::numeric_limits<double>::infinity();

  void locateScratch();
  void packHead();
  void emitStart();
  void emitKeyBlocks();
  void emitRowTile(Value row);
  void emitScores(Value row, Value begin, Value end);
  void emitResult(Value row, Value begin, Value end);
  void emitFinishRow(Value row);

  // The row pass.
  void emitRowPass(Value tileRow, Value index, Value begin, Value end);
  Value emitMaximum(Value row, Value scoreRow, Value begin, Value end);
  Value prepareScores(Value row, Value scoreRow, Value column, bool hidden);
  Value emitExp2(Value x);
  Value keepWeight(Value row, Value column, Value weight);
  Value emitWeights(Value row, Value scoreRow, Value begin, Value end,
                    Value guarded);
  Values sweep(Value from, Value to, int64_t unroll, ValueRange inits,
               llvm::function_ref<Value(Value column, Value carried)> body);

  KernelFrame &frame;
  Emitter &emit;
  Attention parts;
  AttentionScratch scratch;
  BlockEvaluator evaluator;
  Band band;
  const int64_t depth, columns, scoreStride;
  llvm::LogicalResult result = mlir::success();
  Value keys, values, queries, scores, alpha, maxima, sums, out; ///< sections
  Value keyPanel, valuePanel; ///< strides of the packed panels
  Value blockStart;           ///< of the current key block, from the first key
};

} // namespace attune::target::cpu
