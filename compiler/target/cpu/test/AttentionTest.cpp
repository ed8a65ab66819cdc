//===- AttentionTest.cpp - flash attention against double precision -------===//
//
// Shapes and options are drawn from a printed seed (ATTUNE_TEST_SEED repeats
// one), for every code version that this machine runs: grouped heads, head
// sizes 1 to 256 and different for V, causal bands of both alignments, windows,
// additive bias with broadcast dimensions, key padding, key lengths, softcap,
// log-sum-exp; heads side by side in a row, as the projections leave them.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;
using llvm::formatv;

namespace {

enum class Mask { None, Causal, BottomRight, Window };

struct Case {
  int64_t batch, kvHeads, groups, queries, keys, depth, columns;
  Mask mask = Mask::None;
  bool bias = false, padding = false, lengths = false;
  double softcap = 0;
  int64_t blockRows = 48, blockKeys = 256;
  int64_t window = 5;

  int64_t heads() const { return kvHeads * groups; }
  double scale() const { return 1.0 / std::sqrt(double(depth)); }
};

constexpr double kLog2E = 1.44269504088896340736;

std::string maskText(const Case &c, const std::string &scores) {
  std::string text;
  if (c.bias)
    text += formatv(R"(
      %bb = tile.load %bias[%b, %h, %i by {1}, %j by {2}] : memref<?x?x?x?xf32, strided<[?, ?, ?, 1]>> -> {0}
      %log2e = arith.constant dense<1.44269504> : {0}
      %least = arith.constant dense<-1.0e+38> : {0}
      %hidden = arith.constant dense<0xFF800000> : {0}
      %bf = arith.maximumf %bb, %least : {0}
      %b2 = arith.mulf %bf, %log2e : {0}
      %s4 = arith.addf %s3, %b2 : {0}
      %isout = arith.cmpf oeq, %bb, %hidden : {0}
      %s5 = arith.select %isout, %hidden, %s4 : tensor<{1}x{2}xi1>, {0}
)",
                    scores, c.blockRows, c.blockKeys);
  std::string last = c.bias ? "%s5" : "%s3";
  if (c.padding) {
    text += formatv(R"(
      %pk = tile.load %padding[%b, %j by {2}] : memref<?x?xi1> -> tensor<{2}xi1>
      %keep = tile.broadcast %pk axes [1] : tensor<{2}xi1> -> tensor<{1}x{2}xi1>
      %out2 = arith.constant dense<0xFF800000> : {0}
      %s6 = arith.select %keep, {3}, %out2 : tensor<{1}x{2}xi1>, {0}
)",
                    scores, c.blockRows, c.blockKeys, last);
    last = "%s6";
  }
  std::string band = c.mask == Mask::None     ? ""
                     : c.mask == Mask::Window ? " lower %lower upper %upper"
                                              : " upper %upper";
  text += formatv("      %s = tile.band {3}, %i, %j{4} : {0}, !tile.span<{1}>, "
                  "!tile.span<{2}>\n",
                  scores, c.blockRows, c.blockKeys, last, band);
  return text;
}

std::string kernelText(const Case &c) {
  std::string q = formatv("memref<?x?x{0}x{1}xf32, strided<[?, ?, {1}, 1]>>",
                          c.heads(), c.depth);
  std::string k = formatv("memref<?x?x{0}x{1}xf32, strided<[?, ?, {1}, 1]>>",
                          c.kvHeads, c.depth);
  std::string v = formatv("memref<?x?x{0}x{1}xf32, strided<[?, ?, {1}, 1]>>",
                          c.kvHeads, c.columns);
  std::string o = formatv("memref<?x?x{0}x{1}xf32, strided<[?, ?, {1}, 1]>>",
                          c.heads(), c.columns);
  std::string scores = formatv("tensor<{0}x{1}xf32>", c.blockRows, c.blockKeys);
  std::string out = formatv("tensor<{0}x{1}xf32>", c.blockRows, c.columns);
  std::string row = formatv("tensor<{0}xf32>", c.blockRows);
  std::string visible =
      c.mask == Mask::None ? ""
      : c.mask == Mask::Window
          ? formatv(" visible(%i : !tile.span<{0}> lower %lower upper %upper)",
                    c.blockRows)
                .str()
          : formatv(" visible(%i : !tile.span<{0}> upper %upper)", c.blockRows)
                .str();
  std::string text = formatv(
      R"(tile.kernel attention @f(%Q: {0}, %K: {1}, %V: {2},
      %bias: memref<?x?x?x?xf32, strided<[?, ?, ?, 1]>>, %padding: memref<?x?xi1>,
      %lengths: memref<?xi64>, %O: {3}, %LSE: memref<?x?x?xf32>, %lower: index, %upper: index) {{
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %hks = arith.constant {4} : index
    %gs = arith.constant {5} : index
    %depth = arith.constant {6} : index
    %columns = arith.constant {7} : index
    %batch = memref.dim %Q, %c0 : {0}
    %queries = memref.dim %Q, %c1 : {0}
    %keys = memref.dim %K, %c1 : {1}
    tile.parallel (%b, %hk, %g, %i) in (%batch, %hks, %gs, %queries by {8}) {{
      %h0 = arith.muli %hk, %gs : index
      %h = arith.addi %h0, %g : index
      %d = tile.range %c0 to %depth : !tile.span<{6}>
      %dv = tile.range %c0 to %columns : !tile.span<{7}>
      %q = tile.load %Q[%b, %i by {8}, %h, %d by {6}] : {0} -> tensor<{8}x{6}xf32>
)",
      q, k, v, o, c.kvHeads, c.groups, c.depth, c.columns, c.blockRows);
  text += c.lengths ? "      %n64 = memref.load %lengths[%b] : memref<?xi64>\n"
                      "      %n = arith.index_cast %n64 : i64 to index\n"
                    : "      %n = arith.addi %keys, %c0 : index\n";
  text +=
      formatv(R"(
      %m0 = arith.constant dense<0xFF800000> : {0}
      %l0 = arith.constant dense<0.0> : {0}
      %o0 = arith.constant dense<0.0> : {1}
      %m, %l, %o = tile.for %j in (%c0 to %n by {2}){3} iter(%mi = %m0, %li = %l0, %oi = %o0) : {0}, {0}, {1} {{
      %k = tile.load %K[%b, %j by {2}, %hk, %d by {4}] : {5} -> tensor<{2}x{4}xf32>
      %zero = arith.constant dense<0.0> : {6}
      %s0 = tile.dot %q, %k, %zero trans_rhs : tensor<{7}x{4}xf32>, tensor<{2}x{4}xf32> -> {6}
)",
              row, out, c.blockKeys, visible, c.depth, k, scores, c.blockRows);
  auto constant = [](double value) {
    char text[32];
    snprintf(text, sizeof text, "dense<%.9e>", value);
    return std::string(text);
  };
  if (c.softcap)
    text += formatv(R"(
      %inner = arith.constant {1} : {0}
      %cap = arith.constant {2} : {0}
      %s1 = arith.mulf %s0, %inner : {0}
      %s2 = math.tanh %s1 : {0}
      %s3 = arith.mulf %s2, %cap : {0}
)",
                    scores, constant(c.scale() / c.softcap),
                    constant(c.softcap * kLog2E));
  else
    text += formatv("      %scale = arith.constant {1} : {0}\n"
                    "      %s3 = arith.mulf %s0, %scale : {0}\n",
                    scores, constant(c.scale() * kLog2E));
  text += maskText(c, scores);
  text += formatv(R"(
      %p, %alpha, %m1, %l1 = tile.softmax_step %s, %mi, %li : {0}, {1}
      %v = tile.load %V[%b, %j by {2}, %hk, %dv by {3}] : {4} -> tensor<{2}x{3}xf32>
      %ab = tile.broadcast %alpha axes [0] : {1} -> {5}
      %oa = arith.mulf %oi, %ab : {5}
      %o1 = tile.dot %p, %v, %oa : {0}, tensor<{2}x{3}xf32> -> {5}
      tile.yield %m1, %l1, %o1 : {1}, {1}, {5}
      }
      %inverse, %lse = tile.softmax_finish %m, %l : {1}
      %ib = tile.broadcast %inverse axes [0] : {1} -> {5}
      %r = arith.mulf %o, %ib : {5}
      tile.store %r, %O[%b, %i by {6}, %h, %dv by {3}] : {5} -> {7}
      tile.store %lse, %LSE[%b, %h, %i by {6}] : {1} -> memref<?x?x?xf32>
    }
  })",
                  scores, row, c.blockKeys, c.columns, v, out, c.blockRows, o);
  return text;
}

/// The operands of a case.
struct Data {
  Data(const Case &c, std::mt19937 &random) : c(c) {
    std::normal_distribution<float> normal;
    auto fill = [&](std::vector<float> &values, int64_t size) {
      values.resize(size);
      for (float &value : values)
        value = normal(random);
    };
    fill(q, c.batch * c.queries * c.heads() * c.depth);
    fill(k, c.batch * c.keys * c.kvHeads * c.depth);
    fill(v, c.batch * c.keys * c.kvHeads * c.columns);
    // Broadcast over heads: one bias per batch.
    fill(bias, c.batch * c.queries * c.keys);
    for (float &value : bias)
      if (random() % 5 == 0)
        value = random() % 2 ? -INFINITY : -std::numeric_limits<float>::max();
    padding.resize(c.batch * c.keys);
    for (char &keep : padding)
      keep = random() % 3 != 0;
    // The first batch has every key masked.
    std::fill_n(padding.begin(), c.padding ? c.keys : 0, 0);
    for (int64_t b = 0; b < c.batch; ++b)
      lengths.push_back(random() % (c.keys + 1));
    out.assign(c.batch * c.queries * c.heads() * c.columns, NAN);
    lse.assign(c.batch * c.queries * c.heads(), NAN);
    upper = c.mask == Mask::BottomRight ? c.keys - c.queries : 0;
    lower = -c.window;
  }
  std::vector<Argument> arguments() {
    return {Argument(q.data(), {c.batch, c.queries, c.heads(), c.depth}),
            Argument(k.data(), {c.batch, c.keys, c.kvHeads, c.depth}),
            Argument(v.data(), {c.batch, c.keys, c.kvHeads, c.columns}),
            Argument(bias.data(), {c.batch, c.heads(), c.queries, c.keys},
                     {c.queries * c.keys, 0, c.keys, 1}),
            Argument(padding.data(), {c.batch, c.keys}),
            Argument(lengths.data(), {c.batch}),
            Argument(out.data(), {c.batch, c.queries, c.heads(), c.columns}),
            Argument(lse.data(), {c.batch, c.heads(), c.queries}),
            Argument(lower),
            Argument(upper)};
  }
  /// The score of a key in natural units; -inf if it is hidden.
  double score(int64_t b, int64_t h, int64_t i, int64_t j) const {
    if (c.mask != Mask::None && j - i > upper)
      return -INFINITY;
    if (c.mask == Mask::Window && j - i < lower)
      return -INFINITY;
    if ((c.lengths && j >= lengths[b]) ||
        (c.padding && !padding[b * c.keys + j]))
      return -INFINITY;
    double sum = 0;
    for (int64_t d = 0; d < c.depth; ++d)
      sum += double(q[((b * c.queries + i) * c.heads() + h) * c.depth + d]) *
             k[((b * c.keys + j) * c.kvHeads + h / c.groups) * c.depth + d];
    sum *= c.scale();
    if (c.softcap)
      sum = c.softcap * std::tanh(sum / c.softcap);
    if (c.bias) {
      double value = bias[(b * c.queries + i) * c.keys + j];
      // A finite mask swallows the score, as it does in f32.
      sum = value < -1e30
                ? std::max(value, -1e38) - (std::isinf(value) ? INFINITY : 0)
                : sum + value;
    }
    return sum;
  }

  const Case &c;
  std::vector<float> q, k, v, bias, out, lse;
  std::vector<char> padding;
  std::vector<int64_t> lengths;
  int64_t lower, upper;
};

void expectClose(const Case &c, Data &data) {
  double worst = 0, worstLse = 0;
  std::vector<double> weights(c.keys), expected(c.columns);
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t h = 0; h < c.heads(); ++h)
      for (int64_t i = 0; i < c.queries; ++i) {
        double max = -INFINITY, sum = 0;
        for (int64_t j = 0; j < c.keys; ++j)
          max = std::max(max, weights[j] = data.score(b, h, i, j));
        std::fill(expected.begin(), expected.end(), 0.0);
        for (int64_t j = 0; j < c.keys; ++j) {
          double weight =
              std::isinf(weights[j]) ? 0 : std::exp(weights[j] - max);
          sum += weight;
          for (int64_t d = 0; d < c.columns; ++d)
            expected[d] +=
                weight * data.v[((b * c.keys + j) * c.kvHeads + h / c.groups) *
                                    c.columns +
                                d];
        }
        for (int64_t d = 0; d < c.columns; ++d) {
          double got =
              data.out[((b * c.queries + i) * c.heads() + h) * c.columns + d];
          double want = sum > 0 ? expected[d] / sum : 0;
          ASSERT_FALSE(std::isnan(got))
              << "b=" << b << " h=" << h << " i=" << i;
          worst = std::max(worst, std::abs(got - want));
        }
        double lse = data.lse[(b * c.heads() + h) * c.queries + i];
        if (sum == 0)
          ASSERT_EQ(lse, INFINITY);
        else if (max > -1e30)
          worstLse = std::max(worstLse, std::abs(lse - (max + std::log(sum))));
      }
  EXPECT_LE(worst, 1e-5);
  EXPECT_LE(worstLse, 2e-5);
}

void check(const Case &c, CodeVersion version, std::mt19937 &random) {
  SCOPED_TRACE(
      formatv(
          "{0} batch={1} kvHeads={2} groups={3} queries={4} keys={5} depth={6} "
          "columns={7} mask={8} bias={9} padding={10} lengths={11} "
          "softcap={12} "
          "blocks {13}x{14}",
          codeVersionName(version), c.batch, c.kvHeads, c.groups, c.queries,
          c.keys, c.depth, c.columns, int(c.mask), c.bias, c.padding, c.lengths,
          c.softcap, c.blockRows, c.blockKeys)
          .str());
  auto kernels = CompiledKernels::compile(kernelText(c), version);
  ASSERT_TRUE(kernels);
  Data data(c, random);
  auto call = kernels->prepare("f", data.arguments(), 2);
  call.runAll(1 + int64_t(random() % 5), 2);
  EXPECT_TRUE(call.scratchIsIntact());
  expectClose(c, data);
  // Other chunks, other workers: the same bits.
  std::vector<float> first = data.out;
  call.runAll();
  EXPECT_TRUE(first == data.out);
}

class AttentionKernel : public ::testing::TestWithParam<CodeVersion> {
protected:
  void SetUp() override {
    const char *given = getenv("ATTUNE_TEST_SEED");
    unsigned seed = given ? atoi(given) : std::random_device()();
    printf("ATTUNE_TEST_SEED=%u\n", seed);
    random.seed(seed);
  }
  int64_t draw(int64_t low, int64_t high) {
    return std::uniform_int_distribution<int64_t>(low, high)(random);
  }
  std::mt19937 random;
};

TEST_P(AttentionKernel, Plain) {
  check({2, 2, 1, 197, 197, 64, 64}, GetParam(), random);
  check({1, 1, 1, 1, 1, 1, 1}, GetParam(), random);
}

TEST_P(AttentionKernel, OneBlockOfKeysOrSeveral) {
  check({1, 1, 2, 30, 300, 32, 48, Mask::None, false, false, false, 0, 16, 64},
        GetParam(), random);
  check({1, 1, 2, 30, 300, 32, 48, Mask::None, false, false, false, 0, 16, 512},
        GetParam(), random);
}

TEST_P(AttentionKernel, Bands) {
  for (Mask mask : {Mask::Causal, Mask::BottomRight, Mask::Window}) {
    check({1, 1, 1, 100, 100, 64, 64, mask, false, false, false, 0, 48, 32},
          GetParam(), random);
    // More queries than keys and the reverse: rows that see nothing are zero.
    check({1, 1, 1, 90, 50, 16, 16, mask, false, false, false, 0, 20, 48},
          GetParam(), random);
    check({1, 1, 1, 20, 130, 16, 16, mask, false, false, false, 0, 20, 48},
          GetParam(), random);
  }
}

TEST_P(AttentionKernel, DataMasks) {
  check({2, 2, 1, 40, 70, 32, 32, Mask::None, true}, GetParam(), random);
  check({3, 1, 2, 40, 70, 32, 32, Mask::None, false, true}, GetParam(), random);
  check({3, 2, 1, 40, 70, 32, 32, Mask::Causal, true, true, true, 0, 48, 32},
        GetParam(), random);
}

TEST_P(AttentionKernel, AnyHeadSizes) {
  check({1, 1, 1, 33, 65, 256, 256}, GetParam(), random);
  for (int trial = 0; trial < 4; ++trial)
    check({draw(1, 2), draw(1, 2), draw(1, 3), draw(1, 80), draw(1, 150),
           draw(1, 130), draw(1, 130), Mask(draw(0, 3)), draw(0, 1) == 1,
           draw(0, 1) == 1, draw(0, 1) == 1, draw(0, 2) ? 0.0 : 20.0,
           draw(1, 70), 16 * draw(1, 8)},
          GetParam(), random);
}

INSTANTIATE_TEST_SUITE_P(Versions, AttentionKernel,
                         ::testing::ValuesIn(runnableVersions()),
                         [](const auto &info) {
                           std::string name = codeVersionName(info.param).str();
                           return name.substr(name.size() - 2);
                         });

} // namespace
