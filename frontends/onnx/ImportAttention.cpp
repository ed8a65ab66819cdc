// The Attention and RotaryEmbedding operators of opset 23 on.
#include "frontends/onnx/Binder.h"

#include <cmath>
#include <limits>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// [B, S, H D] -> [B, H, S, D]; tensors of rank 4 stay.
static Result splitHeads(Binder &node, const Imported &x, StringRef heads) {
  Ops &ops = node.ops;
  if (x.rank() == 4)
    return x;
  int64_t count = node.integer(heads);
  if (x.rank() != 3 || count < 1)
    return node.fail("expected rank 4, or rank 3 with '" + heads + "', found " +
                     text(x.dims));
  DimAttr size = x.dims[2].exactDiv(ops.dim(count));
  if (!size)
    return node.fail(text(x.dims) + " does not divide into " + Twine(count) +
                     " heads");
  Result y = ops.reshape(x, {x.dims[0], x.dims[1], ops.dim(count), size});
  return failed(y) ? y : ops.transpose(*y, {0, 2, 1, 3});
}

/// [B, H, S, D] -> [B, S, H D].
static Result mergeHeads(Ops &ops, const Imported &x) {
  Result y = ops.transpose(x, {0, 2, 1, 3});
  if (failed(y))
    return y;
  return ops.reshape(*y, {x.dims[0], x.dims[2], x.dims[1] * x.dims[3]});
}

namespace {
struct Masks {
  Value bias, keyMask;
};
} // namespace

/// A boolean mask of keys alone is a key mask; any other becomes a bias of 0
/// and -inf, which hides as well: a row that sees nothing gives 0.
static LogicalResult importMask(Binder &node, const Imported &given,
                                ArrayRef<DimAttr> scores, Masks &masks) {
  Ops &ops = node.ops;
  Imported mask = given;
  if (!nn::broadcastsTo(mask.dims, scores))
    return node.fail("a mask " + text(mask.dims) + " for scores " +
                     text(scores));
  if (ops.knownSplat(mask) == (mask.isBool() ? 1 : 0))
    return success();
  if (!mask.isBool()) {
    if (mask.element != node.in(0).element)
      return node.fail("a mask that is neither boolean nor of Q's type");
    masks.bias = ops.own(mask);
    return success();
  }
  Dims own = padded(mask.own, 4, ops.b.getContext());
  bool ofKeys = own[1].getConstant() == 1 && own[2].getConstant() == 1 &&
                own[3] == scores[3];
  if (ofKeys) {
    mask.dims = mask.own;
    Result keys = ops.reshape(mask, {own[0], own[3]});
    if (succeeded(keys))
      keys = ops.broadcast(*keys, {scores[0], scores[3]});
    if (failed(keys))
      return failure();
    masks.keyMask = ops.full(*keys);
    return success();
  }
  Type element = node.in(0).element;
  double hidden = -std::numeric_limits<double>::infinity();
  Result bias = ops.elementwise(Kind::Select, {mask, ops.scalar(element, 0),
                                               ops.scalar(element, hidden)});
  if (failed(bias))
    return failure();
  masks.bias = ops.own(*bias);
  return success();
}

/// The window of the nn op, or a failure for shapes of window it has not.
static FailureOr<std::optional<int64_t>> windowOf(Binder &node, bool causal) {
  int64_t left = node.integer("left_window_size", -1);
  int64_t right = node.integer("right_window_size", -1);
  if (left < 0 && (right < 0 || causal))
    return std::optional<int64_t>();
  if (left >= 0 && (causal || left == right))
    return std::optional<int64_t>(left + 1);
  return node.fail("a window of " + Twine(left) + " to the left and " +
                   Twine(right) + " to the right");
}

/// Past keys or values before the new ones, which is also the present output.
static Result withPast(Binder &node, const Imported &now, size_t input,
                       size_t output) {
  if (!node.has(input))
    return now;
  Result all = node.ops.concat({node.in(input), now}, 2);
  if (failed(all) || failed(node.set(output, all)))
    return failure();
  return all;
}

static LogicalResult importAttention(Binder &node) {
  Ops &ops = node.ops;
  if (node.wants(3))
    return node.fail("output qk_matmul_output");
  if (node.has(6))
    return node.fail("input nonpad_kv_seqlen");
  bool flat = node.in(0).rank() == 3;
  Result q = splitHeads(node, node.in(0), "q_num_heads");
  Result k = splitHeads(node, node.in(1), "kv_num_heads");
  Result v = splitHeads(node, node.in(2), "kv_num_heads");
  if (failed(q) || failed(k) || failed(v))
    return failure();
  DimAttr newKeys = k->dims[2];
  if (failed(node.set(1, k)) || failed(node.set(2, v)))
    return failure();
  k = withPast(node, *k, 4, 1);
  v = failed(k) ? k : withPast(node, *v, 5, 2);
  if (failed(k) || failed(v))
    return failure();
  auto heads = q->dims[1].getConstant(), groups = k->dims[1].getConstant();
  auto size = q->dims[3].getConstant();
  if (!heads || !groups || !size || !v->dims[3].getConstant() || *groups < 1 ||
      *heads % *groups != 0)
    return node.fail("expected static heads that divide and static head "
                     "sizes, found " +
                     text(q->dims) + " and " + text(k->dims));
  Dims keyDims = {q->dims[0], k->dims[1], k->dims[2], q->dims[3]};
  Dims valueDims = {q->dims[0], k->dims[1], k->dims[2], v->dims[3]};
  if (k->dims != keyDims || v->dims != valueDims || !q->isFloat() ||
      k->element != q->element || v->element != q->element)
    return node.fail("Q, K and V that do not fit: " + text(q->dims) + ", " +
                     text(k->dims) + ", " + text(v->dims));
  // ONNX aligns the diagonal at the past: offset 0 without one, and with one
  // the last query sees the last key if there are as many new keys as queries.
  auto causal = nn::CausalKind::None;
  if (node.integer("is_causal") != 0) {
    causal =
        node.has(4) ? nn::CausalKind::BottomRight : nn::CausalKind::TopLeft;
    if (node.has(4) && newKeys != q->dims[2])
      return node.fail("a causal mask with past and " + newKeys.str() +
                       " new keys for " + q->dims[2].str() + " queries");
  }
  auto window = windowOf(node, causal != nn::CausalKind::None);
  if (failed(window))
    return failure();
  Masks masks;
  Dims scores = {q->dims[0], q->dims[1], q->dims[2], k->dims[2]};
  if (node.has(3) && failed(importMask(node, node.in(3), scores, masks)))
    return failure();
  double scale = node.real("scale", 1 / std::sqrt(double(*size)));
  double softcap = node.real("softcap");
  if (softcap < 0)
    return node.fail("expected a softcap of 0 or more");
  auto attention = nn::AttentionOp::create(ops.b, ops.loc, ops.full(*q),
                                           ops.full(*k), ops.full(*v), scale,
                                           causal, masks.bias, masks.keyMask);
  if (*window)
    attention.setWindow(**window);
  if (softcap != 0)
    attention.setSoftcap(APFloat(softcap));
  Result y = ops.fromValue(attention.getResult());
  return node.set(0, flat ? mergeHeads(ops, *y) : y);
}

/// cos or sin as [B, 1, S, R / 2], the head axis broadcasting.
static Result rotation(Binder &node, size_t input) {
  Result table = node.in(input);
  if (node.has(3))
    table = node.ops.gather(*table, node.in(3), 0);
  return failed(table) ? table : node.ops.unsqueeze(*table, {1});
}

/// Rotates pairs (a, b) to (a cos - b sin, a sin + b cos); pairs are halves of
/// the rotated part, or neighbours if interleaved. Su et al. 2021.
static LogicalResult importRotaryEmbedding(Binder &node) {
  Ops &ops = node.ops;
  bool flat = node.in(0).rank() == 3;
  Result x = splitHeads(node, node.in(0), "num_heads");
  if (failed(x))
    return failure();
  auto size = x->dims[3].getConstant();
  int64_t part = node.integer("rotary_embedding_dim");
  part = part == 0 ? size.value_or(0) : part;
  if (!size || part < 2 || part > *size || part % 2 != 0)
    return node.fail("rotating " + Twine(part) + " of " + x->dims[3].str());
  bool interleaved = node.integer("interleaved") != 0;
  DimAttr half = ops.dim(part / 2);
  Dims heads(x->dims.begin(), x->dims.begin() + 3);
  Result rotated = ops.window(*x, 3, ops.dim(0), ops.dim(part));
  Result a = failure(), b = failure();
  if (failed(rotated))
    return failure();
  if (interleaved) {
    Dims pairs = heads;
    pairs.append({half, ops.dim(2)});
    Result split = ops.reshape(*rotated, pairs);
    if (failed(split))
      return failure();
    a = ops.window(*split, 4, ops.dim(0), ops.dim(1));
    b = ops.window(*split, 4, ops.dim(1), ops.dim(1));
    if (failed(a) || failed(b))
      return failure();
    a = ops.squeeze(*a, {4});
    b = ops.squeeze(*b, {4});
  } else {
    a = ops.window(*rotated, 3, ops.dim(0), half);
    b = ops.window(*rotated, 3, half, half);
  }
  Result cos = rotation(node, 1), sin = rotation(node, 2);
  if (failed(a) || failed(b) || failed(cos) || failed(sin))
    return failure();
  auto mul = [&](const Imported &l, const Imported &r) {
    return ops.elementwise(Kind::Mul, {l, r});
  };
  Result ac = mul(*a, *cos), bs = mul(*b, *sin), as = mul(*a, *sin),
         bc = mul(*b, *cos);
  if (failed(ac) || failed(bs) || failed(as) || failed(bc))
    return failure();
  Result first = ops.elementwise(Kind::Sub, {*ac, *bs});
  Result second = ops.elementwise(Kind::Add, {*as, *bc});
  if (failed(first) || failed(second))
    return failure();
  Result y = failure();
  if (interleaved) {
    first = ops.unsqueeze(*first, {4});
    second = ops.unsqueeze(*second, {4});
    if (failed(first) || failed(second))
      return failure();
    y = ops.concat({*first, *second}, 4);
    Dims joined = heads;
    joined.push_back(ops.dim(part));
    y = failed(y) ? y : ops.reshape(*y, joined);
  } else {
    y = ops.concat({*first, *second}, 3);
  }
  if (succeeded(y) && part < *size) {
    Result rest = ops.window(*x, 3, ops.dim(part), ops.dim(*size - part));
    y = failed(rest) ? rest : ops.concat({*y, *rest}, 3);
  }
  return node.set(0, succeeded(y) && flat ? mergeHeads(ops, *y) : y);
}

void registerAttention(ImportTable &table) {
  table.add("Attention", 23, importAttention);
  table.add("RotaryEmbedding", 23, importRotaryEmbedding);
}

} // namespace attune::onnx
