//===- KernelFrame.h - what is scalar in a kernel ---------------*- C++ -*-===//
//
// The operands of a tile.kernel at run time, its grid, and the translation of
// what is scalar in it: index arithmetic, dims, spans, loads of single
// elements. A target derives from it the function around a kernel: how slots
// come in, and which work items one call does.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/Emitter.h"
#include "dialects/tile/Tile.h"
#include "llvm/ADT/DenseMap.h"

namespace attune::target::common {

/// A memref argument at run time. Sizes and strides are in elements; static
/// ones are constants.
struct Operand {
  mlir::MemRefType type;
  mlir::Value pointer;
  llvm::SmallVector<mlir::Value> sizes, strides;
};

/// A span at run time.
struct Span {
  mlir::Value start, count;
};

/// What the scalars and spans of a kernel are at one work item.
struct ItemBindings {
  llvm::DenseMap<mlir::Value, mlir::Value> scalars;
  llvm::DenseMap<mlir::Value, Span> spans;
};

class KernelFrame {
public:
  KernelFrame(tile::KernelOp kernel, Emitter &emit)
      : kernel(kernel), emit(emit) {}
  KernelFrame(const KernelFrame &) = delete;

  /// Cuts an axis of the grid into blocks that are equal but for `unit`, where
  /// else all but the last are whole: 400 rows by 384 become 200 and 200, not
  /// 384 and 16. Before `start`.
  void balance(mlir::Value position, int64_t unit) { units[position] = unit; }

  /// Binds positions and scalars to an item, which may be the one that a thread
  /// does next: `use` goes back to what was bound before.
  llvm::LogicalResult bindItem(mlir::Value item);
  void use(ItemBindings bindings) { bound = std::move(bindings); }
  const ItemBindings &bindings() const { return bound; }

  /// Translates the scalar ops of a block, in order, at the insertion point.
  llvm::LogicalResult translateScalars(mlir::Block &block);
  void bind(mlir::Value original, mlir::Value translated) {
    bound.scalars[original] = translated;
  }
  void bind(mlir::Value original, Span span) { bound.spans[original] = span; }

  /// Translation of a scalar; an index is an i64.
  mlir::Value scalar(mlir::Value original) const;
  /// Null if there is none.
  mlir::Value findScalar(mlir::Value original) const {
    return bound.scalars.lookup(original);
  }
  Span span(mlir::Value original) const;
  const Operand &operand(mlir::Value memref) const;

  /// The n-th value slot; only of those that hold integers.
  mlir::Value valueSlot(unsigned n) const { return valueSlots[n]; }

  /// How many blocks the given axis of the grid has.
  mlir::Value axisBlocks(unsigned axis) const { return blocks[axis]; }
  unsigned axisCount() const { return blocks.size(); }
  /// Work items with equal numbers from here share what depends on `axes` only,
  /// and follow each other. If those axes are not the leading ones, `item`
  /// itself.
  mlir::Value groupOf(mlir::Value item, uint64_t axes);
  /// The address of an operand at positions; spans at their start, `skip` at 0.
  mlir::Value pointerTo(mlir::Value memref, mlir::ValueRange positions,
                        mlir::Value skip) const;
  /// The stride of the operand of a load along one of its spans.
  mlir::Value strideAlong(tile::LoadOp load, mlir::Value span) const;
  /// The grid axes that a scalar or span depends on, as bits.
  uint64_t axesOf(mlir::Value original) const;

  mutable tile::KernelOp kernel; ///< a handle: its methods are not const
  Emitter &emit;

protected:
  /// Binds the arguments. `slot` gives slot number n of the calling convention
  /// as a value of a type.
  void readSlots(llvm::function_ref<mlir::Value(unsigned, mlir::Type)> slot);
  /// Translates the scalar ops before the grid, and its extents. Fails with an
  /// error on an op that has no scalar form.
  llvm::LogicalResult bindGrid();

  ItemBindings bound;
  mlir::Value scratchBytes, scratchBase; ///< null if there is no scratch

private:
  void addAxis(mlir::Value extent, int64_t step, int64_t unit);
  void bindPositions(mlir::Value item);
  bool waitsForBlocks(mlir::Operation &op) const;
  llvm::LogicalResult translate(mlir::Operation &op);
  mlir::Value translateLoad(mlir::memref::LoadOp load);
  mlir::Value convert(mlir::Value value, mlir::Type from, mlir::Type to,
                      bool isSigned);

  llvm::DenseMap<mlir::Value, Operand> operands;
  llvm::DenseMap<mlir::Value, int64_t> units; ///< of balanced positions
  llvm::SmallVector<mlir::Value> blocks, blockSizes, valueSlots; ///< by axis
};

} // namespace attune::target::common
