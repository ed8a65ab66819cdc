//===- AttentionBackward.cpp - the parts of attention's gradients ---------===//
//
// Enters: a kernel of family attention_backward. Leaves: its parts by name, or
// an error that says what does not fit.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/AttentionBackward.h"
#include "compiler/target/common/Attention.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

static bool isZero(Value value) {
  SplatElementsAttr splat;
  return matchPattern(value, m_Constant(&splat)) &&
         isa<FloatType>(splat.getElementType()) &&
         splat.getSplatValue<APFloat>().isZero();
}

/// The one loop directly inside `op`'s body; null if there is none or more.
static tile::ForOp onlyLoop(Block &body) {
  auto loops = body.getOps<tile::ForOp>();
  if (!llvm::hasSingleElement(loops))
    return {};
  return *loops.begin();
}

/// dQ = 0, and then the loop over the keys.
static LogicalResult matchItem(AttentionBackward &parts,
                               tile::KernelOp kernel) {
  SmallVector<tile::ForOp> loops(
      kernel.getParallel().getBody()->getOps<tile::ForOp>());
  if (loops.empty() || loops.size() > 2)
    return kernel.emitOpError("expected a loop over keys, and before it none "
                              "but that which clears the gradient of queries");
  parts.keys = loops.back();
  if (loops.size() == 1)
    return success();
  parts.clearGroups = loops.front();
  parts.clearQueries = onlyLoop(*parts.clearGroups.getBody());
  if (parts.clearQueries)
    for (auto store : parts.clearQueries.getBody()->getOps<tile::StoreOp>())
      parts.clear = store;
  if (!parts.clear || !isZero(parts.clear.getBlock()))
    return loops.front().emitOpError(
        "expected loops that store a gradient of zero");
  return success();
}

/// Where the two dots of queries and keys, and of gradients and values, have
/// their operands from.
static LogicalResult matchProducts(AttentionBackward &parts,
                                   ArrayRef<tile::DotOp> products) {
  if (products.empty() || products.size() > 2)
    return parts.queries.emitOpError(
        "expected dots of gradients and values and, unless scores are saved, "
        "of queries and keys before it");
  auto load = [](Value block) { return block.getDefiningOp<tile::LoadOp>(); };
  parts.weights = products.back();
  parts.gradient = load(parts.weights.getLhs());
  parts.value = load(parts.weights.getRhs());
  if (products.size() == 1)
    return success();
  parts.scores = products.front();
  parts.query = load(parts.scores.getLhs());
  parts.key = load(parts.scores.getRhs());
  return success();
}

/// Which of the gradients a dot sums up.
static LogicalResult matchSum(AttentionBackward &parts, tile::DotOp dot) {
  auto rhs = dot.getRhs().getDefiningOp<tile::LoadOp>();
  bool ofQueries = dot.getTransLhs();
  bool isValue = ofQueries && rhs == parts.gradient;
  tile::DotOp &place = isValue ? parts.dv : ofQueries ? parts.dk : parts.dq;
  if (place)
    return dot.emitOpError("has no place among the gradients of attention");
  place = dot;
  if (isValue)
    return success();
  tile::LoadOp &source = ofQueries ? parts.query : parts.key;
  if (!source)
    source = rhs;
  if (!rhs || rhs != source || (rhs->getParentOp() == parts.keys) != !ofQueries)
    return dot.emitOpError("expected queries where keys are, or keys where "
                           "queries are");
  return success();
}

/// What else a block of scores holds.
static LogicalResult matchOther(AttentionBackward &parts, Operation &op) {
  if (auto band = dyn_cast<tile::BandOp>(op)) {
    parts.band = band;
  } else if (auto reduce = dyn_cast<tile::ReduceOp>(op)) {
    if (parts.mean || reduce.getKind() != tile::ReduceKind::sum ||
        reduce.getAxis() != 1)
      return op.emitOpError("expected one sum over each row");
    parts.mean = reduce;
  } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
    parts.slopeStores.push_back(store);
  } else if (auto sum = dyn_cast<tile::AccumulateOp>(op)) {
    parts.queryGradient = sum;
  } else if (isa<tile::ForOp, tile::SoftmaxStepOp>(op)) {
    return op.emitOpError("has no place among the gradients of attention");
  }
  return success();
}

static LogicalResult matchScores(AttentionBackward &parts) {
  SmallVector<tile::DotOp> products, sums;
  for (Operation &op : *parts.queries.getBody())
    if (auto dot = dyn_cast<tile::DotOp>(op))
      (dot.getTransRhs() ? products : sums).push_back(dot);
    else if (failed(matchOther(parts, op)))
      return failure();
  if (failed(matchProducts(parts, products)))
    return failure();
  for (tile::DotOp dot : sums)
    if (failed(matchSum(parts, dot)))
      return failure();
  return success();
}

static LogicalResult checkScores(AttentionBackward &parts) {
  tile::ForOp loop = parts.queries;
  if (!parts.gradient || !parts.value || !parts.band || !parts.mean ||
      (parts.scores && (!parts.query || !parts.key)))
    return loop.emitOpError("expected dots of what is loaded, a band and a "
                            "sum");
  if (parts.band.getRows() != loop.getSpan() ||
      parts.band.getColumns() != parts.keys.getSpan())
    return parts.band.emitOpError("expected the spans of the two loops");
  for (tile::DotOp dot : {parts.scores, parts.weights, parts.dq})
    if (dot && !isZero(dot.getAcc()))
      return loop.emitOpError("expected dots that start at zero");
  if (bool(parts.dq) != bool(parts.queryGradient) ||
      bool(parts.dq) != bool(parts.clear))
    return loop.emitOpError("expected a gradient of queries that is cleared, "
                            "computed and accumulated");
  if (parts.dq && parts.dk && parts.dq.getLhs() != parts.dk.getLhs())
    return loop.emitOpError("expected gradients of queries and keys from the "
                            "same slopes");
  return success();
}

/// dK and dV: carried by the loops over groups and queries, stored at the end.
static LogicalResult matchCarried(AttentionBackward &parts) {
  unsigned count = (parts.dk ? 1 : 0) + (parts.dv ? 1 : 0);
  for (tile::ForOp loop : {parts.groups, parts.queries})
    if (loop.getInits().size() != count)
      return loop.emitOpError("expected to carry the gradients of keys and "
                              "values");
  for (auto [dot, index] :
       {std::pair<tile::DotOp, unsigned *>(parts.dk, &parts.dkIndex),
        {parts.dv, &parts.dvIndex}}) {
    if (!dot)
      continue;
    auto yielded = parts.queries.getYielded();
    *index = llvm::find(yielded, dot.getResult()) - yielded.begin();
    if (*index == count || dot.getAcc() != parts.queries.getCarried()[*index] ||
        parts.queries.getInits()[*index] != parts.groups.getCarried()[*index] ||
        parts.groups.getYielded()[*index] != parts.queries.getResult(*index) ||
        !isZero(parts.groups.getInits()[*index]))
      return dot.emitOpError("expected a sum that starts at zero and that both "
                             "loops carry");
  }
  for (auto store : parts.keys.getBody()->getOps<tile::StoreOp>())
    parts.keyStores.push_back(store);
  return success();
}

FailureOr<AttentionBackward> AttentionBackward::match(tile::KernelOp kernel) {
  AttentionBackward parts{};
  if (failed(matchItem(parts, kernel)))
    return failure();
  parts.groups = onlyLoop(*parts.keys.getBody());
  parts.queries = parts.groups ? onlyLoop(*parts.groups.getBody()) : nullptr;
  if (!parts.queries)
    return parts.keys.emitOpError("expected loops over groups and queries");
  if (failed(matchScores(parts)) || failed(checkScores(parts)) ||
      failed(matchCarried(parts)))
    return failure();
  // Of queries and keys neither is read if only values have a gradient.
  if (parts.key)
    parts.features = otherSpan(parts.key, parts.keys.getSpan());
  else if (parts.query)
    parts.features = otherSpan(parts.query, parts.queries.getSpan());
  parts.columns = otherSpan(parts.value, parts.keys.getSpan());
  auto isStatic = [](Value span) {
    return span && !cast<tile::SpanType>(span.getType()).isDynamic();
  };
  if (((parts.key || parts.query) && !isStatic(parts.features)) ||
      !isStatic(parts.columns))
    return parts.keys.emitOpError("expected static blocks of the loop's keys");
  return parts;
}

int64_t AttentionBackward::blockQueries() const { return queries.getStep(); }

int64_t AttentionBackward::blockKeys() const { return keys.getStep(); }

int64_t AttentionBackward::depth() const {
  return features ? cast<tile::SpanType>(features.getType()).getSize() : 0;
}

int64_t AttentionBackward::valueSize() const {
  return cast<tile::SpanType>(columns.getType()).getSize();
}
