// The view algebra against brute force: a random chain of views, as
// polynomials, must name the same elements as the chain carried out on an array
// of positions.
#include "compiler/kernels/View.h"
#include "compiler/kernels/IterationSpace.h"
#include "dialects/nn/reference/Array.h"
#include "gtest/gtest.h"
#include <numeric>
#include <random>

using namespace attune;
using namespace attune::kernels;
using mlir::MLIRContext;
using nn::DimAttr;
using nn::Dims;

namespace {

class ViewTest : public ::testing::Test {
protected:
  ViewTest() { context.loadDialect<nn::NNDialect>(); }

  int64_t draw(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }

  // A dim of a small extent: a constant, or a symbol that has that value.
  DimAttr makeDim(int64_t extent) {
    if (!symbolic || draw(0, 1))
      return DimAttr::constant(&context, extent);
    std::string name = "s" + std::to_string(symbols.size());
    symbols[name] = extent;
    return DimAttr::symbol(&context, name);
  }

  int64_t value(DimAttr dim) { return *dim.evaluate(symbols); }
  nn::Extents values(llvm::ArrayRef<DimAttr> dims) {
    nn::Extents result;
    for (DimAttr dim : dims)
      result.push_back(value(dim));
    return result;
  }

  struct State {
    View view;
    nn::Array positions; // of each element in the root
  };

  State makeRoot();
  void step(State &state);
  void reshape(State &state);
  void expectEqual(const State &state);

  MLIRContext context;
  std::mt19937 random;
  llvm::StringMap<int64_t> symbols;
  bool symbolic = true;
};

ViewTest::State ViewTest::makeRoot() {
  Dims dims;
  for (int64_t rank = draw(1, 4); rank > 0; --rank)
    dims.push_back(makeDim(draw(1, 5)));
  State state{View::rowMajor(dims, &context),
              nn::Array(mlir::IntegerType::get(&context, 64), values(dims))};
  auto positions = state.positions.ints();
  std::iota(positions.begin(), positions.end(), 0);
  return state;
}

// The strides that `positions` has, if they are affine.
std::optional<nn::Extents> findStrides(const nn::Array &positions) {
  nn::Extents steps = nn::rowMajorStrides(positions.getShape()), strides;
  for (auto [dim, extent] : llvm::enumerate(positions.getShape()))
    strides.push_back(
        extent > 1 ? positions.ints()[steps[dim]] - positions.ints()[0] : 0);
  for (int64_t at = 0; at < positions.size(); ++at) {
    int64_t expected = positions.ints()[0];
    for (auto [dim, extent] : llvm::enumerate(positions.getShape()))
      expected += at / steps[dim] % extent * strides[dim];
    if (positions.ints()[at] != expected)
      return std::nullopt;
  }
  return strides;
}

void ViewTest::expectEqual(const State &state) {
  nn::Extents strides = values(state.view.strides);
  ASSERT_EQ(values(state.view.dims), nn::Extents(state.positions.getShape()));
  nn::Extents steps = nn::rowMajorStrides(state.positions.getShape());
  for (int64_t at = 0; at < state.positions.size(); ++at) {
    int64_t position = value(state.view.offset);
    for (auto [dim, extent] : llvm::enumerate(state.positions.getShape()))
      position += at / steps[dim] % extent * strides[dim];
    ASSERT_EQ(position, state.positions.ints()[at]);
  }
}

// Splits a dim, merges two, or adds a dim of 1.
void ViewTest::reshape(State &state) {
  Dims dims = state.view.dims;
  size_t at = draw(0, dims.size() - 1);
  std::optional<int64_t> extent = dims[at].getConstant();
  switch (draw(0, 2)) {
  case 0:
    if (!extent || *extent % 2)
      return;
    dims[at] = DimAttr::constant(&context, 2);
    dims.insert(dims.begin() + at + 1,
                DimAttr::constant(&context, *extent / 2));
    break;
  case 1:
    if (at + 1 == dims.size())
      return;
    dims[at] = dims[at] * dims[at + 1];
    dims.erase(dims.begin() + at + 1);
    break;
  default:
    dims.insert(dims.begin() + at, DimAttr::constant(&context, 1));
  }
  std::optional<View> reshaped = reshapeView(state.view, dims);
  nn::Array positions = state.positions.reshaped(values(dims));
  if (reshaped) {
    state = {*reshaped, positions};
    return;
  }
  // A refusal must be right: with constants no strides exist at all.
  if (!symbolic)
    EXPECT_FALSE(findStrides(positions).has_value());
}

void ViewTest::step(State &state) {
  size_t rank = state.view.rank();
  switch (draw(0, 4)) {
  case 0: {
    llvm::SmallVector<int64_t> permutation(rank);
    std::iota(permutation.begin(), permutation.end(), 0);
    std::shuffle(permutation.begin(), permutation.end(), random);
    state = {transposeView(state.view, permutation),
             state.positions.transposed(permutation)};
    return;
  }
  case 1: {
    Dims starts, sizes;
    llvm::SmallVector<int64_t> steps;
    nn::Extents shape;
    int64_t offset = 0;
    nn::Extents strides = nn::rowMajorStrides(state.positions.getShape());
    for (auto [dim, extent] : llvm::enumerate(state.positions.getShape())) {
      int64_t step = draw(0, 3) ? 1 : draw(0, 1) ? 2 : -1;
      int64_t size = draw(1, step == 2 ? (extent + 1) / 2 : extent);
      int64_t start = step < 0 ? draw(size - 1, extent - 1)
                               : draw(0, extent - 1 - (size - 1) * step);
      starts.push_back(makeDim(start));
      sizes.push_back(makeDim(size));
      steps.push_back(step);
      shape.push_back(size);
      offset += start * strides[dim];
      strides[dim] *= step;
    }
    state = {sliceView(state.view, starts, sizes, steps),
             state.positions.gathered(shape, offset, strides)};
    return;
  }
  case 2: {
    Dims dims = state.view.dims;
    for (DimAttr &dim : dims)
      if (dim.getConstant() == 1 && draw(0, 1))
        dim = makeDim(draw(2, 3));
    if (dims.size() < 5)
      dims.insert(dims.begin(), makeDim(2));
    state = {broadcastView(state.view, dims),
             state.positions.broadcasted(values(dims))};
    return;
  }
  default:
    reshape(state);
  }
}

TEST_F(ViewTest, RandomChains) {
  for (unsigned seed = 0; seed < 4000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    random.seed(seed);
    symbols.clear();
    symbolic = seed % 2;
    State state = makeRoot();
    for (int64_t steps = draw(1, 6); steps > 0; --steps) {
      if (state.positions.size() > 400)
        break;
      step(state);
      expectEqual(state);
      if (HasFatalFailure())
        return;
    }
  }
}

TEST_F(ViewTest, HeadsSplitButDoNotMergeTransposed) {
  DimAttr b = DimAttr::symbol(&context, "B"),
          s = DimAttr::symbol(&context, "S");
  auto number = [&](int64_t n) { return DimAttr::constant(&context, n); };
  View root = View::rowMajor({b, s, number(64)}, &context);
  std::optional<View> split = reshapeView(root, {b, s, number(4), number(16)});
  ASSERT_TRUE(split);
  View heads = transposeView(*split, {0, 2, 1, 3});
  EXPECT_EQ(heads.strides, (Dims{s * 64, number(16), number(64), number(1)}));
  EXPECT_FALSE(reshapeView(heads, {b, s * 4, number(16)}));
  std::optional<View> back =
      reshapeView(transposeView(heads, {0, 2, 1, 3}), {b * s, number(64)});
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->isRowMajor());
}

TEST_F(ViewTest, AxesMergeWhereAllOperandsAgree) {
  DimAttr b = DimAttr::symbol(&context, "B"),
          s = DimAttr::symbol(&context, "S");
  DimAttr n = DimAttr::constant(&context, 64);
  IterationSpace space{{b, s, n}, {}};
  space.addOperand(View::rowMajor({b, s, n}, &context));
  EXPECT_EQ(space.addOperand(View::rowMajor({n}, &context)), 1u);
  IterationSpace rows = space;
  EXPECT_EQ(rows.simplify({2, 1}), (llvm::SmallVector<unsigned>{1, 1}));
  EXPECT_EQ(rows.extents, (Dims{b * s, n}));
  // What is the same for all batches keeps them apart.
  space.addOperand(View::rowMajor({s, n}, &context));
  EXPECT_EQ(space.simplify({2, 1}), (llvm::SmallVector<unsigned>{2, 1}));
}

} // namespace
