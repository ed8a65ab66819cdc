//===- BenchGroups.cpp - row and map kernels as a share of a copy ---------===//
//
// See README.md for what is printed and how it is measured.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/testing/GroupTest.h"
#include "compiler/target/common/testing/Memory.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <algorithm>
#include <cstring>
#include <ctime>
#include <sys/utsname.h>

using namespace attune;
using namespace attune::target::cpu;
using namespace attune::target::common::testing;
using namespace attune::target::cpu::testing;
using llvm::formatv;

namespace {

struct Case {
  const char *name;
  GroupSpec spec;
  std::vector<std::pair<const char *, int64_t>> symbols = {};
  /// Reads single elements from all over its first input: a copy is no measure.
  bool scatters = false;
};

/// Activations of BERT-base at 2048 tokens, and what else transformers do.
/// Packages have symbols where these have B and S.
std::vector<Case> cases() {
  const char *x = "2048, 768";
  return {
      {"add",
       {"map",
        {{x}, {x}},
        {{x}},
        "%r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"}},
      {"bias",
       {"map",
        {{x}, {"768"}},
        {{x}},
        "%r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"}},
      {"gelu",
       {"map",
        {{"2048, 3072"}},
        {{"2048, 3072"}},
        "%r0 = nn.elementwise gelu_erf %0 : (@0) -> $0"}},
      {"layer_norm",
       {"row",
        {{x}, {"768"}, {"768"}},
        {{x}},
        "%r0 = nn.norm layer %0 axis 1 epsilon 1.0e-5 scale %1 : "
        "@1 bias %2 : @2 : @0 -> $0"}},
      {"add_layer_norm",
       {"row",
        {{x}, {x}, {"768"}, {"768"}},
        {{x}, {x}},
        "%r1 = nn.elementwise add %0, %1 : (@0, @1) -> $1\n"
        "%r0 = nn.norm layer %r1 axis 1 epsilon 1.0e-5 scale %2 : "
        "@2 bias %3 : @3 : $1 -> $0"}},
      {"layer_norm_any",
       {"row",
        {{"B, S, 384"}, {"384"}, {"384"}},
        {{"B, S, 384"}},
        "%r0 = nn.norm layer %0 axis 2 epsilon 1.0e-5 scale %1 : "
        "@1 bias %2 : @2 : @0 -> $0"},
       {{"B", 32}, {"S", 128}}},
      {"rms_norm",
       {"row",
        {{x}, {"768"}},
        {{x}},
        "%r0 = nn.norm rms %0 axis 1 epsilon 1.0e-5 scale %1 : @1 : "
        "@0 -> $0"}},
      {"softmax",
       {"row",
        {{"12, 512, 512"}},
        {{"12, 512, 512"}},
        "%r0 = nn.softmax %0 axis 2 : (@0) -> $0"}},
      {"softmax_197",
       {"row",
        {{"48, 197, 197"}},
        {{"48, 197, 197"}},
        "%r0 = nn.softmax %0 axis 2 : (@0) -> $0"}},
      {"softmax_any",
       {"row",
        {{"B, 12, S, S"}},
        {{"B, 12, S, S"}},
        "%r0 = nn.softmax %0 axis 3 : (@0) -> $0"},
       {{"B", 16}, {"S", 128}}},
      {"softmax_axis_0",
       {"row",
        {{"512, 4096"}},
        {{"512, 4096"}},
        "%r0 = nn.softmax %0 axis 0 : (@0) -> $0"}},
      {"mean_pool",
       {"row",
        {{"16, 128, 768"}},
        {{"16, 768"}},
        "%r0 = nn.reduce mean %0 axes [1] : (@0) -> $0"}},
      {"sum_rows",
       {"row",
        {{"2048, 1024"}},
        {{"2048"}},
        "%r0 = nn.reduce sum %0 axes [1] : (@0) -> $0"}},
      {"embedding",
       {"map",
        {{"3000, 768"}, {"2048", "i64", 1, 0, 2999}},
        {{x}},
        "%r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"}},
      {"gather_elements",
       {"map",
        {{"100000"}, {"1000000", "i64", 1, 0, 99999}},
        {{"1000000"}},
        "%r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"},
       {},
       /*scatters=*/true},
      {"split_heads",
       {"map",
        {{"16, 128, 12, 64"}},
        {{"16, 12, 128, 64"}},
        "%r0 = nn.transpose %0 [0, 2, 1, 3] : (@0) -> $0"}},
      {"transpose",
       {"map",
        {{"1500, 2000"}},
        {{"2000, 1500"}},
        "%r0 = nn.transpose %0 [1, 0] : (@0) -> $0"}},
      {"transpose_2^n",
       {"map",
        {{"1024, 2048"}},
        {{"2048, 1024"}},
        "%r0 = nn.transpose %0 [1, 0] : (@0) -> $0"}},
      {"concat",
       {"map",
        {{"16, 1, 768"}, {"16, 196, 768"}},
        {{"16, 197, 768"}},
        "%r0 = nn.concat %0, %1 axis 1 : (@0, @1) -> $0"}},
      {"concat_last",
       {"map",
        {{"24576, 32"}, {"24576, 32"}},
        {{"24576, 64"}},
        "%r0 = nn.concat %0, %1 axis 1 : (@0, @1) -> $0"}},
      {"cast_i64",
       {"map",
        {{"2000000", "i64"}},
        {{"2000000"}},
        "%r0 = nn.elementwise cast %0 to f32 : (@0) -> $0"}},
      {"mask",
       {"map",
        {{x}, {x, "i1"}},
        {{x}},
        "%c = arith.constant dense<-1.0e4> : tensor<f32>\n"
        "%r0 = nn.elementwise select %1, %0, %c : (@1, @0, tensor<f32>) "
        "-> $0"}},
  };
}

double threadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

typedef float Vector __attribute__((vector_size(32), aligned(4)));

/// Four vectors a turn, by plain loads and stores: what a kernel can do, and
/// not what memcpy's streaming stores can.
__attribute__((always_inline)) inline void copyLoop(const float *from,
                                                    float *to, size_t count) {
  for (size_t i = 0; i < count; i += 32) {
    asm volatile("" ::: "memory"); // no call of memcpy
    for (size_t j = 0; j < 32; j += 8)
      *reinterpret_cast<Vector *>(to + i + j) =
          *reinterpret_cast<const Vector *>(from + i + j);
  }
}
__attribute__((target("avx2"))) void copyWide(const float *from, float *to,
                                              size_t count) {
  copyLoop(from, to, count);
}

/// What a kernel is held against.
class Limit {
public:
  virtual ~Limit() = default;
  virtual double seconds() = 0;
};

/// Moves so many bytes, half in and half out.
class CopyLoop : public Limit {
public:
  explicit CopyLoop(int64_t bytes)
      : count(size_t(bytes) / 8 / 32 * 32), from(allocate(int64_t(count) * 4)),
        to(allocate(int64_t(count) * 4)) {
    std::fill_n(floats(from), count, 1.0f);
    std::fill_n(floats(to), count, 0.0f);
  }
  double seconds() override {
    double start = threadSeconds();
    if (__builtin_cpu_supports("avx2"))
      copyWide(floats(from), floats(to), count);
    else
      copyLoop(floats(from), floats(to), count);
    return threadSeconds() - start;
  }

private:
  static float *floats(const std::shared_ptr<char> &memory) {
    return reinterpret_cast<float *>(memory.get());
  }
  size_t count;
  std::shared_ptr<char> from, to;
};

/// Reads the elements that a gather reads, one by one, with no look at whether
/// an index is good.
class GatherLoop : public Limit {
public:
  GatherLoop(const nn::Array &data, const nn::Array &indices)
      : count(indices.size()), from(allocate(data.size() * 4)),
        numbers(allocate(count * 8)), to(allocate(count * 4)) {
    std::fill_n(reinterpret_cast<float *>(from.get()), data.size(), 1.0f);
    std::copy_n(indices.ints().data(), count,
                reinterpret_cast<int64_t *>(numbers.get()));
    std::memset(to.get(), 0, size_t(count) * 4);
  }
  double seconds() override {
    auto *source = reinterpret_cast<const float *>(from.get());
    auto *index = reinterpret_cast<const int64_t *>(numbers.get());
    auto *target = reinterpret_cast<float *>(to.get());
    double start = threadSeconds();
    for (int64_t i = 0; i < count; ++i)
      target[i] = source[index[i]];
    asm volatile("" ::"r"(target) : "memory");
    return threadSeconds() - start;
  }

private:
  int64_t count;
  std::shared_ptr<char> from, numbers, to;
};

/// A fixture outside of a test, for its way of drawing inputs.
struct Inputs : GroupTest {
  void TestBody() override {}
  using GroupTest::drawArray;
  using GroupTest::symbols;
};

struct Options {
  std::optional<CodeVersion> version;
  std::string only, json, keep, pages; ///< of either size if empty
  double seconds = 0.3;
};

struct Shares {
  std::vector<double> values; ///< ascending
  double seconds = NAN;       ///< of the kernel, the last time

  double percentile(double p) const {
    return values.empty() ? NAN : values[size_t(p * (values.size() - 1))];
  }
};

Shares measure(const CompiledKernels::Call &call, Limit &limit,
               double seconds) {
  Shares shares;
  call.runAll();
  double start = threadSeconds(), before = limit.seconds();
  while (threadSeconds() - start < seconds || shares.values.size() < 3) {
    double begin = threadSeconds();
    call.runAll();
    double kernel = threadSeconds() - begin;
    double after = limit.seconds();
    if (std::abs(after / before - 1) < 0.1) {
      shares.values.push_back((before + after) / 2 / kernel);
      shares.seconds = kernel;
    }
    before = after;
    if (threadSeconds() - start > 20 * seconds)
      break;
  }
  std::sort(shares.values.begin(), shares.values.end());
  return shares;
}

/// Prints and records.
llvm::json::Object report(const Case &item, CodeVersion version,
                          const char *limit, int64_t bytes,
                          const Shares &shares) {
  std::string name = codeVersionName(version).str();
  double rate = double(bytes) / shares.seconds / 1e9;
  const char *pages = hugePages ? "2M" : "4K";
  printf("%-10s %-16s %s %6.1f %% of a %s  (%.1f-%.1f, %zu samples, %.1f "
         "GB/s)\n",
         name.c_str(), item.name, pages, 100 * shares.percentile(0.5), limit,
         100 * shares.percentile(0.1), 100 * shares.percentile(0.9),
         shares.values.size(), rate);
  fflush(stdout);
  return llvm::json::Object{{"group", item.name},
                            {"version", name},
                            {"pages", pages},
                            {"limit", limit},
                            {"share", shares.percentile(0.5)},
                            {"p10", shares.percentile(0.1)},
                            {"p90", shares.percentile(0.9)},
                            {"samples", int64_t(shares.values.size())},
                            {"bytes", bytes},
                            {"gb_per_second", rate}};
}

void time(const Case &item, CodeVersion version, const Options &options,
          llvm::json::Array &results) {
  auto groups = Groups::compile(textOf(item.spec), targetOf(version));
  if (!groups)
    return;
  auto &code = static_cast<CompiledKernels &>(groups->code());
  if (!options.keep.empty()) {
    std::error_code error;
    std::string name = codeVersionName(version).str();
    llvm::raw_fd_ostream file(
        formatv("{0}/{1}.{2}.o", options.keep, item.name, name).str(), error);
    file.write(code.object().data(), code.object().size());
  }
  // Code of another machine can be kept and read, not run.
  if (!llvm::is_contained(runnableVersions(), version))
    return;
  Inputs draw;
  for (auto [symbol, value] : item.symbols)
    draw.symbols[symbol] = value;
  std::vector<nn::Array> inputs;
  for (const TensorSpec &input : item.spec.inputs)
    inputs.push_back(draw.drawArray(groups->context(), input));
  for (bool huge : {false, true}) {
    if (!options.pages.empty() && huge != (options.pages == "2M"))
      continue;
    hugePages = huge;
    int64_t bytes = 0;
    auto prepared = groups->prepareOnly(inputs, bytes);
    if (failed(prepared))
      return;
    auto call = code.prepare(prepared->kernel, prepared->arguments);
    auto against = [&](const char *name, Limit &limit) {
      results.push_back(report(item, version, name, bytes,
                               measure(call, limit, options.seconds)));
    };
    CopyLoop copy(bytes);
    against("copy", copy);
    if (!item.scatters)
      continue;
    GatherLoop gather(inputs[0], inputs[1]);
    against("gather", gather);
  }
}

/// The first value of `key` in /proc/cpuinfo.
std::string cpuFact(llvm::StringRef key) {
  auto info = llvm::MemoryBuffer::getFileAsStream("/proc/cpuinfo");
  if (!info)
    return "unknown";
  llvm::StringRef rest =
      (*info)->getBuffer().split(("\n" + key + "\t").str()).second;
  return rest.split(':').second.split('\n').first.trim().str();
}

llvm::json::Object machine() {
  utsname system{};
  uname(&system);
  return llvm::json::Object{
      {"cpu", cpuFact("model name")},
      {"family", cpuFact("cpu family")},
      {"model", cpuFact("model")},
      {"system", std::string(system.sysname) + " " + system.release},
      {"avx512", bool(__builtin_cpu_supports("avx512f"))}};
}

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
    else if (key == "--pages" && (value == "2M" || value == "4K"))
      options.pages = value;
    else if (key == "--keep")
      options.keep = value;
    else
      return fprintf(stderr, "unknown option %s %s\n", key.c_str(),
                     value.c_str()),
             false;
  }
  return true;
}

} // namespace

int main(int argc, char **argv) {
  Options options;
  if (!parse(argc, argv, options))
    return 2;
  llvm::json::Array results;
  CodeVersion version = options.version.value_or(runnableVersions().back());
  for (const Case &item : cases())
    if (std::string(item.name).find(options.only) != std::string::npos)
      time(item, version, options, results);
  if (options.json.empty())
    return 0;
  std::error_code error;
  llvm::raw_fd_ostream file(options.json, error);
  if (error) {
    fprintf(stderr, "%s: %s\n", options.json.c_str(), error.message().c_str());
    return 1;
  }
  llvm::json::Object record{
      {"machine", machine()}, {"threads", 1}, {"results", std::move(results)}};
  file << formatv("{0:2}\n", llvm::json::Value(std::move(record)));
  return 0;
}
