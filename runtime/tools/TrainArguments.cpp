//===- TrainArguments.cpp - the options of train --------------------------===//
#include "runtime/tools/Arguments.h"

namespace attune::tools {

/// Doubles count as far.
static OptionCheck steps() { return whole(1, uint64_t(1) << 53); }

static OptionCheck validationShare() {
  return number("a number from 0 to 0.9",
                [](double value) { return value >= 0 && value <= 0.9; });
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
                   "Samples of one call; without it what the model says, or "
                   "32")
      ->check(count(1));
  group->add_option("--accum", options.accumulate, "Calls that make a step")
      ->check(count(1))
      ->capture_default_str();
  takeOneOf(
      group->add_option("--vocabulary", options.data.vocabulary, "Of text"),
      {"char", "byte"})
      ->capture_default_str();
  group
      ->add_option("--validation", options.data.validation,
                   "Share of one file (text, tokens, .npz, .safetensors), its "
                   "end, that is kept for validation; 0: none, of a folder "
                   "neither")
      ->check(validationShare())
      ->capture_default_str();
  group
      ->add_option("--seed", options.seed,
                   "Of first values, order of samples, and dropout")
      ->check(seed())
      ->capture_default_str();
}

static void addLength(CLI::App *group, TrainOptions &options) {
  auto *epochs = group->add_option("--epochs", options.epochs,
                                   "How many, without --steps");
  epochs->check(positive())->capture_default_str();
  group
      ->add_option("--steps", options.steps,
                   "How many, in all; without it as many as --epochs take")
      ->check(steps())
      ->excludes(epochs);
}

static void addSchedule(CLI::App *command, TrainOptions &options) {
  train::Schedule &schedule = options.trainer.schedule;
  auto *group = command->add_option_group("steps");
  addLength(group, options);
  group->add_option("--lr", schedule.rate, "Learning rate")
      ->check(notNegative())
      ->capture_default_str();
  group
      ->add_option("--min-lr", schedule.least,
                   "At the end, of linear and cosine")
      ->check(notNegative())
      ->capture_default_str();
  takeOneOf(
      group->add_option("--schedule", schedule.kind,
                        "How it goes on after the warm-up"),
      {std::begin(train::kScheduleNames), std::end(train::kScheduleNames)}, 0)
      ->default_str(train::kScheduleNames[int(schedule.kind)]);
  group->add_option("--warmup", schedule.warmup, "Steps over which it rises")
      ->check(whole(0, uint64_t(1) << 53))
      ->capture_default_str();
  group
      ->add_option("--decay-every", schedule.every,
                   "Of the schedule step, which needs it: steps")
      ->check(steps());
  group->add_option("--decay", schedule.factor, "Of the schedule step: factor")
      ->check(notNegative())
      ->capture_default_str();
}

static void addRecords(CLI::App *command, TrainOptions &options) {
  auto *group = command->add_option_group("records");
  group->add_option("-o,--output", options.output,
                    "The trained package, for attune run and generate");
  auto *save =
      group->add_option("--save", options.save,
                        "Checkpoint (.safetensors), written at the end and on "
                        "ctrl-C");
  group
      ->add_option("--save-every", options.saveEvery, "And after so many steps")
      ->check(steps())
      ->needs(save);
  auto *resume =
      group->add_option("--resume", options.resume,
                        "Goes on from a checkpoint, exactly, to step --steps; "
                        "one that is there already is only a warning");
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
                   "At most so many batches of it; without it all")
      ->check(count(1));
  group->add_option("--log", options.log, "Each step as a line of JSON");
  group->add_option("--plot", options.plot,
                    "The loss as an SVG; after --resume the steps before are "
                    "those of --log");
  group->add_flag("--quiet", options.quiet,
                  "No line about the progress; warnings stay");
}

void addTrain(CLI::App &app, TrainOptions &options, bool carriesPackage) {
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

/// "0.001"
static std::string numberText(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.6g", value);
  return text;
}

/// What a schedule takes no notice of would be passed over, and nobody would
/// know.
void checkTrain(const CLI::App &command, const TrainOptions &options) {
  using train::ScheduleKind;
  const train::Schedule &schedule = options.trainer.schedule;
  const char *name = train::kScheduleNames[int(schedule.kind)];
  bool falls = schedule.kind == ScheduleKind::Linear ||
               schedule.kind == ScheduleKind::Cosine,
       steps = schedule.kind == ScheduleKind::Step;
  auto refuse = [&](const char *option, const std::string &fact) {
    if (command.count(option))
      throw CLI::ValidationError(option, fact);
  };
  if (!falls)
    refuse("--min-lr", cat("expected --schedule linear or cosine, found ", name,
                           ", which has no least rate"));
  if (schedule.least > schedule.rate)
    refuse("--min-lr", cat("expected at most --lr, ", numberText(schedule.rate),
                           ", found ", numberText(schedule.least)));
  for (const char *option : {"--decay", "--decay-every"})
    if (!steps)
      refuse(option, cat("expected --schedule step, found ", name,
                         ", which does not decay"));
  if (steps && !schedule.every)
    refuse("--schedule", "step decays never without --decay-every; give how "
                         "many steps it goes on between two decays");
}

} // namespace attune::tools
