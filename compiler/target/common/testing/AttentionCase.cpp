//===- AttentionCase.cpp --------------------------------------------------===//
#include "compiler/target/common/testing/AttentionCase.h"
#include "llvm/Support/FormatVariadic.h"

using namespace attune::target::common::testing;
using llvm::formatv;

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static constexpr double kLog2E = 1.44269504088896340736;

static std::string maskText(const AttentionCase &c, const std::string &scores) {
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
  std::string band = c.mask == AttentionMask::None ? ""
                     : c.mask == AttentionMask::Window
                         ? " lower %lower upper %upper"
                         : " upper %upper";
  text += formatv("      %s = tile.band {3}, %i, %j{4} : {0}, !tile.span<{1}>, "
                  "!tile.span<{2}>\n",
                  scores, c.blockRows, c.blockKeys, last, band);
  return text;
}

std::string
attune::target::common::testing::attentionText(const AttentionCase &c) {
  std::string q = formatv("memref<?x?x{0}x{1}x{2}, strided<[?, ?, {1}, 1]>>",
                          c.heads(), c.depth, c.element);
  std::string k = formatv("memref<?x?x{0}x{1}x{2}, strided<[?, ?, {1}, 1]>>",
                          c.kvHeads, c.depth, c.element);
  std::string v = formatv("memref<?x?x{0}x{1}x{2}, strided<[?, ?, {1}, 1]>>",
                          c.kvHeads, c.columns, c.element);
  std::string o = formatv("memref<?x?x{0}x{1}x{2}, strided<[?, ?, {1}, 1]>>",
                          c.heads(), c.columns, c.element);
  std::string scores = formatv("tensor<{0}x{1}xf32>", c.blockRows, c.blockKeys);
  std::string out = formatv("tensor<{0}x{1}xf32>", c.blockRows, c.columns);
  std::string row = formatv("tensor<{0}xf32>", c.blockRows);
  std::string visible =
      c.mask == AttentionMask::None ? ""
      : c.mask == AttentionMask::Window
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
      %q0 = tile.load %Q[%b, %i by {8}, %h, %d by {6}] : {0} -> tensor<{8}x{6}x{9}>
)",
      q, k, v, o, c.kvHeads, c.groups, c.depth, c.columns, c.blockRows,
      c.element);
  text +=
      formatv(R"(
      %factor = arith.constant dense<{1}> : {0}
      %qh = arith.mulf %q0, %factor : {0}
)",
              formatv("tensor<{0}x{1}x{2}>", c.blockRows, c.depth, c.element),
              c.halvedQueries ? "0.5" : "1.0");
  text += c.lengths ? "      %n64 = memref.load %lengths[%b] : memref<?xi64>\n"
                      "      %n = arith.index_cast %n64 : i64 to index\n"
                    : "      %n = arith.addi %keys, %c0 : index\n";
  text += formatv(R"(
      %m0 = arith.constant dense<0xFF800000> : {0}
      %l0 = arith.constant dense<0.0> : {0}
      %o0 = arith.constant dense<0.0> : {1}
      %m, %l, %o = tile.for %j in (%c0 to %n by {2}){3} iter(%mi = %m0, %li = %l0, %oi = %o0) : {0}, {0}, {1} {{
      %k = tile.load %K[%b, %j by {2}, %hk, %d by {4}] : {5} -> tensor<{2}x{4}x{8}>
      %zero = arith.constant dense<0.0> : {6}
      %s0 = tile.dot {9}, %k, %zero trans_rhs{10} : tensor<{7}x{4}x{8}>, tensor<{2}x{4}x{8}> -> {6}
)",
                  row, out, c.blockKeys, visible, c.depth, k, scores,
                  c.blockRows, c.element, c.halvedQueries ? "%qh" : "%q0",
                  c.tf32 ? " tf32" : "");
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
  bool isNarrow = c.element != "f32";
  std::string narrowScores =
      formatv("tensor<{0}x{1}x{2}>", c.blockRows, c.blockKeys, c.element);
  std::string narrowOut =
      formatv("tensor<{0}x{1}x{2}>", c.blockRows, c.columns, c.element);
  auto narrow = [&](const char *to, const char *from, const std::string &wide,
                    const std::string &type) {
    return isNarrow ? formatv("{0} = arith.truncf {1} : {2} to {3}", to, from,
                              wide, type)
                          .str()
                    : std::string();
  };
  text += formatv(R"(
      %p, %alpha, %m1, %l1 = tile.softmax_step %s, %mi, %li exact : {0}, {1}
      {8}
      %v = tile.load %V[%b, %j by {2}, %hk, %dv by {3}] : {4} -> tensor<{2}x{3}x{9}>
      %ab = tile.broadcast %alpha axes [0] : {1} -> {5}
      %oa = arith.mulf %oi, %ab : {5}
      %o1 = tile.dot {10}, %v, %oa{15} : {11}, tensor<{2}x{3}x{9}> -> {5}
      tile.yield %m1, %l1, %o1 : {1}, {1}, {5}
      }
      %inverse, %lse = tile.softmax_finish %m, %l : {1}
      %ib = tile.broadcast %inverse axes [0] : {1} -> {5}
      %r = arith.mulf %o, %ib : {5}
      {12}
      tile.store {13}, %O[%b, %i by {6}, %h, %dv by {3}] : {14} -> {7}
      tile.store %lse, %LSE[%b, %h, %i by {6}] : {1} -> memref<?x?x?xf32>
    }
  })",
                  scores, row, c.blockKeys, c.columns, v, out, c.blockRows, o,
                  narrow("%pn", "%p", scores, narrowScores), c.element,
                  isNarrow ? "%pn" : "%p", narrowScores,
                  narrow("%rn", "%r", out, narrowOut), isNarrow ? "%rn" : "%r",
                  narrowOut, c.tf32 ? " tf32" : "");
  return text;
}

std::string AttentionCase::description() const {
  return formatv("{0} batch={1} kvHeads={2} groups={3} queries={4} keys={5} "
                 "depth={6} columns={7} mask={8} bias={9} padding={10} "
                 "lengths={11} softcap={12} blocks {13}x{14}",
                 tf32 ? "tf32" : element, batch, kvHeads, groups, queries, keys,
                 depth, columns, int(mask), bias, padding, lengths, softcap,
                 blockRows, blockKeys);
}

//===----------------------------------------------------------------------===//
// Data
//===----------------------------------------------------------------------===//

AttentionData::AttentionData(const AttentionCase &c, std::mt19937 &random)
    : c(c),
      q(scalarNamed(c.element), c.batch * c.queries * c.heads() * c.depth, 0),
      k(scalarNamed(c.element), c.batch * c.keys * c.kvHeads * c.depth, 0),
      v(scalarNamed(c.element),
        c.valuesFrom + c.batch * c.keys * c.kvHeads * c.columns, 0),
      out(scalarNamed(c.element), c.batch * c.queries * c.heads() * c.columns,
          NAN) {
  std::normal_distribution<float> normal;
  for (TypedBuffer *buffer : {&q, &k, &v})
    for (int64_t i = 0; i < buffer->size(); ++i)
      buffer->set(i, normal(random));
  // Broadcast over heads: one bias per batch.
  bias.resize(c.batch * c.queries * c.keys);
  for (float &value : bias) {
    value = normal(random);
    if (random() % 5 == 0)
      value = random() % 2 ? -INFINITY : -std::numeric_limits<float>::max();
  }
  padding.resize(c.batch * c.keys);
  for (char &keep : padding)
    keep = random() % 3 != 0;
  // The first batch has every key masked.
  std::fill_n(padding.begin(), c.padding ? c.keys : 0, 0);
  for (int64_t b = 0; b < c.batch; ++b)
    lengths.push_back(random() % (c.keys + 1));
  lse.assign(c.batch * c.queries * c.heads(), NAN);
  upper = c.mask == AttentionMask::BottomRight ? c.keys - c.queries : 0;
  lower = -c.window;
}

std::vector<Argument> AttentionData::arguments() {
  return {
      Argument(q.bytes(), {c.batch, c.queries, c.heads(), c.depth}),
      Argument(k.bytes(), {c.batch, c.keys, c.kvHeads, c.depth}),
      Argument(v.bytes(c.valuesFrom), {c.batch, c.keys, c.kvHeads, c.columns}),
      Argument(bias.data(), {c.batch, c.heads(), c.queries, c.keys},
               {c.queries * c.keys, 0, c.keys, 1}),
      Argument(padding.data(), {c.batch, c.keys}),
      Argument(lengths.data(), {c.batch}),
      Argument(out.bytes(), {c.batch, c.queries, c.heads(), c.columns}),
      Argument(lse.data(), {c.batch, c.heads(), c.queries}),
      Argument(lower),
      Argument(upper)};
}

/// The score of a key in natural units; -inf if it is hidden.
double AttentionData::score(int64_t b, int64_t h, int64_t i, int64_t j) const {
  if (c.mask != AttentionMask::None && j - i > upper)
    return -INFINITY;
  if (c.mask == AttentionMask::Window && j - i < lower)
    return -INFINITY;
  if ((c.lengths && j >= lengths[b]) || (c.padding && !padding[b * c.keys + j]))
    return -INFINITY;
  int64_t query = ((b * c.queries + i) * c.heads() + h) * c.depth;
  int64_t key = ((b * c.keys + j) * c.kvHeads + h / c.groups) * c.depth;
  double sum = 0;
  for (int64_t d = 0; d < c.depth; ++d)
    sum += operand(q, query + d) * operand(k, key + d);
  sum *= c.halvedQueries ? c.scale() / 2 : c.scale();
  if (c.softcap)
    sum = c.softcap * std::tanh(sum / c.softcap);
  if (!c.bias)
    return sum;
  double value = bias[(b * c.queries + i) * c.keys + j];
  // A finite mask swallows the score, as it does in f32.
  return value < -1e30
             ? std::max(value, -1e38) - (std::isinf(value) ? INFINITY : 0)
             : sum + value;
}

AttentionData::Errors AttentionData::errors() const {
  Errors worst;
  auto differ = [](double &worst, double got, double want) {
    // NaN differs from everything.
    double difference = got == want ? 0 : std::abs(got - want);
    worst = std::isnan(difference) ? INFINITY : std::max(worst, difference);
  };
  std::vector<double> weights(c.keys), expected(c.columns);
  for (int64_t b = 0; b < c.batch; ++b)
    for (int64_t h = 0; h < c.heads(); ++h)
      for (int64_t i = 0; i < c.queries; ++i) {
        double max = -INFINITY, sum = 0;
        for (int64_t j = 0; j < c.keys; ++j)
          max = std::max(max, weights[j] = score(b, h, i, j));
        std::fill(expected.begin(), expected.end(), 0.0);
        for (int64_t j = 0; j < c.keys; ++j) {
          double weight =
              std::isinf(weights[j]) ? 0 : std::exp(weights[j] - max);
          sum += weight;
          int64_t row =
              c.valuesFrom +
              ((b * c.keys + j) * c.kvHeads + h / c.groups) * c.columns;
          for (int64_t d = 0; d < c.columns; ++d)
            expected[d] += weight * operand(v, row + d);
        }
        int64_t row = ((b * c.queries + i) * c.heads() + h) * c.columns;
        for (int64_t d = 0; d < c.columns; ++d)
          differ(worst.result, out.get(row + d),
                 sum > 0 ? expected[d] / sum : 0);
        // A row of nothing but finite masks has no log-sum-exp to speak of.
        if (sum == 0 || max > -1e30)
          differ(worst.lse, lse[(b * c.heads() + h) * c.queries + i],
                 sum == 0 ? INFINITY : max + std::log(sum));
      }
  return worst;
}
