//===- SweepPlace.h - where the loops of a sweep stand ----------*- C++ -*-===//
#pragma once
#include "compiler/target/common/BlockEvaluator.h"
#include "compiler/target/common/SweepPlan.h"

namespace attune::target::common {

/// A coordinate for each span.
using Place = llvm::SmallVector<std::pair<mlir::Value, Coord>, 4>;

/// The coordinates of a block with these spans. A dimension without a span
/// holds one value everywhere.
llvm::SmallVector<Coord> coordsOf(Emitter &emit, const Spans &spans,
                                  const Place &place);

/// One loop in another over spans, a position at a time.
void forEachPlace(const KernelFrame &frame, llvm::ArrayRef<mlir::Value> spans,
                  const Place &place,
                  llvm::function_ref<void(const Place &)> body);

} // namespace attune::target::common
