// DetectAttention: attention from its parts.
//
//   softmax(softcap(scale * Q K^T) + bias) V
//
// Enters: nn after cleanup and the other detections. Leaves: nn.attention with
// everything that was added or hidden as its bias (DetectMasks reads it next),
// and a ledger entry for each product over the axis of a softmax, fired or not.
#include "compiler/detect/HeadLayout.h"
#include "compiler/detect/Passes.h"
#include "compiler/detect/ScorePattern.h"
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Transforms/RegionUtils.h"

namespace attune::detect {

#define GEN_PASS_DEF_DETECTATTENTION
#include "compiler/detect/Passes.h.inc"

using namespace mlir;
using cleanup::scalarConstant;
using cleanup::splatValue;
using nn::Dims;
using nn::ElementwiseKind;
using nn::ElementwiseOp;

namespace {
// A contract that reads a softmax.
struct Candidate {
  nn::ContractOp product; // probabilities times values
  nn::SoftmaxOp softmax;
  bool probabilitiesLeft;
  SmallVector<Operation *> guards; // between softmax and product

  Value values() {
    return probabilitiesLeft ? product.getRhs() : product.getLhs();
  }
  ArrayRef<int64_t> batch(bool ofValues) {
    return probabilitiesLeft != ofValues ? product.getLhsBatch()
                                         : product.getRhsBatch();
  }
  ArrayRef<int64_t> contracting(bool ofValues) {
    return probabilitiesLeft != ofValues ? product.getLhsContracting()
                                         : product.getRhsContracting();
  }
  SmallVector<int64_t> free(bool ofValues) {
    return probabilitiesLeft != ofValues ? product.getLhsFree()
                                         : product.getRhsFree();
  }
};

// All axes of the two products by meaning.
struct Roles {
  OperandAxes query, key, value;
  SmallVector<int64_t> order; // the result's batch dims as the scores'
  bool queriesLeft = true;
};
} // namespace

// ---- finding candidates ----

// The softmax behind casts and `where(isnan(p), 0, p)`, which only catches rows
// that are hidden everywhere; nn.attention gives 0 there.
static nn::SoftmaxOp behindGuards(Value value,
                                  SmallVectorImpl<Operation *> &guards) {
  while (Operation *op = value.getDefiningOp()) {
    if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
      return softmax;
    auto elementwise = dyn_cast<ElementwiseOp>(op);
    if (!elementwise)
      return {};
    guards.push_back(op);
    if (elementwise.getKind() == ElementwiseKind::Cast &&
        skipFloatCasts(value) != value) {
      value = elementwise.getInputs()[0];
      continue;
    }
    if (elementwise.getKind() != ElementwiseKind::Select)
      return {};
    auto isNan =
        asElementwise(elementwise.getInputs()[0], ElementwiseKind::IsNan);
    if (!isNan || splatValue(elementwise.getInputs()[1]) != 0.0 ||
        isNan.getInputs()[0] != elementwise.getInputs()[2])
      return {};
    guards.push_back(isNan);
    value = elementwise.getInputs()[2];
  }
  return {};
}

static std::optional<Candidate> asCandidate(nn::ContractOp op) {
  for (bool left : {true, false}) {
    Candidate candidate{op, {}, left, {}};
    candidate.softmax =
        behindGuards(left ? op.getLhs() : op.getRhs(), candidate.guards);
    if (candidate.softmax)
      return candidate;
  }
  return std::nullopt;
}

// ---- conditions ----

// Uses of the probabilities other than by this candidate.
static bool isShared(Candidate &candidate) {
  SmallVector<Operation *> allowed(candidate.guards);
  allowed.push_back(candidate.product);
  auto isAllowed = [&](Operation *user) {
    return llvm::is_contained(allowed, user);
  };
  if (!llvm::all_of(candidate.softmax->getUsers(), isAllowed))
    return true;
  return llvm::any_of(candidate.guards, [&](Operation *guard) {
    return !llvm::all_of(guard->getUsers(), isAllowed);
  });
}

// Axes of one operand of the score product.
static OperandAxes operandAxes(nn::ContractOp product, bool left) {
  OperandAxes axes;
  axes.batch =
      llvm::to_vector(left ? product.getLhsBatch() : product.getRhsBatch());
  axes.sequence = (left ? product.getLhsFree() : product.getRhsFree()).front();
  axes.feature =
      (left ? product.getLhsContracting() : product.getRhsContracting())
          .front();
  return axes;
}

static std::optional<Roles>
matchRoles(Candidate &candidate, nn::ContractOp scores, std::string &reason) {
  auto fail = [&](const Twine &why) {
    reason = why.str();
    return std::nullopt;
  };
  int64_t rank = nn::getDims(scores.getResult()).size();
  int64_t batchDims = scores.getLhsBatch().size();
  if (scores.getLhsFree().size() != 1 || scores.getRhsFree().size() != 1 ||
      scores.getLhsContracting().size() != 1)
    return fail("the product " + nn::nodeName(scores) +
                " has more than one query, key or feature dim");
  int64_t axis = candidate.softmax.getAxis();
  if (axis != rank - 1)
    return fail("the softmax " + nn::nodeName(candidate.softmax) +
                " does not run over the keys (axis " + Twine(axis) +
                " of rank " + Twine(rank) + ")");
  if (candidate.contracting(false) != ArrayRef<int64_t>{axis})
    return fail("the product " + nn::nodeName(candidate.product) +
                " does not sum over the softmax axis");
  if (candidate.free(false) != SmallVector<int64_t>{rank - 2} ||
      int64_t(candidate.batch(false).size()) != batchDims)
    return fail("the product " + nn::nodeName(candidate.product) +
                " mixes heads or queries");
  if (candidate.free(true).size() != 1)
    return fail("the values of " + nn::nodeName(candidate.product) +
                " have more than one feature dim");
  Roles roles;
  roles.query = operandAxes(scores, true);
  roles.key = operandAxes(scores, false);
  roles.value.batch.resize(batchDims);
  for (auto [mine, theirs] :
       llvm::zip(candidate.batch(false), candidate.batch(true)))
    roles.value.batch[mine] = theirs;
  roles.order = llvm::to_vector(candidate.batch(false));
  roles.value.sequence = candidate.contracting(true).front();
  roles.value.feature = candidate.free(true).front();
  auto isStatic = [](Value operand, int64_t axis) {
    return bool(nn::getDim(operand, axis).getConstant());
  };
  if (!isStatic(scores.getLhs(), roles.query.feature) ||
      !isStatic(candidate.values(), roles.value.feature))
    return fail("the head size of " + nn::nodeName(scores) + " is not static");
  return roles;
}

// ---- building ----

// Everything added to or hidden from the scores as one bias, in [B, H, S, T].
static Value buildBias(OpBuilder &builder, const ScorePattern &pattern,
                       const HeadLayout &layout, Type element, Location loc) {
  Value sum;
  auto add = [&](Value term) {
    sum = !sum ? term
               : Value(ElementwiseOp::create(builder, loc, ElementwiseKind::Add,
                                             ValueRange{sum, term}));
  };
  for (const Addend &addend : pattern.addends) {
    Value term = layout.toScores(builder, addend.value);
    auto type = cast<RankedTensorType>(term.getType());
    if (type.getElementType() != element)
      term = ElementwiseOp::create(
          builder, loc,
          nn::ElementwiseKindAttr::get(builder.getContext(),
                                       ElementwiseKind::Cast),
          ValueRange(term), TypeAttr::get(element));
    if (addend.factor != 1)
      term = ElementwiseOp::create(
          builder, loc, ElementwiseKind::Mul,
          ValueRange{term,
                     scalarConstant(builder, loc, addend.factor, element)});
    add(term);
  }
  for (const Replacement &replacement : pattern.replacements) {
    // Added to a score, the lowest value gives itself, as the replacement does.
    double fill = std::isinf(replacement.fill)
                      ? replacement.fill
                      : -double(std::numeric_limits<float>::max());
    Value zero = scalarConstant(builder, loc, 0, element),
          hidden = scalarConstant(builder, loc, fill, element);
    Value condition = layout.toScores(builder, replacement.condition);
    add(ElementwiseOp::create(builder, loc, ElementwiseKind::Select,
                              replacement.negated
                                  ? ValueRange{condition, hidden, zero}
                                  : ValueRange{condition, zero, hidden}));
  }
  return sum;
}

// Scales that differ by query go onto the queries: equal along keys, they are
// equal along features.
static Value scaleRows(OpBuilder &builder, Value query,
                       const ScorePattern &pattern, const HeadLayout &layout) {
  for (Value scale : pattern.rowScales)
    query = ElementwiseOp::create(
        builder, query.getLoc(), ElementwiseKind::Mul,
        ValueRange{query, layout.toScores(builder, scale)});
  return query;
}

static nn::AttentionOp build(Candidate &candidate, ScorePattern &pattern,
                             const Roles &roles, OpBuilder &builder) {
  nn::ContractOp scores = pattern.product;
  HeadLayout layout(nn::getDims(scores.getResult()));
  Scaled query = withoutScale(builder, scores.getLhs());
  Scaled key = withoutScale(builder, scores.getRhs());
  Value q = layout.toHeads(builder, query.value, roles.query);
  Value k = layout.toHeads(builder, key.value, roles.key);
  Value v = layout.toHeads(builder, candidate.values(), roles.value);
  q = scaleRows(builder, q, pattern, layout);
  // Keys and values must be repeated in the same way.
  Value fewK = withoutRepeatedHeads(builder, k),
        fewV = withoutRepeatedHeads(builder, v);
  if (nn::getDim(fewK, 1) == nn::getDim(fewV, 1)) {
    k = fewK;
    v = fewV;
  }
  Type element = cast<RankedTensorType>(q.getType()).getElementType();
  Location loc = fuseLocations(candidate.product, pattern.parts);
  Value bias = buildBias(builder, pattern, layout, element, loc);
  auto attention = nn::AttentionOp::create(
      builder, loc, q, k, v, pattern.scale * query.factor * key.factor,
      nn::CausalKind::None, bias);
  if (pattern.softcap)
    attention.setSoftcapAttr(builder.getF64FloatAttr(*pattern.softcap));
  return attention;
}

// Attention has one element type; a model may mix them.
static bool haveOneType(nn::ContractOp scores, nn::ContractOp product,
                        std::string &reason) {
  Type first = getElementTypeOrSelf(scores.getType()),
       second = getElementTypeOrSelf(product.getType());
  if (first == second)
    return true;
  llvm::raw_string_ostream(reason)
      << "the scores are " << first << " and the result is " << second;
  return false;
}

static void detect(Candidate candidate) {
  fusion::LedgerEntry entry;
  entry.subject = "attention";
  entry.name = nn::nodeName(candidate.product);
  nn::ContractOp product = candidate.product;
  std::optional<ScorePattern> pattern;
  std::optional<Roles> roles;
  if (isShared(candidate))
    entry.reason = "the probabilities of " + nn::nodeName(candidate.softmax) +
                   " are used elsewhere";
  else if ((pattern = matchScores(candidate.softmax, entry.reason)) &&
           haveOneType(pattern->product, product, entry.reason))
    roles = matchRoles(candidate, pattern->product, entry.reason);
  if (!roles) {
    entry.before = fusion::costOf({product, candidate.softmax});
    return fusion::record(product, entry);
  }
  SmallVector<Operation *> parts(pattern->parts);
  llvm::append_range(parts, candidate.guards);
  parts.push_back(product);
  entry.before = fusion::costOf(parts);

  OpBuilder builder(product);
  nn::AttentionOp attention = build(candidate, *pattern, *roles, builder);
  HeadLayout layout(nn::getDims(pattern->product.getResult()));
  Value result = layout.fromHeads(builder, attention.getResult(), roles->order,
                                  !candidate.probabilitiesLeft);
  assert(result.getType() == product.getType());
  entry.fired = true;
  entry.reason = "softmax between two products";
  entry.after = fusion::costOf(attention);
  fusion::record(attention, entry);
  product.getResult().replaceAllUsesWith(result);
}

namespace {
struct DetectAttention : impl::DetectAttentionBase<DetectAttention> {
  void runOnOperation() override {
    SmallVector<nn::ContractOp> products;
    getOperation()->walk([&](nn::ContractOp op) { products.push_back(op); });
    for (nn::ContractOp op : products)
      if (auto candidate = asCandidate(op))
        detect(*candidate);
    // The parts are dead now; so are views built for a repeat that was none.
    IRRewriter rewriter(&getContext());
    getOperation()->walk([&](func::FuncOp function) {
      (void)runRegionDCE(rewriter, function->getRegions());
    });
  }
};
} // namespace

} // namespace attune::detect
