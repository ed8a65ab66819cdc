// Losses: a sum over what counts, and how much that is. @loss divides the two,
// @eval gives both.
#include "frontends/dsl/Functions.h"

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

MaybeTensor meanOf(Graph &graph, const Loss &loss) {
  Tensor one = graph.scalar(graph.b.getF32Type(), 1.0);
  return graph.apply(
      Kind::Div, {loss.sum, graph.elementwise(Kind::Max, {loss.count, one})});
}

static SmallVector<int64_t> allAxes(Tensor x) {
  return llvm::to_vector(llvm::seq<int64_t>(0, Graph::rankOf(x)));
}

static MaybeTensor total(Graph &graph, MaybeTensor x) {
  if (failed(x) || Graph::rankOf(*x) == 0)
    return x;
  return graph.reduce(nn::ReduceKind::Sum, *x, allAxes(*x), false);
}

/// How many labels are the first of the greatest logits.
static MaybeTensor countCorrect(Graph &graph, Tensor logits, Tensor labels,
                                Tensor counts) {
  Type i64 = graph.b.getI64Type(), f32 = graph.b.getF32Type();
  int64_t last = Graph::rankOf(logits) - 1;
  DimAttr classes = nn::getDim(logits, last);
  MaybeTensor most =
      graph.reduce(nn::ReduceKind::Max, logits, {last}, /*keepdims=*/true);
  MaybeTensor isMost = graph.apply(Kind::Equal, {logits, most});
  MaybeTensor place = graph.apply(
      Kind::Select, {isMost, graph.iota(classes), graph.scalar(i64, classes)});
  if (failed(place))
    return failure();
  MaybeTensor guess =
      graph.reduce(nn::ReduceKind::Min, *place, {last}, /*keepdims=*/false);
  MaybeTensor right = graph.apply(
      Kind::And, {graph.apply(Kind::Equal, {guess, labels}), counts});
  if (failed(right))
    return failure();
  return total(graph, graph.cast(*right, f32));
}

MaybeValue callCrossEntropy(Call &call) {
  Graph &graph = call.graph;
  auto logits = call.tensor("logits"), labels = call.tensor("labels");
  auto smoothing = call.real("smoothing", 0);
  auto ignore =
      call.has("ignore") ? call.constant("ignore") : FailureOr<int64_t>(-100);
  if (failed(logits) || failed(labels) || failed(smoothing) || failed(ignore))
    return failure();
  if (!(*smoothing >= 0 && *smoothing < 1))
    return call.wrong("smoothing", "a number from 0 to below 1");
  Dims leading = Graph::dimsOf(*logits);
  bool fits = !leading.empty() && Graph::elementOf(*logits).isF32() &&
              Graph::elementOf(*labels).isInteger(64);
  if (fits) {
    leading.pop_back();
    fits = leading == Graph::dimsOf(*labels);
  }
  if (!fits)
    return graph.fail("expected logits f32[..., classes] and labels i64[...], "
                      "found " +
                      describeType(logits->getType()) + " and " +
                      describeType(labels->getType()));
  OpBuilder &b = graph.b;
  Type f32 = b.getF32Type(), i64 = b.getI64Type();
  if (failed(graph.spend()))
    return failure();
  auto each = nn::CrossEntropyOp::create(
      b, graph.loc, nn::tensorType(leading, f32), nn::tensorType(leading, f32),
      *logits, *labels, b.getF64FloatAttr(*smoothing),
      b.getI64IntegerAttr(*ignore));
  // A label that is no class counts as little as one that is ignored.
  DimAttr classes = nn::getDim(*logits, Graph::rankOf(*logits) - 1);
  MaybeTensor isInside = graph.apply(
      Kind::And,
      {graph.elementwise(Kind::GreaterEqual,
                         {*labels, graph.scalar(i64, int64_t(0))}),
       graph.elementwise(Kind::Less, {*labels, graph.scalar(i64, classes)})});
  MaybeTensor isIgnored =
      graph.elementwise(Kind::Equal, {*labels, graph.scalar(i64, *ignore)});
  MaybeTensor counts =
      graph.apply(Kind::And, {isInside, graph.apply(Kind::Not, {isIgnored})});
  if (failed(counts))
    return failure();
  auto sum = total(graph, each.getLoss());
  auto count = total(graph, graph.cast(*counts, f32));
  auto correct = countCorrect(graph, *logits, *labels, *counts);
  if (failed(sum) || failed(count) || failed(correct))
    return failure();
  return Value(std::make_shared<Loss>(Loss{*sum, *count, *correct}));
}

/// The mean over all elements, as torch's.
MaybeValue callMeanSquaredError(Call &call) {
  Graph &graph = call.graph;
  auto x = call.tensor("x"), target = call.tensor("target");
  if (failed(x) || failed(target))
    return failure();
  if (Graph::dimsOf(*x) != Graph::dimsOf(*target) ||
      !Graph::elementOf(*x).isF32() || !Graph::elementOf(*target).isF32())
    return graph.fail("expected f32 tensors of one shape, found " +
                      describeType(x->getType()) + " and " +
                      describeType(target->getType()));
  MaybeTensor difference = graph.elementwise(Kind::Sub, {*x, *target});
  MaybeTensor sum =
      total(graph, graph.apply(Kind::Mul, {difference, difference}));
  if (failed(sum))
    return failure();
  DimAttr elements = nn::numElements(Graph::dimsOf(*x), graph.b.getContext());
  Tensor count = graph.scalar(graph.b.getF32Type(), elements);
  return Value(std::make_shared<Loss>(Loss{*sum, count, Tensor()}));
}

} // namespace attune::dsl
