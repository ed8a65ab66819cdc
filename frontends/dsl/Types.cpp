// Values as tensors and constants, and the types that functions declare.
#include "frontends/dsl/Expander.h"

namespace attune::dsl {

using namespace mlir;

MaybeTensor Expander::tensor(const Value &value, Type elementOfNumbers) {
  if (value.is<mlir::Value>())
    return *value.as<mlir::Value>();
  if (value.is<const Weight *>())
    return load(**value.as<const Weight *>());
  if (value.is<std::shared_ptr<Loss>>())
    return meanOf(graph, **value.as<std::shared_ptr<Loss>>());
  if (value.is<double>() && elementOfNumbers &&
      isa<FloatType>(elementOfNumbers))
    return graph.scalar(elementOfNumbers, *value.as<double>());
  if (value.is<DimAttr>() && elementOfNumbers && !elementOfNumbers.isInteger(1))
    return graph.scalar(elementOfNumbers, *value.as<DimAttr>());
  if (value.isNumber() && elementOfNumbers)
    return graph.fail(
        elementOfNumbers.isInteger(1)
            ? "expected a bool tensor beside bool tensors, found " +
                  value.describe() + "; convert the others by int(x)"
            : "expected an integer beside i64 tensors, found " +
                  value.describe() + "; convert the tensor by float(x)");
  return graph.fail("expected a tensor, found " + value.describe());
}

FailureOr<int64_t> Expander::constant(const Value &value, StringRef what) {
  if (value.is<DimAttr>())
    if (auto known = value.as<DimAttr>()->getConstant())
      return *known;
  return graph.fail("expected an integer that is known when the model is "
                    "compiled for " +
                    what + ", found " + value.describe());
}

FailureOr<double> Expander::real(const Value &value, StringRef what) {
  if (value.is<double>())
    return *value.as<double>();
  if (value.is<DimAttr>())
    if (auto known = value.as<DimAttr>()->getConstant())
      return double(*known);
  return graph.fail("expected a number for " + what + ", found " +
                    value.describe());
}

// ---- types ----

Type Expander::element(const TensorType &type) const {
  Builder b(graph.b.getContext());
  if (type.element.text == "f32")
    return b.getF32Type();
  return type.element.text == "i64" ? Type(b.getI64Type())
                                    : Type(b.getI1Type());
}

LogicalResult Expander::checkBound(DimAttr size, const Expression &bound,
                                   StringRef name, Frame &frame) {
  auto most = evaluate(bound, frame);
  if (failed(most))
    return failure();
  if (!most->is<DimAttr>())
    return graph.fail("expected an integer as a bound, found " +
                      most->describe());
  DimAttr limit = *most->as<DimAttr>();
  if (graph.bounds.atLeast(limit - size, 0))
    return success();
  return graph.fail("expected " + name + " <= " + limit.str() + ", found " +
                    size.str());
}

/// A new symbol, within the bounds that the model and the user give.
FailureOr<DimAttr> Expander::symbol(const TypeDim &dim, Frame &frame) {
  const std::string &name = dim.size->text;
  auto given = options.shapes.find(name);
  DimBinding binding =
      given == options.shapes.end() ? DimBinding() : given->second;
  Interval range{binding.min, binding.max.value_or(unbounded)};
  if (dim.most) {
    auto most = evaluate(*dim.most, frame);
    auto limit = failed(most) ? FailureOr<int64_t>(failure())
                              : constant(*most, "a bound");
    if (failed(limit))
      return failure();
    int64_t asked = binding.max.value_or(range.min);
    if (asked > *limit)
      return graph.fail("expected " + name + " <= " + Twine(*limit) +
                        ", as the model says, found " + Twine(asked));
    range.max = std::min(range.max, *limit);
  }
  if (range.min == range.max)
    return graph.dim(range.min);
  graph.bounds.set(name, range);
  return DimAttr::symbol(graph.b.getContext(), name);
}

FailureOr<Dims> Expander::dims(const TensorType &type, Frame &frame,
                               const Dims *found) {
  Dims dims;
  Place place(graph);
  for (auto [i, dim] : llvm::enumerate(type.dims)) {
    graph.at = dim.size->span;
    bool isName = dim.size->kind == Expression::Kind::Name;
    const std::string &name = dim.size->text;
    bool isNew = isName && !frame.names.contains(name) &&
                 !globals.contains(name) &&
                 !(frame.self && frame.self->members.contains(name));
    if (isNew) {
      DimAttr size;
      if (found) {
        size = (*found)[i];
        if (dim.most && failed(checkBound(size, *dim.most, name, frame)))
          return failure();
      } else {
        auto made = symbol(dim, frame);
        if (failed(made))
          return failure();
        size = *made;
      }
      frame.names[name] = Value(size);
      dims.push_back(size);
      continue;
    }
    auto value = evaluate(*dim.size, frame);
    if (failed(value))
      return failure();
    if (!value->is<DimAttr>())
      return graph.fail("expected an integer as a dim, found " +
                        value->describe());
    dims.push_back(*value->as<DimAttr>());
  }
  if (failed(graph.checkDims(dims)))
    return failure();
  return dims;
}

/// The parameter's value has its declared type; new names of dims stand for
/// what is there.
LogicalResult Expander::checkParameter(const Parameter &parameter, Frame &frame,
                                       Span span) {
  if (!parameter.type)
    return success();
  Value &value = frame.names[parameter.name.text];
  auto found = tensor(value);
  if (failed(found))
    return failure();
  value = Value(*found);
  Dims have = Graph::dimsOf(*found);
  auto refuse = [&](const Twine &expected) {
    graph.at = span;
    return graph.fail("expected " + expected + " for " +
                      quoted(parameter.name.text) + ", found " +
                      describeType(found->getType()));
  };
  if (have.size() != parameter.type->dims.size() ||
      Graph::elementOf(*found) != element(*parameter.type))
    return refuse(model.source.text(parameter.type->span));
  auto want = dims(*parameter.type, frame, &have);
  if (failed(want))
    return failure();
  return *want == have
             ? success()
             : refuse(describeShape(parameter.type->element.text, *want));
}

LogicalResult Expander::checkResults(const Function &function, Frame &frame,
                                     ArrayRef<Value> values) {
  if (function.results.empty())
    return success();
  if (function.results.size() != values.size()) {
    graph.at = function.results.front().name.span;
    return graph.fail(quoted(function.name.text) + " says that it gives " +
                      std::to_string(function.results.size()) +
                      " values, and returns " + std::to_string(values.size()));
  }
  for (auto [result, value] : llvm::zip(function.results, values)) {
    frame.names[result.name.text] = value;
    if (!result.type)
      continue;
    graph.at = result.type->span;
    auto want = dims(*result.type, frame, nullptr);
    auto found = failed(want) ? MaybeTensor(failure()) : tensor(value);
    if (failed(found))
      return failure();
    if (*want != Graph::dimsOf(*found) ||
        Graph::elementOf(*found) != element(*result.type)) {
      graph.at = result.type->span;
      return graph.fail("expected " +
                        describeShape(result.type->element.text, *want) +
                        " for " + quoted(result.name.text) + ", found " +
                        describeType(found->getType()));
    }
  }
  return success();
}

} // namespace attune::dsl
