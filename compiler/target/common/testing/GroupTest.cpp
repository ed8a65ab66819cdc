//===- GroupTest.cpp ------------------------------------------------------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "mlir/AsmParser/AsmParser.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

using namespace mlir;
using namespace attune;
using namespace attune::target::common::testing;

static SmallVector<StringRef> dimsOf(const TensorSpec &spec) {
  SmallVector<StringRef> dims;
  StringRef(spec.dims).split(dims, ',', -1, /*KeepEmpty=*/false);
  for (StringRef &dim : dims)
    dim = dim.trim();
  return dims;
}

std::string TensorSpec::type() const {
  std::string text = "tensor<";
  bool isDynamic = false;
  for (StringRef dim : dimsOf(*this)) {
    int64_t extent;
    bool isStatic = !dim.getAsInteger(10, extent);
    isDynamic |= !isStatic;
    text += (isStatic ? dim.str() : std::string("?")) + "x";
  }
  text += element;
  return text + (isDynamic ? ", #nn.shape<[" + dims + "]>>" : ">");
}

/// Replaces MARKn by the n-th type.
static void substitute(std::string &text, char mark,
                       const std::vector<TensorSpec> &specs) {
  for (size_t i = specs.size(); i-- > 0;) {
    std::string name = mark + std::to_string(i);
    for (size_t at; (at = text.find(name)) != std::string::npos;)
      text.replace(at, name.size(), specs[i].type());
  }
}

std::string attune::target::common::testing::textOf(const GroupSpec &spec) {
  auto list = [](size_t count, auto item) {
    std::vector<std::string> items;
    for (size_t i = 0; i < count; ++i)
      items.push_back(item(i));
    return llvm::join(items, ", ");
  };
  size_t ins = spec.inputs.size(), outs = spec.results.size();
  auto inType = [&](size_t i) { return spec.inputs[i].type(); };
  auto outType = [&](size_t i) { return spec.results[i].type(); };
  auto number = [](const char *prefix) {
    return [prefix](size_t i) { return prefix + std::to_string(i); };
  };
  std::string body = spec.body;
  substitute(body, '@', spec.inputs);
  substitute(body, '$', spec.results);
  std::string outTypes = list(outs, outType);
  return "func.func @main(" +
         list(ins,
              [&](size_t i) {
                return "%arg" + std::to_string(i) + ": " + inType(i);
              }) +
         ") -> (" + outTypes + ") {\n  %o:" + std::to_string(outs) +
         " = nn.group " + spec.kind + " (" +
         list(ins,
              [&](size_t i) {
                return "%" + std::to_string(i) + " = %arg" + std::to_string(i);
              }) +
         ") : (" + list(ins, inType) + ") -> (" + outTypes + ") {\n" + body +
         "\n    nn.yield " + list(outs, number("%r")) + " : " + outTypes +
         "\n  }\n  return " + list(outs, number("%o#")) + " : " + outTypes +
         "\n}\n";
}

nn::Array attune::target::common::testing::drawArray(
    MLIRContext &context, const TensorSpec &spec,
    const llvm::StringMap<int64_t> &symbols, std::mt19937 &random) {
  nn::Extents extents;
  for (StringRef dim : dimsOf(spec)) {
    int64_t extent;
    if (dim.getAsInteger(10, extent))
      extent = symbols.lookup(dim);
    extents.push_back(extent);
  }
  Type element = parseType(spec.element, &context);
  nn::Array array(element, extents);
  std::normal_distribution<double> normal(0, spec.spread);
  std::uniform_int_distribution<int64_t> integer(int64_t(spec.low),
                                                 int64_t(spec.high));
  for (int64_t i = 0, n = array.size(); i < n; ++i) {
    if (!array.isFloat())
      array.ints()[i] =
          element.isInteger(1) ? int64_t(random() & 1) : integer(random);
    else
      array.floats()[i] = normal(random);
  }
  // Errors are measured against the largest result, which must not be what a
  // cancellation leaves: the GELU of -4, where it is the only element.
  if (array.isFloat() && array.size())
    array.floats()[0] = std::abs(array.floats()[0]);
  // Both sides read what the type can hold.
  return *nn::Array::fromBytes(element, extents, array.toBytes());
}

//===----------------------------------------------------------------------===//
// The fixture
//===----------------------------------------------------------------------===//

void GroupTest::bind(
    std::initializer_list<std::pair<const char *, int64_t>> values) {
  for (auto [name, value] : values)
    symbols[name] = value;
}

void GroupTest::check(const GroupSpec &spec, double tolerance) {
  check(spec, llvm::ArrayRef(symbols), tolerance);
}

/// Whether two results are equal bit by bit.
static bool isSame(const nn::Array &a, const nn::Array &b) {
  return a.toBytes() == b.toBytes();
}

void GroupTest::check(const GroupSpec &spec,
                      ArrayRef<llvm::StringMap<int64_t>> bindings,
                      double tolerance) {
  std::string text = textOf(spec);
  SCOPED_TRACE(text);
  auto groups = Groups::compile(text, GetParam());
  ASSERT_TRUE(groups);
  for (const llvm::StringMap<int64_t> &binding : bindings) {
    symbols = binding;
    std::string where;
    for (const auto &[name, value] : symbols)
      where += name.str() + "=" + std::to_string(value) + " ";
    SCOPED_TRACE(where);
    std::vector<nn::Array> inputs;
    for (const TensorSpec &input : spec.inputs)
      inputs.push_back(drawArray(groups->context(), input, symbols, random));
    auto expected = groups->evaluate(inputs);
    auto draws = [&] { return uint64_t(draw(1, 1 << 30)); };
    auto whole = groups->run(inputs, {});
    auto another = groups->run(inputs, {.order = draws()});
    auto inPlace = groups->run(inputs, {.order = draws(), .inPlace = true});
    auto shifted =
        groups->run(inputs, {.order = draws(), .shift = draw(1, 15)});
    ASSERT_TRUE(succeeded(expected) && succeeded(whole) && succeeded(another) &&
                succeeded(inPlace) && succeeded(shifted));
    // Half precision overflows where double does not.
    for (nn::Array &result : *expected)
      if (result.getElementType().getIntOrFloatBitWidth() == 16)
        result = *nn::Array::fromBytes(result.getElementType(),
                                       result.getShape(), result.toBytes());
    for (size_t i = 0; i < expected->size(); ++i) {
      EXPECT_LE(errorOf((*whole)[i], (*expected)[i]), tolerance)
          << "result " << i;
      // Vectors may be cut elsewhere.
      EXPECT_LE(errorOf((*shifted)[i], (*expected)[i]), tolerance)
          << "not aligned, result " << i;
      EXPECT_TRUE(isSame((*whole)[i], (*another)[i]))
          << "another order, result " << i;
      EXPECT_TRUE(isSame((*whole)[i], (*inPlace)[i]))
          << "in place, result " << i;
    }
    for (unsigned variant = 1; variant < groups->variants(); ++variant) {
      SCOPED_TRACE("variant " + std::to_string(variant));
      auto other = groups->run(
          inputs, {.order = draws(), .shift = draw(0, 1), .variant = variant});
      ASSERT_TRUE(succeeded(other));
      for (size_t i = 0; i < expected->size(); ++i)
        EXPECT_TRUE(isSame((*whole)[i], (*other)[i])) << "result " << i;
    }
  }
}
