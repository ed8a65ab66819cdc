//===- TrainCommand.cpp - attune train ------------------------------------===//
//
// Enters: a package that trains, and data. Leaves: a trained package, a
// checkpoint, a log, a curve; one line on the terminal while it works. Ctrl-C
// ends it after the step at hand, as if that had been the last one.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Memory.h"
#include "runtime/tools/Facts.h"
#include "runtime/tools/Package.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/tools/Terminal.h"
#include "runtime/train/Curve.h"
#include "runtime/train/TrainedPackage.h"
#include "runtime/train/Trainer.h"
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <unistd.h>

namespace attune::tools {

using train::Evaluation;
using train::Trainer;
using Clock = std::chrono::steady_clock;

static volatile std::sig_atomic_t interrupted = 0;

/// The first one ends the training in good order, the second one at once.
static void watchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) { interrupted = 1; };
  action.sa_flags = int(SA_RESETHAND);
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

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

namespace {

/// What people see, and what is written down, as training goes on.
class Report {
public:
  Report(const TrainOptions &options, int64_t last)
      : options(options), last(last), isTerminal(::isatty(STDERR_FILENO)) {
    curve.title = "loss";
  }
  ~Report() {
    if (log)
      std::fclose(log);
  }

  Error openLog(bool append);
  void step(const train::StepResult &result, int64_t labelsOfSample);
  void evaluation(int64_t step, const Evaluation &result);
  /// Ends the line on the terminal.
  void finish();
  Error writePlot();

  Json facts = Json::object();

private:
  void write(const Json &entry);
  std::string lineOf(const train::StepResult &result);

  const TrainOptions &options;
  int64_t last;
  bool isTerminal, isOpen = false;
  std::FILE *log = nullptr;
  train::Curve curve;
  std::optional<Evaluation> newest;
  double seconds = 0, flops = 0, items = 0; ///< Of the steps so far.
  int64_t steps = 0;
  const char *unit = "samples";
  Clock::time_point shown = Clock::now() - std::chrono::hours(1);
};

} // namespace

Error Report::openLog(bool append) {
  if (options.log.empty())
    return {};
  log = std::fopen(options.log.c_str(), append ? "a" : "w");
  if (!log)
    return {ATTUNE_IO_ERROR,
            cat(options.log, ": cannot write: ", core::systemError())};
  return {};
}

void Report::write(const Json &entry) {
  if (!log)
    return;
  std::string text = entry.dump();
  std::fprintf(log, "%s\n", text.c_str());
  std::fflush(log);
}

std::string Report::lineOf(const train::StepResult &result) {
  char text[256];
  double each = seconds / double(std::max<int64_t>(steps, 1));
  int length =
      std::snprintf(text, sizeof text, "step %lld/%lld  loss %.4f",
                    (long long)result.step, (long long)last, result.loss);
  std::string line(text, size_t(length));
  if (newest) {
    std::snprintf(text, sizeof text, "  validation %.4f", newest->loss);
    line += text;
    if (newest->accuracy) {
      std::snprintf(text, sizeof text, " (%.2f %%)", *newest->accuracy * 100);
      line += text;
    }
  }
  std::snprintf(text, sizeof text,
                "  lr %.3g  gradient %.3g  %.4g %s/s  %.3g GFLOP/s  %s left",
                result.rate, result.gradientNorm, items / seconds, unit,
                flops / seconds * 1e-9,
                clockText(each * double(last - result.step)).c_str());
  return line + text;
}

void Report::step(const train::StepResult &result, int64_t labelsOfSample) {
  unit = labelsOfSample > 1 ? "tokens" : "samples";
  ++steps;
  seconds += result.seconds;
  flops += result.flops;
  items += double(result.samples * labelsOfSample);
  curve.training.push_back({result.step, result.loss});
  write({{"step", result.step},
         {"loss", result.loss},
         {"lr", result.rate},
         {"gradient_norm", result.gradientNorm},
         {"seconds", result.seconds},
         {"samples", result.samples}});
  facts["loss"] = result.loss;
  facts["steps"] = result.step;
  facts["seconds"] = seconds;
  facts["items_per_second"] = items / seconds;
  facts["gflop_per_second"] = flops / seconds * 1e-9;
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

void Report::evaluation(int64_t step, const Evaluation &result) {
  newest = result;
  curve.validation.push_back({step, result.loss});
  Json entry = {{"step", step},
                {"validation_loss", result.loss},
                {"seconds", result.seconds}};
  if (result.accuracy)
    entry["accuracy"] = *result.accuracy;
  write(entry);
  facts["validation_loss"] = result.loss;
  if (result.accuracy)
    facts["accuracy"] = *result.accuracy;
  if (options.quiet || isTerminal)
    return;
  std::string share;
  if (result.accuracy) {
    char text[32];
    std::snprintf(text, sizeof text, " (%.2f %%)", *result.accuracy * 100);
    share = text;
  }
  std::fprintf(stderr, "step %lld  validation %.4f%s\n", (long long)step,
               result.loss, share.c_str());
}

void Report::finish() {
  if (isOpen)
    std::fprintf(stderr, "\n");
  isOpen = false;
}

Error Report::writePlot() {
  if (options.plot.empty())
    return {};
  std::string svg = curveSvg(curve);
  std::span<const std::byte> bytes = std::as_bytes(std::span(svg));
  return writeFile(options.plot, std::span(&bytes, 1));
}

//===----------------------------------------------------------------------===//
// The run
//===----------------------------------------------------------------------===//

static std::string sourceHash(const Model &model) {
  Json manifest = manifestOf(model);
  auto hash = manifest.find("source_hash");
  return hash != manifest.end() && hash->is_string() ? hash->get<std::string>()
                                                     : "";
}

/// What --resume and --init name, into the state.
static Error restore(const TrainOptions &options, const Model &model,
                     Trainer &trainer) {
  const std::string hash = sourceHash(model);
  trainer.progress.model = hash;
  if (!options.init.empty()) {
    train::Progress ignored;
    return readCheckpoint(options.init, model.get(), trainer.state(),
                          /*parametersOnly=*/true, ignored);
  }
  if (options.resume.empty())
    return {};
  train::Progress found;
  if (Error error = readCheckpoint(options.resume, model.get(), trainer.state(),
                                   /*parametersOnly=*/false, found))
    return error;
  if (found.model != hash)
    return usage(cat(options.resume, ": it is of another model (source hash ",
                     found.model, ", the package has ", hash,
                     "); --init takes its parameters all the same"));
  if (found.seed != options.trainer.seed)
    return usage(cat(options.resume, ": it was trained with --seed ",
                     found.seed, "; give the same to go on"));
  trainer.progress = found;
  return {};
}

static Error evaluate(const TrainOptions &options, Trainer &trainer,
                      Report &report) {
  if (!trainer.hasValidation())
    return {};
  Evaluation result;
  if (Error error = trainer.evaluate(options.evaluationBatches, result))
    return error;
  report.evaluation(trainer.progress.step, result);
  return {};
}

static Error save(const TrainOptions &options, const Model &model,
                  Trainer &trainer) {
  return options.save.empty()
             ? Error()
             : writeCheckpoint(options.save, model.get(), trainer.state(),
                               trainer.progress);
}

/// `evaluated`: whether the last step was followed by a validation.
static Error loop(const TrainOptions &options, const Model &model,
                  Trainer &trainer, int64_t last, Report &report,
                  bool &evaluated) {
  auto isDue = [&](int64_t every) {
    return every > 0 && trainer.progress.step % every == 0;
  };
  evaluated = false;
  while (trainer.progress.step < last && !interrupted) {
    train::StepResult result;
    if (Error error = trainer.step(result))
      return error;
    report.step(result, trainer.labelsOfSample());
    evaluated = isDue(options.evaluateEvery);
    if (evaluated)
      if (Error error = evaluate(options, trainer, report))
        return error;
    if (isDue(options.saveEvery))
      if (Error error = save(options, model, trainer))
        return error;
  }
  return {};
}

/// What was trained, as files.
static Error writeResults(const TrainOptions &options, const Model &model,
                          Trainer &trainer, Report &report) {
  if (Error error = save(options, model, trainer))
    return error;
  if (!options.output.empty())
    if (Error error = writeTrainedPackage(
            options.package, options.output, model.get(), trainer.state(),
            trainer.progress, trainer.training().vocabulary()))
      return error;
  return report.writePlot();
}

static Error run(const TrainOptions &options) {
  Model model;
  if (Error error = loadModel(options, false, false, model))
    return error;
  train::TrainerOptions wanted = options.trainer;
  wanted.threads = options.threads;
  if (Error error = parseSizes(options.shape, wanted.sizes))
    return error;
  Trainer trainer;
  if (Error error = trainer.create(model.get(), wanted))
    return error;
  int64_t last = options.steps;
  if (!last)
    last =
        int64_t(std::ceil(options.epochs * double(trainer.training().size()) /
                          double(trainer.samplesOfStep())));
  trainer.setSteps(last);
  if (Error error = restore(options, model, trainer))
    return error;
  Report report(options, last);
  if (Error error = report.openLog(!options.resume.empty()))
    return error;
  watchInterrupts();
  bool evaluated = false;
  Error error = loop(options, model, trainer, last, report, evaluated);
  Error closing;
  if (!error && !evaluated)
    closing = evaluate(options, trainer, report);
  report.finish();
  if (error)
    return error;
  // A validation that fails takes nothing from what was trained.
  if (Error failure = writeResults(options, model, trainer, report))
    return failure;
  if (closing)
    return closing;
  report.facts["interrupted"] = interrupted != 0;
  if (options.json)
    printJson(report.facts);
  return {};
}

int trainCommand(const TrainOptions &options) {
  Error error = run(options);
  return error ? fail(error) : int(kDone);
}

} // namespace attune::tools
