//===- BlockEvaluator.h - block expressions, vector by vector ---*- C++ -*-===//
//
// Evaluates an expression over blocks at one place: asked for the block that a
// tile.store writes, it walks the defining ops backwards and emits them on
// vectors. So an epilogue runs on a register tile, the fragment
// between the two dots of attention runs inside the row pass, and a map kernel
// needs nothing else: no block is ever materialised.
//
// What cannot be evaluated in place (the result of a dot, of a reduction, of a
// loop) is given by `seed`. Values are remembered per place, within a `Scope`.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/KernelFrame.h"

namespace attune::target::common {

/// The position along one dimension of a block, counted from the start of its
/// span: a single element, or lanes from `index` on. `mask` says which lanes
/// are valid; null: all.
struct Coord {
  mlir::Value index;
  bool lanes = false;
  mlir::Value mask;
};

class BlockEvaluator {
public:
  explicit BlockEvaluator(KernelFrame &frame) : frame(frame), emit(frame.emit) {
    memory.emplace_back();
  }

  /// The value of `block` at the given coordinates, one per dimension: a vector
  /// if one of them is lanes, else a scalar. Lanes outside the mask are defined
  /// but meaningless. Null after an error has been reported.
  mlir::Value get(mlir::Value block, llvm::ArrayRef<Coord> at);

  /// Writes the block of `store` at the given coordinates. Lanes outside the
  /// mask are not written; positions beyond a span are the caller's to leave
  /// out.
  llvm::LogicalResult store(tile::StoreOp store, llvm::ArrayRef<Coord> at);
  /// Adds the block of `sum` to memory at the given coordinates.
  llvm::LogicalResult accumulate(tile::AccumulateOp sum,
                                 llvm::ArrayRef<Coord> at);
  /// Writes one element of a block.
  llvm::LogicalResult store(mlir::memref::StoreOp store);

  /// Where a load or store has the element at the given coordinates, or the
  /// first of the lanes.
  mlir::Value address(mlir::Value memref, mlir::ValueRange positions,
                      llvm::ArrayRef<Coord> at) {
    return access(memref, positions, at).pointer;
  }

  /// States the value of `block` at a place.
  void seed(mlir::Value block, llvm::ArrayRef<Coord> at, mlir::Value value);

  /// What is remembered while a scope lives is forgotten at its end: open one
  /// in every region (loop body, branch) in which something is evaluated.
  class Scope {
  public:
    explicit Scope(BlockEvaluator &evaluator) : evaluator(evaluator) {
      evaluator.memory.emplace_back();
    }
    ~Scope() { evaluator.memory.pop_back(); }
    Scope(const Scope &) = delete;

  private:
    BlockEvaluator &evaluator;
  };

  /// Bands are evaluated as if everything were visible: for places where the
  /// caller has made sure of it.
  bool ignoreBands = false;

private:
  using Key = llvm::SmallVector<void *, 8>;
  static Key keyOf(mlir::Value block, llvm::ArrayRef<Coord> at);
  mlir::Value find(const Key &key) const;
  mlir::Value compute(mlir::Value block, llvm::ArrayRef<Coord> at);
  mlir::Value load(tile::LoadOp op, llvm::ArrayRef<Coord> at);
  mlir::Value gather(tile::GatherOp op, llvm::ArrayRef<Coord> at);
  mlir::Value random(tile::RandomOp op, llvm::ArrayRef<Coord> at);
  mlir::Value broadcast(tile::BroadcastOp op, llvm::ArrayRef<Coord> at);
  mlir::Value band(tile::BandOp op, llvm::ArrayRef<Coord> at);
  mlir::Value constant(mlir::arith::ConstantOp op, llvm::ArrayRef<Coord> at);
  mlir::Value elementwise(mlir::Operation *op, llvm::ArrayRef<Coord> at);
  mlir::Value position(Span span, const Coord &coord, mlir::Type element);

  /// Address, lane stride (null: no lanes) and mask of an access.
  struct Access {
    mlir::Value pointer, stride, mask;
  };
  Access access(mlir::Value memref, mlir::ValueRange positions,
                llvm::ArrayRef<Coord> at);

  KernelFrame &frame;
  Emitter &emit;
  llvm::SmallVector<std::map<Key, mlir::Value>> memory;
};

} // namespace attune::target::common
