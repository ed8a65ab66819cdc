// What every kernel family needs to write its tile.kernel: arguments that know
// their polynomials, extents as index values, the grid, and blocks of operands.
//
// Enters: a group with its views resolved. Leaves: a KernelSpec, which is the
// kernel and what its nn.launch passes. The builder keeps the two in step: each
// run-time size, stride or scalar that the kernel's signature leaves open is an
// entry of `integers`, in the order of tile.kernel's value slots.
//
// Order of calls: all addInput, then all addResult, then extent, addGrid and
// the body, then finish.
#pragma once

#include "compiler/kernels/GroupViews.h"
#include "compiler/kernels/IterationSpace.h"
#include "compiler/kernels/MachineModel.h"
#include "dialects/tile/Tile.h"

namespace attune::kernels {

/// A kernel that was made of a group, and how this group launches it. Two
/// groups whose kernels are equal share one.
struct KernelSpec {
  mlir::OwningOpRef<tile::KernelOp> kernel;
  /// One for each memref argument that is read: the root tensor (a value
  /// outside the group) and its layout.
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<nn::LayoutAttr> inputLayouts;
  /// One for each result of the group, in order.
  llvm::SmallVector<nn::LayoutAttr> resultLayouts;
  nn::Dims integers;
  nn::DimAttr grid, grain;
  /// Kernels that the group has, of which this is one, and what it costs beside
  /// the others. Their arguments are the same.
  unsigned variants = 1;
  nn::DimAttr cost;
  /// For each result the entry of `inputs` whose memory it may take over, or
  /// -1.
  llvm::SmallVector<int64_t> inPlace;
};

/// A memref argument and the axes of the iteration space that its dims stand
/// for.
struct Operand {
  mlir::Value memref;
  llvm::SmallVector<unsigned> axes;
};

/// An axis of the grid; `step` 0 gives an index, else a span of that size.
struct GridAxis {
  nn::DimAttr extent;
  int64_t step = 0;
};

class KernelBuilder {
public:
  KernelBuilder(nn::GroupOp group, tile::Family family, const GroupViews &views,
                const MachineModel &machine);

  nn::GroupOp group;
  const GroupViews &views;
  const MachineModel &machine;
  /// Writes the kernel: first before the grid, after addGrid into it.
  mlir::OpBuilder builder;
  mlir::Location loc() { return group.getLoc(); }
  mlir::MLIRContext *context() { return group.getContext(); }
  nn::DimAttr constant(int64_t value);

  // ---- arguments ----

  /// A memref argument that reads `leaf` along the axes in which it moves: an
  /// axis with stride 0 is no dim of the memref.
  Operand addInput(const Leaf &leaf, llvm::ArrayRef<nn::DimAttr> extents,
                   llvm::ArrayRef<nn::DimAttr> strides);
  /// The same with every axis a dim, whatever its stride.
  mlir::Value addInputMemref(mlir::Value root, mlir::Type element,
                             llvm::ArrayRef<nn::DimAttr> dims,
                             nn::DimAttr offset,
                             llvm::ArrayRef<nn::DimAttr> strides);
  /// A weight in panels [ceil(columns / width)][depth][width]; `packed` is the
  /// panels' tensor. The memref is [depth, columns].
  mlir::Value addPanels(mlir::Value packed, int64_t depth, int64_t columns);
  /// A memref argument that writes `sink`. Results are added in order. Axes of
  /// extent 1 are no dims of the memref, except those of `keep`, which the
  /// blocks that are stored have as well.
  Operand addResult(const Sink &sink, llvm::ArrayRef<nn::DimAttr> extents,
                    llvm::ArrayRef<nn::DimAttr> strides,
                    llvm::ArrayRef<unsigned> keep = {});
  /// Result `result` may take over the memory of an input: they have one view,
  /// and each element is read before it is written and never after.
  void setInPlace(unsigned result, const Operand &input);

  // ---- scalars and the grid ----

  /// The value of `dim` (not negative or any) as an index, made before the
  /// grid: a constant, the size of an argument, or a further scalar argument.
  mlir::Value extent(nn::DimAttr dim);
  mlir::Value index(int64_t value);
  /// A number (i64) that this group passes and another with the same kernel
  /// need not: a scalar argument in any case.
  mlir::Value argument(int64_t value);

  /// The grid; its block arguments are the positions, outermost axis first.
  tile::ParallelOp addGrid(llvm::ArrayRef<GridAxis> axes);
  /// Work items that one task should take at least; 1 unless said.
  void setGrain(nn::DimAttr items) { spec.grain = items; }
  /// There are so many kernels of this group; this one costs `cost`.
  void setVariants(unsigned count, nn::DimAttr cost) {
    spec.variants = count;
    spec.cost = cost;
  }

  // ---- blocks ----

  /// The block of `operand` at `positions`, one index or span for each axis of
  /// the iteration space. The block has one dim for each span among the
  /// positions, in order: what does not depend on an axis is repeated along it.
  mlir::Value loadBlock(const Operand &operand, mlir::ValueRange positions,
                        mlir::TypedAttr fill = {});
  /// Repeats a scalar or smaller block; axes[d] is the result dim of source dim
  /// d.
  mlir::Value broadcastBlock(mlir::Value source, llvm::ArrayRef<int64_t> axes,
                             mlir::ValueRange spans);
  void storeBlock(mlir::Value block, const Operand &operand,
                  mlir::ValueRange positions);
  /// The type of a block over the spans among `positions`.
  static mlir::RankedTensorType blockType(mlir::ValueRange positions,
                                          mlir::Type element);

  /// Ends the kernel.
  KernelSpec finish();

private:
  mlir::Value addMemref(mlir::Type element, llvm::ArrayRef<nn::DimAttr> dims,
                        llvm::ArrayRef<nn::DimAttr> strides);

  KernelSpec spec;
  tile::KernelOp kernel;
  mlir::OpBuilder top; ///< writes before the grid
  /// Of each argument: its dims and strides, or its value.
  struct Argument {
    nn::Dims dims, strides;
    nn::DimAttr scalar;
  };
  llvm::SmallVector<Argument> arguments;
  llvm::SmallVector<unsigned> panels; ///< arguments stored in panels
  llvm::DenseMap<mlir::Attribute, mlir::Value> extents;
  llvm::DenseMap<int64_t, mlir::Value> indices, passed;
};

} // namespace attune::kernels
