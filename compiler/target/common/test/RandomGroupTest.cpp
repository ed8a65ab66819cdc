//===- RandomGroupTest.cpp - random numbers in map and row groups ---------===//
//
// Every target, every vector cut and every group gives the bits of the
// evaluator, which has the published words.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attune::target::common::testing;

namespace {

class RandomGroup : public GroupTest {
protected:
  /// Rows that begin at each of the four words of a counter.
  std::vector<llvm::StringMap<int64_t>> sizes() {
    std::vector<llvm::StringMap<int64_t>> result;
    for (int64_t t : {int64_t(1), int64_t(16), int64_t(33), int64_t(64),
                      int64_t(130), draw(1, 300)}) {
      llvm::StringMap<int64_t> binding;
      binding["B"] = draw(1, 3);
      binding["S"] = draw(1, 9);
      binding["T"] = t;
      result.push_back(binding);
    }
    return result;
  }

  /// Seed, step and the number of the first sample, so far that positions take
  /// more than 32 bits.
  const TensorSpec seed{"", "i64", 1, -9e15, 9e15}, step{"", "i64", 1, 0, 1e6},
      first{"", "i64", 1, 0, 1e12};
};

TEST_P(RandomGroup, AreTheBitsOfTheEvaluator) {
  for (const char *dims :
       {"B, S, T", "T", "", "B, 48", "B, 7, 3", "5000", "S, 1, T", "B, 1, 1"})
    check({"map",
           {seed, step, first, {"B, S, T", "i1"}}, // the last gives the dims
           {{dims}},
           "    %r0 = nn.random id 4294967295 (%0, %1, %2) : $0"},
          sizes(), 0);
}

TEST_P(RandomGroup, SeedsMayBeLiterals) {
  check({"map",
         {},
         {{"3, 50"}},
         R"(
    %s = arith.constant dense<-5> : tensor<i64>
    %z = arith.constant dense<0> : tensor<i64>
    %r0 = nn.random id 3 (%s, %z, %z) : $0)"},
        0);
}

constexpr const char *kDropout = R"(
    %u = nn.random id 3 (%0, %1, %2) : @3
    %p = arith.constant dense<0.3> : tensor<f32>
    %z = arith.constant dense<0.0> : tensor<f32>
    %q = arith.constant dense<1.4285714626312256> : tensor<f32>
    %k = nn.elementwise greater_equal %u, %p : (@3, tensor<f32>) -> {0}
    %m = nn.elementwise select %k, %q, %z : ({0}, tensor<f32>, tensor<f32>) -> @3
    %d = nn.elementwise mul %3, %m : (@3, @3) -> @3)";

TEST_P(RandomGroup, DropoutBetweenAnActivationAndAResidual) {
  std::string bools = "tensor<?x?x?xi1, #nn.shape<[B, S, T]>>";
  check({"map",
         {seed, step, first, {"B, S, T"}, {"B, S, T"}},
         {{"B, S, T"}},
         llvm::formatv(kDropout, bools).str() + R"(
    %g = nn.elementwise gelu_tanh %d : (@3) -> @3
    %r0 = nn.elementwise add %g, %4 : (@3, @4) -> $0)"},
        sizes());
}

TEST_P(RandomGroup, DropoutBeforeANorm) {
  for (const char *dims : {"B, S, 100", "4, 5, 65", "2, 3, 3000"}) {
    TensorSpec bools{dims, "i1"};
    check({"row",
           {seed, step, first, {dims}, {dims}},
           {{dims}, {dims}},
           llvm::formatv(kDropout, bools.type()).str() + R"(
    %r1 = nn.elementwise add %d, %4 : (@3, @4) -> $1
    %r0 = nn.norm rms %r1 axis 2 epsilon 1.0e-5 : $1 -> $0)"},
          sizes(), 1e-5);
  }
}

TEST_P(RandomGroup, DropoutBeforeASoftmaxOfAnyLength) {
  TensorSpec bools{"B, S, T", "i1"};
  check({"row",
         {seed, step, first, {"B, S, T"}},
         {{"B, S, T"}},
         llvm::formatv(kDropout, bools.type()).str() +
             "    %r0 = nn.softmax %d axis 2 : (@3) -> $0"},
        sizes(), 1e-5);
}

// Vectors run along another axis than numbers are counted along.
TEST_P(RandomGroup, AcrossARow) {
  const char *dims = "tensor<?x?x?xf32, #nn.shape<[B, T, S]>>";
  check({"map",
         {seed, step, first, {"B, S, T"}},
         {{"B, T, S"}},
         llvm::formatv(R"(
    %t = nn.transpose %3 [0, 2, 1] : (@3) -> {0}
    %u = nn.random id 1 (%0, %1, %2) : {0}
    %r0 = nn.elementwise add %t, %u : ({0}, {0}) -> $0)",
                       dims)},
        sizes());
  check({"row",
         {seed, step, first, {"B, S, T"}},
         {{"B, T"}},
         llvm::formatv(R"(
    %t = nn.transpose %3 [0, 2, 1] : (@3) -> {0}
    %u = nn.random id 1 (%0, %1, %2) : {0}
    %m = nn.elementwise mul %t, %u : ({0}, {0}) -> {0}
    %r0 = nn.reduce sum %m axes [2] : ({0}) -> $0)",
                       dims)},
        sizes(), 1e-5);
}

// One number for each sample, as stochastic depth has it, and for each column.
TEST_P(RandomGroup, OneForManyElements) {
  const char *samples = "tensor<?x1x1xf32, #nn.shape<[B, 1, 1]>>",
             *columns = "tensor<?xf32, #nn.shape<[T]>>";
  check({"map",
         {seed, step, first, {"B, S, T"}},
         {{"B, S, T"}},
         llvm::formatv(R"(
    %u = nn.random id 1 (%0, %1, %2) : {0}
    %v = nn.random id 2 (%0, %1, %2) : {1}
    %a = nn.elementwise mul %3, %u : (@3, {0}) -> @3
    %r0 = nn.elementwise mul %a, %v : (@3, {1}) -> $0)",
                       samples, columns)},
        sizes());
}

INSTANTIATE_TEST_SUITE_P(Targets, RandomGroup,
                         ::testing::ValuesIn(testTargets()), targetName);

} // namespace
