//===- BenchKernels.cpp - kernels as a share of the FMA loop --------------===//
//
// Compiles the GEMM and attention shapes that the project states targets for
// and times each beside the FMA loop of its ISA, on one thread:
//
//   bench-kernels [--version x86-64-v4] [--seconds 0.5] [--only attention]
//   [--json FILE]
//     [--keep DIR]     writes the objects there, to be disassembled
//
// A sample is one call between two runs of the loop; it counts if the two agree
// within 5 %. Times are thread CPU time, so that other load does not count;
// buffers lie in huge pages where the system gives them. Printed: median share
// of the loop, the 10th and 90th percentile, samples. Half the FLOPs count for
// causal.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "runtime/cpu/FmaLoop.h"
#include "tests/bench/Clock.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <sys/mman.h>

using namespace attune;
using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;
using attune::bench::threadSeconds;
using llvm::formatv;

namespace {

struct Options {
  std::optional<CodeVersion> version;
  double seconds = 0.5;
  std::string only, json, keep;
};

/// Floats in huge pages, filled with small random values.
class Buffer {
public:
  explicit Buffer(int64_t count)
      : bytes(((count * 4 + 255) >> 21 << 21) + (4 << 20)) {
    void *memory = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    base = static_cast<char *>(memory);
    madvise(base, bytes, MADV_HUGEPAGE);
    auto aligned =
        (reinterpret_cast<uintptr_t>(base) + (2 << 20) - 1) >> 21 << 21;
    data = reinterpret_cast<float *>(aligned);
    std::mt19937 random(1);
    std::uniform_real_distribution<float> uniform(-1, 1);
    for (int64_t i = 0; i < count; ++i)
      data[i] = uniform(random);
  }
  ~Buffer() { munmap(base, bytes); }
  Buffer(const Buffer &) = delete;

  float *data;

private:
  size_t bytes;
  char *base;
};

/// What follows the sum: nothing, or BERT's x / 2 * (1 + erf(x / sqrt(2))).
const char *kGelu = R"(
    %r2 = arith.constant dense<0.707106769> : tensor<384x48xf32>
    %half = arith.constant dense<0.5> : tensor<384x48xf32>
    %one = arith.constant dense<1.0> : tensor<384x48xf32>
    %z = arith.mulf %sum, %r2 : tensor<384x48xf32>
    %erf = math.erf %z : tensor<384x48xf32>
    %e1 = arith.addf %erf, %one : tensor<384x48xf32>
    %h = arith.mulf %sum, %half : tensor<384x48xf32>
    %out = arith.mulf %h, %e1 : tensor<384x48xf32>
)";

std::string gemmText(int64_t k, int64_t n, bool gelu) {
  return formatv(R"(
tile.kernel contraction @gemm(%a: memref<?x{0}xf32, strided<[?, 1]>>,
    %w: memref<{0}x{1}xf32> {{tile.panels = #tile.panels<axis = 1, width = 16>},
    %bias: memref<{1}xf32>, %c: memref<?x{1}xf32, strided<[?, 1]>>) {{
  %c0 = arith.constant 0 : index
  %k = arith.constant {0} : index
  %n = arith.constant {1} : index
  %m = memref.dim %a, %c0 : memref<?x{0}xf32, strided<[?, 1]>>
  tile.parallel (%i, %j) in (%m by 384, %n by 48) {{
    %b = tile.load %bias[%j by 48] : memref<{1}xf32> -> tensor<48xf32>
    %start = tile.broadcast %b axes [1] : tensor<48xf32> -> tensor<384x48xf32>
    %sum = tile.for %d in (%c0 to %k by {2}) iter(%acc = %start) : tensor<384x48xf32> {{
      %x = tile.load %a[%i by 384, %d by {2}] : memref<?x{0}xf32, strided<[?, 1]>> -> tensor<384x{2}xf32>
      %y = tile.load %w[%d by {2}, %j by 48] : memref<{0}x{1}xf32> -> tensor<{2}x48xf32>
      %p = tile.dot %x, %y, %acc : tensor<384x{2}xf32>, tensor<{2}x48xf32> -> tensor<384x48xf32>
      tile.yield %p : tensor<384x48xf32>
    }
{3}
    tile.store {4}, %c[%i by 384, %j by 48] : tensor<384x48xf32> -> memref<?x{1}xf32, strided<[?, 1]>>
  }
}
)",
                 k, n, std::min<int64_t>(k, 768), gelu ? kGelu : "",
                 gelu ? "%out" : "%sum");
}

std::string attentionText(bool causal) {
  return formatv(R"(
tile.kernel attention @attention(%Q: memref<?x12x64xf32>, %K: memref<?x12x64xf32>,
    %V: memref<?x12x64xf32>, %O: memref<?x12x64xf32>) {{
  %c0 = arith.constant 0 : index
  %c12 = arith.constant 12 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %Q, %c0 : memref<?x12x64xf32>
  tile.parallel (%h, %i) in (%c12, %n by 48) {{
    %d = tile.range %c0 to %c64 : !tile.span<64>
    %q = tile.load %Q[%i by 48, %h, %d by 64] : memref<?x12x64xf32> -> tensor<48x64xf32>
    %m0 = arith.constant dense<0xFF800000> : tensor<48xf32>
    %l0 = arith.constant dense<0.0> : tensor<48xf32>
    %o0 = arith.constant dense<0.0> : tensor<48x64xf32>
    %m, %l, %o = tile.for %j in (%c0 to %n by 512){0}
        iter(%mi = %m0, %li = %l0, %oi = %o0) : tensor<48xf32>, tensor<48xf32>, tensor<48x64xf32> {{
      %k = tile.load %K[%j by 512, %h, %d by 64] : memref<?x12x64xf32> -> tensor<512x64xf32>
      %zero = arith.constant dense<0.0> : tensor<48x512xf32>
      %s0 = tile.dot %q, %k, %zero trans_rhs : tensor<48x64xf32>, tensor<512x64xf32> -> tensor<48x512xf32>
      %scale = arith.constant dense<0.180336878> : tensor<48x512xf32>
      %s1 = arith.mulf %s0, %scale : tensor<48x512xf32>
      %s = tile.band %s1, %i, %j{1} : tensor<48x512xf32>, !tile.span<48>, !tile.span<512>
      %p, %alpha, %m1, %l1 = tile.softmax_step %s, %mi, %li : tensor<48x512xf32>, tensor<48xf32>
      %v = tile.load %V[%j by 512, %h, %d by 64] : memref<?x12x64xf32> -> tensor<512x64xf32>
      %ab = tile.broadcast %alpha axes [0] : tensor<48xf32> -> tensor<48x64xf32>
      %oa = arith.mulf %oi, %ab : tensor<48x64xf32>
      %o1 = tile.dot %p, %v, %oa : tensor<48x512xf32>, tensor<512x64xf32> -> tensor<48x64xf32>
      tile.yield %m1, %l1, %o1 : tensor<48xf32>, tensor<48xf32>, tensor<48x64xf32>
    }
    %inverse, %lse = tile.softmax_finish %m, %l : tensor<48xf32>
    %ib = tile.broadcast %inverse axes [0] : tensor<48xf32> -> tensor<48x64xf32>
    %r = arith.mulf %o, %ib : tensor<48x64xf32>
    tile.store %r, %O[%i by 48, %h, %d by 64] : tensor<48x64xf32> -> memref<?x12x64xf32>
  }
}
)",
                 causal ? " visible(%i : !tile.span<48> upper %c0)" : "",
                 causal ? " upper %c0" : "");
}

attune::cpu::Isa isaOf(CodeVersion version) {
  switch (version) {
  case CodeVersion::X86_64_V2:
    return attune::cpu::Isa::Sse;
  case CodeVersion::X86_64_V3:
    return attune::cpu::Isa::Avx2;
  case CodeVersion::X86_64_V4:
    return attune::cpu::Isa::Avx512;
  }
  return attune::cpu::Isa::Sse;
}

/// Collects results; prints them as they come.
class Report {
public:
  Report(const Options &options, CodeVersion version)
      : options(options), version(version) {}

  void time(const std::string &name, double flops,
            const CompiledKernels::Call &call) {
    std::vector<double> shares;
    call.runAll();
    double start = threadSeconds();
    attune::cpu::PeakSample before = attune::cpu::measurePeak(isaOf(version));
    while (threadSeconds() - start < options.seconds || shares.size() < 3) {
      double from = threadSeconds();
      call.runAll();
      double seconds = threadSeconds() - from;
      attune::cpu::PeakSample after = attune::cpu::measurePeak(isaOf(version));
      if (std::abs(after.gflops / before.gflops - 1) < 0.05)
        shares.push_back(flops / seconds / 1e9 /
                         ((before.gflops + after.gflops) / 2));
      before = after;
      if (threadSeconds() - start > 20 * options.seconds)
        break;
    }
    std::sort(shares.begin(), shares.end());
    if (shares.empty())
      shares.push_back(NAN);
    auto percentile = [&](double p) {
      return shares[size_t(p * double(shares.size() - 1))];
    };
    printf(
        "%-10s %-28s %5.1f %%  (%.1f-%.1f, %zu samples, peak %.0f GFLOP/s)\n",
        codeVersionName(version).str().c_str(), name.c_str(),
        100 * percentile(0.5), 100 * percentile(0.1), 100 * percentile(0.9),
        shares.size(), before.gflops);
    fflush(stdout);
    results.push_back(
        llvm::json::Object{{"kernel", name},
                           {"version", codeVersionName(version).str()},
                           {"share_of_peak", percentile(0.5)},
                           {"p10", percentile(0.1)},
                           {"p90", percentile(0.9)},
                           {"samples", int64_t(shares.size())},
                           {"peak_gflops", before.gflops}});
  }
  bool wants(const std::string &name) const {
    return options.only.empty() || name.find(options.only) != std::string::npos;
  }

  llvm::json::Array results;

private:
  const Options &options;
  CodeVersion version;
};

/// Compiles, or ends the program: there is nothing to time.
std::unique_ptr<CompiledKernels> compile(const Options &options,
                                         const std::string &text,
                                         CodeVersion version,
                                         const std::string &name) {
  auto kernels = CompiledKernels::compile(text, version);
  if (!kernels)
    exit(3);
  if (!options.keep.empty()) {
    std::error_code error;
    llvm::raw_fd_ostream file(
        formatv("{0}/{1}.{2}.o", options.keep, name, codeVersionName(version))
            .str(),
        error);
    file.write(kernels->object().data(), kernels->object().size());
  }
  return kernels;
}

void benchGemm(const Options &options, Report &report, CodeVersion version) {
  struct Shape {
    int64_t k, n;
    bool gelu;
  };
  const Shape shapes[] = {{768, 768, false},  {768, 2304, false},
                          {768, 3072, false}, {3072, 768, false},
                          {384, 1536, false}, {768, 3072, true}};
  for (auto [k, n, gelu] : shapes) {
    std::string kernel = formatv("gemm-{0}-{1}{2}", k, n, gelu ? "-gelu" : "");
    auto kernels = compile(options, gemmText(k, n, gelu), version, kernel);
    Buffer w(k * n), bias(n);
    for (int64_t m : {1, 128, 197, 512, 1024, 1576}) {
      std::string name =
          formatv("gemm {0}x{1}x{2}{3}", m, k, n, gelu ? " gelu" : "");
      if (!report.wants(name))
        continue;
      Buffer a(m * (k + 16)), c(m * (n + 16));
      auto call = kernels->prepare(
          "gemm",
          {Argument(a.data, {m, k}, {k + 16, 1}), Argument(w.data, {k, n}),
           Argument(bias.data, {n}), Argument(c.data, {m, n}, {n + 16, 1})});
      report.time(name, 2.0 * double(m) * double(n) * double(k), call);
    }
  }
}

void benchAttention(const Options &options, Report &report,
                    CodeVersion version) {
  for (bool causal : {false, true}) {
    std::string kernel = causal ? "attention-causal" : "attention";
    auto kernels = compile(options, attentionText(causal), version, kernel);
    for (int64_t n : {197, 1024, 4096}) {
      std::string name =
          formatv("attention {0}{1}", n, causal ? " causal" : "");
      if (!report.wants(name))
        continue;
      std::vector<int64_t> sizes = {n, 12, 64};
      int64_t count = n * 12 * 64;
      Buffer q(count), k(count), v(count), o(count);
      auto call = kernels->prepare(
          "attention", {Argument(q.data, sizes), Argument(k.data, sizes),
                        Argument(v.data, sizes), Argument(o.data, sizes)});
      double flops =
          12.0 * 4 * 64 * double(n) * double(n) * (causal ? 0.5 : 1.0);
      report.time(name, flops, call);
    }
  }
}

Options parse(int argc, char **argv) {
  Options options;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string key = argv[i], value = argv[i + 1];
    if (key == "--version")
      options.version = codeVersionFromName(value);
    else if (key == "--seconds")
      options.seconds = atof(value.c_str());
    else if (key == "--only")
      options.only = value;
    else if (key == "--json")
      options.json = value;
    else if (key == "--keep")
      options.keep = value;
  }
  return options;
}

std::string cpuName() {
  auto info = llvm::MemoryBuffer::getFileAsStream("/proc/cpuinfo");
  if (!info)
    return "unknown";
  llvm::StringRef rest = (*info)->getBuffer().split("model name").second;
  return rest.split(':').second.split('\n').first.trim().str();
}

} // namespace

int main(int argc, char **argv) {
  Options options = parse(argc, argv);
  llvm::json::Array results;
  for (CodeVersion version : runnableVersions()) {
    if (options.version && *options.version != version)
      continue;
    Report report(options, version);
    benchGemm(options, report, version);
    benchAttention(options, report, version);
    for (llvm::json::Value &result : report.results)
      results.push_back(std::move(result));
  }
  if (options.json.empty())
    return 0;
  std::error_code error;
  llvm::raw_fd_ostream file(options.json, error);
  if (error) {
    fprintf(stderr, "%s: %s\n", options.json.c_str(), error.message().c_str());
    return 1;
  }
  llvm::json::Object record{
      {"cpu", cpuName()}, {"threads", 1}, {"results", std::move(results)}};
  file << formatv("{0:2}\n", llvm::json::Value(std::move(record)));
  return 0;
}
