// Functions and their gradients, and what they are run on. See Differences.h.
#include "compiler/differentiate/test/Differences.h"
#include "compiler/differentiate/Gradients.h"
#include "dialects/nn/ElementwiseKinds.h"
#include "mlir/IR/Verifier.h"
#include <cmath>

namespace attune::differentiate {

using namespace mlir;
using nn::Array;

double relativeError(const Array &a, const Array &b) {
  double error = 0, largest = 1e-4;
  for (int64_t i = 0; i < b.size(); ++i) {
    double difference = std::fabs(a.floats()[i] - b.floats()[i]);
    error = std::isnan(difference) ? INFINITY : std::max(error, difference);
    largest = std::max(largest, std::fabs(b.floats()[i]));
  }
  return error / largest;
}

std::vector<nn::ElementwiseKind> kindsOf(unsigned arity) {
  std::vector<nn::ElementwiseKind> kinds;
  for (uint64_t i = 0; i <= nn::getMaxEnumValForElementwiseKind(); ++i)
    if (auto kind = nn::symbolizeElementwiseKind(uint32_t(i));
        kind && nn::arity(*kind) == arity)
      kinds.push_back(*kind);
  return kinds;
}

bool hasNoSlope(nn::ElementwiseKind kind) {
  using Kind = nn::ElementwiseKind;
  switch (kind) {
  case Kind::Sign:
  case Kind::Floor:
  case Kind::Ceil:
  case Kind::Round:
  case Kind::Not:
  case Kind::IsNan:
  case Kind::IsInf:
  case Kind::And:
  case Kind::Or:
  case Kind::Xor:
  case Kind::Equal:
  case Kind::Less:
  case Kind::LessEqual:
  case Kind::Greater:
  case Kind::GreaterEqual:
    return true;
  default:
    return false;
  }
}

DifferencesTest::DifferencesTest() {
  DialectRegistry registry;
  registry.insert<nn::NNDialect, func::FuncDialect, arith::ArithDialect>();
  nn::registerEvaluators(registry);
  registerDerivatives(registry);
  context.appendDialectRegistry(registry);
  context.loadAllAvailableDialects();
}

int64_t DifferencesTest::extentOf(const char *symbol) {
  auto [entry, isNew] = extents.try_emplace(symbol, 0);
  if (isNew)
    entry->second = draw(1, 4);
  return entry->second;
}

static func::FuncOp makeFunction(OpBuilder &builder, StringRef name,
                                 ArrayRef<Type> arguments) {
  auto function = func::FuncOp::create(builder, builder.getUnknownLoc(), name,
                                       builder.getFunctionType(arguments, {}));
  function.addEntryBlock();
  return function;
}

static void finish(func::FuncOp function, ArrayRef<Value> results) {
  auto builder = OpBuilder::atBlockEnd(&function.getBody().front());
  func::ReturnOp::create(builder, function.getLoc(), results);
  function.setFunctionType(builder.getFunctionType(
      function.getArgumentTypes(), ValueRange(results).getTypes()));
}

DifferencesTest::Functions
DifferencesTest::buildFunctions(ArrayRef<TestInput> inputs, const Build &build,
                                bool isDynamic) {
  OpBuilder builder(&context);
  SmallVector<Type> types;
  for (const TestInput &input : inputs) {
    nn::Dims dims;
    for (const TestDim &dim : input.shape) {
      const char *const *symbol = std::get_if<const char *>(&dim);
      dims.push_back(
          symbol && isDynamic
              ? nn::DimAttr::symbol(&context, *symbol)
              : nn::DimAttr::constant(&context, symbol ? extentOf(*symbol)
                                                       : std::get<int>(dim)));
    }
    Type element = input.domain == Domain::Bool    ? builder.getI1Type()
                   : input.domain == Domain::Index ? Type(builder.getI64Type())
                                                   : realType();
    types.push_back(nn::tensorType(dims, element));
  }
  Functions functions;
  functions.module = ModuleOp::create(builder, builder.getUnknownLoc());
  builder.setInsertionPointToEnd(functions.module->getBody());
  functions.forward = makeFunction(builder, "forward", types);
  auto inside = OpBuilder::atBlockBegin(&functions.forward.getBody().front());
  Site site{inside, builder.getUnknownLoc()};
  auto expressions = [&](func::FuncOp function) {
    SmallVector<Expr> values;
    for (Value argument : function.getArguments().take_front(inputs.size()))
      values.push_back({site, argument});
    return values;
  };
  SmallVector<Value> results = build(site, expressions(functions.forward));
  finish(functions.forward, results);

  llvm::append_range(types, ValueRange(results).getTypes());
  functions.backward = makeFunction(builder, "backward", types);
  Block &block = functions.backward.getBody().front();
  inside.setInsertionPointToEnd(&block);
  SmallVector<Expr> values = expressions(functions.backward);
  // The combination sum(result * cotangent), as one output.
  Expr output{site, Value()};
  for (auto [result, cotangent] :
       llvm::zip(build(site, values),
                 block.getArguments().drop_front(inputs.size()))) {
    Expr part = sumTo(Expr(site, result) * Expr(site, cotangent), {});
    output = output ? output + part : part;
  }
  finish(functions.backward, Value(output));
  SmallVector<Source> sources;
  for (auto [input, value] : llvm::zip(inputs, values))
    if (input.isSource)
      sources.push_back({value, "input"});
  SmallVector<Value> gradients;
  inside.setInsertionPoint(block.getTerminator());
  EXPECT_TRUE(
      succeeded(buildGradients(output, output.number(1), sources, gradients)));
  EXPECT_TRUE(llvm::all_of(gradients, [](Value v) { return bool(v); }));
  for (auto [source, gradient] : llvm::zip(sources, gradients))
    EXPECT_EQ(source.value.getType(), gradient.getType());
  block.getTerminator()->erase();
  finish(functions.backward, gradients);
  EXPECT_TRUE(succeeded(verify(*functions.module)));
  for (Operation &op : block.without_terminator())
    EXPECT_TRUE(
        (isa<arith::ConstantOp>(op) || isa<nn::NNDialect>(op.getDialect())))
        << "leaves nn: " << op.getName().getStringRef().str();
  return functions;
}

// Floats are distinct points of one grid, so that no maximum is near a tie.
SmallVector<Array> DifferencesTest::drawInputs(ArrayRef<TestInput> inputs) {
  SmallVector<Array> arrays;
  int64_t total = 0;
  for (const TestInput &input : inputs) {
    nn::Extents shape;
    for (const TestDim &dim : input.shape)
      shape.push_back(std::holds_alternative<int>(dim)
                          ? std::get<int>(dim)
                          : extentOf(std::get<const char *>(dim)));
    Type element = realType();
    if (input.domain == Domain::Bool || input.domain == Domain::Index)
      element =
          IntegerType::get(&context, input.domain == Domain::Bool ? 1 : 64);
    arrays.emplace_back(element, shape);
    total += arrays.back().size();
  }
  std::vector<double> grid;
  for (int64_t i = 0; i < 2 * total; ++i)
    grid.push_back((double(i - total) + 0.5) * 2 / double(total));
  std::shuffle(grid.begin(), grid.end(), random);
  size_t next = 0;
  for (auto [input, array] : llvm::zip(inputs, arrays)) {
    if (!array.isFloat())
      for (int64_t &x : array.ints())
        x = draw(0, input.domain == Domain::Bool ? 1 : input.limit - 1);
    else
      for (double &x : array.floats()) {
        x = grid[next++];
        if (input.domain == Domain::Positive)
          x = 0.5 + (x + 2) / 2;
      }
  }
  if (adjust)
    adjust(arrays);
  return arrays;
}

Array DifferencesTest::drawCotangent(const Array &like) {
  Array array(like.getElementType(), like.getShape());
  for (double &x : array.floats())
    x = std::uniform_real_distribution<double>(-1, 1)(random);
  return array;
}

} // namespace attune::differentiate
