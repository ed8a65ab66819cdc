//===- AttentionBackwardEmitter.h - loops of attention's gradients -*- C++ -*-//
//
// Private to AttentionBackwardLowering.cpp (work items and their loops),
// AttentionBackwardDots.cpp (the five dots) and AttentionBackwardRowPass.cpp
// (what stands between them).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/BlockEvaluator.h"
#include "compiler/target/cpu/AttentionBackwardLowering.h"
#include "compiler/target/cpu/Band.h"

namespace attune::target::cpu {

using common::BlockEvaluator;
using common::Coord;

/// Static extents of the blocks, in floats.
struct AttentionBackwardSizes {
  explicit AttentionBackwardSizes(const AttentionBackward &parts)
      : rows(parts.blockQueries()), keys(parts.blockKeys()),
        depth(llvm::alignTo(parts.depth(), kLanes)),
        columns(llvm::alignTo(parts.valueSize(), kLanes)),
        // One vector more, so that rows do not share the sets of a cache and a
        // tile of keys may read beyond the last.
        scoreStride(keys + kLanes) {}
  int64_t rows, keys, depth, columns, scoreStride;
};

/// Emits one kernel.
class AttentionBackwardEmitter {
public:
  AttentionBackwardEmitter(KernelFrame &frame, const AttentionBackward &parts)
      : frame(frame), emit(frame.emit), parts(parts),
        scratch(frame.kernel, parts), sizes(parts), evaluator(frame),
        band(frame, parts.queries.getSpan(), parts.keys.getSpan(),
             parts.band.getLower(), parts.band.getUpper()) {}

  /// The whole function.
  llvm::LogicalResult run();

private:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = Emitter::Values;

  /// A register tile's dot: `rows` of A, whose elements are `rowStep` apart, by
  /// panels of B, into rows of the target.
  struct Dot {
    Value rows;
    int64_t rowStride, rowStep;
    Value panels;
    int64_t panelStride;
    Value depth, target;
    int64_t targetStride;
    bool accumulates = false;
  };

  // Work items.
  void locateScratch();
  void check(llvm::LogicalResult part) {
    if (failed(part))
      result = mlir::failure();
  }
  void forEachTrip(tile::ForOp loop, llvm::function_ref<void()> body);
  void forEachVector(int64_t size,
                     llvm::function_ref<void(int64_t, const Coord &)> body);
  void clearQueryGradient();
  void emitKeyBlock();
  void packKeys();
  void clearSums();
  void storeSums();
  void emitQueryBlock();
  void loadRows();
  void loadRow(Value row);
  void emitRowTile(Value row);
  void addQueryGradient(Value row, Value rows, Value begin, Value end);

  // Dots.
  void emitTile(const Dot &dot, Value panel, int64_t panels);
  void emitDot(const Dot &dot, Value fromPanel, Value toPanel);
  void emitRowDots(Value row, Value begin, Value end);
  void emitColumnDots();
  Value firstSeeing(Value key);
  Value endSeeing(Value key);

  // The row pass.
  void emitRowPass(Value row, Value begin, Value end);
  void emitVector(const Coord &row, Value column, bool hidden);
  void clearHidden(Value row, Value begin, Value end);

  KernelFrame &frame;
  Emitter &emit;
  AttentionBackward parts;
  AttentionBackwardScratch scratch;
  AttentionBackwardSizes sizes;
  BlockEvaluator evaluator;
  Band band;
  llvm::LogicalResult result = mlir::success();
  // Sections of scratch.
  Value keys, values, keyRows, keySums, valueSums, queries, gradients,
      queryPanels, gradientPanels, scores, slopes, means, rowSums;
};

} // namespace attune::target::cpu
