// attention(...) to nn.attention.
#include "frontends/dsl/Functions.h"

#include <cmath>
#include <limits>

namespace attune::dsl {

using namespace mlir;
using Kind = nn::ElementwiseKind;

namespace {
/// The operands and attributes of one nn.attention.
struct Attention {
  explicit Attention(Call &call) : call(call), graph(call.graph) {}

  LogicalResult operands();
  LogicalResult checkShapes();
  LogicalResult mask();
  LogicalResult attributes();
  MaybeTensor build();

  Call &call;
  Graph &graph;
  Tensor q, k, v, bias, keyMask;
  Dims scores; ///< [B, H, S, T]
  double scale = 1, dropout = 0;
  nn::CausalKind causal = nn::CausalKind::None;
  IntegerAttr window;
  FloatAttr softcap;
};
} // namespace

LogicalResult Attention::operands() {
  auto query = call.tensor("query"), key = call.tensor("key"),
       value = call.tensor("value");
  auto added = call.optionalTensor("bias");
  auto hidden = call.optionalTensor("key_mask");
  if (failed(query) || failed(key) || failed(value) || failed(added) ||
      failed(hidden))
    return failure();
  q = *query;
  k = *key;
  v = *value;
  bias = *added;
  keyMask = *hidden;
  return success();
}

LogicalResult Attention::checkShapes() {
  Dims a = Graph::dimsOf(q), b = Graph::dimsOf(k), c = Graph::dimsOf(v);
  auto refuse = [&](const Twine &expected) {
    return graph.fail("expected " + expected + ", found query " +
                      describeType(q.getType()) + ", key " +
                      describeType(k.getType()) + " and value " +
                      describeType(v.getType()));
  };
  bool isFloat = llvm::all_of(ArrayRef<Tensor>{q, k, v}, [](Tensor x) {
    return Graph::elementOf(x).isF32();
  });
  if (a.size() != 4 || b.size() != 4 || c.size() != 4 || !isFloat)
    return refuse("f32[batch, heads, positions, width] for attention");
  if (a[0] != b[0] || a[0] != c[0] || b[1] != c[1] || b[2] != c[2] ||
      a[3] != b[3])
    return refuse("query, key and value of one batch, keys and values of the "
                  "same heads and positions, and keys as wide as queries");
  auto heads = a[1].getConstant(), groups = b[1].getConstant();
  if (!heads || !groups || !a[3].getConstant() || !c[3].getConstant())
    return refuse("heads and widths that are known when the model is compiled");
  if (*groups == 0 || *heads % *groups != 0)
    return refuse("heads of the key that divide those of the query");
  scores = {a[0], a[1], a[2], b[2]};
  if (keyMask && (Graph::dimsOf(keyMask) != Dims{a[0], b[2]} ||
                  !Graph::elementOf(keyMask).isInteger(1)))
    return graph.fail("expected " + describeShape("bool", {a[0], b[2]}) +
                      " for 'key_mask', found " +
                      describeType(keyMask.getType()));
  if (bias && (!nn::broadcastsTo(Graph::dimsOf(bias), scores) ||
               !Graph::elementOf(bias).isF32()))
    return graph.fail("expected a bias that broadcasts to " +
                      describeShape("f32", scores) + ", found " +
                      describeType(bias.getType()));
  return success();
}

/// What a mask hides gets a bias of -inf.
LogicalResult Attention::mask() {
  auto given = call.optionalTensor("mask");
  if (failed(given) || !*given)
    return given;
  if (!nn::broadcastsTo(Graph::dimsOf(*given), scores) ||
      !Graph::elementOf(*given).isInteger(1))
    return graph.fail("expected a mask that broadcasts to " +
                      describeShape("bool", scores) + ", found " +
                      describeType(given->getType()));
  Type f32 = graph.b.getF32Type();
  double infinity = std::numeric_limits<double>::infinity();
  auto added = graph.elementwise(Kind::Select, {*given, graph.scalar(f32, 0.0),
                                                graph.scalar(f32, -infinity)});
  if (succeeded(added) && bias)
    added = graph.elementwise(Kind::Add, {*added, bias});
  if (failed(added))
    return failure();
  bias = *added;
  return success();
}

LogicalResult Attention::attributes() {
  int64_t width = *nn::getDim(q, 3).getConstant();
  auto given =
      call.real("scale", 1 / std::sqrt(double(std::max<int64_t>(width, 1))));
  auto rate = call.real("dropout", 0);
  if (failed(given) || failed(rate))
    return failure();
  scale = *given;
  dropout = *rate;
  if (!(dropout >= 0 && dropout < 1))
    return call.wrong("dropout", "a rate from 0 to below 1");
  const Value *order = call.get("causal");
  if (order && order->is<std::string>()) {
    if (*order->as<std::string>() != "bottom_right")
      return call.wrong("causal", "true, false or \"bottom_right\"");
    causal = nn::CausalKind::BottomRight;
  } else {
    auto flag = call.flag("causal", false);
    if (failed(flag))
      return failure();
    causal = *flag ? nn::CausalKind::TopLeft : nn::CausalKind::None;
  }
  if (call.has("window")) {
    auto size = call.constant("window");
    if (failed(size))
      return failure();
    if (*size < 1)
      return call.wrong("window", "a window of 1 or more");
    window = graph.b.getI64IntegerAttr(*size);
  }
  if (call.has("softcap")) {
    auto cap = call.real("softcap", 0);
    if (failed(cap))
      return failure();
    if (!(*cap > 0))
      return call.wrong("softcap", "a number above 0");
    softcap = graph.b.getF64FloatAttr(*cap);
  }
  return success();
}

MaybeTensor Attention::build() {
  OpBuilder &b = graph.b;
  SmallVector<Tensor> random;
  FloatAttr rate;
  IntegerAttr id;
  if (graph.random && dropout > 0) {
    auto first = graph.firstOf(scores);
    if (failed(first))
      return failure();
    random = {graph.random->seed, graph.random->step, *first};
    rate = b.getF64FloatAttr(dropout);
    id = b.getI64IntegerAttr(graph.random->nextId++);
  }
  Dims dims = {scores[0], scores[1], scores[2], nn::getDim(v, 3)};
  if (failed(graph.checkDims(scores)) || failed(graph.spend()))
    return failure();
  auto made = nn::AttentionOp::create(
      b, graph.loc, nn::tensorType(dims, b.getF32Type()), TypeRange(), q, k, v,
      bias, keyMask, random, b.getF64FloatAttr(scale),
      nn::CausalKindAttr::get(b.getContext(), causal), window, softcap, rate,
      id);
  return made.getResult();
}

MaybeValue callAttention(Call &call) {
  Attention attention(call);
  if (failed(attention.operands()) || failed(attention.checkShapes()) ||
      failed(attention.mask()) || failed(attention.attributes()))
    return failure();
  return asValue(attention.build());
}

} // namespace attune::dsl
