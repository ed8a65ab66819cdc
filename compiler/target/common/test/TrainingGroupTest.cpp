//===- TrainingGroupTest.cpp - groups that training has, against doubles --===//
//
// Losses, gradients of norms and biases, updates of parameters: the forms in
// which compiler/fusion leaves them.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attune::target::common::testing;

namespace {

class TrainingGroup : public GroupTest {
protected:
  std::vector<llvm::StringMap<int64_t>> sizes() {
    std::vector<llvm::StringMap<int64_t>> result;
    for (int64_t v :
         {int64_t(1), int64_t(16), int64_t(65), int64_t(130), draw(2, 600)}) {
      llvm::StringMap<int64_t> binding;
      binding["N"] = draw(1, 40);
      binding["V"] = v;
      result.push_back(binding);
    }
    return result;
  }
};

// Loss and logsumexp without a stored probability; labels may be wrong.
constexpr const char *kLoss = R"(
    %z = arith.constant dense<0.0> : tensor<f32>
    %m = nn.reduce max %0 axes [1] keepdims : (@0) -> $0
    %c = nn.elementwise sub %0, %m : (@0, $0) -> @0
    %e = nn.elementwise exp %c : (@0) -> @0
    %s = nn.reduce sum %e axes [1] keepdims : (@0) -> $0
    %g = nn.elementwise log %s : ($0) -> $0
    %r1 = nn.elementwise add %g, %m : ($0, $0) -> $1
    %i = nn.iota axis 1 : {0}
    %l = nn.elementwise cast %1 to i32 : (@1) -> {1}
    %k = nn.elementwise equal %i, %l : ({0}, {1}) -> {2}
    %p = nn.elementwise select %k, %0, %z : ({2}, @0, tensor<f32>) -> @0
    %o = nn.reduce sum %p axes [1] keepdims : (@0) -> $0
    %d = nn.elementwise sub %r1, %o : ($0, $0) -> $0
    %n = nn.dim <V> : tensor<i64>
    %a = nn.elementwise less %1, %n : (@1, tensor<i64>) -> {3}
    %r0 = nn.elementwise select %a, %d, %z : ({3}, $0, tensor<f32>) -> $0)";

std::string lossBody() {
  return llvm::formatv(kLoss, "tensor<1x?xi32, #nn.shape<[1, V]>>",
                       "tensor<?x1xi32, #nn.shape<[N, 1]>>",
                       "tensor<?x?xi1, #nn.shape<[N, V]>>",
                       "tensor<?x1xi1, #nn.shape<[N, 1]>>");
}

TEST_P(TrainingGroup, CrossEntropy) {
  check({"row",
         {{"N, V", "f32", 3}, {"N, 1", "i64", 1, 0, 300}},
         {{"N, 1"}, {"N, 1"}},
         lossBody()},
        sizes(), 1e-5);
}

// The same with the gradient, which lies where the logits lay.
TEST_P(TrainingGroup, CrossEntropyWithItsGradient) {
  check({"row",
         {{"N, V", "f32", 3}, {"N, 1", "i64", 1, 0, 300}, {""}},
         {{"N, 1"}, {"N, 1"}, {"N, V"}},
         lossBody() + R"(
    %one = arith.constant dense<1.0> : tensor<f32>
    %f = nn.elementwise sub %0, %r1 : (@0, $1) -> @0
    %h = nn.elementwise exp %f : (@0) -> @0
    %t = nn.elementwise select %k, %one, %z : (tensor<?x?xi1, #nn.shape<[N, V]>>, tensor<f32>, tensor<f32>) -> @0
    %q = nn.elementwise sub %h, %t : (@0, @0) -> @0
    %r2 = nn.elementwise mul %q, %2 : (@0, @2) -> $2)"},
        sizes(), 1e-5);
}

TEST_P(TrainingGroup, GradientOfANorm) {
  check({"row",
         {{"N, V"}, {"N, V"}, {"N, 1"}, {"N, 1"}, {"V"}},
         {{"N, V"}},
         R"(
    %c = nn.elementwise sub %0, %2 : (@0, @2) -> @0
    %n = nn.elementwise mul %c, %3 : (@0, @3) -> @0
    %h = nn.elementwise mul %1, %4 : (@1, @4) -> @0
    %p = nn.elementwise mul %h, %n : (@0, @0) -> @0
    %a = nn.reduce mean %h axes [1] keepdims : (@0) -> @2
    %b = nn.reduce mean %p axes [1] keepdims : (@0) -> @2
    %q = nn.elementwise mul %n, %b : (@0, @2) -> @0
    %s = nn.elementwise sub %h, %a : (@0, @2) -> @0
    %u = nn.elementwise sub %s, %q : (@0, @0) -> @0
    %r0 = nn.elementwise mul %u, %3 : (@0, @3) -> $0)"},
        sizes(), 1e-5);
}

// Down the columns, with one statistic for each row.
TEST_P(TrainingGroup, GradientsOfScaleAndBias) {
  const char *turned = "tensor<?x?xf32, #nn.shape<[V, N]>>",
             *rows = "tensor<1x?xf32, #nn.shape<[1, N]>>";
  check({"row",
         {{"N, V"}, {"N, V"}, {"N, 1"}, {"N, 1"}},
         {{"V"}, {"V"}},
         llvm::formatv(R"(
    %x = nn.transpose %0 [1, 0] : (@0) -> {0}
    %y = nn.transpose %1 [1, 0] : (@1) -> {0}
    %m = nn.transpose %2 [1, 0] : (@2) -> {1}
    %d = nn.transpose %3 [1, 0] : (@3) -> {1}
    %c = nn.elementwise sub %x, %m : ({0}, {1}) -> {0}
    %n = nn.elementwise mul %c, %d : ({0}, {1}) -> {0}
    %p = nn.elementwise mul %y, %n : ({0}, {0}) -> {0}
    %r0 = nn.reduce sum %p axes [1] : ({0}) -> $0
    %r1 = nn.reduce sum %y axes [1] : ({0}) -> $1)",
                       turned, rows)},
        sizes(), 1e-5);
}

// Three results, each of which may lie where one of the inputs does.
TEST_P(TrainingGroup, AdamW) {
  check({"map",
         {{"N, V"}, {"N, V"}, {"N, V"}, {"N, V"}, {""}, {""}},
         {{"N, V"}, {"N, V"}, {"N, V"}},
         R"(
    %b1 = arith.constant dense<0.9> : tensor<f32>
    %a1 = arith.constant dense<0.1> : tensor<f32>
    %e = arith.constant dense<1.0e-3> : tensor<f32>
    %g = nn.elementwise mul %3, %5 : (@3, @5) -> @0
    %m1 = nn.elementwise mul %1, %b1 : (@1, tensor<f32>) -> @0
    %g1 = nn.elementwise mul %g, %a1 : (@0, tensor<f32>) -> @0
    %r1 = nn.elementwise add %m1, %g1 : (@0, @0) -> $1
    %v0 = nn.elementwise mul %2, %2 : (@2, @2) -> @0
    %v1 = nn.elementwise mul %v0, %b1 : (@0, tensor<f32>) -> @0
    %s = nn.elementwise mul %g, %g : (@0, @0) -> @0
    %g2 = nn.elementwise mul %s, %a1 : (@0, tensor<f32>) -> @0
    %r2 = nn.elementwise add %v1, %g2 : (@0, @0) -> $2
    %q = nn.elementwise sqrt %r2 : ($2) -> @0
    %d = nn.elementwise add %q, %e : (@0, tensor<f32>) -> @0
    %u = nn.elementwise div %r1, %d : ($1, @0) -> @0
    %w = nn.elementwise mul %0, %a1 : (@0, tensor<f32>) -> @0
    %uw = nn.elementwise add %u, %w : (@0, @0) -> @0
    %l = nn.elementwise mul %uw, %4 : (@0, @4) -> @0
    %r0 = nn.elementwise sub %0, %l : (@0, @0) -> $0)"},
        sizes(), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Targets, TrainingGroup,
                         ::testing::ValuesIn(testTargets()), targetName);

} // namespace
