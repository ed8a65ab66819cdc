// x[...]: of lists, and of tensors as slices or as rows of a table.
#include "frontends/dsl/Expander.h"

namespace attune::dsl {

using namespace mlir;

MaybeValue Expander::indexList(const std::vector<Value> &list,
                               const Expression &expression, Frame &frame) {
  const Subscript &entry = expression.subscripts.front();
  graph.at = expression.inner;
  if (expression.subscripts.size() != 1 || entry.kind != Subscript::Kind::Index)
    return graph.fail("expected one index of a list");
  auto value = evaluate(*entry.first, frame);
  auto at = failed(value) ? FailureOr<int64_t>(failure())
                          : constant(*value, "the index of a list");
  if (failed(at))
    return failure();
  auto size = int64_t(list.size());
  if (*at < -size || *at >= size)
    return graph.fail("expected an index of a list of " + Twine(size) +
                      ", found " + Twine(*at));
  return list[size_t(*at < 0 ? *at + size : *at)];
}

MaybeTensor Expander::indexAxis(Tensor x, int64_t axis, const Subscript &entry,
                                Frame &frame, const Value *only) {
  DimAttr extent = nn::getDim(x, axis);
  // A number below 0 counts from the end.
  auto position = [&](const ExpressionPtr &expression,
                      DimAttr fallback) -> FailureOr<DimAttr> {
    if (!expression)
      return fallback;
    MaybeValue value = only ? *only : evaluate(*expression, frame);
    if (failed(value))
      return failure();
    graph.at = expression->span;
    if (!value->is<DimAttr>())
      return graph.fail("expected an integer, found " + value->describe());
    DimAttr number = *value->as<DimAttr>();
    if (number.getConstant().value_or(0) < 0)
      number = number + extent;
    return number;
  };
  if (entry.kind == Subscript::Kind::Index) {
    auto at = position(entry.first, {});
    if (failed(at))
      return failure();
    graph.at = entry.span;
    return graph.window(x, axis, *at, graph.dim(1));
  }
  int64_t step = 1;
  if (entry.step) {
    auto value = evaluate(*entry.step, frame);
    auto number = failed(value) ? FailureOr<int64_t>(failure())
                                : constant(*value, "a step");
    if (failed(number))
      return failure();
    step = *number;
    graph.at = entry.step->span;
    if (step < 1 || step > (int64_t{1} << 32))
      return graph.fail("expected a step of 1 or more, found " + Twine(step));
  }
  auto first = position(entry.first, graph.dim(0));
  auto last = failed(first) ? first : position(entry.last, extent);
  if (failed(last))
    return failure();
  graph.at = entry.span;
  DimAttr length = *first && *last ? *last - *first : DimAttr();
  if (!length || graph.bounds.of(length).max < 0)
    return graph.fail("expected a last position behind the first one, found " +
                      (*first ? first->str() : "?") + " to " +
                      (*last ? last->str() : "?"));
  return graph.window(x, axis, *first, length.ceilDiv(graph.dim(step)), step);
}

MaybeTensor Expander::indexTensor(Tensor x, const Expression &expression,
                                  Frame &frame, const Value *only) {
  const auto &entries = expression.subscripts;
  int64_t rank = Graph::rankOf(x);
  size_t given = size_t(llvm::count_if(entries, [](const Subscript &entry) {
    return entry.kind != Subscript::Kind::Ellipsis;
  }));
  graph.at = expression.inner;
  if (int64_t(given) > rank || entries.size() > given + 1)
    return graph.fail("expected at most " + Twine(rank) +
                      " indices and one '...' for " +
                      describeType(x.getType()));
  int64_t axis = 0;
  SmallVector<int64_t> dropped;
  for (const Subscript &entry : entries) {
    if (entry.kind == Subscript::Kind::Ellipsis) {
      axis += rank - int64_t(given);
      continue;
    }
    auto part = indexAxis(x, axis, entry, frame, only);
    if (failed(part))
      return failure();
    x = *part;
    if (entry.kind == Subscript::Kind::Index)
      dropped.push_back(axis);
    ++axis;
  }
  if (dropped.empty())
    return x;
  Dims dims;
  for (auto [i, dim] : llvm::enumerate(Graph::dimsOf(x)))
    if (!llvm::is_contained(dropped, int64_t(i)))
      dims.push_back(dim);
  return graph.reshape(x, dims);
}

MaybeValue Expander::index(const Expression &expression, Frame &frame) {
  auto value = evaluate(*expression.operands[0], frame);
  if (failed(value))
    return failure();
  if (value->is<List>())
    return indexList(**value->as<List>(), expression, frame);
  if (value->is<InstancePtr>() && !(*value->as<InstancePtr>())->parts.empty())
    return indexList((*value->as<InstancePtr>())->parts, expression, frame);
  Place place(graph);
  locate(frame, "index", expression.span);
  auto x = tensor(*value);
  if (failed(x))
    return failure();
  // A tensor as the one index picks entries of the first axis.
  const Subscript &entry = expression.subscripts.front();
  bool isOne = expression.subscripts.size() == 1 &&
               entry.kind == Subscript::Kind::Index && Graph::rankOf(*x) > 0;
  if (!isOne)
    return asValue(indexTensor(*x, expression, frame, nullptr));
  auto at = evaluate(*entry.first, frame);
  if (failed(at))
    return failure();
  if (at->is<mlir::Value>())
    return asValue(graph.gather(*x, *at->as<mlir::Value>(), 0));
  return asValue(indexTensor(*x, expression, frame, &*at));
}

} // namespace attune::dsl
