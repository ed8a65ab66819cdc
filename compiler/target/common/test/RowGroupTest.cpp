//===- RowGroupTest.cpp - row groups against double precision -------------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attune::target::common::testing;

namespace {

class RowGroup : public GroupTest {
protected:
  /// Lengths on and off every edge of the loops.
  std::vector<llvm::StringMap<int64_t>> lengths() {
    std::vector<llvm::StringMap<int64_t>> result;
    for (int64_t s : {int64_t(1), int64_t(16), int64_t(63), int64_t(64),
                      int64_t(130), draw(1, 300)}) {
      llvm::StringMap<int64_t> binding;
      binding["B"] = draw(1, 3);
      binding["S"] = s;
      binding["T"] = draw(1, 70);
      result.push_back(binding);
    }
    return result;
  }
};

TEST_P(RowGroup, LayerNormOfASumThatIsStoredToo) {
  bind({{"B", 2}, {"S", draw(1, 9)}});
  check({"row",
         {{"B, S, 768"}, {"B, S, 768", "f32", 3}, {"768"}, {"768"}},
         {{"B, S, 768"}, {"B, S, 768"}},
         R"(
    %r1 = nn.elementwise add %0, %1 : (@0, @1) -> $1
    %r0 = nn.norm layer %r1 axis 2 epsilon 1.0e-5 scale %2 : @2 bias %3 : @3 : $1 -> $0)"});
}

TEST_P(RowGroup, LayerNormOfARowFarFromZero) {
  check({"row",
         {{"7, 100", "f32", 1}, {"", "f32", 100}},
         {{"7, 100"}},
         R"(
    %x = nn.elementwise add %0, %1 : (@0, @1) -> @0
    %r0 = nn.norm layer %x axis 1 epsilon 1.0e-5 : @0 -> $0)"},
        2e-4);
}

TEST_P(RowGroup, RmsNormWithStatisticsOverTwoAxes) {
  bind({{"B", draw(1, 9)}});
  check({"row",
         {{"B, 6, 40"}, {"6, 40"}},
         {{"B, 6, 40"}, {"B"}},
         R"(
    %r0, %r1 = nn.norm rms %0 axis 1 epsilon 1.0e-6 scale %1 : @1 : @0 -> $0 rstd $1)"});
}

TEST_P(RowGroup, LayerNormGivesMeanAndDeviation) {
  check({"row",
         {{"5, 3, 90"}},
         {{"5, 3, 90"}, {"5, 3"}, {"5, 3"}},
         R"(
    %r0, %r1, %r2 = nn.norm layer %0 axis 2 epsilon 1.0e-6 : @0 -> $0 mean $1 rstd $2)"});
}

// From what one thread has in a register to what no block of threads holds.
TEST_P(RowGroup, RowsOfEveryStaticLength) {
  for (int64_t n : {int64_t(1), int64_t(4), int64_t(12), int64_t(31),
                    int64_t(64), int64_t(1000), int64_t(1023), int64_t(2052),
                    int64_t(4096), int64_t(17000), draw(1, 3000)}) {
    bind({{"B", draw(1, 5)}});
    std::string dims = "B, " + std::to_string(n);
    check({"row",
           {{dims, "f32", 3}, {std::to_string(n)}},
           {{dims}, {dims}},
           R"(
    %r0 = nn.softmax %0 axis 1 : (@0) -> $0
    %r1 = nn.norm layer %0 axis 1 epsilon 1.0e-5 scale %1 : @1 : @0 -> $1)"},
          1e-5);
  }
}

TEST_P(RowGroup, ReductionsOverTwoAxesThatDoNotMerge) {
  for (const char *s : {"S", "3"}) {
    bind({{"B", draw(1, 4)}, {"S", draw(1, 40)}});
    std::string middle = s;
    check({"row",
           {{"B, 9, " + middle + ", 20"}},
           {{"B, 1, " + middle + ", 1"}},
           "    %r0 = nn.reduce sum %0 axes [1, 3] keepdims : (@0) -> $0"},
          1e-5);
  }
}

TEST_P(RowGroup, RowsOfNothing) {
  bind({{"B", 3}, {"S", 0}});
  for (const char *kind : {"sum", "prod"})
    check({"row",
           {{"B, S"}},
           {{"B"}},
           llvm::formatv("    %r0 = nn.reduce {0} %0 axes [1] : (@0) -> $0",
                         kind)});
  check({"row",
         {{"S, 40"}},
         {{"40"}},
         "    %r0 = nn.reduce sum %0 axes [0] : (@0) -> $0"});
  check({"row",
         {{"B, S"}},
         {{"B, S"}},
         "    %r0 = nn.softmax %0 axis 1 : (@0) -> $0"});
}

TEST_P(RowGroup, HalfPrecision) {
  for (const char *element : {"f16", "bf16"})
    for (const char *columns : {"768", "100", "S"}) {
      if (!GetParam().has(element))
        continue;
      bind({{"B", draw(1, 5)}, {"S", draw(1, 300)}});
      std::string dims = std::string("B, ") + columns;
      check({"row",
             {{dims, element, 3}},
             {{dims, element}, {"B, 1", element}},
             R"(
    %r1 = nn.reduce max %0 axes [1] keepdims : (@0) -> $1
    %r0 = nn.softmax %0 axis 1 : (@0) -> $0)"},
            0x1p-7);
      check({"row",
             {{dims, element, 3}},
             {{columns, element}},
             "    %r0 = nn.reduce max %0 axes [0] : (@0) -> $0"},
            0x1p-7);
    }
}

TEST_P(RowGroup, SoftmaxOfAnyLength) {
  check({"row",
         {{"B, 3, S", "f32", 5}},
         {{"B, 3, S"}},
         "    %r0 = nn.softmax %0 axis 2 : (@0) -> $0"},
        lengths());
}

TEST_P(RowGroup, SoftmaxOverAnAxisThatIsNotTheLast) {
  check({"row",
         {{"B, S, T", "f32", 5}},
         {{"B, S, T"}},
         "    %r0 = nn.softmax %0 axis 1 : (@0) -> $0"},
        lengths());
  check({"row",
         {{"S, 200", "f32", 5}},
         {{"S, 200"}},
         "    %r0 = nn.softmax %0 axis 0 : (@0) -> $0"},
        lengths());
}

// Rows on and off every group, lanes of every width: one sweep that reduces, of
// which a result is stored and one is used again, and two, one upon the other.
TEST_P(RowGroup, LanesOfEveryWidth) {
  for (int64_t n : {int64_t(1), int64_t(16), int64_t(33), int64_t(127),
                    int64_t(128), int64_t(240), draw(1, 400)}) {
    bind({{"S", draw(0, 3) * 8 + draw(1, 8)}});
    std::string dims = "S, " + std::to_string(n);
    check({"row",
           {{dims, "f32", 3}},
           {{dims}, {"1, " + std::to_string(n)}},
           R"(
    %r1 = nn.reduce mean %0 axes [0] keepdims : (@0) -> $1
    %r0 = nn.elementwise sub %0, %r1 : (@0, $1) -> $0)"},
          1e-5);
    check({"row",
           {{dims, "f32", 3}},
           {{dims}},
           "    %r0 = nn.softmax %0 axis 0 : (@0) -> $0"},
          1e-5);
  }
}

// The middle of unfused attention: rows of which nothing is visible give 0.
TEST_P(RowGroup, ScaleMaskAndSoftmax) {
  check({"row",
         {{"B, 4, T, S", "f32", 4}, {"B, 1, 1, S", "i1"}, {"1, 1, T, S"}},
         {{"B, 4, T, S"}},
         R"(
    %c = arith.constant dense<0.125> : tensor<f32>
    %h = arith.constant dense<0xFF800000> : tensor<f32>
    %s = nn.elementwise mul %0, %c : (@0, tensor<f32>) -> @0
    %t = nn.elementwise add %s, %2 : (@0, @2) -> @0
    %m = nn.elementwise select %1, %t, %h : (@1, @0, tensor<f32>) -> @0
    %r0 = nn.softmax %m axis 3 : (@0) -> $0)"},
        lengths());
}

// One element that is NaN or infinite makes its whole row NaN, wherever it
// stands; the other rows do not notice.
TEST_P(RowGroup, SoftmaxOfRowsThatHoldWhatIsNoNumber) {
  for (const char *value : {"0x7FC00000", "0x7F800000"})
    for (const char *axis : {"1", "0"})
      check({"row",
             {{"B, S"}, {"B, S", "i64", 1, 0, 60}},
             {{"B, S"}},
             llvm::formatv(R"(
    %z = arith.constant dense<0> : tensor<i64>
    %v = arith.constant dense<{0}> : tensor<f32>
    %i = nn.elementwise equal %1, %z : (@1, tensor<i64>) -> tensor<?x?xi1, #nn.shape<[B, S]>>
    %m = nn.elementwise select %i, %v, %0 : (tensor<?x?xi1, #nn.shape<[B, S]>>, tensor<f32>, @0) -> @0
    %r0 = nn.softmax %m axis {1} : (@0) -> $0)",
                           value, axis)},
            lengths());
}

TEST_P(RowGroup, CausalMaskFromPositions) {
  check({"row",
         {{"B, T, S", "f32", 4}},
         {{"B, T, S"}},
         R"(
    %i = nn.iota axis 1 : tensor<1x?x1xi64, #nn.shape<[1, T, 1]>>
    %j = nn.iota axis 2 : tensor<1x1x?xi64, #nn.shape<[1, 1, S]>>
    %v = nn.elementwise less_equal %j, %i : (tensor<1x1x?xi64, #nn.shape<[1, 1, S]>>, tensor<1x?x1xi64, #nn.shape<[1, T, 1]>>) -> tensor<1x?x?xi1, #nn.shape<[1, T, S]>>
    %h = arith.constant dense<0xFF800000> : tensor<f32>
    %m = nn.elementwise select %v, %0, %h : (tensor<1x?x?xi1, #nn.shape<[1, T, S]>>, @0, tensor<f32>) -> @0
    %r0 = nn.softmax %m axis 2 : (@0) -> $0)"},
        lengths());
}

// The softmax that an exporter wrote out.
TEST_P(RowGroup, ReductionsUsedInTheGroup) {
  check({"row",
         {{"B, S", "f32", 3}},
         {{"B, S"}, {"B, 1"}},
         R"(
    %m = nn.reduce max %0 axes [1] keepdims : (@0) -> $1
    %d = nn.elementwise sub %0, %m : (@0, $1) -> @0
    %e = nn.elementwise exp %d : (@0) -> @0
    %r1 = nn.reduce sum %e axes [1] keepdims : (@0) -> $1
    %r0 = nn.elementwise div %e, %r1 : (@0, $1) -> $0)"},
        lengths());
}

TEST_P(RowGroup, EveryReductionOverEveryAxis) {
  struct Axes {
    const char *axes, *kept, *dropped;
  };
  for (Axes axes :
       {Axes{"2", "B, S, 1", "B, S"}, Axes{"1", "B, 1, 37", "B, 37"},
        Axes{"0", "1, S, 37", "S, 37"}, Axes{"0, 2", "1, S, 1", "S"},
        Axes{"0, 1, 2", "1, 1, 1", ""}})
    for (const char *kind : {"sum", "mean", "max", "min", "prod"}) {
      bool keep = draw(0, 1);
      bind({{"B", draw(1, 4)}, {"S", draw(1, 40)}});
      bool isProduct = std::string(kind) == "prod";
      std::string body = llvm::formatv(
          "    %r0 = nn.reduce {0} %0 axes [{1}] {2} : (@0) -> $0", kind,
          axes.axes, keep ? "keepdims" : "");
      check({"row",
             {{"B, S, 37", "f32", isProduct ? 1.2 : 1}},
             {{keep ? axes.kept : axes.dropped}},
             body},
            isProduct ? 1e-4 : 1e-5);
      if (std::string(kind) == "mean")
        continue;
      // Products that fit: the reference does not wrap at 32 bits.
      double limit = isProduct ? 1 : 9;
      for (const char *element : {"i64", "i32"})
        check({"row",
               {{"B, S, 37", element, 1, -limit, limit}},
               {{keep ? axes.kept : axes.dropped, element}},
               body});
    }
}

TEST_P(RowGroup, DoublePrecision) {
  for (const char *kind : {"sum", "max"})
    for (const char *axis : {"0", "1"}) {
      bind({{"B", draw(1, 40)}, {"S", draw(1, 200)}});
      check({"row",
             {{"B, S", "f64"}},
             {{*axis == '0' ? "S" : "B", "f64"}},
             llvm::formatv("    %r0 = nn.reduce {0} %0 axes [{1}] : (@0) -> $0",
                           kind, axis)},
            1e-14);
    }
}

// Three tensors of a row that is wanted three times: too much for registers.
TEST_P(RowGroup, ManyOperandsOfALongRow) {
  bind({{"B", 3}});
  check({"row",
         {{"B, 1000"}, {"B, 1000"}, {"B, 1000"}},
         {{"B, 1000"}},
         R"(
    %a = nn.elementwise mul %0, %1 : (@0, @1) -> @0
    %b = nn.elementwise add %a, %2 : (@0, @2) -> @0
    %r0 = nn.softmax %b axis 1 : (@0) -> $0)"},
        1e-5);
}

TEST_P(RowGroup, AnyAndAll) {
  for (const char *kind : {"max", "min"})
    check({"row",
           {{"B, S", "i1"}},
           {{"B", "i1"}},
           llvm::formatv("    %r0 = nn.reduce {0} %0 axes [1] : (@0) -> $0",
                         kind)},
          lengths());
}

TEST_P(RowGroup, MeanPoolingUnderAMask) {
  check({"row",
         {{"B, S, 96"}, {"B, S", "i64", 1, 0, 1}},
         {{"B, 1, 96"}, {"B, 1, 96"}},
         R"(
    %v = nn.reshape %1 : (@1) -> tensor<?x?x1xi64, #nn.shape<[B, S, 1]>>
    %f = nn.elementwise cast %v to f32 : (tensor<?x?x1xi64, #nn.shape<[B, S, 1]>>) -> tensor<?x?x1xf32, #nn.shape<[B, S, 1]>>
    %m = nn.elementwise mul %0, %f : (@0, tensor<?x?x1xf32, #nn.shape<[B, S, 1]>>) -> @0
    %r0 = nn.reduce sum %m axes [1] keepdims : (@0) -> $0
    %z = arith.constant dense<0.0> : tensor<f32>
    %e = nn.elementwise mul %0, %z : (@0, tensor<f32>) -> @0
    %g = nn.elementwise add %e, %f : (@0, tensor<?x?x1xf32, #nn.shape<[B, S, 1]>>) -> @0
    %r1 = nn.reduce sum %g axes [1] keepdims : (@0) -> $1)"},
        lengths());
}

TEST_P(RowGroup, OperandsAndResultsThroughViews) {
  // Heads are split and merged by strides; the slice starts inside the tensor.
  check({"row",
         {{"B, S, 4, 20"}, {"B, S, 100"}},
         {{"B, S, 80"}},
         R"(
    %t = nn.transpose %0 [0, 2, 1, 3] : (@0) -> tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>>
    %s = nn.slice %1 starts <[0, 0, 7]> sizes <[B, S, 80]> steps [1, 1, 1] : (@1) -> tensor<?x?x80xf32, #nn.shape<[B, S, 80]>>
    %h = nn.reshape %s : (tensor<?x?x80xf32, #nn.shape<[B, S, 80]>>) -> @0
    %u = nn.transpose %h [0, 2, 1, 3] : (@0) -> tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>>
    %a = nn.elementwise add %t, %u : (tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>>, tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>>) -> tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>>
    %n = nn.norm rms %a axis 3 epsilon 1.0e-6 : tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>> -> tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>>
    %b = nn.transpose %n [0, 2, 1, 3] : (tensor<?x4x?x20xf32, #nn.shape<[B, 4, S, 20]>>) -> @0
    %r0 = nn.reshape %b : (@0) -> $0)"},
        lengths());
}

INSTANTIATE_TEST_SUITE_P(Targets, RowGroup, ::testing::ValuesIn(testTargets()),
                         targetName);

} // namespace
