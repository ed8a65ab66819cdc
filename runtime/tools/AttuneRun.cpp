//===- AttuneRun.cpp - the program that takes packages --------------------===//
//
// The command line of run, bench and describe. With a package appended to this
// very file (attune compile --emit=exe) it is that model: the package is
// implied and so is `run`.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/PackageFile.h"
#include "runtime/tools/Arguments.h"
#include "runtime/tools/Terminal.h"
#include <CLI/CLI.hpp>
#include <climits>
#include <cstdio>
#include <unistd.h>

using namespace attune::tools;

//===----------------------------------------------------------------------===//
// Commands
//===----------------------------------------------------------------------===//

static void addRun(CLI::App &app, RunOptions &options, bool carriesPackage) {
  CLI::App *command =
      app.add_subcommand("run", "Runs a package on tensor files");
  addCommon(command, options, carriesPackage);
  command
      ->add_option("-i,--input", options.inputs,
                   "NAME=FILE.npy, or a .npz or .safetensors with names; "
                   "repeatable")
      ->allow_extra_args(false);
  command->add_option("-o,--output-dir", options.outputDir,
                      "Writes NAME.npy for each output there");
  command->add_option("--output", options.outputFile,
                      "Writes all outputs to one .npz or .safetensors");
  takeOneOf(command->add_option("--fill", options.fill,
                                "Makes inputs that are not given, at --shape"),
            {"random", "zeros"}, int(Fill::Random));
  command->add_flag("--map-weights", options.mapWeights,
                    "Leave weights in the file, shared between processes");
  command->add_option("--state", options.state,
                      "A checkpoint of attune train (its averages, where it "
                      "has some), or any .safetensors, whose parameters the "
                      "model takes");
  command->footer(
      "Examples:\n"
      "  attune run model.attune --input x=x.npy --output-dir out/\n"
      "  attune run bert.attune -i ids=ids.npy -i mask=mask.npy --output "
      "o.npz\n"
      "  attune run model.attune --fill random --shape batch=1,seq=128\n"
      "  attune run model.attune -i x=x.npy --output y.npz --device cuda");
}

static void addGenerate(CLI::App &app, GenerateOptions &options,
                        bool carriesPackage) {
  CLI::App *command =
      app.add_subcommand("generate", "Lets a language model write");
  addCommon(command, options, carriesPackage);
  command->add_option("--prompt", options.prompt,
                      "What it goes on from: text, or numbers of tokens where "
                      "there is no vocabulary; without it a line break");
  command->add_option("-n,--tokens", options.tokens, "How many")
      ->check(count(0))
      ->capture_default_str();
  command
      ->add_option("--temperature", options.temperature,
                   "0: always the likeliest token")
      ->check(notNegative())
      ->capture_default_str();
  command
      ->add_option("--top", options.top,
                   "Of so many likeliest tokens; 0: of all")
      ->check(count(0))
      ->capture_default_str();
  command->add_option("--seed", options.seed, "Of what is drawn")
      ->check(seed())
      ->capture_default_str();
  command->add_option("--state", options.state,
                      "A checkpoint whose parameters the model takes, and the "
                      "vocabulary of its text");
  command->footer("Examples:\n"
                  "  attune generate trained.attune --prompt 'In the ' -n 300\n"
                  "  attune generate gpt.attune --state run.safetensors "
                  "--temperature 0");
}

static void addBench(CLI::App &app, BenchOptions &options,
                     bool carriesPackage) {
  CLI::App *command = app.add_subcommand(
      "bench", "Times a package, or a model, which is compiled first");
  addCommon(command, options, carriesPackage);
  command
      ->add_option("-i,--input", options.inputs,
                   "As in run; other inputs are made")
      ->allow_extra_args(false);
  command->add_flag("--profile", options.profile,
                    "Time of each launch by the name of its node");
  command->add_option("--seconds", options.seconds, "How long to measure")
      ->check(notNegative())
      ->capture_default_str();
  command->add_flag("--map-weights", options.mapWeights,
                    "Leave weights in the file, shared between processes");
  command->footer(
      "Examples:\n"
      "  attune bench model.attune --shape batch=1,seq=128 --threads 1 "
      "--profile\n"
      "  attune bench model.onnx --shape batch=1,seq=128     with the options "
      "of "
      "compile too");
}

static void addDescribe(CLI::App &app, DescribeOptions &options,
                        bool carriesPackage) {
  CLI::App *command = app.add_subcommand(
      "describe", "Tells inputs, outputs, dims, memory and code versions");
  addCommon(command, options, carriesPackage);
  command
      ->add_option("--entry", options.entry,
                   "Entry point whose values and memory are told: infer, "
                   "or step of a model that trains")
      ->capture_default_str();
  command->footer(
      "Examples:\n"
      "  attune describe model.attune\n"
      "  attune describe model.attune --shape batch=1,seq=128 "
      "--json | jq .peak_bytes\n"
      "  attune describe gpt.attune --entry step --shape B=12,T=64    what a "
      "step of training needs");
}

/// An executable model runs where no command is named.
static std::vector<std::string> arguments(int argc, char **argv,
                                          bool carriesPackage) {
  std::vector<std::string> result(argv + 1, argv + argc);
  bool named =
      !result.empty() && (result[0] == "run" || result[0] == "bench" ||
                          result[0] == "describe" || result[0] == "train" ||
                          result[0] == "generate" || result[0] == "--version");
  if (carriesPackage && !named)
    result.insert(result.begin(), "run");
  // CLI11 takes a vector from its end.
  std::reverse(result.begin(), result.end());
  return result;
}

/// Under another name this program was a model: its package is gone, or its end
/// is cut or written over.
static bool hasLostItsPackage(bool carriesPackage) {
  char path[PATH_MAX];
  ssize_t length = ::readlink(kOwnPackage, path, sizeof path);
  std::string_view self(path, length > 0 ? size_t(length) : 0);
  return !carriesPackage && !self.ends_with("/attune-run");
}

static int runProgram(int argc, char **argv) {
  bool carriesPackage = attune::core::carriesPackage(kOwnPackage);
  if (hasLostItsPackage(carriesPackage)) {
    printError(cat(argv[0], ": the package at its end is damaged or missing; "
                            "compile the model again"));
    return kFailure;
  }
  CLI::App app("Runs compiled models", carriesPackage ? argv[0] : "attune");
  app.require_subcommand(1);
  app.set_version_flag("--version",
                       cat("attune ", ATTUNE_VERSION_MAJOR, ".",
                           ATTUNE_VERSION_MINOR, ".", ATTUNE_VERSION_PATCH));
  RunOptions run;
  BenchOptions bench;
  DescribeOptions describe;
  TrainOptions trainOptions;
  GenerateOptions generate;
  addRun(app, run, carriesPackage);
  addTrain(app, trainOptions, carriesPackage);
  addGenerate(app, generate, carriesPackage);
  addBench(app, bench, carriesPackage);
  addDescribe(app, describe, carriesPackage);
  try {
    app.parse(arguments(argc, argv, carriesPackage));
    checkTrain(*app.get_subcommand("train"), trainOptions);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    printError(cat(error.what(), "; see --help"));
    return kUsage;
  }
  if (app.got_subcommand("run"))
    return runCommand(run);
  if (app.got_subcommand("train"))
    return trainCommand(trainOptions);
  if (app.got_subcommand("generate"))
    return generateCommand(generate);
  return app.got_subcommand("bench") ? benchCommand(bench)
                                     : describeCommand(describe);
}

int main(int argc, char **argv) {
  try {
    int code = runProgram(argc, argv);
    return flushOutput() || code != kDone ? code : kFailure;
  } catch (const std::bad_alloc &) {
    printError("out of memory");
    return kFailure;
  } catch (const std::exception &error) {
    printError(cat("a bug in attune: ", error.what()));
    return kBug;
  }
}
