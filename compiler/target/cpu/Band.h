//===- Band.h - what queries see of the keys --------------------*- C++ -*-===//
#pragma once
#include "compiler/target/cpu/KernelFrame.h"

namespace attune::target::cpu {

/// Code for the columns that rows see: column j of row i where lower <= j - i
/// <= upper, each a scalar of the kernel or null where there is no such bound.
class Band {
public:
  Band(KernelFrame &frame, mlir::Value rows, mlir::Value columns,
       mlir::Value lower, mlir::Value upper)
      : frame(frame), rows(rows), columns(columns), lower(lower), upper(upper) {
  }

  /// First and end of the columns of their span that a row may see.
  mlir::Value first(mlir::Value row) const;
  mlir::Value end(mlir::Value row) const;

  /// From the first block of `step` columns that the first row sees to the last
  /// column that the last row sees, of those in [from, to), counted from there.
  std::pair<mlir::Value, mlir::Value> blocks(mlir::Value from, mlir::Value to,
                                             int64_t step) const;

private:
  KernelFrame &frame;
  mlir::Value rows, columns, lower, upper;
};

} // namespace attune::target::cpu
