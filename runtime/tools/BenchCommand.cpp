//===- BenchCommand.cpp - attune bench ------------------------------------===//
//
// Enters: a package and a shape. Leaves: time, rate and share of the FMA peak,
// sampled between the runs; with --profile the time of each launch by the name
// of its node.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/CpuFeatures.h"
#include "runtime/cpu/FmaLoop.h"
#include "runtime/tools/Facts.h"
#include "runtime/tools/Package.h"
#include "runtime/tools/Terminal.h"
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <optional>

namespace attune::tools {

static constexpr size_t kMinRuns = 5;

static double seconds(clockid_t clock) {
  timespec now;
  ::clock_gettime(clock, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

namespace {

struct Samples {
  std::vector<double> wall, cpu; ///< Seconds of each run.
  double peakGflops = 0;         ///< Of all threads together.
  cpu::PeakSample peak;          ///< Of one thread.
};

} // namespace

static double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle]
                           : 0.5 * (values[middle - 1] + values[middle]);
}

/// The ISA of the code version in use.
static cpu::Isa isaInUse(const Model &model) {
  std::string version = attune_model_code_version(model.get());
  uint64_t features = core::detectCpuFeatures();
  // A level's name is a mask that keeps it; other names use what there is.
  (void)core::applyCpuMask(version, features).status();
  return cpu::isaOf(features);
}

/// Runs and FMA loops in turn, so that both see the same machine. On a device,
/// whose peak is not known, `isa` is missing.
static Error measure(const Session &session, std::optional<cpu::Isa> isa,
                     double budget, Samples &out) {
  uint32_t threads = attune_session_threads(session.get());
  // The first run takes memory and warms caches; on a device the second one
  // makes the graph.
  for (int i = 0; i < (isa ? 1 : 2); ++i)
    if (Error error = check(attune_session_run(session.get())))
      return error;
  attune_session_profile_reset(session.get());
  Progress bar("measuring");
  double start = seconds(CLOCK_MONOTONIC), lastPeak = 0;
  for (;;) {
    double now = seconds(CLOCK_MONOTONIC);
    if (out.wall.size() >= kMinRuns && now - start >= budget)
      return {};
    bar.update((now - start) / budget);
    if (isa && now - lastPeak > 0.1) {
      lastPeak = now;
      cpu::PeakSample one = cpu::measurePeak(*isa);
      if (one.gflops > out.peak.gflops)
        out.peak = one;
      double all =
          threads == 1 ? one.gflops : cpu::measurePeakOfThreads(*isa, threads);
      out.peakGflops = std::max(out.peakGflops, all);
    }
    double wall = seconds(CLOCK_MONOTONIC),
           cpu = seconds(CLOCK_THREAD_CPUTIME_ID);
    if (Error error = check(attune_session_run(session.get())))
      return error;
    out.cpu.push_back(seconds(CLOCK_THREAD_CPUTIME_ID) - cpu);
    out.wall.push_back(seconds(CLOCK_MONOTONIC) - wall);
  }
}

static Error profile(const Session &session, Json &out) {
  out = Json::array();
  for (size_t i = 0; i < attune_session_profile_count(session.get()); ++i) {
    attune_profile_entry entry;
    if (Error error = check(attune_session_profile(session.get(), i, &entry)))
      return error;
    double each = entry.runs ? double(entry.total_ns) / double(entry.runs) : 0;
    out.push_back(
        {{"name", entry.name},
         {"op", entry.op},
         {"kernel", entry.kernel},
         {"mean_us", each * 1e-3},
         {"gflop", entry.flops * 1e-9},
         {"gflops", each > 0 ? entry.flops / each : 0},
         {"gbytes_per_s", each > 0 ? entry.traffic_bytes / each : 0}});
  }
  return {};
}

static Error bench(const BenchOptions &options, Json &out) {
  Model model;
  Session session;
  if (Error error = loadModel(options, false, options.mapWeights, model))
    return error;
  NamedTensors inputs;
  std::vector<int64_t> values;
  if (Error error = readInputs(model, options.inputs, inputs))
    return error;
  if (inputs.size() < attune_model_input_count(model.get())) {
    if (Error error = parseShape(model, options.shape, values))
      return error;
    if (Error error = makeInputs(model, values, Fill::Random, inputs))
      return error;
  }
  if (Error error = checkShape(model, options.shape, inputs))
    return error;
  if (Error error = openSession(model.get(), options.threads, options.profile,
                                nullptr, session))
    return error;
  if (Error error = setInputs(model, session, inputs))
    return error;
  bool isCpu = std::string_view(attune_model_device(model.get())) == "cpu";
  std::optional<cpu::Isa> isa;
  if (isCpu)
    isa = isaInUse(model);
  Samples samples;
  if (Error error = measure(session, isa, options.seconds, samples))
    return error;
  attune_cost cost;
  if (Error error = check(attune_session_cost(session.get(), &cost)))
    return error;
  uint32_t threads = attune_session_threads(session.get());
  // One thread: CPU time, which other load does not stretch.
  double used = median(isCpu && threads == 1 ? samples.cpu : samples.wall);
  double gflops = cost.flops * 1e-9 / used;
  out["median_ms"] = 1e3 * median(samples.wall);
  out["min_ms"] =
      1e3 * *std::min_element(samples.wall.begin(), samples.wall.end());
  out["gflop"] = cost.flops * 1e-9;
  out["gflops"] = gflops;
  out["device"] = attune_model_device(model.get());
  out["isa"] =
      isa ? cpu::isaName(*isa) : attune_model_code_version(model.get());
  out["threads"] = threads;
  out["shape"] = shapeText(model, values);
  out["runs"] = samples.wall.size();
  out["peak_bytes"] = cost.peak_bytes;
  out["share_of_peak"] = nullptr;
  if (isa) {
    out["share_of_peak"] =
        samples.peakGflops > 0 ? gflops / samples.peakGflops : 0;
    out["peak_gflops"] = samples.peakGflops;
    out["peak_check"] = {{"clock_ghz", samples.peak.clockGhz},
                         {"flops_per_cycle", samples.peak.flopsPerCycle},
                         {"plausible", cpu::isPlausible(*isa, samples.peak)}};
  }
  return options.profile ? profile(session, out["launches"]) : Error();
}

static void printRate(const Json &facts) {
  auto number = [&](const char *key) { return facts[key].get<double>(); };
  if (facts["share_of_peak"].is_null()) {
    std::printf("%.3f GFLOP, %.1f GFLOP/s on %s\n", number("gflop"),
                number("gflops"), text(facts["device"]).c_str());
    return;
  }
  std::printf("%.3f GFLOP, %.1f %% of the %s FMA loop beside it (%.1f "
              "GFLOP/s)\n",
              number("gflop"), 100 * number("share_of_peak"),
              facts["isa"].get<std::string>().c_str(), number("peak_gflops"));
  if (facts["peak_check"]["plausible"] == false)
    std::printf("careful: that loop ran at %.1f FLOPs per cycle, which is no "
                "whole number of units; the machine is busy\n",
                facts["peak_check"]["flops_per_cycle"].get<double>());
}

static void print(const Json &facts) {
  auto number = [&](const char *key) { return facts[key].get<double>(); };
  std::printf("median %.3f ms, best %.3f ms of %.0f runs, %.0f thread%s\n",
              number("median_ms"), number("min_ms"), number("runs"),
              number("threads"), facts["threads"] == 1 ? "" : "s");
  printRate(facts);
  if (!facts.contains("launches"))
    return;
  double total = 0;
  for (const Json &launch : facts["launches"])
    total += launch["mean_us"].get<double>();
  std::printf("%10s %6s %9s %9s  %s\n", "us", "%", "GFLOP/s", "GB/s", "node");
  for (const Json &launch : facts["launches"]) {
    double us = launch["mean_us"].get<double>();
    std::printf("%10.1f %6.1f %9.1f %9.1f  %s (%s)\n", us,
                total > 0 ? 100 * us / total : 0,
                launch["gflops"].get<double>(),
                launch["gbytes_per_s"].get<double>(),
                text(launch["name"]).c_str(), text(launch["op"]).c_str());
  }
}

int benchCommand(const BenchOptions &options) {
  Json facts = Json::object();
  if (Error error = bench(options, facts))
    return fail(error);
  if (options.json)
    printJson(facts);
  else
    print(facts);
  return kDone;
}

} // namespace attune::tools
