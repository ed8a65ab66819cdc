//===- AttuneRun.cpp - the program that takes packages --------------------===//
//
// The command line of run, bench and describe. With a package appended to this
// very file (attune compile --emit=exe) it is that model: the package is
// implied and so is `run`.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/PackageFile.h"
#include "runtime/tools/Options.h"
#include "runtime/tools/Terminal.h"
#include <CLI/CLI.hpp>
#include <charconv>
#include <climits>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <unistd.h>

using namespace attune::tools;
namespace train = attune::train;

static constexpr const char *kSelf = "/proc/self/exe";

//===----------------------------------------------------------------------===//
// Checks of options: CLI11's own take nan, and print bounds of 309 digits
//===----------------------------------------------------------------------===//

using OptionCheck = std::function<std::string(const std::string &)>;

/// A number for which `holds`; `what` says which those are.
static OptionCheck number(const char *what, bool (*holds)(double)) {
  return [=](const std::string &text) -> std::string {
    char *end = nullptr;
    double value = std::strtod(text.c_str(), &end);
    bool isWhole = !text.empty() && end == text.c_str() + text.size();
    if (isWhole && std::isfinite(value) && holds(value))
      return {};
    return cat("expected ", what, ", found ", text);
  };
}

static OptionCheck positive() {
  return number("a number above 0", [](double value) { return value > 0; });
}

static OptionCheck notNegative() {
  return number("a number of at least 0",
                [](double value) { return value >= 0; });
}

static OptionCheck validationShare() {
  return number("a number from 0 to 0.9",
                [](double value) { return value >= 0 && value <= 0.9; });
}

/// A whole number of [least, most].
static OptionCheck whole(uint64_t least, uint64_t most) {
  return [=](const std::string &text) -> std::string {
    uint64_t value = 0;
    const char *end = text.c_str() + text.size();
    auto [at, code] = std::from_chars(text.c_str(), end, value);
    if (code == std::errc() && at == end && value >= least && value <= most)
      return {};
    return cat("expected a whole number from ", least, " to ", most, ", found ",
               text);
  };
}

/// Of things that memory or time must suffice for.
static OptionCheck count(uint64_t least) { return whole(least, INT32_MAX); }
/// Of steps: doubles count as far.
static OptionCheck steps() { return whole(1, uint64_t(1) << 53); }
static OptionCheck seed() { return whole(0, UINT64_MAX); }

//===----------------------------------------------------------------------===//
// Commands
//===----------------------------------------------------------------------===//

static void addCommon(CLI::App *command, CommonOptions &options,
                      bool carriesPackage) {
  if (carriesPackage)
    options.package = kSelf;
  else
    command->add_option("PACKAGE", options.package, "The .attune file")
        ->required();
  command
      ->add_option("--shape", options.shape,
                   "Sizes of symbolic dims: batch=1,seq=128; repeatable")
      ->multi_option_policy(CLI::MultiOptionPolicy::Join)
      ->delimiter(',');
  command
      ->add_option("--threads", options.threads,
                   "Threads, the main one included; 0: all processors")
      ->check(count(0));
  command->add_option("--device", options.device,
                      "cpu, cuda or cuda:1; auto: a CUDA device where there is "
                      "one and the package has code for it");
  command->add_flag("--json", options.json, "Facts for machines");
}

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
  static const std::map<std::string, Fill> fills = {{"random", Fill::Random},
                                                    {"zeros", Fill::Zeros}};
  command
      ->add_option("--fill", options.fill,
                   "Makes inputs that are not given, at --shape")
      ->transform(CLI::CheckedTransformer(fills).description("random|zeros"))
      ->type_name("");
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

static void addData(CLI::App *command, train::TrainerOptions &options) {
  auto *group = command->add_option_group("data");
  group
      ->add_option("--data", options.data.path,
                   "IDX or CIFAR folder, folder of pictures, tokens .bin, "
                   "text, or a .npz or .safetensors with the model's inputs, "
                   "whose sizes need no --shape")
      ->required();
  group
      ->add_option("--batch", options.batch,
                   "Samples of one call; else 32, or what the model says")
      ->check(count(1));
  group->add_option("--accum", options.accumulate, "Calls that make a step")
      ->check(count(1));
  group->add_option("--vocabulary", options.data.vocabulary, "Of text")
      ->check(CLI::IsMember({"char", "byte"}));
  group
      ->add_option("--validation", options.data.validation,
                   "Share of one file that is kept for validation; 0: none, of "
                   "a folder neither")
      ->check(validationShare());
  group
      ->add_option("--seed", options.seed,
                   "Of first values, order of samples, and dropout")
      ->check(seed());
}

static void addSchedule(CLI::App *command, TrainOptions &options) {
  std::map<std::string, train::ScheduleKind> kinds;
  for (const char *name : train::kScheduleNames)
    kinds.emplace(name, train::ScheduleKind(kinds.size()));
  train::Schedule &schedule = options.trainer.schedule;
  auto *group = command->add_option_group("steps");
  group->add_option("--steps", options.steps, "How many")->check(steps());
  group->add_option("--epochs", options.epochs, "How many, without --steps")
      ->check(positive());
  group->add_option("--lr", schedule.rate, "Learning rate")
      ->check(notNegative());
  group
      ->add_option("--min-lr", schedule.least,
                   "At the end, of linear and cosine")
      ->check(notNegative());
  group
      ->add_option("--schedule", schedule.kind,
                   "How it goes on after the warm-up")
      ->transform(CLI::CheckedTransformer(kinds).description(
          "constant|linear|cosine|step"))
      ->type_name("");
  group->add_option("--warmup", schedule.warmup, "Steps over which it rises")
      ->check(whole(0, uint64_t(1) << 53));
  group->add_option("--decay-every", schedule.every, "Of the schedule step")
      ->check(steps());
  group->add_option("--decay", schedule.factor, "Of the schedule step: factor")
      ->check(notNegative());
}

static void addRecords(CLI::App *command, TrainOptions &options) {
  auto *group = command->add_option_group("records");
  group->add_option("-o,--output", options.output,
                    "The trained package, for attune run and generate");
  group->add_option("--save", options.save,
                    "Checkpoint (.safetensors), written at the end and on "
                    "ctrl-C");
  group
      ->add_option("--save-every", options.saveEvery, "And after so many steps")
      ->check(steps());
  auto *resume =
      group->add_option("--resume", options.resume,
                        "Goes on from a checkpoint, exactly, to step --steps; "
                        "one that is there already is only a "
                        "warning");
  group
      ->add_option("--init", options.init,
                   "Begins with the parameters of a .safetensors")
      ->excludes(resume);
  group
      ->add_option("--eval-every", options.evaluateEvery,
                   "Steps between two validations; there is one at the end")
      ->check(steps());
  group
      ->add_option("--eval-batches", options.evaluationBatches,
                   "At most so many batches of it")
      ->check(count(1));
  group->add_option("--log", options.log, "Each step as a line of JSON");
  group->add_option("--plot", options.plot,
                    "The loss as an SVG; after --resume the steps "
                    "before are those of --log");
  group->add_flag("--quiet", options.quiet, "No line about the progress");
}

static void addTrain(CLI::App &app, TrainOptions &options,
                     bool carriesPackage) {
  CLI::App *command = app.add_subcommand("train", "Trains a package on data");
  addCommon(command, options, carriesPackage);
  addData(command, options.trainer);
  addSchedule(command, options);
  addRecords(command, options);
  command->footer(
      "Examples:\n"
      "  attune train vit.attune --data fashion-mnist/ --batch 128 --epochs 3 "
      "\\\n"
      "      --lr 1e-3 --schedule cosine --warmup 100 -o trained.attune\n"
      "  attune train gpt.attune --data book.txt --batch 12 --shape T=64 "
      "--steps 2000 \\\n"
      "      --lr 1e-3 --save run.safetensors --plot loss.svg --log run.jsonl\n"
      "  attune train gpt.attune --data book.txt --batch 12 --shape T=64 "
      "--steps 4000 \\\n"
      "      --resume run.safetensors --save run.safetensors");
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
      ->check(count(0));
  command
      ->add_option("--temperature", options.temperature,
                   "0: always the likeliest token")
      ->check(notNegative());
  command
      ->add_option("--top", options.top,
                   "Of so many likeliest tokens; 0: of all")
      ->check(count(0));
  command->add_option("--seed", options.seed, "Of what is drawn")
      ->check(seed());
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
      ->check(notNegative());
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
  command->add_option("--entry", options.entry,
                      "Entry point whose values and memory are told: infer, "
                      "or step of a model that trains");
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
  ssize_t length = ::readlink(kSelf, path, sizeof path);
  std::string_view self(path, length > 0 ? size_t(length) : 0);
  return !carriesPackage && !self.ends_with("/attune-run");
}

static int runProgram(int argc, char **argv) {
  bool carriesPackage = attune::core::carriesPackage(kSelf);
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
