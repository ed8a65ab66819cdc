// The ops of a row group on blocks: reductions along the columns, and the norms
// and softmax that are made of them.
//
// Enters: the body of a row group. Leaves: blocks. Wide blocks have the columns
// as dims, narrow ones do not (see GroupBody.h); a reduction makes a narrow
// block of a wide one.
#pragma once

#include "compiler/kernels/GroupBody.h"

namespace attune::kernels {

/// The axes of its first operand that `op` reduces; none if it does not reduce.
llvm::SmallVector<int64_t> reducedAxes(mlir::Operation *op);

class RowBody : public GroupBody {
public:
  /// `columns`: which of the extents are reduced.
  RowBody(KernelBuilder &kernel, llvm::ArrayRef<nn::DimAttr> extents,
          llvm::SmallBitVector columns);

protected:
  llvm::LogicalResult collectOther(mlir::Operation *op,
                                   llvm::ArrayRef<unsigned> axes) override;
  llvm::FailureOr<Block> computeOther(mlir::OpResult value,
                                      llvm::ArrayRef<unsigned> axes) override;

private:
  struct Statistics {
    mlir::Value mean, rstd, centred;
  };
  llvm::FailureOr<mlir::Value> input(mlir::Value value);
  Block stored(Block block, mlir::Value result);
  llvm::FailureOr<Block> reduce(nn::ReduceOp op);
  llvm::FailureOr<Block> softmax(nn::SoftmaxOp op);
  llvm::FailureOr<Block> norm(nn::NormOp op, mlir::OpResult value);
  llvm::FailureOr<Statistics> statistics(nn::NormOp op);
  mlir::Value reduceColumns(tile::ReduceKind kind, mlir::Value block);
  mlir::Value mean(mlir::Value block);
  mlir::Value count(mlir::Type element);

  unsigned rank;
  nn::DimAttr columnCount; ///< elements of a row
  llvm::DenseMap<mlir::Operation *, Statistics> known;
};

} // namespace attune::kernels
