// RotaryEmbedding of opset 23 on, and heads, which it shares with Attention.
#include "frontends/onnx/Heads.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

Result splitHeads(Binder &node, const Imported &x, StringRef heads) {
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

Result mergeHeads(Ops &ops, const Imported &x) {
  Result y = ops.transpose(x, {0, 2, 1, 3});
  if (failed(y))
    return y;
  return ops.reshape(*y, {x.dims[0], x.dims[2], x.dims[1] * x.dims[3]});
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

void registerRotary(ImportTable &table) {
  table.add("RotaryEmbedding", 23, importRotaryEmbedding);
}

} // namespace attune::onnx
