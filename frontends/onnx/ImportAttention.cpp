// The Attention operator of opset 23 on.
//
// nn.attention has causal masks, windows, masks and grouped heads. What it has
// not (a frontier of its own for each batch, windows of two widths) becomes a
// condition on positions, which joins the mask. The optional fourth output, the
// scores at a stage of one's choice, is computed beside it.
#include "frontends/onnx/Heads.h"

#include <cmath>
#include <limits>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

namespace {
/// The node in the terms of nn.attention.
struct Attention {
  Imported q, k, v; ///< [B, H, S, D], [B, HK, T, D], [B, HK, T, DV]
  DimAttr newKeys;  ///< Of T, those that are not past.
  Dims scores;      ///< [B, H, S, T]
  double scale = 1, softcap = 0;
  bool isCausal = false;
  int64_t left = -1, right = -1; ///< Keys seen on each side; -1: all.

  DimAttr queries() const { return scores[2]; }
  DimAttr keys() const { return scores[3]; }
};

/// What of it nn.attention does by position.
struct Native {
  nn::CausalKind causal = nn::CausalKind::None;
  std::optional<int64_t> window;
  bool left = false, right = false; ///< Done by it.
};

struct Masks {
  Value bias, keyMask;
};
} // namespace

constexpr size_t maskInput = 3, pastKey = 4, pastValue = 5, lengthsInput = 6;

// ---- positions ----

/// ONNX aligns the diagonal at the past: query i stands at position i, or i +
/// past, or i + length - queries where each batch has a length.
static Native nativeOf(Binder &node, const Attention &a) {
  Native native;
  bool hasPast = node.has(pastKey), hasLengths = node.has(lengthsInput);
  if (a.isCausal && !hasLengths) {
    if (!hasPast)
      native.causal = nn::CausalKind::TopLeft;
    else if (a.newKeys == a.queries())
      native.causal = nn::CausalKind::BottomRight;
  }
  bool causal = native.causal != nn::CausalKind::None;
  bool atOrigin = causal || (!a.isCausal && !hasPast && !hasLengths);
  native.right = a.right < 0 || causal;
  if (a.left < 0) {
    native.left = true;
  } else if (atOrigin && (causal || a.left == a.right)) {
    native.window = a.left + 1;
    native.left = native.right = true;
  }
  return native;
}

/// One number for each batch, over the scores.
static Result perBatch(Binder &node, const Attention &a) {
  Result lengths =
      node.ops.cast(node.in(lengthsInput), node.ops.b.getI64Type());
  Dims dims = {a.scores[0], node.ops.dim(1), node.ops.dim(1), node.ops.dim(1)};
  return failed(lengths) ? lengths : node.ops.reshape(*lengths, dims);
}

/// Query positions as a column.
static Result queryPositions(Binder &node, const Attention &a) {
  Ops &ops = node.ops;
  Type i64 = ops.b.getI64Type();
  Imported rows = ops.positions(2, 0, a.queries());
  if (node.has(lengthsInput)) {
    Result offset = ops.apply(
        Kind::Sub, {perBatch(node, a), ops.integers(i64, {}, {a.queries()})});
    return ops.apply(Kind::Add, {rows, offset});
  }
  DimAttr past = a.keys() - a.newKeys;
  return ops.apply(Kind::Add, {rows, ops.integers(i64, {}, {past})});
}

/// Where keys may be seen, by the rules that `native` leaves; true if it leaves
/// none.
static Result visible(Binder &node, const Attention &a, const Native &native) {
  Ops &ops = node.ops;
  Type i64 = ops.b.getI64Type();
  Imported keys = ops.positions(1, 0, a.keys());
  Result all = ops.scalar(ops.b.getI1Type(), 1);
  auto also = [&](Kind kind, Result lhs, Result rhs) {
    all = ops.apply(Kind::And, {all, ops.apply(kind, {lhs, rhs})});
  };
  Result rows = queryPositions(node, a);
  if (a.isCausal && native.causal == nn::CausalKind::None)
    also(Kind::LessEqual, keys, rows);
  auto distance = [&](int64_t most) { return ops.scalar(i64, double(most)); };
  if (a.left >= 0 && !native.left)
    also(Kind::LessEqual, ops.apply(Kind::Sub, {rows, keys}), distance(a.left));
  if (a.right >= 0 && !native.right)
    also(Kind::LessEqual, ops.apply(Kind::Sub, {keys, rows}),
         distance(a.right));
  if (node.has(lengthsInput))
    also(Kind::Less, keys, perBatch(node, a));
  return all;
}

// ---- masks ----

/// The mask, padded to all keys so that those behind it are hidden; true if
/// there is none. Joined with `visible`.
static Result maskOf(Binder &node, const Attention &a, Result visible) {
  Ops &ops = node.ops;
  if (failed(visible) || !node.has(maskInput))
    return visible;
  Imported mask = node.in(maskInput);
  Type element = a.q.element;
  double hidden = -std::numeric_limits<double>::infinity();
  if (!mask.isBool() && mask.element != element)
    return ops.fail("a mask that is neither boolean nor of Q's type");
  if (mask.rank() == 0)
    return ops.fail("a mask of rank 0");
  DimAttr missing = a.keys() - mask.dims.back();
  if (mask.dims.back().getConstant() != 1 && missing.getConstant() != 0) {
    Dims low(mask.rank(), ops.dim(0)), high = low;
    high.back() = missing;
    Result padded = ops.pad(
        mask, ops.scalar(mask.element, mask.isBool() ? 0 : hidden), low, high);
    if (failed(padded))
      return failure();
    mask = *padded;
  }
  if (!nn::broadcastsTo(mask.dims, a.scores))
    return ops.fail("a mask " + text(mask.dims) + " for scores " +
                    text(a.scores));
  if (mask.isBool())
    return ops.apply(Kind::And, {mask, visible});
  return ops.apply(Kind::Select, {visible, mask, ops.scalar(element, hidden)});
}

/// A boolean mask as 0 and -inf, which hides as well: a row that sees nothing
/// gives 0.
static Result asBias(Ops &ops, Result mask, Type element) {
  if (failed(mask) || !mask->isBool())
    return mask;
  return ops.apply(
      Kind::Select,
      {mask, ops.scalar(element, 0),
       ops.scalar(element, -std::numeric_limits<double>::infinity())});
}

/// A boolean mask of keys alone is a key mask; any other becomes a bias.
static LogicalResult placeMask(Binder &node, const Attention &a, Result mask,
                               Masks &masks) {
  Ops &ops = node.ops;
  if (failed(mask))
    return failure();
  if (ops.knownSplat(*mask) == (mask->isBool() ? 1 : 0))
    return success();
  Dims own = padded(mask->own, 4, ops.b.getContext());
  bool ofKeys = mask->isBool() && own[1].getConstant() == 1 &&
                own[2].getConstant() == 1 && own[3] == a.keys();
  if (ofKeys) {
    Imported narrow = *mask;
    narrow.dims = narrow.own;
    Result keys = ops.reshape(narrow, {own[0], own[3]});
    if (succeeded(keys))
      keys = ops.broadcast(*keys, {a.scores[0], a.keys()});
    if (failed(keys))
      return failure();
    masks.keyMask = ops.full(*keys);
    return success();
  }
  Result bias = asBias(ops, mask, a.q.element);
  if (failed(bias))
    return failure();
  masks.bias = ops.own(*bias);
  return success();
}

// ---- the scores as an output ----

/// scale Q K^T for every query head, [B, H, S, T].
static Result scaledScores(Ops &ops, const Attention &a) {
  DimAttr groups = a.k.dims[1];
  Dims split = {a.q.dims[0], groups, a.q.dims[1].exactDiv(groups), a.q.dims[2],
                a.q.dims[3]};
  Result q = ops.reshape(a.q, split);
  Result scores =
      failed(q) ? q : ops.contract(*q, a.k, {0, 1}, {0, 1}, {4}, {3});
  scores = failed(scores) ? scores : ops.reshape(*scores, a.scores);
  return ops.apply(Kind::Mul, {scores, ops.scalar(a.q.element, a.scale)});
}

/// Mode 0: scaled; 1: capped; 2: masked; 3: the probabilities.
static LogicalResult setScores(Binder &node, const Attention &a) {
  Ops &ops = node.ops;
  int64_t mode = node.integer("qk_matmul_output_mode");
  if (mode < 0 || mode > 3)
    return node.fail("qk_matmul_output_mode " + Twine(mode));
  Result scores = scaledScores(ops, a);
  if (mode >= 1 && a.softcap != 0) {
    Imported cap = ops.scalar(a.q.element, a.softcap);
    Result inner = ops.apply(Kind::Div, {scores, cap});
    scores = ops.apply(Kind::Mul, {ops.apply(Kind::Tanh, {inner}), cap});
  }
  if (mode >= 2) {
    Result mask = maskOf(node, a, visible(node, a, Native()));
    scores = ops.apply(Kind::Add, {scores, asBias(ops, mask, a.q.element)});
  }
  if (mode == 3 && succeeded(scores))
    scores = ops.softmax(*scores, 3);
  return node.set(3, scores);
}

// ---- the node ----

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

static LogicalResult readOperands(Binder &node, Attention &a) {
  Result q = splitHeads(node, node.in(0), "q_num_heads");
  Result k = splitHeads(node, node.in(1), "kv_num_heads");
  Result v = splitHeads(node, node.in(2), "kv_num_heads");
  if (failed(q) || failed(k) || failed(v))
    return failure();
  if (q->rank() != 4 || k->rank() != 4 || v->rank() != 4)
    return node.fail("expected Q, K and V of one rank");
  a.newKeys = k->dims[2];
  if (failed(node.set(1, k)) || failed(node.set(2, v)))
    return failure();
  k = withPast(node, *k, pastKey, 1);
  v = failed(k) ? k : withPast(node, *v, pastValue, 2);
  if (failed(k) || failed(v))
    return failure();
  auto heads = q->dims[1].getConstant(), groups = k->dims[1].getConstant();
  if (!heads || !groups || !q->dims[3].getConstant() ||
      !v->dims[3].getConstant() || *groups < 1 || *heads % *groups != 0)
    return node.fail("expected static heads that divide and static head "
                     "sizes, found " +
                     text(q->dims) + " and " + text(k->dims));
  Dims keyDims = {q->dims[0], k->dims[1], k->dims[2], q->dims[3]};
  Dims valueDims = {q->dims[0], k->dims[1], k->dims[2], v->dims[3]};
  if (k->dims != keyDims || v->dims != valueDims || !q->isFloat() ||
      k->element != q->element || v->element != q->element)
    return node.fail("Q, K and V that do not fit: " + text(q->dims) + ", " +
                     text(k->dims) + ", " + text(v->dims));
  a.q = *q;
  a.k = *k;
  a.v = *v;
  a.scores = {q->dims[0], q->dims[1], q->dims[2], k->dims[2]};
  return success();
}

static LogicalResult importAttention(Binder &node) {
  Ops &ops = node.ops;
  Attention a;
  if (failed(readOperands(node, a)))
    return failure();
  double size = double(*a.q.dims[3].getConstant());
  a.scale = node.real("scale", 1 / std::sqrt(size));
  a.softcap = node.real("softcap");
  if (a.softcap < 0)
    return node.fail("expected a softcap of 0 or more");
  a.isCausal = node.integer("is_causal") != 0;
  a.left = node.integer("left_window_size", -1);
  a.right = node.integer("right_window_size", -1);
  Native native = nativeOf(node, a);
  Masks masks;
  Result mask = maskOf(node, a, visible(node, a, native));
  if (failed(placeMask(node, a, mask, masks)) ||
      (node.wants(3) && failed(setScores(node, a))))
    return failure();
  auto attention = nn::AttentionOp::create(
      ops.b, ops.loc, ops.full(a.q), ops.full(a.k), ops.full(a.v), a.scale,
      native.causal, masks.bias, masks.keyMask);
  if (native.window)
    attention.setWindow(*native.window);
  if (a.softcap != 0)
    attention.setSoftcap(APFloat(a.softcap));
  Result y = ops.fromValue(attention.getResult());
  return node.set(0, node.in(0).rank() == 3 ? mergeHeads(ops, *y) : y);
}

void registerAttention(ImportTable &table) {
  table.add("Attention", 23, importAttention);
}

} // namespace attune::onnx
