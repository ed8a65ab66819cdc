//===- KernelFrame.h - the calling convention, carried out ------*- C++ -*-===//
//
// Turns the outside of a tile.kernel into a function
//
//   void kernel(const int64_t *slots, int64_t worker, int64_t begin, int64_t
//   end)
//
// with the loop over work items [begin, end), and translates what is scalar in
// the kernel: index arithmetic, dims, spans, loads of single elements. A
// lowering of a family fills in what happens to one work item.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/Emitter.h"
#include "dialects/tile/Tile.h"
#include "llvm/ADT/DenseMap.h"

namespace attune::target::cpu {

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

  /// Cuts an axis of the grid into blocks that are equal but for `unit`, where
  /// else all but the last are whole: 400 rows by 384 become 200 and 200, not
  /// 384 and 16. Before `start`.
  void balance(mlir::Value position, int64_t unit) { units[position] = unit; }

  /// Makes the function and translates the scalar ops before the grid. Emission
  /// continues inside the function; `finish` ends it. Fails with an error on an
  /// op that has no scalar form.
  llvm::LogicalResult start();
  void finish();

  /// The loop over work items. `body` gets the flattened number of the item and
  /// what `inits` became; positions of the grid are bound while it runs. It
  /// returns what the next item is to get.
  using ItemBody = llvm::function_ref<llvm::FailureOr<Emitter::Values>(
      mlir::Value item, mlir::ValueRange carried)>;
  llvm::LogicalResult forEachItem(mlir::ValueRange inits, ItemBody body);

  /// Binds positions and scalars to an item, which may be the one that a thread
  /// does next: `use` goes back to what was bound before.
  llvm::LogicalResult bindItem(mlir::Value item);
  void use(ItemBindings bindings) { bound = std::move(bindings); }
  const ItemBindings &bindings() const { return bound; }
  /// The item after `item` in this call, or `item` if it is the last.
  mlir::Value itemAfter(mlir::Value item);

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
  /// This worker's scratch, 64-byte aligned; null if the kernel declares none.
  mlir::Value scratch() const { return scratchPointer; }

  /// The n-th value slot; only of those that hold integers.
  mlir::Value valueSlot(unsigned n) const { return valueSlots[n]; }

  /// How many blocks the given axis of the grid has.
  mlir::Value axisBlocks(unsigned axis) const { return blocks[axis]; }
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

private:
  void readSlots(mlir::Value slots, mlir::Value worker);
  void addAxis(mlir::Value extent, int64_t step, int64_t unit);
  void bindPositions(mlir::Value item);
  bool waitsForBlocks(mlir::Operation &op) const;
  llvm::LogicalResult translate(mlir::Operation &op);
  mlir::Value translateLoad(mlir::memref::LoadOp load);
  mlir::Value convert(mlir::Value value, mlir::Type from, mlir::Type to,
                      bool isSigned);

  ItemBindings bound;
  llvm::DenseMap<mlir::Value, Operand> operands;
  llvm::DenseMap<mlir::Value, int64_t> units; ///< of balanced positions
  llvm::SmallVector<mlir::Value> blocks, blockSizes, valueSlots; ///< by axis
  mlir::Value scratchPointer, begin, end;
};

} // namespace attune::target::cpu
