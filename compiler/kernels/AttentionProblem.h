// What the builders of attention's kernels, forward and backward, know of their
// op before they write. Private to the two.
#pragma once

#include "compiler/kernels/AttentionScores.h"
#include "compiler/kernels/Schedule.h"

namespace attune::kernels {

template <typename Op>
struct AttentionProblem {
  explicit AttentionProblem(KernelBuilder &kernel) : kernel(kernel) {}

  /// Fills in the rest, if the group is `what` and nothing else.
  llvm::LogicalResult analyze(llvm::StringRef what);
  AttentionShape shape() {
    return {queries,
            keys,
            headSize,
            valueSize,
            isHalf(stored),
            op.getCausal() != nn::CausalKind::None,
            bool(op.getBias()),
            bool(op.getKeyMask())};
  }
  /// A memref with every dim of the result.
  mlir::Value addResult(const Sink &sink) {
    llvm::SmallVector<unsigned> all(sink.view.rank());
    std::iota(all.begin(), all.end(), 0);
    return kernel.addResult(sink, sink.view.dims, sink.view.strides, all)
        .memref;
  }

  KernelBuilder &kernel;
  Op op;
  mlir::Type stored, element; // of the operands, and of what is computed
  std::optional<AttentionScores> scores;
  nn::DimAttr batch, queries, keys;
  int64_t kvHeads, headSize, valueSize;
};

template <typename Op>
llvm::LogicalResult AttentionProblem<Op>::analyze(llvm::StringRef what) {
  llvm::ArrayRef<mlir::Operation *> ops = kernel.views.ops();
  op = ops.size() == 1 ? mlir::dyn_cast<Op>(ops.front()) : nullptr;
  if (!op)
    return kernel.group.emitError("expected ") << what << " and nothing else";
  for (mlir::Value operand : op->getOperands())
    if (!kernel.views.find(operand))
      return op.emitError("expected operands that are read from memory");
  nn::Dims query = nn::getDims(op.getQuery()),
           value = nn::getDims(op.getValue());
  batch = query[0];
  queries = query[2];
  keys = value[2];
  headSize = *query[3].getConstant();
  kvHeads = *value[1].getConstant();
  valueSize = *value[3].getConstant();
  stored = mlir::getElementTypeOrSelf(op.getQuery().getType());
  element = computedIn(stored);
  scores.emplace(kernel, op, element);
  return mlir::success();
}

} // namespace attune::kernels
