//===- Trainer.h - the loop over steps ------------------------------------===//
//
// Enters: a package with the entry points of training, samples, a schedule.
// Leaves: its state, changed step by step. What a step does is a function of
// the options, the step's number and the state before, whatever the number of
// threads and wherever a run was cut and resumed.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/train/Checkpoint.h"
#include "runtime/train/Feed.h"
#include "runtime/train/Sampler.h"
#include "runtime/train/TrainerOptions.h"
#include <functional>
#include <optional>

namespace attune::train {

struct StepResult {
  int64_t step = 0;
  double loss = 0, rate = 0, gradientNorm = 0;
  double seconds = 0;
  int64_t samples = 0; ///< Of this step.
  double flops = 0;
  bool hasLabels = true; ///< Else all of its labels are ignored ones.
  bool isDone = false;   ///< Else it was stopped, and the state is as before.
};

struct Evaluation {
  double loss = 0;                ///< Mean over the labels that count.
  std::optional<double> accuracy; ///< Share of them, where the model says.
  int64_t samples = 0;
  double seconds = 0;
  bool isDone = false; ///< Else it was stopped, and the rest means nothing.
};

/// Whether to stop, asked between the calls of entry points.
using Stop = std::function<bool()>;

class Trainer {
public:
  /// `model` is any entry point of the package.
  Error create(attune_model *model, const TrainerOptions &options);

  /// The next step. A loss or gradient that is no number is an error and
  /// changes the state.
  Error step(const Stop &stop, StepResult &result);
  /// Over the validation part, at most `mostBatches` of it (0: all).
  Error evaluate(int64_t mostBatches, const Stop &stop, Evaluation &result);
  bool hasValidation() const { return sources.validation != nullptr; }
  /// Null where there is none.
  const Source *validation() const { return sources.validation.get(); }

  Progress progress;
  attune_state *state() const { return memory.get(); }
  const Source &training() const { return *sources.training; }
  /// Labels of a sample: the tokens of a window, the class of a picture.
  int64_t labelsOfSample() const;
  int64_t samplesOfStep() const { return feed.batch() * options.accumulate; }
  /// How many steps there will be, for the schedule.
  void setSteps(int64_t steps) { options.schedule.steps = steps; }
  /// For Progress: what decides about the steps beside seed and model.
  std::map<std::string, std::string> conditions() const;

private:
  /// Which samples a call takes that begins with this one.
  std::vector<int64_t> indicesOf(int64_t number);
  /// One call of step or grad.
  Error call(const Scalars &scalars, int64_t number, double &loss);
  /// What each call of a step counts, of 1 in all.
  Error weigh(std::vector<double> &weights);
  /// The calls of a step, less the one of apply; not `isDone` where stopped.
  Error accumulate(Scalars scalars, const Stop &stop, StepResult &result);
  /// Whether a label of the newest call counts.
  bool labelsCount() const;
  Error clearGradients();
  Error checkResult(const StepResult &result) const;
  Error openApply(attune_model *model);
  Error openEntry(attune_model *model, const char *name, Model &entry,
                  Session &session);
  Error openEntries(attune_model *model);
  Error openData(attune_model *model);
  Error checkSizes() const;
  Error planEvaluation();

  TrainerOptions options;
  State memory;
  Model stepEntry, applyEntry, evalEntry, countEntry;
  Session stepSession, applySession, evalSession, countSession;
  Feed feed, applyFeed, evalFeed, countFeed;
  tools::NamedTensors tensors; ///< Of the data, until it is opened.
  Limits limits;               ///< Of what integers may be.
  Sources sources;
  /// Samples of the validation part that an evaluation takes, and how far apart
  /// they are.
  int64_t evaluated = 0, stride = 1;
  Sampler sampler{0, 1, false};
};

} // namespace attune::train
