// Transposes and reshapes around contract.
//
// A contract's operands may have their dims in any order, so a transposed
// operand is only other dimension numbers. Reshapes that merge batch or free
// dims move below the contract, elementwise ops, norms and softmax, until they
// meet the reshape that undoes them: [B, S, K] -> [B * S, K] -> product -> [B,
// S, N].
#include "compiler/cleanup/Patterns.h"
#include "compiler/cleanup/Views.h"

namespace attune::cleanup {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using Axes = SmallVector<int64_t, 6>;

static nn::ContractOp makeContract(PatternRewriter &rewriter,
                                   nn::ContractOp like, Value lhs, Value rhs,
                                   ArrayRef<int64_t> lhsBatch,
                                   ArrayRef<int64_t> rhsBatch,
                                   ArrayRef<int64_t> lhsContracting,
                                   ArrayRef<int64_t> rhsContracting) {
  return nn::ContractOp::create(rewriter, like.getLoc(), lhs, rhs,
                                rewriter.getDenseI64ArrayAttr(lhsBatch),
                                rewriter.getDenseI64ArrayAttr(rhsBatch),
                                rewriter.getDenseI64ArrayAttr(lhsContracting),
                                rewriter.getDenseI64ArrayAttr(rhsContracting),
                                like.getAccumulateAttr(), like.getTf32Attr());
}

// ---- transposes ----

static Axes mapAxes(ArrayRef<int64_t> axes, ArrayRef<int64_t> permutation) {
  return llvm::map_to_vector(axes,
                             [&](int64_t axis) { return permutation[axis]; });
}

// Whether dims that stood side by side still do. Contracted dims are one axis
// of a kernel only where they merge; a transpose that parts them costs a copy,
// which it shares with its other readers as long as it is a view of its own.
static bool staysTogether(ArrayRef<int64_t> before, ArrayRef<int64_t> after) {
  for (size_t i = 1; i < before.size(); ++i)
    if (before[i] == before[i - 1] + 1 && after[i] != after[i - 1] + 1)
      return false;
  return true;
}

// contract(transpose(x), y): the free dims must keep their order.
static LogicalResult absorbTranspose(nn::ContractOp op,
                                     PatternRewriter &rewriter) {
  for (bool left : {true, false}) {
    auto transpose =
        (left ? op.getLhs() : op.getRhs()).getDefiningOp<nn::TransposeOp>();
    if (!transpose ||
        !llvm::is_sorted(mapAxes(left ? op.getLhsFree() : op.getRhsFree(),
                                 transpose.getPermutation())))
      continue;
    ArrayRef<int64_t> permutation = transpose.getPermutation();
    Axes batch =
        mapAxes(left ? op.getLhsBatch() : op.getRhsBatch(), permutation);
    ArrayRef<int64_t> summed =
        left ? op.getLhsContracting() : op.getRhsContracting();
    Axes contracting = mapAxes(summed, permutation);
    if (!staysTogether(summed, contracting))
      continue;
    Value source = transpose.getInput();
    auto result =
        left ? makeContract(rewriter, op, source, op.getRhs(), batch,
                            op.getRhsBatch(), contracting,
                            op.getRhsContracting())
             : makeContract(rewriter, op, op.getLhs(), source, op.getLhsBatch(),
                            batch, op.getLhsContracting(), contracting);
    rewriter.replaceOp(op, result.getResult());
    return success();
  }
  return failure();
}

// transpose(contract(a, b)) that exchanges the two runs of free dims is
// contract(b, a).
static LogicalResult exchangeOperands(nn::TransposeOp op,
                                      PatternRewriter &rewriter) {
  auto contract = op.getInput().getDefiningOp<nn::ContractOp>();
  if (!contract || !contract->hasOneUse())
    return failure();
  int64_t batch = contract.getLhsBatch().size(),
          lhsFree = contract.getLhsFree().size();
  int64_t rank = op.getPermutation().size();
  Axes exchanged = llvm::to_vector(llvm::seq<int64_t>(0, batch));
  llvm::append_range(exchanged, llvm::seq<int64_t>(batch + lhsFree, rank));
  llvm::append_range(exchanged, llvm::seq<int64_t>(batch, batch + lhsFree));
  if (lhsFree == 0 || batch + lhsFree == rank ||
      op.getPermutation() != ArrayRef<int64_t>(exchanged))
    return failure();
  rewriter.replaceOp(op, makeContract(rewriter, contract, contract.getRhs(),
                                      contract.getLhs(), contract.getRhsBatch(),
                                      contract.getLhsBatch(),
                                      contract.getRhsContracting(),
                                      contract.getLhsContracting())
                             .getResult());
  return success();
}

// ---- reshapes of operands ----

namespace {
// An operand before its reshape. axes[i]: the source's dims that dim i of the
// operand is made of; for a block that also splits, its first dim has them all.
struct Unmerged {
  Value source;
  SmallVector<Axes> axes;
};
} // namespace

static Unmerged asIs(Value operand) {
  Unmerged result{operand, {}};
  int64_t rank = cast<RankedTensorType>(operand.getType()).getRank();
  for (int64_t axis = 0; axis < rank; ++axis)
    result.axes.push_back({axis});
  return result;
}

// Looks through the reshape of one operand. Only free dims may be split by it;
// where it merges contracted dims that part stays, as a reshape of its own.
static std::optional<Unmerged> unmerge(Value operand, ArrayRef<int64_t> free,
                                       ArrayRef<int64_t> contracting,
                                       PatternRewriter &rewriter) {
  auto reshape = operand.getDefiningOp<nn::ReshapeOp>();
  if (!reshape)
    return std::nullopt;
  Dims from = nn::getDims(reshape.getInput());
  auto blocks = reshapeBlocks(from, nn::getDims(reshape.getResult()));
  if (!blocks)
    return std::nullopt;
  Unmerged result;
  Dims kept;
  bool changed = false;
  for (const ReshapeBlock &block : *blocks) {
    bool isContracted = llvm::is_contained(contracting, block.to);
    for (int64_t i = 0; i < block.toSize; ++i)
      if (block.toSize > 1 && !llvm::is_contained(free, block.to + i))
        return std::nullopt;
    Axes axes;
    if (isContracted) {
      axes.push_back(kept.size());
      kept.push_back(nn::getDim(operand, block.to));
    } else {
      changed |= block.fromSize > 1 || block.toSize > 1;
      for (int64_t i = 0; i < block.fromSize; ++i) {
        axes.push_back(kept.size());
        kept.push_back(from[block.from + i]);
      }
    }
    result.axes.push_back(axes);
    result.axes.append(block.toSize - 1, Axes());
  }
  if (!changed)
    return std::nullopt;
  result.source =
      reshapeTo(rewriter, operand.getLoc(), reshape.getInput(), kept);
  return result;
}

static Axes gatherAxes(const Unmerged &operand, ArrayRef<int64_t> axes) {
  Axes result;
  for (int64_t axis : axes)
    llvm::append_range(result, operand.axes[axis]);
  return result;
}

static bool sameDims(const Unmerged &lhs, const Unmerged &rhs,
                     ArrayRef<int64_t> lhsAxes, ArrayRef<int64_t> rhsAxes) {
  Axes l = gatherAxes(lhs, lhsAxes), r = gatherAxes(rhs, rhsAxes);
  return llvm::equal(l, r, [&](int64_t a, int64_t b) {
    return nn::getDim(lhs.source, a) == nn::getDim(rhs.source, b);
  });
}

static LogicalResult rebuild(nn::ContractOp op, PatternRewriter &rewriter,
                             const Unmerged &lhs, const Unmerged &rhs) {
  if (!sameDims(lhs, rhs, op.getLhsBatch(), op.getRhsBatch()))
    return failure();
  auto contract = makeContract(rewriter, op, lhs.source, rhs.source,
                               gatherAxes(lhs, op.getLhsBatch()),
                               gatherAxes(rhs, op.getRhsBatch()),
                               gatherAxes(lhs, op.getLhsContracting()),
                               gatherAxes(rhs, op.getRhsContracting()));
  rewriter.replaceOp(op, reshapeTo(rewriter, op.getLoc(), contract.getResult(),
                                   nn::getDims(op.getResult())));
  return success();
}

static LogicalResult sinkReshapeBelowContract(nn::ContractOp op,
                                              PatternRewriter &rewriter) {
  auto lhs =
      unmerge(op.getLhs(), op.getLhsFree(), op.getLhsContracting(), rewriter);
  auto rhs =
      unmerge(op.getRhs(), op.getRhsFree(), op.getRhsContracting(), rewriter);
  if (lhs && rhs && succeeded(rebuild(op, rewriter, *lhs, *rhs)))
    return success();
  if (lhs && succeeded(rebuild(op, rewriter, *lhs, asIs(op.getRhs()))))
    return success();
  if (rhs)
    return rebuild(op, rewriter, asIs(op.getLhs()), *rhs);
  return failure();
}

// ---- reshapes below what works on elements or on rows ----

// The number of trailing dims that a reshape leaves alone.
static int64_t untouchedDims(nn::ReshapeOp reshape) {
  Dims from = nn::getDims(reshape.getInput()),
       to = nn::getDims(reshape.getResult());
  int64_t count = 0;
  while (count < int64_t(std::min(from.size(), to.size())) &&
         from[from.size() - 1 - count] == to[to.size() - 1 - count])
    ++count;
  return count;
}

// An operand that only depends on dims that the reshape leaves alone.
static bool isTrailing(Value operand, int64_t untouched) {
  Dims dims = nn::getDims(operand);
  int64_t rank = dims.size();
  return llvm::all_of(llvm::enumerate(dims), [&](auto entry) {
    return entry.value().getConstant() == 1 ||
           rank - int64_t(entry.index()) <= untouched;
  });
}

// An operand of `op` that differs along dims which `reshape` splits (the mask
// of a Swin window, [1, W, 1, N, N]), repeated over them and merged as the
// reshape's input is. It costs a copy of the operand, so it is done for scores
// only, where it lets two products and their softmax meet.
static Value spreadOperand(PatternRewriter &rewriter, nn::ElementwiseOp op,
                           nn::ReshapeOp reshape, Value operand,
                           int64_t untouched) {
  Dims source = nn::getDims(reshape.getInput()),
       full = nn::getDims(op.getResult());
  Dims own = nn::getDims(operand);
  nn::DimAttr one = nn::DimAttr::constant(op.getContext(), 1);
  own.insert(own.begin(), full.size() - own.size(), one);
  operand = reshapeTo(rewriter, op.getLoc(), operand, own);
  Dims spread(ArrayRef(full).drop_back(untouched));
  llvm::append_range(spread, ArrayRef(own).take_back(untouched));
  Dims merged(ArrayRef(source).drop_back(untouched));
  llvm::append_range(merged, ArrayRef(own).take_back(untouched));
  return reshapeTo(rewriter, op.getLoc(),
                   broadcastTo(rewriter, op.getLoc(), operand, spread), merged);
}

static LogicalResult sinkReshapeBelowElementwise(nn::ElementwiseOp op,
                                                 PatternRewriter &rewriter) {
  nn::ReshapeOp reshape;
  for (Value input : op.getInputs())
    if (auto candidate = input.getDefiningOp<nn::ReshapeOp>();
        candidate && !reshape &&
        nn::getDims(input) == nn::getDims(op.getResult()))
      reshape = candidate;
  if (!reshape)
    return failure();
  Dims source = nn::getDims(reshape.getInput());
  int64_t untouched = untouchedDims(reshape);
  auto isReshapedAlike = [&](Value input) {
    auto other = input.getDefiningOp<nn::ReshapeOp>();
    return other && nn::getDims(other.getInput()) == source &&
           nn::getDims(input) == nn::getDims(op.getResult());
  };
  // Spreading costs a copy of the operand: it is done for scores only, where it
  // lets two products and their softmax meet, and for dims that the reshape
  // splits only: the merged operand is itself a reshape, which would otherwise
  // sink in turn, for ever.
  Value sum = op.getResult();
  bool isScore = source.size() < nn::getDims(sum).size() && sum.hasOneUse() &&
                 isa<nn::SoftmaxOp>(*sum.user_begin());
  if (!isScore && !llvm::all_of(op.getInputs(), [&](Value input) {
        return isReshapedAlike(input) || isTrailing(input, untouched);
      }))
    return failure();
  SmallVector<Value> operands;
  for (Value input : op.getInputs()) {
    if (isReshapedAlike(input)) {
      operands.push_back(input.getDefiningOp<nn::ReshapeOp>().getInput());
      continue;
    }
    if (!isTrailing(input, untouched)) {
      operands.push_back(
          spreadOperand(rewriter, op, reshape, input, untouched));
      continue;
    }
    // Leading dims of 1 go, so that the rank fits the source.
    Dims dims = nn::getDims(input);
    int64_t keep = std::min<int64_t>(untouched, dims.size());
    operands.push_back(reshapeTo(rewriter, op.getLoc(), input,
                                 ArrayRef(dims).take_back(keep)));
  }
  auto result = nn::ElementwiseOp::create(
      rewriter, op.getLoc(), op.getKindAttr(), operands, op.getToAttr());
  if (nn::getDims(result.getResult()) != source)
    return rewriter.eraseOp(result), failure();
  rewriter.replaceOp(op, reshapeTo(rewriter, op.getLoc(), result,
                                   nn::getDims(op.getResult())));
  return success();
}

// f(transpose(x), y) where y only broadcasts: transpose(f(x, y')). Dims of the
// transposed operand are all there, so y' is y with its dims in x's order.
static LogicalResult sinkTransposeBelowElementwise(nn::ElementwiseOp op,
                                                   PatternRewriter &rewriter) {
  nn::TransposeOp transpose;
  Dims dims = nn::getDims(op.getResult());
  for (Value input : op.getInputs())
    if (auto candidate = input.getDefiningOp<nn::TransposeOp>();
        candidate && !transpose && nn::getDims(input) == dims)
      transpose = candidate;
  if (!transpose)
    return failure();
  ArrayRef<int64_t> permutation = transpose.getPermutation();
  Axes inverse(permutation.size());
  for (auto [i, axis] : llvm::enumerate(permutation))
    inverse[axis] = i;
  SmallVector<Value> operands;
  for (Value input : op.getInputs()) {
    auto other = input.getDefiningOp<nn::TransposeOp>();
    Dims own = nn::getDims(input);
    if (other && other.getPermutation() == permutation && own == dims) {
      operands.push_back(other.getInput());
      continue;
    }
    // A tensor of full shape would only be transposed the other way.
    if (own == dims)
      return failure();
    if (!own.empty()) {
      own.insert(own.begin(), dims.size() - own.size(),
                 DimAttr::constant(op.getContext(), 1));
      input =
          transposeTo(rewriter, op.getLoc(),
                      reshapeTo(rewriter, op.getLoc(), input, own), inverse);
    }
    operands.push_back(input);
  }
  auto result = nn::ElementwiseOp::create(
      rewriter, op.getLoc(), op.getKindAttr(), operands, op.getToAttr());
  rewriter.replaceOp(op,
                     transposeTo(rewriter, op.getLoc(), result, permutation));
  return success();
}

// Softmax along, or a norm over, trailing dims that the reshape leaves alone.
static LogicalResult sinkReshapeBelowRows(Operation *op, int64_t axis,
                                          PatternRewriter &rewriter) {
  auto reshape = op->getOperand(0).getDefiningOp<nn::ReshapeOp>();
  if (!reshape || op->getNumResults() != 1)
    return failure();
  int64_t trailing = cast<RankedTensorType>(reshape.getType()).getRank() - axis;
  if (trailing > untouchedDims(reshape))
    return failure();
  int64_t rank = cast<RankedTensorType>(reshape.getInput().getType()).getRank();
  Operation *moved = rewriter.clone(*op);
  moved->setOperand(0, reshape.getInput());
  moved->setAttr("axis", rewriter.getI64IntegerAttr(rank - trailing));
  moved->getResult(0).setType(reshape.getInput().getType());
  rewriter.replaceOp(op, reshapeTo(rewriter, op->getLoc(), moved->getResult(0),
                                   nn::getDims(op->getResult(0))));
  return success();
}

static LogicalResult sinkReshapeBelowNorm(nn::NormOp op,
                                          PatternRewriter &rewriter) {
  return sinkReshapeBelowRows(op, op.getAxis(), rewriter);
}

static LogicalResult sinkReshapeBelowSoftmax(nn::SoftmaxOp op,
                                             PatternRewriter &rewriter) {
  return sinkReshapeBelowRows(op, op.getAxis(), rewriter);
}

void addContractPatterns(RewritePatternSet &patterns) {
  patterns.add(absorbTranspose);
  patterns.add(exchangeOperands);
  patterns.add(sinkReshapeBelowContract);
  patterns.add(sinkReshapeBelowElementwise);
  patterns.add(sinkTransposeBelowElementwise);
  patterns.add(sinkReshapeBelowNorm);
  patterns.add(sinkReshapeBelowSoftmax);
}

} // namespace attune::cleanup
