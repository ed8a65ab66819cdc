//===- KernelTest.cpp - whole kernels, and bugs planted in them -----------===//
//
// Each kernel of Kernels.h is right: no report, numbers as in double precision,
// no bank conflicts. Then one line of it is broken, and the report or the
// numbers must say so.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Numbers.h"
#include "tests/gpusim/test/Kernels.h"
#include "tests/gpusim/test/Support.h"
#include <algorithm>
#include <cmath>
#include <random>

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

/// What running a kernel showed.
struct Outcome {
  Report report;
  double error = 0; ///< largest, against double precision; NaN counts as 1e9
  uint64_t conflicts = 0;
};

struct Matrix {
  std::vector<uint16_t> half;
  std::vector<double> values; ///< of `half`
};

Matrix randomHalves(size_t count, std::mt19937 &random) {
  Matrix matrix;
  std::uniform_real_distribution<double> draw(-1, 1);
  for (size_t i = 0; i < count; ++i) {
    matrix.half.push_back(floatToF16(draw(random)));
    matrix.values.push_back(f16ToFloat(matrix.half.back()));
  }
  return matrix;
}

Outcome finish(Device &device, const LoadedModule *module, const char *kernel,
               const Configuration &configuration, const Arguments &arguments,
               uint64_t result, const std::vector<double> &want) {
  Outcome outcome;
  outcome.report = device.launch(*module, kernel, configuration, arguments);
  auto got = device.download<float>(result, want.size());
  for (size_t i = 0; i < want.size(); ++i) {
    double error = std::fabs(got[i] - want[i]);
    outcome.error = std::max(outcome.error, error == error ? error : 1e9);
  }
  outcome.conflicts = outcome.report.sum().conflicts;
  return outcome;
}

struct Kernel {
  const char *name;
  std::string (*text)();
  double tolerance;
  Outcome (*run)(Device &, const LoadedModule *, std::mt19937 &);
};

Outcome runMatmul(Device &device, const LoadedModule *module,
                  std::mt19937 &random) {
  const uint64_t m = 100, n = 88, k = 160;
  Matrix a = randomHalves(m * k, random), b = randomHalves(k * n, random);
  std::vector<double> want(m * n, 0);
  for (size_t row = 0; row < m; ++row)
    for (size_t i = 0; i < k; ++i)
      for (size_t column = 0; column < n; ++column)
        want[row * n + column] +=
            a.values[row * k + i] * b.values[i * n + column];
  uint64_t c = device.allocate(m * n * 4, "c");
  Arguments arguments;
  arguments.add(device.upload(a.half, "a")).add(device.upload(b.half, "b"));
  arguments.add(c).add(m).add(n).add(k);
  return finish(device, module, "matmul",
                {.grid = Shape(2, 2),
                 .block = Shape(128),
                 .dynamicShared = kMatmulShared},
                arguments, c, want);
}

Outcome runSoftmax(Device &device, const LoadedModule *module,
                   std::mt19937 &random) {
  const uint64_t s = 75;
  std::vector<float> x(s * s);
  std::normal_distribution<float> draw(0, 3);
  for (float &value : x)
    value = draw(random);
  std::vector<double> want(s * s, 0);
  for (size_t row = 0; row < s; ++row) {
    const float *in = x.data() + row * s;
    double sum = 0, most = *std::max_element(in, in + row + 1);
    for (size_t i = 0; i <= row; ++i)
      sum += std::exp(in[i] - most);
    for (size_t i = 0; i <= row; ++i)
      want[row * s + i] = std::exp(in[i] - most) / sum;
  }
  uint64_t y = device.allocate(s * s * 4, "y");
  Arguments arguments;
  arguments.add(device.upload(x, "x")).add(y).add(s);
  return finish(device, module, "softmax",
                {.grid = Shape((s + 3) / 4), .block = Shape(128)}, arguments, y,
                want);
}

Outcome runAttention(Device &device, const LoadedModule *module,
                     std::mt19937 &random) {
  const uint64_t heads = 2, s = 80, depth = 16;
  size_t count = heads * s * depth;
  Matrix q = randomHalves(count, random), k = randomHalves(count, random),
         v = randomHalves(count, random);
  std::vector<double> want(count, 0);
  for (size_t row = 0; row < heads * s; ++row) {
    size_t first = row / s * s;
    std::vector<double> weights;
    double sum = 0;
    for (size_t key = first; key <= row; ++key) {
      double dot = 0;
      for (size_t i = 0; i < depth; ++i)
        dot += q.values[row * depth + i] * k.values[key * depth + i];
      weights.push_back(std::exp(dot));
      sum += weights.back();
    }
    for (size_t key = first; key <= row; ++key)
      for (size_t i = 0; i < depth; ++i)
        want[row * depth + i] +=
            weights[key - first] / sum * v.values[key * depth + i];
  }
  uint64_t o = device.allocate(count * 4, "o");
  Arguments arguments;
  for (const auto &[matrix, name] : {std::pair(&q, "q"), {&k, "k"}, {&v, "v"}})
    arguments.add(device.upload(matrix->half, name));
  arguments.add(o).add(s).add(1.4426950408889634f);
  return finish(device, module, "attention",
                {.grid = Shape(uint32_t(s / 16), uint32_t(heads)),
                 .block = Shape(32),
                 .dynamicShared = kAttentionShared},
                arguments, o, want);
}

const Kernel kMatmul = {"matmul", matmulKernel, 1e-4, runMatmul};
const Kernel kSoftmax = {"softmax", softmaxKernel, 1e-6, runSoftmax};
const Kernel kAttention = {"attention", attentionKernel, 2e-3, runAttention};

Outcome run(const Kernel &kernel, const std::string &text, uint64_t seed) {
  // Either generation's tensor core must do.
  Device device(
      {.seed = seed,
       .tensorCore = seed % 2 ? TensorCore::Ampere : TensorCore::Hopper,
       .maxInstructions = 1000000});
  std::string error;
  const LoadedModule *module = device.load(text, error);
  EXPECT_TRUE(module) << error;
  if (!module)
    return {};
  std::mt19937 random((uint32_t(seed)));
  return kernel.run(device, module, random);
}

TEST(Kernels, AreRight) {
  for (const Kernel &kernel : {kMatmul, kSoftmax, kAttention})
    for (uint64_t i = 0; i < 8; ++i) {
      Outcome outcome = run(kernel, kernel.text(), testSeed() + i);
      EXPECT_TRUE(outcome.report.ok())
          << kernel.name << ": " << outcome.report.text();
      EXPECT_LE(outcome.error, kernel.tolerance) << kernel.name;
      EXPECT_EQ(outcome.conflicts, 0u) << kernel.name;
    }
}

/// One bug: what is replaced by what, and how it must be found.
struct Bug {
  const char *name;
  const Kernel *kernel;
  std::vector<std::pair<std::string, std::string>> edits;
  std::vector<ErrorKind> kinds; ///< one of these; none: by the numbers
  bool onlyConflicts = false;   ///< nothing is wrong but bank conflicts
};

void PrintTo(const Bug &bug, std::ostream *out) { *out << bug.name; }

std::string plant(const Bug &bug) {
  std::string text = bug.kernel->text();
  for (const auto &[from, to] : bug.edits) {
    size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << bug.name << ": no '" << from << "'";
    if (at != text.npos)
      text.replace(at, from.size(), to);
  }
  return text;
}

const Bug kBugs[] = {
    {"lost wait",
     &kMatmul,
     {{"cp.async.wait_group 1;", ""}},
     {ErrorKind::InFlight, ErrorKind::UnfinishedCopy}},
    {"wait for one group too few",
     &kMatmul,
     {{"cp.async.wait_group 1;", "cp.async.wait_group 2;"}},
     {ErrorKind::InFlight}},
    {"wait for one group too few in attention",
     &kAttention,
     {{"cp.async.wait_group 1;", "cp.async.wait_group 2;"}},
     {ErrorKind::InFlight}},
    {"returned before the copies landed",
     &kMatmul,
     {{"mov.b32 %tile, 0;",
       "mov.b32 %tile, 0; setp.eq.u32 %p3, %warp, 2; @%p3 ret;"}},
     {ErrorKind::UnfinishedCopy}},
    {"missing barrier",
     &kMatmul,
     {{"bar.sync 0;", ""}},
     {ErrorKind::Race, ErrorKind::InFlight, ErrorKind::Uninitialised}},
    {"missing barrier within a warp",
     &kAttention,
     {{"bar.warp.sync -1;", ""}},
     {ErrorKind::Race}},
    {"barrier that one warp skips",
     &kMatmul,
     {{"bar.sync 0;", "setp.eq.u32 %p3, %warp, 3; @!%p3 bar.sync 0;"}},
     {ErrorKind::Deadlock, ErrorKind::BarrierMisuse, ErrorKind::Race,
      ErrorKind::InFlight, ErrorKind::Uninitialised}},
    {"barrier with threads that left",
     &kMatmul,
     {{"shr.u32 %warp, %thread, 5;",
       "shr.u32 %warp, %thread, 5; setp.eq.u32 %p3, %warp, 2; @%p3 ret;"}},
     {ErrorKind::BarrierMisuse}},
    {"deadlock of two barriers",
     &kMatmul,
     {{"bar.sync 0;", "and.b32 %t0, %warp, 1; bar.sync %t0;"}},
     {ErrorKind::Deadlock}},
    {"barrier that waits for more warps",
     &kMatmul,
     {{"bar.sync 0;", "bar.sync 0, 160;"}},
     {ErrorKind::BarrierMisuse}},
    {"ring one stage short",
     &kMatmul,
     {{"setp.eq.u32 %p0, %stage, 3;", "setp.eq.u32 %p0, %stage, 2;"}},
     {ErrorKind::Race, ErrorKind::InFlight, ErrorKind::Uninitialised}},
    {"swizzle on one side only",
     &kMatmul,
     {{"xor.b32 %swizzled, %chunk, %t0;  // store of a",
       "mov.b32 %swizzled, %chunk;"}},
     {}},
    {"another swizzle on one side",
     &kMatmul,
     {{"xor.b32 %t2, %t2, %t3;           // load of b",
       "xor.b32 %t2, %t2, 1;"}},
     {}},
    {"lost transpose", &kMatmul, {{".x4.trans.shared", ".x4.shared"}}, {}},
    {"lost transpose of v",
     &kAttention,
     {{".x4.trans.shared", ".x4.shared"}},
     {}},
    {"wrong rows for ldmatrix",
     &kMatmul,
     {{"and.b32 %row, %lane, 15;", "and.b32 %row, %lane, 7;"}},
     {}},
    {"wrong lane map of the result",
     &kMatmul,
     {{"shl.b32 %t0, %t0, 1;\n  add.u32 %t0, %t0, %warpN;",
       "xor.b32 %t0, %t0, 1; shl.b32 %t0, %t0, 1;\n  add.u32 %t0, %t0, "
       "%warpN;"}},
     {}},
    {"halves packed the other way round",
     &kAttention,
     {{"cvt.rn.f16x2.f32 %w0, %s1, %s0;", "cvt.rn.f16x2.f32 %w0, %s0, %s1;"}},
     {}},
    {"mask off by one",
     &kAttention,
     {{"setp.gt.and.u32 %p0, %column, %row, %masked;",
       "setp.ge.and.u32 %p0, %column, %row, %masked;"}},
     {}},
    {"softmax mask off by one",
     &kSoftmax,
     {{"setp.le.and.u32 %seen, %column, %row, %in; // mask",
       "setp.lt.and.u32 %seen, %column, %row, %in;"},
      {"setp.le.and.u32 %seen, %column, %row, %in;",
       "setp.lt.and.u32 %seen, %column, %row, %in;"}},
     {}},
    {"mask in the wrong tile",
     &kAttention,
     {{"setp.eq.u32 %masked, %tile, %block;",
       "setp.eq.u32 %masked, %tile, 0;"}},
     {}},
    {"wrong tail predicate",
     &kSoftmax,
     {{"@%in st.global.f32 [%place], %value; // tail of y",
       "st.global.f32 [%place], %value;"}},
     {ErrorKind::OutOfBounds}},
    {"tail predicate off by one",
     &kSoftmax,
     {{"setp.lt.u32 %in, %column, %s;\n  mul",
       "setp.le.u32 %in, %column, %s;\n  mul"}},
     {ErrorKind::OutOfBounds, ErrorKind::Uninitialised}},
    {"lost accumulator",
     &kMatmul,
     {{"{%b0, %b1}, {%d0, %d1, %d2, %d3};",
       "{%b0, %b1}, {%d4, %d5, %d6, %d7};"}},
     {}},
    {"accumulator not rescaled",
     &kAttention,
     {{"mul.f32 %o0, %o0, %alpha0;", ""}},
     {}},
    {"running sum not rescaled",
     &kAttention,
     {{"mul.f32 %l1, %l1, %alpha1;", ""}},
     {}},
    {"one step of a reduction lost",
     &kSoftmax,
     {{"add.f32 %sum, %sum, %other;", ""}},
     {}},
    {"no swizzle on either side",
     &kMatmul,
     {{"xor.b32 %swizzled, %chunk, %t0;  // store of a",
       "mov.b32 %swizzled, %chunk;"},
      {"xor.b32 %t0, %chunk, %t0;        // load of a",
       "mov.b32 %t0, %chunk;"}},
     {},
     true},
    {"missing guard of a copy",
     &kMatmul,
     {{"selp.b32 %sizeA1, 16, 0, %inM;", "mov.b32 %sizeA1, 16;"}},
     {ErrorKind::OutOfBounds}},
    {"missing guard of a store",
     &kMatmul,
     {{"setp.lt.u32 %inM, %t1, %m;       // guard of c",
       "setp.eq.u32 %inM, %t1, %t1;"}},
     {ErrorKind::OutOfBounds}},
    {"missing guard of rows",
     &kSoftmax,
     {{"@%gone ret;                      // guard of rows", ""}},
     {ErrorKind::OutOfBounds}},
    {"misaligned vector",
     &kMatmul,
     {{"st.global.v2.f32 [%from0+0]", "st.global.v2.f32 [%from0+4]"}},
     {ErrorKind::Misaligned}},
    {"misaligned copy",
     &kAttention,
     {{"[%t0+512], [%v], 16;", "[%t0+520], [%v], 16;"}},
     {ErrorKind::Misaligned}},
    {"shuffle in a branch",
     &kSoftmax,
     {{"shfl.sync.bfly.b32 %other, %max, 16, 31, -1;",
       "@%in shfl.sync.bfly.b32 %other, %max, 16, 31, -1;"}},
     {ErrorKind::InactiveLanes}},
    {"loop that never ends",
     &kSoftmax,
     {{"add.u32 %column, %column, 32;", "add.u32 %column, %column, 0;"}},
     {ErrorKind::TooManyInstructions}},
    {"uninitialised stage",
     &kMatmul,
     {{"mov.b32 %stage, 0;", "mov.b32 %stage, 2;"}},
     {ErrorKind::Uninitialised, ErrorKind::InFlight, ErrorKind::Race}},
};

class PlantedBug : public testing::TestWithParam<Bug> {};

TEST_P(PlantedBug, IsFound) {
  Bug bug = GetParam();
  for (uint64_t i = 0; i < 4; ++i) {
    Outcome outcome = run(*bug.kernel, plant(bug), testSeed() + i);
    if (bug.onlyConflicts) {
      EXPECT_TRUE(outcome.report.ok()) << outcome.report.text();
      EXPECT_LE(outcome.error, bug.kernel->tolerance);
      EXPECT_GT(outcome.conflicts, 0u);
      continue;
    }
    if (bug.kinds.empty()) {
      EXPECT_TRUE(outcome.report.ok()) << outcome.report.text();
      EXPECT_GT(outcome.error, 3 * bug.kernel->tolerance);
      continue;
    }
    ASSERT_FALSE(outcome.report.ok()) << "error " << outcome.error;
    EXPECT_THAT(bug.kinds, testing::Contains(outcome.report.error->kind))
        << outcome.report.text();
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, PlantedBug, testing::ValuesIn(kBugs),
                         [](const testing::TestParamInfo<Bug> &test) {
                           std::string name = test.param.name;
                           std::replace_if(
                               name.begin(), name.end(),
                               [](char c) { return !isalnum(c); }, '_');
                           return name;
                         });

} // namespace
