//===- ContractionEmitter.h - the loops of a contraction --------*- C++ -*-===//
//
// Private to ContractionLowering.cpp (work items, tiles and what follows the
// sum) and ContractionOperands.cpp (where the two operands lie).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/BlockEvaluator.h"
#include "compiler/target/cpu/ContractionLowering.h"
#include "compiler/target/cpu/MicroKernel.h"
#include "compiler/target/cpu/Pack.h"

namespace attune::target::cpu {

using common::BlockEvaluator;
using common::Coord;

/// Emits one kernel.
class ContractionEmitter {
public:
  ContractionEmitter(KernelFrame &frame, const Contraction &parts)
      : frame(frame), emit(frame.emit), parts(parts),
        scratch(frame.kernel, parts), evaluator(frame) {}

  /// The whole function.
  llvm::LogicalResult run();

private:
  using Value = mlir::Value;
  using ValueRange = mlir::ValueRange;
  using Values = Emitter::Values;

  // Work items.
  llvm::FailureOr<Values> emitItem(Value item, ValueRange carried);
  void emitDepthBlocks();
  void emitRowTiles();
  void emitRowTile(const RegisterTile &tile, int64_t fullRows, Value row);
  void emitTile(const RegisterTile &tile, int64_t fullRows, Value row,
                Value panel);
  Values startValues(const RegisterTile &tile, llvm::ArrayRef<Coord> rows,
                     llvm::ArrayRef<Coord> columns, Value row, Value panel);
  void emitEpilogue(const RegisterTile &tile, int64_t fullRows,
                    llvm::ArrayRef<Coord> rows, llvm::ArrayRef<Coord> columns,
                    ValueRange sums);
  void emitStores(const Coord &row, const Coord &column, Value sum);
  Value partialSum(Value row, Value panel);
  llvm::SmallVector<RegisterTile> tiles() const;

  // Operands.
  void locateOperands();
  void locateLeft();
  void locateRight();
  void packLeft();
  void packRight();
  Values leftRows(const RegisterTile &tile, llvm::ArrayRef<Coord> rows);
  int64_t groupRows() const;
  bool columnsMayEndInside() const;
  void fetchNext(MicroKernel &kernel, const RegisterTile &tile, Value row,
                 Value panel);

  KernelFrame &frame;
  Emitter &emit;
  Contraction parts;
  ContractionScratch scratch;
  BlockEvaluator evaluator;
  llvm::LogicalResult result = mlir::success();

  // Of the current work item.
  Value lhs, lhsRow, lhsDepth; ///< first row at k = start; strides
  Value groupStride;           ///< of packed rows
  Value rhs, panelStride;      ///< first panel at k = start
  Value panelCount;
  Value depthFrom, depthTo;
  // Of the current block of k.
  Value depthOffset, depth, isFirst, isLast; ///< null flags: yes
};

} // namespace attune::target::cpu
