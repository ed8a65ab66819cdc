//===- BenchGroups.cpp - row and map kernels as a share of a copy ---------===//
//
// See README.md for what is printed and how it is measured.
//
//===----------------------------------------------------------------------===//
#include "tests/bench/groups/Cases.h"
#include "tests/bench/groups/Timed.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include <sys/utsname.h>

using namespace attune;
using namespace attune::bench;
using namespace attune::target::cpu;
using namespace attune::target::common::testing;
using namespace attune::target::cpu::testing;
using llvm::formatv;

namespace {

struct Options {
  std::optional<CodeVersion> version;
  std::string only, json, keep;
  std::string pages, data; ///< of either kind if empty
  double seconds = 0.3;
};

struct Shares {
  std::vector<double> values; ///< ascending
  double seconds = NAN;       ///< of the kernel, the last time

  double percentile(double p) const {
    return values.empty() ? NAN : values[size_t(p * (values.size() - 1))];
  }
};

Shares measure(Timed &kernel, Timed &limit, double seconds) {
  Shares shares;
  kernel.seconds();
  double start = threadSeconds(), before = limit.seconds();
  while (threadSeconds() - start < seconds || shares.values.size() < 3) {
    double own = kernel.seconds(), after = limit.seconds();
    if (std::abs(after / before - 1) < 0.1) {
      shares.values.push_back((before + after) / 2 / own);
      shares.seconds = own;
    }
    before = after;
    if (threadSeconds() - start > 20 * seconds)
      break;
  }
  std::sort(shares.values.begin(), shares.values.end());
  return shares;
}

/// One line of what is printed and recorded.
struct Line {
  const char *group;
  CodeVersion version;
  const char *data, *limit;
  int64_t bytes;
};

llvm::json::Object report(const Line &line, const Shares &shares) {
  std::string name = codeVersionName(line.version).str();
  double rate = double(line.bytes) / shares.seconds / 1e9;
  const char *pages = hugePages ? "2M" : "4K";
  printf("%-10s %-16s %s %-6s %6.1f %% of a %-11s  (%.1f-%.1f, %zu samples, "
         "%.1f GB/s)\n",
         name.c_str(), line.group, pages, line.data,
         100 * shares.percentile(0.5), line.limit, 100 * shares.percentile(0.1),
         100 * shares.percentile(0.9), shares.values.size(), rate);
  fflush(stdout);
  return llvm::json::Object{{"group", line.group},
                            {"version", name},
                            {"pages", pages},
                            {"data", line.data},
                            {"limit", line.limit},
                            {"share", shares.percentile(0.5)},
                            {"p10", shares.percentile(0.1)},
                            {"p90", shares.percentile(0.9)},
                            {"samples", int64_t(shares.values.size())},
                            {"bytes", line.bytes},
                            {"gb_per_second", rate}};
}

/// Times a group with its data in one placement.
llvm::LogicalResult timeAt(const Case &item, Groups &groups,
                           llvm::ArrayRef<nn::Array> inputs, Line line,
                           const Placement &placement, const Options &options,
                           llvm::json::Array &results) {
  std::vector<CompiledKernels::Call> calls;
  int64_t places = 1;
  for (int64_t place = 0; place < places; ++place) {
    auto prepared = groups.prepareOnly(inputs, line.bytes);
    if (failed(prepared))
      return llvm::failure();
    // Its slots point to its scratch.
    calls.push_back(static_cast<CompiledKernels &>(groups.code())
                        .prepare(prepared->kernel, prepared->arguments));
    places = placement.places(line.bytes);
  }
  Kernel kernel(std::move(calls));
  auto against = [&](const char *name, Timed &limit) {
    line.limit = name;
    results.push_back(report(line, measure(kernel, limit, options.seconds)));
  };
  {
    CopyLoop copy(line.bytes, places);
    against("copy", copy);
  }
  if (item.readsDown) {
    ColumnCopyLoop copy(inputs[0], places);
    against("column copy", copy);
  }
  if (item.scatters) {
    GatherLoop gather(inputs[0], inputs[1], places);
    against("gather", gather);
  }
  return llvm::success();
}

void time(const Case &item, CodeVersion version, const Options &options,
          llvm::json::Array &results) {
  std::string text = textOf(item.spec);
  auto groups = Groups::compile(text, targetOf(version));
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
  llvm::StringMap<int64_t> symbols;
  std::mt19937 random;
  for (auto [symbol, value] : item.symbols)
    symbols[symbol] = value;
  std::vector<nn::Array> inputs;
  for (const TensorSpec &input : item.spec.inputs)
    inputs.push_back(drawArray(groups->context(), input, symbols, random));
  for (const Placement &placement : {Placement{"cache", 0}, inMemory()})
    for (bool huge : {false, true}) {
      if ((!options.pages.empty() && huge != (options.pages == "2M")) ||
          (!options.data.empty() && options.data != placement.name))
        continue;
      hugePages = huge;
      if (failed(timeAt(item, *groups, inputs,
                        {item.name, version, placement.name, "", 0}, placement,
                        options, results)))
        return;
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
    else if (key == "--data" && (value == "cache" || value == "memory"))
      options.data = value;
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
