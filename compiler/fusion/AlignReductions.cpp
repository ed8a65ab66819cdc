// AlignReductions: reductions and softmax over trailing dims.
//
// Enters: nn.reduce and nn.softmax over any axes. Leaves: the same over
// trailing axes of a transposed view, so that the row family knows one form.
// Elementwise producers with no other use move under the transpose, to fuse
// with the reduction; so do copies of those that read no more than they give. A
// large tensor that is reduced as a whole is reduced row by row first, so that
// there is work for all threads.
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

// Whether to compute an op's value again costs no more than to read it: one
// operand of its size, and arithmetic. So is the normalised input of a layer,
// which the gradient of its scale reads down the columns.
static bool isCheap(nn::ElementwiseOp op) {
  using Kind = nn::ElementwiseKind;
  if (!llvm::is_contained({Kind::Add, Kind::Sub, Kind::Mul}, op.getKind()))
    return false;
  Dims dims = nn::getDims(op.getResult());
  llvm::SmallSetVector<Value, 2> full; // a square reads one
  for (Value input : op.getInputs())
    if (nn::getDims(input) == dims)
      full.insert(input);
  return full.size() <= 1;
}

// Whether an op is computed transposed: only a transpose reads it, or it is
// cheap.
static bool isTurned(nn::ElementwiseOp op) {
  return op && (op.getResult().hasOneUse() || isCheap(op));
}

// The transpose of a value, above elementwise ops that are turned with it.
static Value transposed(PatternRewriter &rewriter, Value value,
                        ArrayRef<int64_t> permutation) {
  auto op = value.getDefiningOp<nn::ElementwiseOp>();
  if (!isTurned(op))
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

// Once more after simplify, which moves transposes below what reads nothing
// else.
static LogicalResult turnProducers(nn::ReduceOp op, PatternRewriter &rewriter) {
  auto transpose = op.getInput().getDefiningOp<nn::TransposeOp>();
  if (!transpose ||
      !isTurned(transpose.getInput().getDefiningOp<nn::ElementwiseOp>()))
    return failure();
  Value input =
      transposed(rewriter, transpose.getInput(), transpose.getPermutation());
  rewriter.modifyOpInPlace(op, [&] { op.getInputMutable().assign(input); });
  return success();
}

// Elements from which on a tensor that is reduced as a whole has rows.
static constexpr int64_t kWholeElements = 64 << 10;

static LogicalResult splitWhole(nn::ReduceOp op, PatternRewriter &rewriter) {
  auto type = cast<RankedTensorType>(op.getInput().getType());
  int64_t rank = type.getRank();
  if (int64_t(op.getAxes().size()) != rank || rank < 2 ||
      !type.hasStaticShape() || type.getNumElements() < kWholeElements ||
      type.getDimSize(0) == 1)
    return failure();
  auto inner = llvm::to_vector(llvm::seq<int64_t>(1, rank));
  Value rows = nn::ReduceOp::create(rewriter, op.getLoc(), op.getKind(),
                                    op.getInput(), inner, /*keepdims=*/false);
  Value result = nn::ReduceOp::create(rewriter, op.getLoc(), op.getKind(), rows,
                                      {int64_t(0)}, /*keepdims=*/false);
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
    patterns.add(splitWhole);
    patterns.add(turnProducers);
    patterns.add(alignSoftmax);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::fusion
