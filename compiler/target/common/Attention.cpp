//===- Attention.cpp - the parts of an attention kernel -------------------===//
//
// Enters: a kernel of family attention. Leaves: its parts by name, or an error
// that says what does not fit.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/Attention.h"
#include "mlir/IR/Matchers.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::common;

static std::optional<double> splatOf(Value value) {
  SplatElementsAttr splat;
  if (!matchPattern(value, m_Constant(&splat)) ||
      !isa<FloatType>(splat.getElementType()))
    return std::nullopt;
  return splat.getSplatValue<APFloat>().convertToDouble();
}

Value attune::target::common::otherSpan(tile::LoadOp load, Value span) {
  SmallVector<Value, 4> spans = tile::spansAmong(load.getPositions());
  if (spans.size() != 2 || !llvm::is_contained(spans, span))
    return {};
  return spans[0] == span ? spans[1] : spans[0];
}

/// The weights themselves, narrowed, or times the factors of dropout.
static bool isWeights(Value value, tile::SoftmaxStepOp step, bool &isDropped) {
  if (auto narrow = value.getDefiningOp<arith::TruncFOp>())
    value = narrow.getIn();
  if (auto product = value.getDefiningOp<arith::MulFOp>()) {
    isDropped = true;
    value = product.getLhs();
  }
  return value == step.getWeights();
}

/// Finds the carried values and the two dots.
static LogicalResult matchLoop(Attention &parts) {
  tile::ForOp loop = parts.loop;
  for (tile::SoftmaxStepOp step :
       loop.getBody()->getOps<tile::SoftmaxStepOp>()) {
    if (parts.step)
      return step.emitOpError("attention has one softmax");
    parts.step = step;
  }
  if (!parts.step)
    return loop.emitOpError("expected a softmax step in the loop over keys");
  auto carriedAt = [&](Value value) -> std::optional<unsigned> {
    auto arg = dyn_cast<BlockArgument>(value);
    if (!arg || arg.getOwner() != loop.getBody() || arg.getArgNumber() == 0)
      return std::nullopt;
    return arg.getArgNumber() - 1;
  };
  std::optional<unsigned> max = carriedAt(parts.step.getMax());
  std::optional<unsigned> sum = carriedAt(parts.step.getSum());
  if (!max || !sum || loop.getYielded()[*max] != parts.step.getNewMax() ||
      loop.getYielded()[*sum] != parts.step.getNewSum() ||
      loop.getInits().size() != 3)
    return parts.step.emitOpError(
        "expected the loop to carry maximum, sum and result");
  parts.maxIndex = *max;
  parts.sumIndex = *sum;
  parts.outIndex = 3 - *max - *sum;
  parts.values = loop.getYielded()[parts.outIndex].getDefiningOp<tile::DotOp>();
  if (!parts.values || parts.values.getTransLhs() ||
      !isWeights(parts.values.getLhs(), parts.step, parts.isDropped))
    return loop.emitOpError(
        "expected the carried result to be a dot of the weights");
  // acc = carried * broadcast(alpha)
  auto rescale = parts.values.getAcc().getDefiningOp<arith::MulFOp>();
  auto isAlpha = [&](Value value) {
    auto broadcast = value.getDefiningOp<tile::BroadcastOp>();
    return broadcast && broadcast.getSource() == parts.step.getAlpha() &&
           broadcast.getAxes() == ArrayRef<int64_t>{0};
  };
  Value carried = loop.getCarried()[parts.outIndex];
  if (!rescale ||
      !((rescale.getLhs() == carried && isAlpha(rescale.getRhs())) ||
        (rescale.getRhs() == carried && isAlpha(rescale.getLhs()))))
    return parts.values.emitOpError(
        "expected to add to the carried result times alpha");
  for (auto [index, start] : {std::pair(parts.maxIndex, -HUGE_VAL),
                              {parts.sumIndex, 0.0},
                              {parts.outIndex, 0.0}})
    if (splatOf(loop.getInits()[index]) != start)
      return loop.emitOpError(
          "expected maximum, sum and result to start at -inf, 0 and 0");
  return success();
}

/// Finds what lies between the dots.
static LogicalResult matchScores(Attention &parts) {
  for (Operation &op : *parts.loop.getBody()) {
    if (auto dot = dyn_cast<tile::DotOp>(op); dot && dot != parts.values) {
      if (parts.scores)
        return op.emitOpError("attention has two dots");
      parts.scores = dot;
    } else if (auto band = dyn_cast<tile::BandOp>(op)) {
      if (parts.band)
        return op.emitOpError("attention has one band");
      parts.band = band;
    } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
      parts.saves.push_back(store);
    } else if (isa<tile::ReduceOp, tile::ForOp, tile::SoftmaxFinishOp>(op)) {
      return op.emitOpError("has no place in the loop of attention");
    }
  }
  if (!parts.scores || splatOf(parts.scores.getAcc()) != 0.0 ||
      parts.scores.getTransLhs())
    return parts.loop.emitOpError(
        "expected scores from a dot that starts at zero");
  if (!parts.band)
    return parts.loop.emitOpError(
        "expected a band, which hides what is beyond the keys");
  // band(dot * c), in either order: the factor can move behind the maximum.
  Value value = parts.step.getScores();
  double scale = 1.0;
  while (Operation *op = value.getDefiningOp()) {
    if (auto band = dyn_cast<tile::BandOp>(op)) {
      value = band.getScores();
    } else if (auto mul = dyn_cast<arith::MulFOp>(op)) {
      std::optional<double> factor = splatOf(mul.getRhs());
      value = factor ? mul.getLhs() : mul.getRhs();
      if (!factor)
        factor = splatOf(mul.getLhs());
      if (!factor || *factor <= 0)
        return success();
      scale *= *factor;
    } else {
      break;
    }
  }
  if (value == parts.scores.getResult() && parts.saves.empty())
    parts.scale = scale;
  return success();
}

FailureOr<Attention> Attention::match(tile::KernelOp kernel) {
  Attention parts{};
  for (Operation &op : *kernel.getParallel().getBody()) {
    if (auto loop = dyn_cast<tile::ForOp>(op)) {
      if (parts.loop)
        return op.emitOpError("attention has one loop");
      parts.loop = loop;
    } else if (auto store = dyn_cast<tile::StoreOp>(op)) {
      parts.stores.push_back(store);
    } else if (auto finish = dyn_cast<tile::SoftmaxFinishOp>(op)) {
      parts.finish = finish;
    } else if (isa<tile::ReduceOp, tile::DotOp, tile::SoftmaxStepOp>(op)) {
      return op.emitOpError("has no place beside the loop of attention");
    }
  }
  if (!parts.loop)
    return kernel.emitOpError("expected a loop over keys");
  if (failed(matchLoop(parts)) || failed(matchScores(parts)))
    return failure();
  if (parts.finish &&
      (parts.finish.getMax() != parts.loop.getResult(parts.maxIndex) ||
       parts.finish.getSum() != parts.loop.getResult(parts.sumIndex)))
    return parts.finish.emitOpError(
        "expected to finish the softmax of the loop");

  parts.keyLoad = parts.scores.getRhs().getDefiningOp<tile::LoadOp>();
  parts.valueLoad = parts.values.getRhs().getDefiningOp<tile::LoadOp>();
  if (!parts.keyLoad || !parts.valueLoad)
    return parts.loop.emitOpError(
        "expected keys and values that are loaded as they are");
  parts.rows = parts.band.getRows();
  parts.keyDepth = otherSpan(parts.keyLoad, parts.loop.getSpan());
  parts.valueColumns = otherSpan(parts.valueLoad, parts.loop.getSpan());
  if (!parts.keyDepth || !parts.valueColumns ||
      parts.band.getColumns() != parts.loop.getSpan())
    return parts.loop.emitOpError(
        "expected the loop's span to run over keys and values");
  auto weights = cast<RankedTensorType>(parts.step.getScores().getType());
  if (!weights.hasStaticShape() ||
      cast<tile::SpanType>(parts.keyDepth.getType()).isDynamic() ||
      cast<tile::SpanType>(parts.valueColumns.getType()).isDynamic())
    return parts.loop.emitOpError("expected static blocks");
  return parts;
}

int64_t Attention::blockRows() const {
  return cast<RankedTensorType>(step.getScores().getType()).getDimSize(0);
}

int64_t Attention::blockKeys() const {
  return cast<RankedTensorType>(step.getScores().getType()).getDimSize(1);
}

int64_t Attention::depth() const {
  return cast<tile::SpanType>(keyDepth.getType()).getSize();
}

int64_t Attention::columns() const {
  return cast<tile::SpanType>(valueColumns.getType()).getSize();
}
