//===- MapGroupTest.cpp - map groups against double precision -------------===//
//
// Broadcasting, gathers, pieces, positions and copies of views. Every
// elementwise kind on every type: ElementwiseGroupTest.cpp.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attune::target::common::testing;

namespace {

class MapGroup : public GroupTest {
protected:
  std::vector<llvm::StringMap<int64_t>> sizes() {
    std::vector<llvm::StringMap<int64_t>> result;
    for (int64_t s :
         {int64_t(1), int64_t(16), int64_t(33), int64_t(64), draw(1, 150)}) {
      llvm::StringMap<int64_t> binding;
      binding["B"] = draw(1, 3);
      binding["S"] = s;
      binding["T"] = draw(1, 70);
      result.push_back(binding);
    }
    return result;
  }
};

TEST_P(MapGroup, AnyBroadcast) {
  check({"map",
         {{"B, S, 48"}, {"48"}, {"B, 1, 1"}, {"S, 1"}, {""}},
         {{"B, S, 48"}},
         R"(
    %a = nn.elementwise add %0, %1 : (@0, @1) -> @0
    %b = nn.elementwise mul %a, %2 : (@0, @2) -> @0
    %c = nn.elementwise sub %b, %3 : (@0, @3) -> @0
    %r0 = nn.elementwise max %c, %4 : (@0, @4) -> $0)"},
        sizes());
}

TEST_P(MapGroup, TwoResultsAndAMask) {
  check({"map",
         {{"B, S, T"}, {"B, 1, T", "i1"}},
         {{"B, S, T"}, {"B, S, T", "i1"}},
         R"(
    %z = arith.constant dense<0.5> : tensor<f32>
    %r1 = nn.elementwise greater %0, %z : (@0, tensor<f32>) -> $1
    %m = nn.elementwise and %r1, %1 : ($1, @1) -> $1
    %r0 = nn.elementwise select %m, %0, %z : ($1, @0, tensor<f32>) -> $0)"},
        sizes());
}

TEST_P(MapGroup, HalfPrecision) {
  for (const char *element : {"f16", "bf16"}) {
    if (!GetParam().has(element))
      continue;
    check({"map",
           {{"B, S, T", element}, {"T", element}, {"B, S, 1"}},
           {{"B, S, T", element}, {"B, S, T"}},
           llvm::formatv(R"(
    %a = nn.elementwise add %0, %1 : (@0, @1) -> @0
    %b = nn.elementwise cast %a to f32 : (@0) -> $1
    %r1 = nn.elementwise mul %b, %2 : ($1, @2) -> $1
    %r0 = nn.elementwise cast %r1 to {0} : ($1) -> $0)",
                         element)},
          sizes(), 0x1p-7); // rounds twice
  }
}

TEST_P(MapGroup, LongTensorsAndScalars) {
  bind({{"N", draw(10000, 40000)}});
  check({"map",
         {{"N"}, {"N"}},
         {{"N"}},
         "    %r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"});
  check({"map",
         {{"", "i64"}, {"", "i64"}},
         {{"", "i64"}},
         "    %r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"});
  check({"map",
         {{"3, 5000"}, {"5000"}},
         {{"3, 5000"}},
         "    %r0 = nn.elementwise mul %0, %1 : (@0, @1) -> $0"});
}

//===----------------------------------------------------------------------===//
// Gather
//===----------------------------------------------------------------------===//

// Indices of either sign; positions computed in the group.
TEST_P(MapGroup, SumOfEmbeddings) {
  check({"map",
         {{"50, 96"},
          {"B, S", "i64", 1, -50, 49},
          {"7, 96"},
          {"B, S", "i32", 1, -7, 6},
          {"200, 96"}},
         {{"B, S, 96"}},
         R"(
    %a = nn.gather %0[%1] axis 0 : (@0, @1) -> $0
    %b = nn.gather %2[%3] axis 0 : (@2, @3) -> $0
    %i = nn.iota axis 1 : tensor<1x?xi64, #nn.shape<[1, S]>>
    %t = arith.constant dense<2> : tensor<i64>
    %j = nn.elementwise add %i, %t : (tensor<1x?xi64, #nn.shape<[1, S]>>, tensor<i64>) -> tensor<1x?xi64, #nn.shape<[1, S]>>
    %c = nn.gather %4[%j] axis 0 : (@4, tensor<1x?xi64, #nn.shape<[1, S]>>) -> tensor<1x?x96xf32, #nn.shape<[1, S, 96]>>
    %d = nn.elementwise add %a, %b : ($0, $0) -> $0
    %r0 = nn.elementwise add %d, %c : ($0, tensor<1x?x96xf32, #nn.shape<[1, S, 96]>>) -> $0)"},
        sizes());
}

TEST_P(MapGroup, GatherAlongAnyAxis) {
  for (const char *element : {"f32", "i64", "i32", "i1"})
    for (int axis : {0, 1, 2}) {
      std::vector<std::string> dims = {"B", "S", "20"};
      int64_t extents[] = {1, 1, 20};
      dims[axis] = "T, 3";
      check({"map",
             {{"B, S, 20", element},
              {"T, 3", "i64", 1, -double(extents[axis]),
               double(extents[axis] - 1)}},
             {{llvm::join(dims, ", "), element}},
             llvm::formatv(
                 "    %r0 = nn.gather %0[%1] axis {0} : (@0, @1) -> $0", axis)},
            sizes());
    }
}

// An index for each element, in whole vectors and in what is left of them, from
// more than a work item's.
TEST_P(MapGroup, GatherOfSingleElements) {
  bind({{"N", draw(65, 5000)}, {"T", draw(1, 300)}});
  double last = double(symbols["T"] - 1);
  for (const char *element : {"f32", "i64", "i32", "i1"})
    for (const char *index : {"i64", "i32"})
      check({"map",
             {{"T", element}, {"N", index, 1, -last - 1, last}},
             {{"N", element}},
             "    %r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"});
}

TEST_P(MapGroup, GatherThroughATransposedView) {
  check({"map",
         {{"40, S, 12"}, {"T", "i64", 1, -12, 11}},
         {{"T, S, 40"}},
         R"(
    %t = nn.transpose %0 [2, 1, 0] : (@0) -> tensor<12x?x40xf32, #nn.shape<[12, S, 40]>>
    %r0 = nn.gather %t[%1] axis 0 : (tensor<12x?x40xf32, #nn.shape<[12, S, 40]>>, @1) -> $0)"},
        sizes());
}

// What a wrong index gives is not said, but that nothing outside is read is.
TEST_P(MapGroup, IndicesOutsideStayInside) {
  GroupSpec spec{"map",
                 {{"5, 40"}, {"30", "i64", 1, -1e15, 1e15}, {"30", "i32"}},
                 {{"30, 40"}, {"30, 40"}},
                 R"(
    %r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0
    %r1 = nn.gather %0[%2] axis 0 : (@0, @2) -> $1)"};
  auto groups = Groups::compile(textOf(spec), GetParam());
  ASSERT_TRUE(groups);
  std::vector<attune::nn::Array> inputs;
  for (const TensorSpec &input : spec.inputs)
    inputs.push_back(drawArray(groups->context(), input, symbols, random));
  auto results = groups->run(inputs, {});
  ASSERT_TRUE(succeeded(results));
  for (int64_t i = 0; i < 30; ++i) {
    int64_t index = inputs[1].ints()[i];
    int64_t row = index < 0 ? 0 : 4; // clamped
    for (int64_t j = 0; j < 40; ++j)
      EXPECT_EQ((*results)[0].floats()[i * 40 + j],
                inputs[0].floats()[row * 40 + j]);
  }
}

//===----------------------------------------------------------------------===//
// Positions and dims
//===----------------------------------------------------------------------===//

TEST_P(MapGroup, PositionsAndDims) {
  for (const char *element : {"i64", "i32", "f32"})
    check({"map",
           {{"B, S, T", element}},
           {{"B, S, T", element}},
           llvm::formatv(R"(
    %i = nn.iota axis 1 : $0
    %j = nn.iota axis 2 : $0
    %d = nn.dim <S + 2 * T> : tensor<i64>
    %c = nn.elementwise cast %d to {0} : (tensor<i64>) -> tensor<{0}>
    %a = nn.elementwise mul %i, %c : ($0, tensor<{0}>) -> $0
    %b = nn.elementwise add %a, %j : ($0, $0) -> $0
    %r0 = nn.elementwise add %b, %0 : ($0, @0) -> $0)",
                         element)},
          sizes());
  bind({{"S", draw(1, 100)}});
  check({"map", {{"S"}}, {{"", "i64"}}, "    %r0 = nn.dim <S * S> : $0"});
}

//===----------------------------------------------------------------------===//
// Pieces
//===----------------------------------------------------------------------===//

TEST_P(MapGroup, ConcatAlongAnyAxis) {
  for (const char *element : {"f32", "i64", "i1"}) {
    check(
        {"map",
         {{"B, 1, 40", element}, {"B, S, 40", element}, {"B, 3, 40", element}},
         {{"B, S + 4, 40", element}},
         "    %r0 = nn.concat %0, %1, %2 axis 1 : (@0, @1, @2) -> $0"},
        sizes());
    check({"map",
           {{"S, T, 5", element}, {"1, T, 5", element}},
           {{"S + 1, T, 5", element}},
           "    %r0 = nn.concat %0, %1 axis 0 : (@0, @1) -> $0"},
          sizes());
    check({"map",
           {{"B, S, T", element}, {"B, S, 1", element}, {"B, S, 33", element}},
           {{"B, S, T + 34", element}},
           "    %r0 = nn.concat %0, %1, %2 axis 2 : (@0, @1, @2) -> $0"},
          sizes());
  }
}

TEST_P(MapGroup, ConcatOfViews) {
  check({"map",
         {{"B, S, 40"}, {"40, B, T"}},
         {{"B, S + T, 40"}},
         R"(
    %t = nn.transpose %1 [1, 2, 0] : (@1) -> tensor<?x?x40xf32, #nn.shape<[B, T, 40]>>
    %r0 = nn.concat %0, %t axis 1 : (@0, tensor<?x?x40xf32, #nn.shape<[B, T, 40]>>) -> $0)"},
        sizes());
}

TEST_P(MapGroup, PadOnEverySide) {
  for (const char *element : {"f32", "i64"})
    check(
        {"map",
         {{"B, S, T", element}, {"", element}},
         {{"B, S + 3, T + 5", element}},
         "    %r0 = nn.pad %0, %1 low <[0, 1, 0]> high <[0, 2, 5]> : (@0, @1) "
         "-> $0"},
        sizes());
  check({"map",
         {{"B, S, 20"}},
         {{"B + 1, 2 * S, 20"}},
         R"(
    %c = arith.constant dense<-1.5> : tensor<f32>
    %r0 = nn.pad %0, %c low <[1, S, 0]> high <[0, 0, 0]> : (@0, tensor<f32>) -> $0)"},
        sizes());
}

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

TEST_P(MapGroup, EveryTransposition) {
  std::vector<std::string> dims = {"B", "S", "6", "T"};
  int64_t permutation[] = {0, 1, 2, 3};
  do {
    if (draw(0, 1)) // half of the 24, another half each time
      continue;
    std::vector<std::string> result, order;
    for (int64_t from : permutation) {
      result.push_back(dims[from]);
      order.push_back(std::to_string(from));
    }
    const char *elements[] = {"f32", "i64", "i32", "i1", "f64"};
    const char *element = elements[draw(0, 4)];
    check({"map",
           {{"B, S, 6, T", element}},
           {{llvm::join(result, ", "), element}},
           "    %r0 = nn.transpose %0 [" + llvm::join(order, ", ") +
               "] : (@0) -> $0"},
          sizes());
  } while (std::next_permutation(permutation, permutation + 4));
}

TEST_P(MapGroup, AMatrixAndItsTranspose) {
  llvm::StringMap<int64_t> large;
  large["S"] = draw(100, 300);
  for (const char *element : {"f32", "i32"})
    check({"map",
           {{"S, S", element}, {"S", element}},
           {{"S, S", element}},
           R"(
    %t = nn.transpose %0 [1, 0] : (@0) -> @0
    %a = nn.elementwise add %0, %t : (@0, @0) -> @0
    %r0 = nn.elementwise mul %a, %1 : (@0, @1) -> $0)"},
          large);
}

TEST_P(MapGroup, SlicesWithStepsOfEitherSign) {
  check({"map",
         {{"B, S, 50"}},
         {{"B, S, 20"}},
         R"(
    %r0 = nn.slice %0 starts <[0, S - 1, 41]> sizes <[B, S, 20]> steps [1, -1, -2] : (@0) -> $0)"},
        sizes());
}

INSTANTIATE_TEST_SUITE_P(Targets, MapGroup, ::testing::ValuesIn(testTargets()),
                         targetName);

} // namespace
