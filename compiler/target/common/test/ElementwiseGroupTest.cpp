//===- ElementwiseGroupTest.cpp - every kind on every type ----------------===//
//
// One map kernel for each elementwise kind and element type that targets know.
// Compiling one also proves that its code imports nothing: neither libm nor
// memset nor memcpy. Lengths are on and off the edges of vectors.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "dialects/nn/ElementwiseKinds.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attune;
using namespace attune::target::common::testing;
using Kind = nn::ElementwiseKind;

namespace {

bool isFloat(llvm::StringRef element) {
  return element.starts_with("f") || element == "bf16";
}

/// What is elementary for f32 alone, in which half precision is computed; ints
/// and bools have none of it.
bool isElementary(Kind kind) {
  switch (kind) {
  case Kind::Exp:
  case Kind::Log:
  case Kind::Rsqrt:
  case Kind::Erf:
  case Kind::Tanh:
  case Kind::Sigmoid:
  case Kind::Sin:
  case Kind::Cos:
  case Kind::GeluErf:
  case Kind::GeluTanh:
  case Kind::Silu:
  case Kind::Softplus:
    return true;
  default:
    return false;
  }
}

bool hasKernel(Kind kind, llvm::StringRef element) {
  bool isBool = element == "i1";
  switch (kind) {
  case Kind::And:
  case Kind::Or:
  case Kind::Xor:
  case Kind::Not:
    return !isFloat(element);
  case Kind::Sqrt:
  case Kind::Reciprocal:
  case Kind::IsNan:
  case Kind::IsInf:
    return isFloat(element);
  case Kind::Pow:
  case Kind::Fmod:
  case Kind::Mod:
    return element != "f64" && !isBool;
  case Kind::Div:
  case Kind::Neg:
  case Kind::Add:
  case Kind::Sub:
  case Kind::Mul:
  case Kind::Floor:
  case Kind::Ceil:
  case Kind::Round:
  case Kind::Abs:
  case Kind::Sign:
  case Kind::Relu:
    return !isBool;
  default:
    return !isElementary(kind) || element == "f32" || element == "f16" ||
           element == "bf16";
  }
}

/// Functions that are not defined below 0 get the absolute value.
bool wantsPositive(Kind kind) {
  return kind == Kind::Log || kind == Kind::Sqrt || kind == Kind::Rsqrt ||
         kind == Kind::Pow;
}

/// One op of `kind` on inputs of `element`.
GroupSpec specOf(Kind kind, const std::string &element) {
  std::string name = nn::stringifyElementwiseKind(kind).str();
  // Whole quotients are where rounding decides; small integers have none.
  bool isRemainder = kind == Kind::Mod || kind == Kind::Fmod;
  std::string stored = isRemainder && isFloat(element) ? "i32" : element;
  std::string result = nn::givesBool(kind) ? "i1" : element;
  TensorSpec input{"N", stored, 2}, condition{"N", "i1"}, output{"N", result};
  GroupSpec spec{"map", {}, {output}, ""};
  std::string operands, types, full = TensorSpec{"N", element}.type();
  for (unsigned i = 0; i < nn::arity(kind); ++i) {
    bool isCondition = kind == Kind::Select && i == 0;
    spec.inputs.push_back(isCondition ? condition : input);
    std::string value = "%" + std::to_string(i);
    std::string type = isCondition ? condition.type() : full;
    if (stored != element) {
      spec.body +=
          llvm::formatv("    %c{0} = nn.elementwise cast %{0} to {1} : "
                        "({2}) -> {3}\n",
                        i, element, input.type(), full);
      value = "%c" + std::to_string(i);
    } else if (wantsPositive(kind) && i == 0) {
      spec.body += llvm::formatv(
          "    %p = nn.elementwise abs %0 : ({0}) -> {0}\n", full);
      value = "%p";
    }
    operands += (i ? ", " : "") + value;
    types += (i ? ", " : "") + type;
  }
  if (kind == Kind::Pow && !isFloat(element))
    spec.inputs[1].low = -2;
  if (kind == Kind::Pow && element == "f16") // overflows above 65504
    spec.inputs[0].spread = spec.inputs[1].spread = 1;
  spec.body += llvm::formatv("    %r0 = nn.elementwise {0} {1} : ({2}) -> {3}",
                             name, operands, types, output.type());
  return spec;
}

/// Half precision rounds to 11 bits, once; bf16 to 8.
double toleranceOf(llvm::StringRef element) {
  if (!isFloat(element))
    return 0;
  return element == "f64"   ? 1e-14
         : element == "f32" ? 2e-6
         : element == "f16" ? 0x1p-11
                            : 0x1p-8;
}

class ElementwiseGroup : public GroupTest {
protected:
  void checkAll(const std::string &element) {
    llvm::StringMap<int64_t> tail, several;
    tail["N"] = draw(1, 15);
    several["N"] = draw(60, 200);
    llvm::StringMap<int64_t> lengths[] = {tail, several};
    unsigned count = 0;
    for (unsigned value = 0; value <= unsigned(Kind::Select); ++value) {
      auto kind = nn::symbolizeElementwiseKind(value);
      if (!kind || *kind == Kind::Cast || !hasKernel(*kind, element))
        continue;
      ++count;
      check(specOf(*kind, element), lengths, toleranceOf(element));
    }
    EXPECT_GE(count, 9u);
  }
};

TEST_P(ElementwiseGroup, F32) { checkAll("f32"); }
TEST_P(ElementwiseGroup, F64) { checkAll("f64"); }
TEST_P(ElementwiseGroup, F16) {
  if (!GetParam().hasF16)
    GTEST_SKIP() << "converts by a library call";
  checkAll("f16");
}
TEST_P(ElementwiseGroup, BF16) {
  if (!GetParam().hasBF16)
    GTEST_SKIP() << "has no code here";
  checkAll("bf16");
}
TEST_P(ElementwiseGroup, I64) { checkAll("i64"); }
TEST_P(ElementwiseGroup, I32) { checkAll("i32"); }
TEST_P(ElementwiseGroup, I1) { checkAll("i1"); }

TEST_P(ElementwiseGroup, EveryCast) {
  bind({{"N", draw(1, 100)}});
  const char *elements[] = {"f64", "f32", "i64", "i32", "i16", "i8", "i1"};
  for (const char *from : elements)
    for (const char *to : elements)
      check({"map",
             {{"N", from, 50}},
             {{"N", to}},
             llvm::formatv(
                 "    %r0 = nn.elementwise cast %0 to {0} : (@0) -> $0", to)},
            1e-7);
}

// Where C leaves results undefined, kernels and reference agree on one.
TEST_P(ElementwiseGroup, CastsSaturate) {
  bind({{"N", 40}});
  for (const char *to : {"i64", "i32"})
    check({"map",
           {{"N", "f32", 1e18}},
           {{"N", to}},
           llvm::formatv(R"(
    %k = arith.constant dense<1.0e6> : tensor<f32>
    %l = nn.elementwise mul %0, %k : (@0, tensor<f32>) -> @0
    %r0 = nn.elementwise cast %l to {0} : (@0) -> $0)",
                         to)},
          0);
}

TEST_P(ElementwiseGroup, KindsWithoutAKernelAreErrors) {
  for (const char *text : {"sin", "exp"}) {
    GroupSpec spec{
        "map",
        {{"N", "f64"}},
        {{"N", "f64"}},
        llvm::formatv("    %r0 = nn.elementwise {0} %0 : (@0) -> $0", text)};
    ::testing::internal::CaptureStderr();
    EXPECT_FALSE(Groups::compile(textOf(spec), GetParam()));
    EXPECT_NE(::testing::internal::GetCapturedStderr().find(GetParam().place),
              std::string::npos);
  }
}

INSTANTIATE_TEST_SUITE_P(Targets, ElementwiseGroup,
                         ::testing::ValuesIn(testTargets()), targetName);

} // namespace
