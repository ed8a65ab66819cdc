// Derivatives of contract and attention.
#include "compiler/differentiate/DerivativeModels.h"

namespace attune::differentiate {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using Axes = SmallVector<int64_t>;

// ---- contract ----

namespace {
// One operand, and which of its dims are what.
struct Side {
  Expr value;
  Axes batch, free, contracting;
};
} // namespace

static Axes range(int64_t first, int64_t count) {
  return llvm::to_vector(llvm::seq<int64_t>(first, first + count));
}

// Where each element of `wanted` stands in `found`.
static Axes positionsOf(ArrayRef<int64_t> wanted, ArrayRef<int64_t> found) {
  return llvm::map_to_vector(wanted, [&](int64_t axis) {
    return int64_t(llvm::find(found, axis) - found.begin());
  });
}

static Expr contract(const Side &lhs, const Side &rhs, nn::ContractOp like) {
  Site &site = lhs.value.getSite();
  auto axes = [&](const Axes &list) {
    return site.builder.getDenseI64ArrayAttr(list);
  };
  return lhs.value.with(nn::ContractOp::create(
      site.builder, site.loc, lhs.value, rhs.value, axes(lhs.batch),
      axes(rhs.batch), axes(lhs.contracting), axes(rhs.contracting),
      like.getAccumulateAttr(), like.getTf32Attr()));
}

// The gradient of `self`, whose product with `other` (`op`) has the gradient
// dy: the sum of dy and `other` over the free dims of `other`. A contract
// again, with its operands in the order that needs no transpose where one does.
static Expr gradientOf(const Side &self, const Side &other, Expr dy,
                       int64_t firstSelfFree, int64_t firstOtherFree,
                       nn::ContractOp op) {
  Side gradient{dy, range(0, self.batch.size()),
                range(firstSelfFree, self.free.size()),
                range(firstOtherFree, other.free.size())};
  Side operand{other.value, other.batch, other.contracting, other.free};
  // What is free in the product keeps its order: contracted dims by where they
  // stand in `other`.
  Axes order = range(0, other.contracting.size());
  llvm::sort(order, [&](int64_t a, int64_t b) {
    return other.contracting[a] < other.contracting[b];
  });
  Axes contracted;
  for (int64_t i : order)
    contracted.push_back(self.contracting[i]);
  auto dimsOf = [&](const Axes &first, const Axes &second) {
    Axes dims(self.batch);
    llvm::append_range(dims, first);
    llvm::append_range(dims, second);
    return dims;
  };
  Axes wanted = range(0, self.value.rank());
  Axes free = dimsOf(self.free, contracted),
       exchanged = dimsOf(contracted, self.free);
  if (exchanged == wanted && free != wanted)
    return contract(operand, gradient, op);
  return transpose(contract(gradient, operand, op), positionsOf(wanted, free));
}

static LogicalResult differentiateContract(nn::ContractOp op, const Vjp &vjp) {
  Site &site = vjp.site;
  Side lhs{{site, op.getLhs()},
           Axes(op.getLhsBatch()),
           op.getLhsFree(),
           Axes(op.getLhsContracting())};
  Side rhs{{site, op.getRhs()},
           Axes(op.getRhsBatch()),
           op.getRhsFree(),
           Axes(op.getRhsContracting())};
  // As autocast has it: what is multiplied is narrow, what is summed is not.
  Type element = lhs.value.elementType();
  Expr dy = castTo(vjp.cotangent(), element);
  int64_t batch = lhs.batch.size(), left = lhs.free.size();
  if (vjp.needed[0])
    vjp.gradients[0] =
        castTo(gradientOf(lhs, rhs, dy, batch, batch + left, op), element);
  if (vjp.needed[1])
    vjp.gradients[1] =
        castTo(gradientOf(rhs, lhs, dy, batch + left, batch, op), element);
  return success();
}

// ---- attention ----

// The op with the logsumexp of its rows as a result.
static nn::AttentionOp withLogsumexp(nn::AttentionOp op) {
  if (op.getLogsumexp())
    return op;
  OpBuilder builder(op);
  Dims rows(ArrayRef(nn::getDims(op.getQuery())).take_front(3));
  Type element =
      cast<RankedTensorType>(op.getQuery().getType()).getElementType();
  if (element.getIntOrFloatBitWidth() < 32)
    element = builder.getF32Type();
  auto rebuilt = nn::AttentionOp::create(
      builder, op.getLoc(), op.getResult().getType(),
      TypeRange{nn::tensorType(rows, element)}, op.getQuery(), op.getKey(),
      op.getValue(), op.getBias(), op.getKeyMask(), op.getRandom(),
      op.getScaleAttr(), op.getCausalAttr(), op.getWindowAttr(),
      op.getSoftcapAttr(), op.getDropoutAttr(), op.getRandomIdAttr(),
      op.getTf32Attr());
  op.getResult().replaceAllUsesWith(rebuilt.getResult());
  op.erase();
  return rebuilt;
}

static LogicalResult differentiateAttention(nn::AttentionOp op,
                                            const Vjp &vjp) {
  if (vjp.cotangents.size() > 1 && vjp.cotangents[1])
    return op.emitError(
        "the loss reads the logsumexp of an attention, which has no "
        "derivative here");
  op = withLogsumexp(op);
  Site &site = vjp.site;
  bool needsBias = op.getBias() && vjp.needed[3];
  auto backward = nn::AttentionBackwardOp::create(
      site.builder, site.loc, op.getQuery().getType(), op.getKey().getType(),
      op.getValue().getType(), needsBias ? op.getBias().getType() : Type(),
      op.getQuery(), op.getKey(), op.getValue(), op.getResult(),
      op.getLogsumexp(), vjp.cotangent(), /*scores=*/Value(), op.getBias(),
      op.getKeyMask(), op.getRandom(), op.getScaleAttr(), op.getCausalAttr(),
      op.getWindowAttr(), op.getSoftcapAttr(), op.getDropoutAttr(),
      op.getRandomIdAttr());
  for (unsigned i = 0; i < 3; ++i)
    if (vjp.needed[i])
      vjp.gradients[i] = backward->getResult(i);
  if (needsBias)
    vjp.gradients[3] = backward.getBiasGradient();
  return success();
}

void attachProductDerivatives(MLIRContext &context) {
  attachDerivative<nn::ContractOp, differentiateContract>(context);
  attachDerivative<nn::AttentionOp, differentiateAttention>(context);
}

} // namespace attune::differentiate
