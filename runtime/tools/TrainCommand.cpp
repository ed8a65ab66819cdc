//===- TrainCommand.cpp - attune train ------------------------------------===//
//
// Enters: a package that trains, and data. Leaves: a trained package, a
// checkpoint, a log, a curve; one line on the terminal while it works. Ctrl-C
// ends it after the step at hand, as if that had been the last one.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/Package.h"
#include "runtime/tools/Terminal.h"
#include "runtime/tools/TrainReport.h"
#include "runtime/train/TrainedPackage.h"
#include <cmath>
#include <csignal>

namespace attune::tools {

using train::Trainer;

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

namespace {

/// A training under way, which evaluates and saves no step twice.
class Run {
public:
  Run(const TrainOptions &options, const Model &model, Trainer &trainer,
      TrainReport &report)
      : options(options), model(model), trainer(trainer), report(report) {}

  /// To step `last`, or until it is interrupted; evaluates and saves on the
  /// way.
  Error loop(int64_t last);
  Error evaluate();
  /// What was trained, as files.
  Error writeResults();

private:
  Error save();

  const TrainOptions &options;
  const Model &model;
  Trainer &trainer;
  TrainReport &report;
  int64_t evaluated = -1, saved = -1; ///< The newest such steps.
};

} // namespace

Error Run::evaluate() {
  if (!trainer.hasValidation() || evaluated == trainer.progress.step)
    return {};
  evaluated = trainer.progress.step;
  train::Evaluation result;
  if (Error error = trainer.evaluate(options.evaluationBatches, result))
    return error;
  report.evaluation(evaluated, result);
  return {};
}

Error Run::save() {
  if (options.save.empty() || saved == trainer.progress.step)
    return {};
  saved = trainer.progress.step;
  return writeCheckpoint(options.save, model.get(), trainer.state(),
                         trainer.progress);
}

Error Run::loop(int64_t last) {
  auto isDue = [&](int64_t every) {
    return every > 0 && trainer.progress.step % every == 0;
  };
  while (trainer.progress.step < last && !interrupted) {
    train::StepResult result;
    if (Error error = trainer.step(result))
      return error;
    report.step(result, trainer.labelsOfSample());
    if (result.step == last)
      break; // run() evaluates and saves the last one
    if (isDue(options.evaluateEvery))
      if (Error error = evaluate())
        return error;
    if (isDue(options.saveEvery))
      if (Error error = save())
        return error;
  }
  return {};
}

Error Run::writeResults() {
  if (Error error = save())
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
  TrainReport report(options, last);
  if (Error error = report.openLog(!options.resume.empty()))
    return error;
  watchInterrupts();
  Run training(options, model, trainer, report);
  Error error = training.loop(last);
  Error closing = error ? Error() : training.evaluate();
  report.finish();
  if (error)
    return error;
  // A validation that fails takes nothing from what was trained.
  if (Error failure = training.writeResults())
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
