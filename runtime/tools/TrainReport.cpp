//===- TrainReport.cpp - what attune train says ---------------------------===//
#include "runtime/tools/TrainReport.h"
#include "runtime/core/Memory.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/tools/Terminal.h"
#include <algorithm>
#include <cmath>
#include <unistd.h>

namespace attune::tools {

/// "1:23:45", "2:05".
static std::string clockText(double seconds) {
  auto all = int64_t(std::lround(seconds));
  char text[32];
  if (all >= 3600)
    std::snprintf(text, sizeof text, "%lld:%02lld:%02lld",
                  (long long)(all / 3600), (long long)(all / 60 % 60),
                  (long long)(all % 60));
  else
    std::snprintf(text, sizeof text, "%lld:%02lld", (long long)(all / 60),
                  (long long)(all % 60));
  return text;
}

/// " (12.34 %)"; nothing where the model does not tell.
static std::string shareText(const std::optional<double> &share) {
  char text[32] = "";
  if (share)
    std::snprintf(text, sizeof text, " (%.2f %%)", *share * 100);
  return text;
}

TrainReport::TrainReport(const TrainOptions &options, int64_t last)
    : options(options), last(last), isTerminal(::isatty(STDERR_FILENO)) {
  curve.title = "loss";
}

TrainReport::~TrainReport() {
  if (log)
    std::fclose(log);
}

static void addPoint(const Json &entry, const char *key,
                     std::vector<train::Point> &points) {
  auto step = entry.find("step"), value = entry.find(key);
  if (step != entry.end() && step->is_number_integer() &&
      value != entry.end() && value->is_number())
    points.push_back({step->get<int64_t>(), value->get<double>()});
}

/// Where the first line begins that tells of a later step, or that was not
/// written to its end. What lies before goes to the curve.
static int64_t endOfStep(std::string_view text, int64_t step,
                         train::Curve &curve) {
  size_t at = 0;
  while (at < text.size()) {
    size_t end = text.find('\n', at);
    if (end == text.npos)
      break;
    Json entry = Json::parse(text.substr(at, end - at), nullptr, false);
    auto found = entry.is_object() ? entry.find("step") : entry.end();
    if (found != entry.end() && found->is_number() &&
        found->get<double>() > double(step))
      break;
    if (entry.is_object()) {
      addPoint(entry, "loss", curve.training);
      addPoint(entry, "validation_loss", curve.validation);
    }
    at = end + 1;
  }
  return int64_t(at);
}

/// Cuts a log that is there and a file; devices and pipes have no end to cut.
static bool cutLog(const std::string &path, int64_t step, train::Curve &curve) {
  core::Mapping file;
  if (core::mapFile(path, file))
    return true;
  std::string_view text(reinterpret_cast<const char *>(file.data()),
                        file.size());
  int64_t end = endOfStep(text, step, curve);
  return end == int64_t(text.size()) || ::truncate(path.c_str(), end) == 0;
}

Error TrainReport::openLog(int64_t step) {
  if (options.log.empty())
    return {};
  if (step == 0 || cutLog(options.log, step, curve))
    log = std::fopen(options.log.c_str(), step ? "a" : "w");
  if (!log)
    return {ATTUNE_IO_ERROR,
            cat(options.log, ": cannot write: ", core::systemError())};
  return {};
}

/// Each line at once, so that a full disk is known by the step.
Error TrainReport::write(const Json &entry) {
  if (!log)
    return {};
  std::string text = entry.dump() + "\n";
  if (std::fwrite(text.data(), 1, text.size(), log) == text.size() &&
      std::fflush(log) == 0)
    return {};
  return {ATTUNE_IO_ERROR,
          cat(options.log, ": cannot write what is said of step ",
              entry["step"].get<int64_t>(), ": ", core::systemError())};
}

std::string TrainReport::lineOf(const train::StepResult &result) {
  char text[256];
  double each = seconds / double(std::max<int64_t>(steps, 1));
  int length =
      std::snprintf(text, sizeof text, "step %lld/%lld  loss %.4f",
                    (long long)result.step, (long long)last, result.loss);
  std::string line(text, size_t(length));
  if (newest) {
    std::snprintf(text, sizeof text, "  validation %.4f", newest->loss);
    line += text + shareText(newest->accuracy);
  }
  std::snprintf(text, sizeof text,
                "  lr %.3g  gradient %.3g  %.4g %s/s  %.3g GFLOP/s  %s left",
                result.rate, result.gradientNorm, items / seconds, unit,
                flops / seconds * 1e-9,
                clockText(each * double(last - result.step)).c_str());
  return line + text;
}

Error TrainReport::step(const train::StepResult &result,
                        int64_t labelsOfSample) {
  unit = labelsOfSample > 1 ? "tokens" : "samples";
  ++steps;
  seconds += result.seconds;
  flops += result.flops;
  items += double(result.samples * labelsOfSample);
  curve.training.push_back({result.step, result.loss});
  facts["loss"] = result.loss;
  facts["steps"] = result.step;
  facts["seconds"] = seconds;
  facts["items_per_second"] = items / seconds;
  facts["gflop_per_second"] = flops / seconds * 1e-9;
  show(result);
  warnOfLabels(result);
  return write({{"step", result.step},
                {"loss", result.loss},
                {"lr", result.rate},
                {"gradient_norm", result.gradientNorm},
                {"seconds", result.seconds},
                {"samples", result.samples}});
}

/// Once: what is so in one batch may be so in many.
void TrainReport::warnOfLabels(const train::StepResult &result) {
  if (result.hasLabels || hasWarned)
    return;
  hasWarned = true;
  finish();
  printWarning(cat("step ", result.step,
                   ": all labels of its samples are ignored ones, so it learns "
                   "nothing; of further such steps nothing is said"));
}

void TrainReport::show(const train::StepResult &result) {
  // Often enough to be followed, seldom enough to be read in a file.
  auto pause = isTerminal ? std::chrono::milliseconds(200)
                          : std::chrono::milliseconds(15000);
  bool isLast = result.step == last;
  if (options.quiet || (!isLast && Clock::now() - shown < pause))
    return;
  shown = Clock::now();
  std::fprintf(stderr, isTerminal ? "\r\033[K%s" : "%s\n",
               lineOf(result).c_str());
  isOpen = isTerminal;
}

Error TrainReport::evaluation(int64_t step, const train::Evaluation &result) {
  newest = result;
  curve.validation.push_back({step, result.loss});
  Json entry = {{"step", step},
                {"validation_loss", result.loss},
                {"seconds", result.seconds}};
  if (result.accuracy)
    entry["accuracy"] = *result.accuracy;
  facts["validation_loss"] = result.loss;
  if (result.accuracy)
    facts["accuracy"] = *result.accuracy;
  if (!options.quiet && !isTerminal)
    std::fprintf(stderr, "step %lld  validation %.4f%s\n", (long long)step,
                 result.loss, shareText(result.accuracy).c_str());
  return write(entry);
}

void TrainReport::finish() {
  if (isOpen)
    std::fprintf(stderr, "\n");
  isOpen = false;
}

Error TrainReport::writePlot() {
  if (options.plot.empty())
    return {};
  // Of a training that goes on, the start is in the log, if anywhere.
  if (!curve.training.empty() && curve.training.front().step > 1)
    curve.title = cat("loss from step ", curve.training.front().step, " on");
  std::string svg = curveSvg(curve);
  std::span<const std::byte> bytes = std::as_bytes(std::span(svg));
  return writeFile(options.plot, std::span(&bytes, 1));
}

} // namespace attune::tools
