//===- TrainCommand.cpp - attune train ------------------------------------===//
//
// Enters: a package that trains, and data. Leaves: a trained package, a
// checkpoint, a log, a curve; one line on the terminal while it works. Ctrl-C
// ends it after the step at hand, as if that had been the last one.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Checksum.h"
#include "runtime/core/PackageFile.h"
#include "runtime/tools/OutputFiles.h"
#include "runtime/tools/Package.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/tools/Terminal.h"
#include "runtime/tools/TrainReport.h"
#include "runtime/train/TrainedPackage.h"
#include <cmath>
#include <csignal>

namespace attune::tools {

using train::Trainer;

static volatile std::sig_atomic_t interrupted = 0;

/// The first one ends the training in good order, the second one, of either
/// kind, at once.
static void watchInterrupts() {
  struct sigaction action = {};
  action.sa_handler = [](int) {
    interrupted = 1;
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
  };
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

/// Plans and code, not what a model begins with.
static bool decidesHowItRuns(format::SectionKind kind) {
  using enum format::SectionKind;
  return kind == Plan || kind == Code || kind == Cubin || kind == Ptx;
}

/// Of what --set, --trainable and the target change. The sections are those of
/// a model that is loaded, and verified by that.
static Error hashPackage(const std::string &path, std::string &out) {
  core::PackageFile file;
  if (Error error = file.openTable(path.c_str()))
    return error;
  std::vector<format::Checksum> sums;
  for (const format::Section &section : file.sections())
    if (decidesHowItRuns(format::SectionKind(section.kind)))
      sums.push_back(section.checksum);
  format::Checksum all = core::checksum(std::as_bytes(std::span(sums)));
  char text[17];
  std::snprintf(text, sizeof text, "%016llx", (unsigned long long)all.low);
  out = text;
  return {};
}

/// The same tokens must mean the same characters as they did where `origin` was
/// trained.
static Error checkVocabulary(const std::string &origin,
                             const std::vector<std::string> &expected,
                             const Trainer &trainer, const std::string &data) {
  const train::Vocabulary *found = trainer.training().vocabulary();
  if (expected.empty() || !found || found->words.empty())
    return {};
  std::string difference = train::vocabularyDifference(found->words, expected);
  if (difference.empty())
    return {};
  return usage(cat(data, ": its characters are not those that ", origin,
                   " was trained on: ", difference,
                   "; give a text of the same characters, or begin with a "
                   "package that is not trained"));
}

/// Going on otherwise than before is legitimate, but no exact resume.
static void warnOfConditions(const train::Progress &found,
                             const train::Progress &now,
                             const std::string &path) {
  std::string changes;
  for (const auto &[name, value] : now.conditions)
    if (auto before = found.conditions.find(name);
        before != found.conditions.end() && before->second != value)
      changes += cat(changes.empty() ? "" : ", ", name, " ", value, " (was ",
                     before->second, ")");
  if (!changes.empty())
    printWarning(
        cat(path, ": goes on otherwise than it would have: ", changes));
}

/// What --resume and --init name, into the state.
static Error restore(const TrainOptions &options, const Model &model,
                     Trainer &trainer) {
  const std::string hash = sourceHash(model);
  trainer.progress.model = hash;
  const std::string &data = options.trainer.data.path;
  const auto words = vocabularyOf(model);
  if (Error error = checkVocabulary(options.package,
                                    words ? *words : std::vector<std::string>(),
                                    trainer, data))
    return error;
  if (!options.init.empty()) {
    train::Progress found;
    Error error = readCheckpoint(options.init, model.get(), trainer.state(),
                                 /*parametersOnly=*/true, found);
    return error
               ? error
               : checkVocabulary(options.init, found.vocabulary, trainer, data);
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
  if (Error error =
          checkVocabulary(options.resume, found.vocabulary, trainer, data))
    return error;
  warnOfConditions(found, trainer.progress, options.resume);
  trainer.progress.step = found.step;
  trainer.progress.samples = found.samples;
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
  /// Validates, unless `stop` says so.
  Error evaluate(const train::Stop &stop);
  /// What was trained, as files. One that fails leaves the others.
  Error writeResults();
  /// Of the log, if there was one.
  const Error &failureOfLog() const { return logFailure; }

private:
  Error save();
  Error writePackage();

  const TrainOptions &options;
  const Model &model;
  Trainer &trainer;
  TrainReport &report;
  int64_t evaluated = -1, saved = -1; ///< The newest such steps.
  /// On the way, of a checkpoint and of the log. Each ends the training, but
  /// what was trained is written.
  Error failure, logFailure;
};

} // namespace

static bool isInterrupted() { return interrupted != 0; }

Error Run::evaluate(const train::Stop &stop) {
  if (!trainer.hasValidation() || evaluated == trainer.progress.step)
    return {};
  train::Evaluation result;
  if (Error error = trainer.evaluate(options.evaluationBatches, stop, result))
    return error;
  if (!result.isDone)
    return {};
  evaluated = trainer.progress.step;
  Error error = report.evaluation(evaluated, result);
  logFailure = logFailure ? logFailure : error;
  return {};
}

Error Run::save() {
  if (options.save.empty() || saved == trainer.progress.step)
    return {};
  Error error = writeCheckpoint(options.save, model.get(), trainer.state(),
                                trainer.progress);
  if (!error)
    saved = trainer.progress.step;
  return error;
}

Error Run::loop(int64_t last) {
  auto isDue = [&](int64_t every) {
    return every > 0 && trainer.progress.step % every == 0;
  };
  while (trainer.progress.step < last && !interrupted) {
    train::StepResult result;
    if (Error error = trainer.step(isInterrupted, result))
      return error;
    if (!result.isDone)
      break;
    logFailure = report.step(result, trainer.labelsOfSample());
    if (result.step == last || logFailure)
      break; // run() evaluates and saves the last one
    if (isDue(options.evaluateEvery))
      if (Error error = evaluate(isInterrupted))
        return error;
    if (isDue(options.saveEvery)) {
      failure = save().in(cat("after step ", result.step));
    }
    if (failure || logFailure)
      break;
  }
  return {};
}

Error Run::writePackage() {
  if (options.output.empty())
    return {};
  return writeTrainedPackage(options.package, options.output, model.get(),
                             trainer.state(), trainer.progress,
                             trainer.training().vocabulary());
}

/// The first failure with what the later one says.
static Error joined(const Error &one, const Error &other) {
  if (!one || !other)
    return one ? one : other;
  return {one.status(), cat(one.message(), "; ", other.message())};
}

Error Run::writeResults() {
  // One that failed on the way is tried again, and said in any case.
  Error checkpoint = save();
  return joined(failure ? failure : checkpoint, writePackage());
}

/// A checkpoint may take the place of the one that it goes on from, and a
/// trained package that of the package.
static Error checkOverwrites(const TrainOptions &options) {
  const std::string &data = options.trainer.data.path;
  const NamedFile outputs[] = {{"--save", options.save},
                               {"-o", options.output},
                               {"--log", options.log},
                               {"--plot", options.plot}};
  const NamedInput inputs[] = {
      {{"--data", data},
       "",
       [&](const std::string &path) { return train::mayRead(data, path); }},
      {{"--init", options.init}},
      {{"--resume", options.resume}, "--save"},
      {{"the package", options.package}, "-o"}};
  return checkOverwrites(outputs, inputs);
}

/// Before hours of training rather than after.
static Error checkOutputs(const TrainOptions &options) {
  if (Error error = checkOverwrites(options))
    return error;
  for (const std::string *path :
       {&options.save, &options.output, &options.plot})
    if (!path->empty())
      if (Error error = checkWritable(*path))
        return error;
  return {};
}

/// The number of the last step.
static Error countSteps(const TrainOptions &options, const Trainer &trainer,
                        int64_t &last) {
  last = options.steps;
  if (last)
    return {};
  double steps = std::ceil(options.epochs * double(trainer.training().size()) /
                           double(trainer.samplesOfStep()));
  if (steps > 0x1p53)
    return usage("--epochs: that is more than 2^53 steps");
  last = int64_t(steps);
  return {};
}

/// No errors: short trials have a long warm-up, and whoever repeats a command
/// until it is done still gets the results.
static void warnOfSteps(const TrainOptions &options, int64_t step,
                        int64_t last) {
  const int64_t warmup = options.trainer.schedule.warmup;
  if (step < last) {
    if (warmup > last)
      printWarning(cat("--warmup ", warmup, ": the training ends at step ",
                       last, ", before it is at its --lr"));
    return;
  }
  std::string asked = options.steps
                          ? cat("--steps ", last, " asks")
                          : cat("--epochs asks, with ", last, " steps,");
  printWarning(cat(options.resume, ": already at step ", step, "; ", asked,
                   " for no more, so nothing is trained"));
}

/// The trainer as it begins, or goes on.
static Error open(const TrainOptions &options, const Model &model,
                  Trainer &trainer, int64_t &last) {
  train::TrainerOptions wanted = options.trainer;
  wanted.threads = options.threads;
  if (Error error = parseSizes(options.shape, wanted.sizes))
    return error;
  if (Error error = trainer.create(model.get(), wanted))
    return error;
  if (Error error = countSteps(options, trainer, last))
    return error;
  trainer.setSteps(last);
  train::Progress &progress = trainer.progress;
  progress.conditions = trainer.conditions();
  if (Error error =
          hashPackage(options.package, progress.conditions["package"]))
    return error;
  const train::Vocabulary *vocabulary = trainer.training().vocabulary();
  if (vocabulary && vocabulary->isText())
    progress.vocabulary = vocabulary->words;
  if (Error error = restore(options, model, trainer))
    return error;
  warnOfSteps(options, progress.step, last);
  return train::findInfinite(model.get(), trainer.state(), progress.infinite);
}

/// What is kept back, which nobody may have asked for.
static void tellParts(const TrainOptions &options, const Trainer &trainer) {
  const train::Source *held = trainer.validation();
  if (options.quiet || !held)
    return;
  std::fprintf(stderr, "%s: %lld %s train, %lld validate (--validation)\n",
               printable(options.trainer.data.path).c_str(),
               (long long)trainer.training().size(),
               held->isWindowed() ? "windows" : "samples",
               (long long)held->size());
}

/// All that was trained is written before it is validated, which takes long and
/// may fail.
static Error close(Run &training, TrainReport &report) {
  Error written = training.writeResults();
  Error validated = training.evaluate({});
  report.finish();
  written = joined(training.failureOfLog(), written);
  return joined(joined(written, validated), report.writePlot());
}

static Error run(const TrainOptions &options) {
  Model model;
  if (Error error = checkOutputs(options))
    return error;
  if (Error error = loadModel(options, false, false, model))
    return error;
  Trainer trainer;
  int64_t last = 0;
  if (Error error = open(options, model, trainer, last))
    return error;
  tellParts(options, trainer);
  TrainReport report(options, last);
  if (Error error =
          report.openLog(options.resume.empty() ? 0 : trainer.progress.step))
    return error;
  watchInterrupts();
  Run training(options, model, trainer, report);
  if (Error error = training.loop(last)) {
    report.finish();
    return error;
  }
  if (Error error = close(training, report))
    return error;
  report.facts["interrupted"] = isInterrupted();
  if (options.json)
    printJson(report.facts);
  return {};
}

int trainCommand(const TrainOptions &options) {
  Error error = run(options);
  return error ? fail(error) : int(kDone);
}

} // namespace attune::tools
