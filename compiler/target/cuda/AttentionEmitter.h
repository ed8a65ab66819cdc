//===- AttentionEmitter.h - the loops of an attention kernel ----*- C++ -*-===//
//
// Private to AttentionLowering.cpp (operands, the loop over keys, the two dots)
// and AttentionSoftmax.cpp (what stands between the dots, and after the loop).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/Attention.h"
#include "compiler/target/common/BlockEvaluator.h"
#include "compiler/target/cuda/Fragments.h"
#include "compiler/target/cuda/KernelFrame.h"
#include <array>
#include <optional>

namespace attune::target::cuda {

/// Which warps there are and what each of them does: warp w has rows
/// [w * tiles * 16, (w + 1) * tiles * 16) of the block, as tiles of 16.
struct AttentionShape {
  int64_t rows, keys;     ///< of a block
  int64_t depth, columns; ///< head sizes, rounded up to 16
  int64_t warps, tiles;

  explicit AttentionShape(const common::Attention &parts);
  int64_t threads() const { return warps * kWarp; }
};

/// K or V: where it is, and how a block of it lies in shared memory.
struct KeyedOperand {
  SharedTile tile;
  DepthAlong along;    ///< which side of the tile runs along k of its dot
  bool keysAreRows;    ///< of the tile
  mlir::Value pointer; ///< to the first key of the loop
  mlir::Value keyStride, otherStride, others;
  mlir::Value aligned;
};

class AttentionEmitter {
public:
  AttentionEmitter(KernelFrame &frame, const common::Attention &parts,
                   mlir::Type element);

  /// The whole function.
  llvm::LogicalResult run();

private:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = Emitter::Values;
  using Coord = common::Coord;

  /// What the loop carries, per tile of 16 rows. `max` and `sum` are those of
  /// rows g and g + 8, the sum only over a lane's own columns.
  struct Rows {
    Value max[2], sum[2];
    llvm::SmallVector<Values> out; ///< C fragments, 8 columns each
  };
  using State = llvm::SmallVector<Rows>;
  using Scores =
      llvm::SmallVector<llvm::SmallVector<Values>>; ///< [tile][8 keys]

  // Operands.
  Value reverseQueries(Value item);
  void boundKeys();
  KeyedOperand locate(tile::LoadOp load, Value other, int64_t otherSize,
                      bool keysAreDepth);
  void fill(const KeyedOperand &operand, Value key, bool plain);
  llvm::LogicalResult fillQueries();
  void fillFromExpression();

  // The loop over keys.
  Value endOfPlainKeys();
  /// Blocks from `from` to `to`, the first of whose keys have been asked for.
  /// `plain`: none of them hides a score or is cut off, nor the next one.
  State emitLoop(State state, Value from, Value to, bool plain);
  Scores emitScores();
  void addValues(State &state, const Scores &weights);

  State startState();
  void waitForTiles();

  // Between the dots.
  Value hidesSome(Value key);
  Scores evaluateScores(const Scores &dots, bool masked);
  Scores maskWhereNeeded(Value key, const Scores &dots);
  void softmaxStep(State &state, Scores &scores);
  void rescale(State &state, ValueRange alphas, Value moved);
  // After the loop.
  Value pairsAreAligned();
  void finish(State state);
  void storeRow(const Rows &rows, int64_t tile, int64_t half);

  void placeFragments();
  State stateOf(ValueRange carried);
  Values carriedOf(const State &state);

  KernelFrame &frame;
  Emitter &emit;
  common::Attention parts;
  common::BlockEvaluator evaluator;
  const mlir::Type element;
  const AttentionShape shape;
  std::optional<Fragments> fragments;
  std::optional<SharedTile> queries;
  std::optional<KeyedOperand> keys, values;
  Value warpRow; ///< first row of this warp in the block
  /// Where C fragments lie: rows by tile and half, in the block of queries; the
  /// pairs of columns that start a lane's part of every eight, in a block of
  /// keys and in a head of V.
  llvm::SmallVector<std::array<Coord, 2>> rowAt;
  /// The same, but idle rows stand for the last one that is not.
  llvm::SmallVector<std::array<Coord, 2>> validRowAt;
  llvm::SmallVector<Coord> keyAt, valueAt;
  Value firstKey, endKey; ///< what some row of the block may see
  llvm::LogicalResult result = mlir::success();
};

} // namespace attune::target::cuda
