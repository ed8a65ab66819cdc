//===- TrainReport.h - what attune train says -----------------------------===//
//
// Enters: steps and evaluations as they are done. Leaves: a line on the
// terminal, a log, a curve, facts.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Facts.h"
#include "runtime/tools/Options.h"
#include "runtime/train/Curve.h"
#include "runtime/train/Trainer.h"
#include <chrono>
#include <cstdio>

namespace attune::tools {

/// What people see, and what is written down, as training goes on.
class TrainReport {
public:
  /// `last`: the number of the last step. The options must live as long.
  TrainReport(const TrainOptions &options, int64_t last);
  TrainReport(const TrainReport &) = delete;
  ~TrainReport();

  /// A log that a resumed training goes on with loses what lies after `step`,
  /// which comes again, and gives the curve what lies before; of a new one (0)
  /// nothing stays.
  Error openLog(int64_t step);
  /// An error where the log cannot be written, after all else is done.
  Error step(const train::StepResult &result, int64_t labelsOfSample);
  Error evaluation(int64_t step, const train::Evaluation &result);
  /// Ends the line on the terminal.
  void finish();
  Error writePlot();

  Json facts = Json::object();

private:
  using Clock = std::chrono::steady_clock;

  Error write(const Json &entry);
  void show(const train::StepResult &result);
  void warnOfLabels(const train::StepResult &result);
  std::string lineOf(const train::StepResult &result);

  const TrainOptions &options;
  int64_t last;
  bool isTerminal, isOpen = false, hasWarned = false;
  std::FILE *log = nullptr;
  train::Curve curve;
  std::optional<train::Evaluation> newest;
  double seconds = 0, flops = 0, items = 0; ///< Of the steps so far.
  int64_t steps = 0;
  const char *unit = "samples";
  Clock::time_point shown = Clock::now() - std::chrono::hours(1);
};

} // namespace attune::tools
