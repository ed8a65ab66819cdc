// Groups against the kernels made of them, in numbers: the body run by the
// evaluator, the kernel by the machine.
#include "compiler/kernels/test/RunKernels.h"

#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "gtest/gtest.h"

namespace attune::kernels::testing {
namespace {

// Expects agreement on every code version that this machine runs.
void expectAgreement(const std::string &text,
                     const std::vector<Symbols> &symbols, unsigned kernels,
                     double tolerance = 2e-6) {
  for (auto version : target::cpu::testing::runnableVersions()) {
    SCOPED_TRACE(target::cpu::codeVersionName(version).str());
    Comparison result = compareWithEvaluator(text, symbols, 1, version);
    EXPECT_EQ(result.failure, "");
    EXPECT_LT(result.error, tolerance);
    EXPECT_EQ(result.kernels, kernels);
  }
}

// T(dims) is an f32 tensor type: T("B, S, 64").
std::string tensor(const std::string &dims,
                   const std::string &element = "f32") {
  std::string shape, encoding;
  bool isStatic = true;
  for (size_t at = 0; at < dims.size();) {
    size_t end = std::min(dims.find(", ", at), dims.size());
    std::string dim = dims.substr(at, end - at);
    bool isNumber = dim.find_first_not_of("0123456789") == std::string::npos;
    isStatic &= isNumber;
    shape += (isNumber ? dim : "?") + "x";
    at = end + 2;
  }
  if (!isStatic)
    encoding = ", #nn.shape<[" + dims + "]>";
  return "tensor<" + shape + element + encoding + ">";
}

// A weight whose elements differ, so that a wrong place shows.
std::string weight(const std::string &name, int rows, int columns) {
  std::string type =
                  tensor(std::to_string(rows) + ", " + std::to_string(columns)),
              text;
  for (int i = 0; i < rows; ++i) {
    text += i ? ", [" : "[";
    for (int j = 0; j < columns; ++j)
      text +=
          (j ? ", " : "") + std::to_string((i * 37 + j * 11) % 17 - 8) + ".0";
    text += "]";
  }
  return "nn.weight @" + name + " : " + type + " = dense<[" + text +
         "]> : " + type + "\n";
}

// x W + bias, gelu, + residual: weights packed, the residual's memory reused.
std::string linear(int k, int n, const std::string &rows) {
  std::string K = std::to_string(k), N = std::to_string(n);
  std::string X = tensor(rows + ", " + K), Y = tensor(rows + ", " + N);
  std::string W = tensor(K + ", " + N), B = tensor(N), type = Y;
  std::string at =
      std::to_string(std::count(rows.begin(), rows.end(), ',') + 1);
  return weight("w", k, n) + "func.func @main(%x: " + X + ", %b: " + B +
         ", %r: " + Y + ") -> " + Y + " {\n  %w = nn.load_weight @w : " + W +
         "\n  %y = nn.group contraction (%a = %x, %m = %w, %c = %b, %d = %r) : "
         "(" +
         X + ", " + W + ", " + B + ", " + Y + ") -> " + Y + " {" +
         "\n    %0 = nn.contract %a, %m contracting [" + at + "] x [0] : (" +
         X + ", " + W + ") -> " + Y +
         "\n    %1 = nn.elementwise add %0, %c : (" + Y + ", " + B + ") -> " +
         Y + "\n    %2 = nn.elementwise gelu_erf %1 : (" + Y + ") -> " + Y +
         "\n    %3 = nn.elementwise add %d, %2 : (" + Y + ", " + Y + ") -> " +
         Y + "\n    nn.yield %3 : " + Y + "\n  }\n  return %y : " + Y + "\n}\n";
}

TEST(Kernels, LinearOfAnyExtent) {
  for (auto [k, n] :
       {std::pair(64, 100), {1600, 48}, {768, 17}, {1, 1}, {33, 200}}) {
    SCOPED_TRACE(std::to_string(k) + " x " + std::to_string(n));
    expectAgreement(
        linear(k, n, "B, S"),
        {{{"B", 1}, {"S", 1}}, {{"B", 2}, {"S", 5}}, {{"B", 2}, {"S", 197}}},
        1);
    expectAgreement(linear(k, n, k == 33 ? "197" : "1"), {{}}, 1);
  }
}

// One projection to q, k and v, heads split and merged, grouped or not: views
// only.
std::string attentionBlock(int heads, int kvHeads, int size,
                           const std::string &attributes,
                           const std::string &bias) {
  auto num = [](int n) { return std::to_string(n); };
  std::string D = num(size), H = num(heads), HK = num(kvHeads);
  std::string wide = num((heads + 2 * kvHeads) * size), out = num(heads * size);
  std::string X = tensor("B, S, " + wide), M = tensor("B, S, " + out);
  std::string Q = tensor("B, " + H + ", S, " + D),
              K = tensor("B, " + HK + ", S, " + D);
  std::string T = tensor("B, S, " + H + ", " + D), bare = tensor(bias);
  std::string W = tensor(out + ", 24"), Y = tensor("B, S, 24");
  auto part = [&](const std::string &name, int from, int count) {
    std::string flat = tensor("B, S, " + num(count * size));
    std::string split = tensor("B, S, " + num(count) + ", " + D);
    std::string moved = tensor("B, " + num(count) + ", S, " + D);
    return "  %" + name + "0 = nn.slice %x starts <[0, 0, " + num(from * size) +
           "]> sizes <[B, S, " + num(count * size) + "]> steps [1, 1, 1] : (" +
           X + ") -> " + flat + "\n  %" + name + "1 = nn.reshape %" + name +
           "0 : (" + flat + ") -> " + split + "\n  %" + name +
           " = nn.transpose %" + name + "1 [0, 2, 1, 3] : (" + split + ") -> " +
           moved + "\n";
  };
  return "func.func @main(%x: " + X + ", %bias: " + bare +
         ", %mask: " + tensor("B, S", "i1") + ", %w: " + W + ") -> " + Y +
         " {\n" + part("q", 0, heads) + part("k", heads, kvHeads) +
         part("v", heads + kvHeads, kvHeads) +
         "  %o = nn.group attention (%a = %q, %b = %k, %c = %v, %d = %bias, %e "
         "= "
         "%mask) : (" +
         Q + ", " + K + ", " + K + ", " + bare + ", " + tensor("B, S", "i1") +
         ") -> " + Q + " {\n    %r = nn.attention %a, %b, %c scale 0.25 " +
         attributes + " : (" + Q + ", " + K + ", " + K + ", " + bare + ", " +
         tensor("B, S", "i1") + ") -> " + Q + "\n    nn.yield %r : " + Q +
         "\n  }\n" + "  %t = nn.transpose %o [0, 2, 1, 3] : (" + Q + ") -> " +
         T + "\n  %m = nn.reshape %t : (" + T + ") -> " + M +
         "\n  %y = nn.group contraction (%a = %m, %b = %w) : (" + M + ", " + W +
         ") -> " + Y +
         " {\n    %c = nn.contract %a, %b contracting [2] x [0] : (" + M +
         ", " + W + ") -> " + Y + "\n    nn.yield %c : " + Y +
         "\n  }\n  return %y : " + Y + "\n}\n";
}

TEST(Kernels, AttentionReadsHeadsWhereTheyLie) {
  std::vector<Symbols> symbols;
  for (int64_t s : {1, 50, 197, 530})
    symbols.push_back({{"B", 2}, {"S", s}});
  expectAgreement(attentionBlock(4, 4, 16, "bias %d key_mask %e", "B, 1, S, S"),
                  symbols, 2, 1e-5);
  expectAgreement(
      attentionBlock(6, 2, 20,
                     "causal top_left softcap 2.0 bias %d key_mask %e",
                     "6, S, S"),
      symbols, 2, 1e-5);
  expectAgreement(
      attentionBlock(2, 1, 64, "window 7 bias %d key_mask %e", "1, 1, 1, S"),
      symbols, 2, 1e-5);
}

// Both operands computed, batched, transposed, with a contraction over two
// dims, an operand for each kind of broadcast, a comparison and a select in the
// epilogue.
TEST(Kernels, ContractionsOfActivations) {
  std::string A = tensor("B, S, 4, 20"), C = tensor("B, 4, S, S");
  std::string Row = tensor("S"), Col = tensor("B, 1, S, 1"),
              I1 = tensor("B, 4, S, S", "i1");
  std::string text =
      "func.func @main(%x: " + A + ", %y: " + A + ", %row: " + Row +
      ", %col: " + Col + ") -> " + tensor("B, S, 4, S") +
      " {\n"
      "  %p = nn.transpose %x [0, 2, 1, 3] : (" +
      A + ") -> " + tensor("B, 4, S, 20") +
      "\n  %g = nn.group contraction (%a = %p, %b = %y, %r = %row, %c = %col) "
      ": (" +
      tensor("B, 4, S, 20") + ", " + A + ", " + Row + ", " + Col + ") -> " + C +
      " {\n" +
      "    %s = nn.contract %a, %b batch [0, 1] x [0, 2] contracting [3] x [3] "
      ": (" +
      tensor("B, 4, S, 20") + ", " + A + ") -> " + C +
      "\n    %h = arith.constant dense<0.5> : tensor<f32>" +
      "\n    %t = nn.elementwise mul %s, %h : (" + C + ", tensor<f32>) -> " +
      C + "\n    %u = nn.elementwise add %t, %r : (" + C + ", " + Row +
      ") -> " + C + "\n    %q = nn.elementwise less %u, %c : (" + C + ", " +
      Col + ") -> " + I1 + "\n    %v = nn.elementwise select %q, %u, %c : (" +
      I1 + ", " + C + ", " + Col + ") -> " + C + "\n    nn.yield %v : " + C +
      "\n  }\n" + "  %o = nn.transpose %g [0, 2, 1, 3] : (" + C + ") -> " +
      tensor("B, S, 4, S") + "\n  return %o : " + tensor("B, S, 4, S") +
      "\n}\n";
  expectAgreement(
      text,
      {{{"B", 1}, {"S", 1}}, {{"B", 3}, {"S", 20}}, {{"B", 2}, {"S", 200}}}, 1);
}

// The left operand is contiguous along rows and large enough to be packed: for
// each entry of the batch, or one for all of it.
TEST(Kernels, WeightGradientsOfABatch) {
  std::string G = tensor("B, S, 130");
  auto gradient = [&](const std::string &left, const std::string &axes,
                      const std::string &result) {
    std::string type = " : (" + left + ", " + G + ") -> " + result;
    return "func.func @main(%x: " + left + ", %g: " + G + ") -> " + result +
           " {\n  %r = nn.group contraction (%a = %x, %b = %g)" + type +
           " {\n    %c = nn.contract %a, %b " + axes + type +
           "\n    nn.yield %c : " + result + "\n  }\n  return %r : " + result +
           "\n}\n";
  };
  std::vector<Symbols> symbols = {
      {{"B", 1}, {"S", 1}}, {{"B", 3}, {"S", 40}}, {{"B", 2}, {"S", 900}}};
  expectAgreement(gradient(tensor("B, S, 400"),
                           "batch [0] x [0] contracting [1] x [1]",
                           tensor("B, 400, 130")),
                  symbols, 1);
  expectAgreement(gradient(tensor("S, 400"), "contracting [0] x [1]",
                           tensor("400, B, 130")),
                  symbols, 1);
}

// What two layers have in common is one kernel, though weights, names and the
// dims that the model calls its rows differ.
TEST(Kernels, EqualLayersShare) {
  std::string X = tensor("B, S, 32"), Z = tensor("T, 32"), W = tensor("32, 32");
  auto layer = [&](const std::string &to, const std::string &from,
                   const std::string &w, const std::string &type, int axis) {
    return "  %" + to + " = nn.group contraction (%a = %" + from + ", %b = %" +
           w + ") : (" + type + ", " + W + ") -> " + type +
           " {\n    %c = nn.contract %a, "
           "%b contracting [" +
           std::to_string(axis) + "] x [0] : (" + type + ", " + W + ") -> " +
           type + "\n    %d = nn.elementwise relu %c : (" + type + ") -> " +
           type + "\n    nn.yield %d : " + type + "\n  }\n";
  };
  std::string text = weight("u", 32, 32) + weight("v", 32, 32) +
                     "\nfunc.func @main(%x: " + X + ", %z: " + Z + ") -> (" +
                     X + ", " + Z + ") {\n  %u = nn.load_weight @u : " + W +
                     "\n  %v = nn.load_weight @v : " + W + "\n" +
                     layer("h", "x", "u", X, 2) + layer("i", "h", "v", X, 2) +
                     layer("j", "z", "v", Z, 1) + "  return %i, %j : " + X +
                     ", " + Z + "\n}\n";
  expectAgreement(text, {{{"B", 2}, {"S", 7}, {"T", 3}}}, 1);
}

} // namespace
} // namespace attune::kernels::testing
