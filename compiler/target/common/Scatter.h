//===- Scatter.h - sums by index --------------------------------*- C++ -*-===//
//
// Enters: a kernel of family scatter. Leaves: what one work item does, in terms
// of runs of its columns:
//
//   for the item's rows: clear its columns
//   for all n
//     if the item has row indices[n]: add update n to its columns
//
// A target says who does which columns: vectors one after the other, or a
// thread each. An element is cleared and added to by the same one, so nobody
// waits.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/common/BlockEvaluator.h"

namespace attune::target::common {

/// The scatter of a kernel; an error if it has another form, or sums in types
/// for which there is no code.
llvm::FailureOr<tile::ScatterOp> matchScatter(tile::KernelOp kernel);

class ScatterEmitter {
public:
  /// A run of columns, counted from the item's first.
  using RunBody = llvm::function_ref<void(const Coord &run)>;
  /// Calls its argument for all runs of so many columns.
  using RunLoop = llvm::function_ref<void(mlir::Value columns, RunBody body)>;

  /// Indices are read so many at a time, ahead of what is added by them.
  ScatterEmitter(KernelFrame &frame, tile::ScatterOp op, int64_t indicesAtOnce,
                 RunLoop forEachRun);

  void emitItem();

private:
  using Value = mlir::Value;
  Value rowPointer(Value memref, Value row);
  Value indexAt(Value n);
  Value load(Value pointer, Value stride, const Coord &run);
  void store(Value value, Value pointer, Value stride, const Coord &run);
  void clear(Value row);
  void addTo(Value row, Value n);
  void addIfOurs(Value row, Value n);

  KernelFrame &frame;
  Emitter &emit;
  tile::ScatterOp op;
  mlir::Type element;
  int64_t indicesAtOnce;
  RunLoop forEachRun;
};

} // namespace attune::target::common
