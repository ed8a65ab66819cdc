//===- BenchAttention.cpp - strategies of attention and its gradients -----===//
//
// See README.md for what is printed and how it is measured.
//
//===----------------------------------------------------------------------===//
#include "compiler/kernels/test/RunKernels.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "tests/bench/Clock.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>

using namespace attune;
using namespace attune::kernels::testing;
using namespace attune::target::cpu;
using attune::bench::threadSeconds;
using llvm::formatv;

namespace {

struct Case {
  const char *name;
  int64_t batches, heads, kvHeads, length, size;
  const char *options; ///< of both ops
};

// A causal head at growing lengths; what a ViT, a large batch of it, a small
// ViT, a window of a Swin and a text model of 512 positions do; heads in
// groups; dropout.
constexpr Case kCases[] = {
    {"causal", 8, 12, 12, 50, 64, "causal top_left"},
    {"causal", 2, 12, 12, 197, 64, "causal top_left"},
    {"causal", 1, 8, 8, 512, 64, "causal top_left"},
    {"causal", 1, 4, 4, 1024, 64, "causal top_left"},
    {"causal", 1, 2, 2, 2048, 64, "causal top_left"},
    {"causal", 1, 2, 2, 4096, 64, "causal top_left"},
    {"vit", 8, 12, 12, 50, 64, ""},
    {"vit", 4, 12, 12, 197, 64, ""},
    {"vit_batch", 32, 12, 12, 197, 64, ""},
    {"small_vit", 64, 4, 4, 50, 16, ""},
    {"swin", 32, 3, 3, 49, 32, ""},
    {"text", 1, 12, 12, 512, 64, ""},
    {"text", 1, 2, 2, 2048, 64, ""},
    {"groups", 1, 8, 2, 1024, 64, "causal top_left"},
    {"dropout", 1, 4, 4, 512, 64,
     "causal top_left dropout 0.1 id 1 (%seed, %step, %first)"},
};

/// The forward op, with the backward op after it if `backward`. Lengths are
/// known or not, as a model's are.
std::string textOf(const Case &c, bool backward, bool known) {
  std::string length = known ? std::to_string(c.length) : "?";
  auto tensor = [&](int64_t heads, bool sized) {
    std::string text =
        formatv("tensor<{0}x{1}x{2}{3}xf32", c.batches, heads, length,
                sized ? formatv("x{0}", c.size).str() : std::string());
    if (!known)
      text += formatv(", #nn.shape<[{0}, {1}, S{2}]>", c.batches, heads,
                      sized ? formatv(", {0}", c.size).str() : std::string());
    return text + ">";
  };
  std::string q = tensor(c.heads, true), k = tensor(c.kvHeads, true),
              l = tensor(c.heads, false), n = "tensor<i64>";
  bool drops = llvm::StringRef(c.options).contains("dropout");
  std::string rest = drops ? ", " + n + ", " + n + ", " + n : "";
  std::string text = formatv(
      "func.func @main(%q: {0}, %k: {1}, %v: {1}, %g: {0}, %seed: {2}, %step: "
      "{2}, %first: {2}) -> ({0}{3}) {{\n  %o, %l = nn.attention %q, %k, %v "
      "scale 0.125 {4} : ({0}, {1}, {1}{5}) -> ({0}, {6})\n",
      q, k, n, backward ? ", " + q + ", " + k + ", " + k : "", c.options, rest,
      l);
  if (!backward)
    return text + "  return %o : " + q + "\n}\n";
  return text +
         formatv("  %dq, %dk, %dv = nn.attention_backward %q, %k, %v output "
                 "%o, %l gradient %g scale 0.125 {3} : ({0}, {1}, {1}, {0}, "
                 "{2}, {0}{4}) -> ({0}, {1}, {1})\n  return %o, %dq, %dk, %dv "
                 ": {0}, {0}, {1}, {1}\n}\n",
                 q, k, l, c.options, rest)
             .str();
}

double timed(PreparedModule &module) {
  double start = threadSeconds();
  module.run();
  return threadSeconds() - start;
}

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

/// One strategy beside the others: what a run takes.
struct Strategy {
  const char *name;
  std::unique_ptr<PreparedModule> module;
  std::vector<double> seconds;
};

struct Options {
  std::optional<CodeVersion> version;
  std::string only, json;
  double seconds = 2;
};

/// How much longer auto takes than the best of the others: of their turns, so
/// that a load which comes and goes does not count.
double autoOverBest(const std::vector<Strategy> &strategies) {
  auto byMedian = [](const Strategy &a, const Strategy &b) {
    return median(a.seconds) < median(b.seconds);
  };
  const Strategy &chosen = strategies.back(),
                 &best = *std::min_element(strategies.begin(),
                                           strategies.end() - 1, byMedian);
  std::vector<double> ratios;
  for (auto [a, b] : llvm::zip(chosen.seconds, best.seconds))
    ratios.push_back(a / b);
  return median(ratios);
}

/// All strategies in turn, so that a clock that drifts slows all of them alike.
bool measure(const Case &c, CodeVersion version, bool backward, bool known,
             const Options &options, llvm::json::Array &results) {
  std::string text = textOf(c, backward, known);
  std::vector<Strategy> strategies;
  for (const char *name : {"unfused", "fused", "saved", "auto"})
    strategies.push_back(
        {name,
         PreparedModule::make(text, {{"S", c.length}}, 1, version, name),
         {}});
  for (Strategy &strategy : strategies)
    if (!strategy.module)
      return false;
  double spent = 0;
  for (int run = 0; run < 3 || (spent < options.seconds && run < 200); ++run)
    for (Strategy &strategy : strategies) {
      strategy.seconds.push_back(timed(*strategy.module));
      spent += strategy.seconds.back();
    }
  std::string versionName = codeVersionName(version).str();
  double unfused = median(strategies[0].seconds);
  printf("%-10s %-10s %5lld %-8s %-7s", versionName.c_str(), c.name,
         (long long)c.length, backward ? "both" : "forward",
         known ? "" : "symbol");
  llvm::json::Object line{{"case", c.name},        {"version", versionName},
                          {"batches", c.batches},  {"heads", c.heads},
                          {"kv_heads", c.kvHeads}, {"length", c.length},
                          {"size", c.size},        {"options", c.options},
                          {"backward", backward},  {"length_known", known}};
  for (Strategy &strategy : strategies) {
    double seconds = median(strategy.seconds);
    printf("  %s %8.3f ms %5.2fx", strategy.name, 1e3 * seconds,
           unfused / seconds);
    line[strategy.name] =
        llvm::json::Object{{"ms", 1e3 * seconds},
                           {"over_unfused", unfused / seconds},
                           {"bytes", strategy.module->bytes},
                           {"scratch_bytes", strategy.module->scratchBytes}};
  }
  double over = autoOverBest(strategies);
  line["auto_over_best"] = over;
  printf("  auto/best %.2f  scratch %.2f MB\n", over,
         double(strategies[1].module->scratchBytes) / 1e6);
  fflush(stdout);
  results.push_back(std::move(line));
  return true;
}

constexpr char kUsage[] =
    "Times unfused, fused, saved and auto attention, forward and with "
    "gradients.\n"
    "usage: bench-attention [--version x86-64-v3] [--only causal|causal-2048]\n"
    "                       [--seconds 2] [--json FILE]\n";

bool parse(int argc, char **argv, Options &options) {
  for (int i = 1; i < argc; i += 2) {
    std::string key = argv[i], value = i + 1 < argc ? argv[i + 1] : "";
    if (key == "--version" && codeVersionFromName(value))
      options.version = codeVersionFromName(value);
    else if (key == "--only")
      options.only = value;
    else if (key == "--seconds")
      options.seconds = atof(value.c_str());
    else if (key == "--json")
      options.json = value;
    else
      return fprintf(stderr, "unknown option %s %s\n%s", key.c_str(),
                     value.c_str(), kUsage),
             false;
  }
  return true;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (argc == 2 && llvm::StringRef(argv[1]) == "--help")
    return printf("%s", kUsage) > 0 ? 0 : 1;
  if (!parse(argc, argv, options))
    return 1;
  llvm::json::Array results;
  for (CodeVersion version : target::cpu::testing::runnableVersions()) {
    if (options.version ? version != *options.version
                        : version == CodeVersion::X86_64_V2)
      continue;
    for (const Case &c : kCases) {
      if (!options.only.empty() &&
          options.only != formatv("{0}-{1}", c.name, c.length).str() &&
          options.only != c.name)
        continue;
      for (bool backward : {false, true})
        if (!measure(c, version, backward, /*known=*/true, options, results))
          return 1;
    }
  }
  if (options.json.empty())
    return 0;
  std::error_code error;
  llvm::raw_fd_ostream file(options.json, error);
  file << formatv("{0:2}\n", llvm::json::Value(std::move(results)));
  return error ? 1 : 0;
}
