// Operators that order elements along an axis: CumSum, ArgMax, TopK.
//
// None needs a loop over the axis: where i and j both run along it, each is a
// reduction over j of a comparison of positions or values, which the row
// kernels compute without storing the [..., i, j] in between. That is n^2 work
// for n elements, which for the axes of transformers (positions, experts,
// classes) is little; longer ones are refused.
#include "frontends/onnx/Binder.h"

#include <limits>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;
using nn::ReduceKind;

/// Elements of an axis up to which n^2 comparisons are acceptable.
static constexpr int64_t maxCompared = 16384;

static SmallVector<int64_t> toLast(int64_t rank, int64_t axis) {
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank));
  permutation.erase(permutation.begin() + axis);
  permutation.push_back(axis);
  return permutation;
}

static SmallVector<int64_t> fromLast(int64_t rank, int64_t axis) {
  auto permutation = llvm::to_vector(llvm::seq<int64_t>(0, rank - 1));
  permutation.insert(permutation.begin() + axis, rank - 1);
  return permutation;
}

static LogicalResult checkCompared(Binder &node, DimAttr extent) {
  auto most = node.ops.symbols.upper(extent);
  if (most && *most > maxCompared)
    return node.fail("an axis of " + Twine(*most) + " elements, more than " +
                     Twine(maxCompared));
  return success();
}

/// The number that an input of one element holds.
static FailureOr<int64_t> numberFrom(Binder &node, size_t i, StringRef what) {
  auto known = node.ops.knownConstants(node.in(i));
  if (!known || known->size() != 1)
    return node.fail(what + " that is not known when the model is compiled");
  return known->front();
}

/// y[i] = sum over j <= i of x[j].
static LogicalResult importCumSum(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto given = numberFrom(node, 1, "an axis");
  auto axis = failed(given) ? given : node.axis(*given, x.rank());
  if (failed(axis) || failed(checkCompared(node, x.dims[*axis])))
    return failure();
  if (x.isBool())
    return node.fail("expected numbers");
  bool exclusive = node.integer("exclusive"), reverse = node.integer("reverse");
  Kind kind = reverse ? (exclusive ? Kind::Greater : Kind::GreaterEqual)
                      : (exclusive ? Kind::Less : Kind::LessEqual);
  DimAttr extent = x.dims[*axis];
  int64_t rank = x.rank();
  Result row = ops.transpose(x, toLast(rank, *axis));
  row = failed(row) ? row : ops.unsqueeze(*row, {-2});
  Result counts = ops.apply(
      kind, {ops.positions(2, 1, extent), ops.positions(2, 0, extent)});
  Result terms =
      ops.apply(Kind::Select, {counts, row, ops.scalar(x.element, 0)});
  if (failed(terms))
    return failure();
  Result sums = ops.reduce(ReduceKind::Sum, *terms, {rank}, false);
  return node.set(
      0, failed(sums) ? sums : ops.transpose(*sums, fromLast(rank, *axis)));
}

/// The first (or last) position of the greatest element.
template <ReduceKind kind>
static LogicalResult importArg(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis("axis", x.rank());
  if (failed(axis))
    return failure();
  bool last = node.integer("select_last_index") != 0;
  DimAttr extent = x.dims[*axis];
  Type i64 = ops.b.getI64Type();
  Result best = ops.reduce(kind, x, {*axis}, true);
  Result isBest = ops.apply(Kind::Equal, {x, best});
  Imported none = last ? ops.scalar(i64, -1) : ops.integers(i64, {}, {extent});
  Result places = ops.apply(
      Kind::Select, {isBest, ops.positions(x.rank(), *axis, extent), none});
  if (failed(places))
    return failure();
  return node.set(0,
                  ops.reduce(last ? ReduceKind::Max : ReduceKind::Min, *places,
                             {*axis}, node.integer("keepdims", 1) != 0));
}

/// Element j comes before i if it is greater, or equal and further to the
/// front. The number of those is the place of i in the sorted order.
static Result placesInOrder(Ops &ops, const Imported &x, bool largest) {
  DimAttr extent = x.dims.back();
  Result one = ops.unsqueeze(x, {-1}), other = ops.unsqueeze(x, {-2});
  Result better = ops.apply(largest ? Kind::Greater : Kind::Less, {other, one});
  Result tied = ops.apply(
      Kind::And, {ops.apply(Kind::Equal, {other, one}),
                  ops.apply(Kind::Less, {ops.positions(2, 1, extent),
                                         ops.positions(2, 0, extent)})});
  Result before = ops.apply(Kind::Or, {better, tied});
  if (failed(before))
    return failure();
  Result counted = ops.cast(*before, ops.b.getI32Type());
  return failed(counted)
             ? counted
             : ops.reduce(ReduceKind::Sum, *counted, {x.rank()}, false);
}

/// Element i of the sorted order is the sum over j of x[j] where j's place is
/// i.
static LogicalResult importTopK(Binder &node) {
  Ops &ops = node.ops;
  const Imported &x = node.in(0);
  auto axis = node.axis(node.integer("axis", -1), x.rank());
  if (failed(axis) || failed(checkCompared(node, x.dims[*axis])))
    return failure();
  auto count = node.hasAttribute("k")
                   ? FailureOr<Dims>(Dims{ops.dim(node.integer("k"))})
                   : node.shapeFrom(1);
  if (failed(count) || count->size() != 1 || failed(ops.checkDims(*count)))
    return node.fail("a number of elements that is not known");
  DimAttr extent = x.dims[*axis], k = count->front();
  if (!ops.symbols.limit(k, extent))
    return node.fail(k.str() + " elements of " + extent.str());
  int64_t rank = x.rank();
  Result row = ops.transpose(x, toLast(rank, *axis));
  Result places =
      failed(row) ? row
                  : placesInOrder(ops, *row, node.integer("largest", 1) != 0);
  Result wanted = ops.cast(ops.positions(2, 0, k), ops.b.getI32Type());
  Result column = failed(places) ? places : ops.unsqueeze(*places, {-2});
  Result isHere = ops.apply(Kind::Equal, {column, wanted});
  auto select = [&](Result values, Type element) -> Result {
    Result terms =
        ops.apply(Kind::Select, {isHere, values, ops.scalar(element, 0)});
    if (failed(terms))
      return failure();
    Result sums = ops.reduce(ReduceKind::Sum, *terms, {rank}, false);
    return failed(sums) ? sums : ops.transpose(*sums, fromLast(rank, *axis));
  };
  Result values = failed(row) ? row : ops.unsqueeze(*row, {-2});
  if (failed(node.set(0, select(values, x.element))))
    return failure();
  return node.set(1, select(ops.positions(2, 1, extent), ops.b.getI64Type()));
}

void registerOrder(ImportTable &table) {
  table.add("CumSum", 11, importCumSum);
  table.add("ArgMax", 1, importArg<ReduceKind::Max>);
  table.add("ArgMin", 1, importArg<ReduceKind::Min>);
  table.add("TopK", 1, importTopK);
}

} // namespace attune::onnx
