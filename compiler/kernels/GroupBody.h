// The body of a row or map group as blocks: what is read where, which axes
// merge, and each op on blocks.
//
// Enters: values of the body, each with the axes of the iteration space that
// its dims lie along (a gather moves its indices to other axes than their last,
// so alignment at the end is not enough). Leaves: the kernel's arguments, and
// blocks.
//
// A value is computed on the smallest block it needs: *narrow* if it does not
// move along the axes that only wide blocks have (a row's mean, the index of an
// embedding), else *wide*. Narrow values are repeated where they meet wide
// ones.
//
// Order of calls: collect and addSink for all values; arrange `space`;
// addArguments; the grid; setPositions; get and store.
#pragma once

#include "compiler/kernels/IterationSpace.h"
#include "compiler/kernels/KernelBuilder.h"
#include "compiler/kernels/ScalarBuilder.h"
#include <map>
#include <vector>

namespace attune::kernels {

using Axes = llvm::SmallVector<unsigned>;

/// Axes of the last `rank` axes of a space: NumPy's alignment.
Axes alignedAtEnd(unsigned spaceRank, unsigned rank);

class GroupBody {
public:
  GroupBody(KernelBuilder &kernel, llvm::ArrayRef<nn::DimAttr> extents);
  virtual ~GroupBody() = default;

  /// Walks back from `value` and notes all that is read. Fails with an error at
  /// an op that has no place here.
  llvm::LogicalResult collect(mlir::Value value, llvm::ArrayRef<unsigned> axes);
  /// Sinks are added in order.
  void addSink(const Sink &sink, llvm::ArrayRef<unsigned> axes);

  IterationSpace space;
  /// The numbers in `space` of what is read and written in memory.
  llvm::SmallVector<unsigned> reads() const;
  llvm::SmallVector<unsigned> writes() const;
  /// Whether an op gathers; where its indices lie along axis `axis`.
  bool gathersAlong(unsigned axis) const;

  /// 1, or 0 if an index has nothing to choose from: then there is no work.
  nn::DimAttr hasData() const;

  /// Adds inputs and results of the kernel, and says which results may take
  /// over the memory of an input.
  void addArguments();

  /// One position for each axis. A position that is a span in `wide` only is
  /// what makes a block wide.
  void setPositions(llvm::ArrayRef<mlir::Value> wide,
                    llvm::ArrayRef<mlir::Value> narrow);

  struct Block {
    mlir::Value value;
    bool wide;
  };
  /// The block of a value; fails with an error at its op.
  llvm::FailureOr<Block> get(mlir::Value value, llvm::ArrayRef<unsigned> axes);
  llvm::FailureOr<mlir::Value> get(mlir::Value value,
                                   llvm::ArrayRef<unsigned> axes, bool wide);
  /// Computes and stores all sinks.
  llvm::LogicalResult storeAll();

protected:
  /// Ops beyond the common ones. The default knows none.
  virtual llvm::LogicalResult collectOther(mlir::Operation *op,
                                           llvm::ArrayRef<unsigned> axes);
  virtual llvm::FailureOr<Block> computeOther(mlir::OpResult value,
                                              llvm::ArrayRef<unsigned> axes);

  mlir::Value repeat(mlir::Value narrowBlock);
  ScalarBuilder scalars(bool wide);
  mlir::ValueRange spans(bool wide) { return wide ? wideSpans : narrowSpans; }

  KernelBuilder &kernel;
  mlir::MLIRContext *context;

private:
  using Key = std::pair<void *, std::vector<unsigned>>;
  static Key keyOf(mlir::Value value, llvm::ArrayRef<unsigned> axes);

  /// One way in which memory is read, or the positions of an iota or of random
  /// numbers.
  struct Access {
    const Leaf *leaf = nullptr; ///< null: positions
    unsigned number = 0;        ///< in `space`
    nn::DimAttr gatherExtent, gatherStride;
    unsigned indexNumber = 0; ///< of the indices' positions, for a gather
    Operand operand;
  };
  struct Write {
    Sink sink;
    Axes axes;
    unsigned number;
    Operand operand;
  };

  llvm::LogicalResult collectGather(nn::GatherOp op,
                                    llvm::ArrayRef<unsigned> axes);
  llvm::LogicalResult collectRandom(nn::RandomOp op,
                                    llvm::ArrayRef<unsigned> axes);
  void addRead(Access &access);
  bool mayShare(const Access &access, const Write &write) const;
  void shareMemory();
  bool movesWide(unsigned number) const;
  Block load(const Operand &operand, unsigned number);
  Block positionsAlong(unsigned number, mlir::Type element);
  Block scalarBlock(mlir::Value index, mlir::Type element);
  llvm::FailureOr<Block> compute(mlir::Value value,
                                 llvm::ArrayRef<unsigned> axes);
  llvm::FailureOr<Block> elementwise(nn::ElementwiseOp op,
                                     llvm::ArrayRef<unsigned> axes);
  llvm::FailureOr<Block> gather(nn::GatherOp op, llvm::ArrayRef<unsigned> axes);
  llvm::FailureOr<Block> random(nn::RandomOp op, llvm::ArrayRef<unsigned> axes);
  mlir::Value wordOf(mlir::Value scalar);
  mlir::Value inRange(mlir::Value index, nn::DimAttr extent, bool wide);

  std::map<Key, Access> accesses;
  llvm::SmallVector<Access *> order; ///< of `accesses`, as found
  std::map<Key, Block> blocks;
  std::map<Key, mlir::Value> repeated;
  std::vector<Write> results;
  llvm::SmallVector<mlir::Value> widePositions, narrowPositions, wideSpans,
      narrowSpans;
};

} // namespace attune::kernels
