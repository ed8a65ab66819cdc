// AlignReductions: reductions and softmax over trailing dims.
//
// Enters: nn.reduce and nn.softmax over any axes. Leaves: the same over
// trailing axes of a transposed view, so that the row family knows one form.
// Elementwise producers with no other use move under the transpose, to fuse
// with the reduction.
#include "compiler/cleanup/Views.h"
#include "compiler/fusion/Passes.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace attune::fusion {

#define GEN_PASS_DEF_ALIGNREDUCTIONS
#include "compiler/fusion/Passes.h.inc"

using namespace mlir;
using cleanup::reshapeTo;
using cleanup::transposeTo;
using nn::DimAttr;
using nn::Dims;

// All other dims in order, then `axes`.
static SmallVector<int64_t> axesLast(int64_t rank, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> permutation;
  for (int64_t axis = 0; axis < rank; ++axis)
    if (!llvm::is_contained(axes, axis))
      permutation.push_back(axis);
  llvm::append_range(permutation, axes);
  return permutation;
}

// The transpose of a value, above elementwise ops that only it reads.
static Value transposed(PatternRewriter &rewriter, Value value,
                        ArrayRef<int64_t> permutation) {
  auto op = value.getDefiningOp<nn::ElementwiseOp>();
  if (!op || !value.hasOneUse())
    return transposeTo(rewriter, value.getLoc(), value, permutation);
  Dims dims = nn::getDims(value);
  SmallVector<Value> operands;
  for (Value input : op.getInputs()) {
    Dims own = nn::getDims(input);
    if (own.empty()) {
      operands.push_back(input);
      continue;
    }
    own.insert(own.begin(), dims.size() - own.size(),
               DimAttr::constant(op.getContext(), 1));
    Value full = reshapeTo(rewriter, op.getLoc(), input, own);
    operands.push_back(
        own == dims ? transposed(rewriter, full, permutation)
                    : transposeTo(rewriter, op.getLoc(), full, permutation));
  }
  return nn::ElementwiseOp::create(rewriter, op.getLoc(), op.getKindAttr(),
                                   operands, op.getToAttr());
}

static LogicalResult alignReduce(nn::ReduceOp op, PatternRewriter &rewriter) {
  int64_t rank = nn::getDims(op.getInput()).size();
  SmallVector<int64_t> permutation = axesLast(rank, op.getAxes());
  if (llvm::is_sorted(permutation))
    return failure();
  Value input = transposed(rewriter, op.getInput(), permutation);
  int64_t first = rank - op.getAxes().size();
  auto axes = llvm::to_vector(llvm::seq(first, rank));
  Value result = nn::ReduceOp::create(rewriter, op.getLoc(), op.getKind(),
                                      input, axes, /*keepdims=*/false);
  rewriter.replaceOp(op, reshapeTo(rewriter, op.getLoc(), result,
                                   nn::getDims(op.getResult())));
  return success();
}

static LogicalResult alignSoftmax(nn::SoftmaxOp op, PatternRewriter &rewriter) {
  int64_t rank = nn::getDims(op.getInput()).size(), axis = op.getAxis();
  if (axis == rank - 1)
    return failure();
  SmallVector<int64_t> permutation = axesLast(rank, axis), inverse(rank);
  for (auto [i, source] : llvm::enumerate(permutation))
    inverse[source] = i;
  Value input = transposed(rewriter, op.getInput(), permutation);
  Value result =
      nn::SoftmaxOp::create(rewriter, op.getLoc(), input, uint64_t(rank - 1));
  rewriter.replaceOp(op, transposeTo(rewriter, op.getLoc(), result, inverse));
  return success();
}

namespace {
struct AlignReductions : impl::AlignReductionsBase<AlignReductions> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add(alignReduce);
    patterns.add(alignSoftmax);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::fusion
