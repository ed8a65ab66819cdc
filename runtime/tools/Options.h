//===- Options.h - what the commands take ---------------------------------===//
//
// Plain data between the command line and the commands.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Tensor.h"
#include "runtime/train/TrainerOptions.h"
#include <optional>

namespace attune::tools {

/// Exit codes of every attune program.
enum ExitCode : int { kDone = 0, kFailure = 1, kUsage = 2, kBug = 3 };

/// How inputs without a file are made.
enum class Fill { None, Random, Zeros };

struct CommonOptions {
  std::string package;
  std::string shape; ///< "batch=1,seq=128"
  uint32_t threads = 0;
  std::string device; ///< "auto", "cpu", "cuda", "cuda:1"
  bool json = false;
};

struct RunOptions : CommonOptions {
  std::vector<std::string> inputs; ///< "name=x.npy", "all.npz"
  std::string outputDir, outputFile;
  Fill fill = Fill::None;
  bool mapWeights = false;
  std::string state; ///< A checkpoint whose parameters the model takes.
};

struct TrainOptions : CommonOptions {
  train::TrainerOptions trainer; ///< Less threads and sizes, which are above.
  int64_t steps = 0;             ///< 0: as many as `epochs` take.
  double epochs = 1;
  int64_t evaluateEvery = 0, evaluationBatches = 0, saveEvery = 0; ///< 0: not
  std::string save, resume, init; ///< Checkpoints.
  std::string log, plot, output;
  bool quiet = false;
};

struct GenerateOptions : CommonOptions {
  /// Without one it begins at a line break, or where there is none at token 0.
  std::optional<std::string> prompt;
  int64_t tokens = 200;
  double temperature = 1; ///< 0: the likeliest token.
  int64_t top = 0;        ///< Of so many likeliest tokens; 0: of all.
  uint64_t seed = 0;
  std::string state;
};

struct BenchOptions : CommonOptions {
  std::vector<std::string> inputs;
  bool profile = false;
  double seconds = 2; ///< How long to measure, at least kMinRuns runs.
  bool mapWeights = false;
};

struct DescribeOptions : CommonOptions {
  std::string entry = "infer"; ///< whose values, dims and cost
};

int runCommand(const RunOptions &options);
int trainCommand(const TrainOptions &options);
int generateCommand(const GenerateOptions &options);
int benchCommand(const BenchOptions &options);
int describeCommand(const DescribeOptions &options);

/// Prints "attune: error: ..." and tells the exit code.
int fail(const Error &error);

} // namespace attune::tools
