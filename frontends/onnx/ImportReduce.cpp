// Reductions.
#include "frontends/onnx/Binder.h"

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

/// The axes to reduce, or nothing if the node is an identity.
static FailureOr<std::optional<SmallVector<int64_t>>> axesOf(Binder &node) {
  auto axes = node.integersFrom("axes", 1);
  if (failed(axes))
    return failure();
  if (*axes && !(*axes)->empty())
    return axes;
  if (node.integer("noop_with_empty_axes") != 0)
    return std::optional<SmallVector<int64_t>>();
  return std::optional(
      llvm::to_vector(llvm::seq<int64_t>(0, node.in(0).rank())));
}

/// before -> reduce -> after, the forms of all ONNX reductions.
template <nn::ReduceKind kind, bool square = false, bool absolute = false,
          bool root = false, bool logarithm = false>
static LogicalResult importReduce(Binder &node) {
  Ops &ops = node.ops;
  auto axes = axesOf(node);
  if (failed(axes))
    return failure();
  Result y = node.in(0);
  if (square)
    y = ops.elementwise(Kind::Mul, {*y, *y});
  if (succeeded(y) && absolute)
    y = ops.elementwise(Kind::Abs, {*y});
  if (succeeded(y) && *axes)
    y = ops.reduce(kind, *y, **axes, node.integer("keepdims", 1) != 0);
  if (succeeded(y) && root)
    y = ops.elementwise(Kind::Sqrt, {*y});
  if (succeeded(y) && logarithm)
    y = ops.elementwise(Kind::Log, {*y});
  return node.set(0, y);
}

/// max + log(sum(exp(x - max))), which does not overflow.
static LogicalResult importLogSumExp(Binder &node) {
  Ops &ops = node.ops;
  auto axes = axesOf(node);
  if (failed(axes))
    return failure();
  if (!*axes)
    return node.set(0, node.in(0));
  const Imported &x = node.in(0);
  bool keep = node.integer("keepdims", 1) != 0;
  Result max = ops.reduce(nn::ReduceKind::Max, x, **axes, true);
  Result y = failed(max) ? max : ops.elementwise(Kind::Sub, {x, *max});
  if (succeeded(y))
    y = ops.elementwise(Kind::Exp, {*y});
  if (succeeded(y))
    y = ops.reduce(nn::ReduceKind::Sum, *y, **axes, true);
  if (succeeded(y))
    y = ops.elementwise(Kind::Log, {*y});
  if (succeeded(y))
    y = ops.elementwise(Kind::Add, {*y, *max});
  if (succeeded(y) && !keep)
    y = ops.squeeze(*y, **axes);
  return node.set(0, y);
}

void registerReduce(ImportTable &table) {
  using nn::ReduceKind;
  table.add("ReduceSum", 1, importReduce<ReduceKind::Sum>);
  table.add("ReduceMean", 1, importReduce<ReduceKind::Mean>);
  table.add("ReduceMax", 1, importReduce<ReduceKind::Max>);
  table.add("ReduceMin", 1, importReduce<ReduceKind::Min>);
  table.add("ReduceProd", 1, importReduce<ReduceKind::Prod>);
  table.add("ReduceSumSquare", 1, importReduce<ReduceKind::Sum, true>);
  table.add("ReduceL1", 1, importReduce<ReduceKind::Sum, false, true>);
  table.add("ReduceL2", 1, importReduce<ReduceKind::Sum, true, false, true>);
  table.add("ReduceLogSum", 1,
            importReduce<ReduceKind::Sum, false, false, false, true>);
  table.add("ReduceLogSumExp", 1, importLogSumExp);
}

} // namespace attune::onnx
