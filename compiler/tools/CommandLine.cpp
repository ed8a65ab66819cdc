// The command line of attune-compile, by CLI11. The only file of the compiler
// that is built with exceptions; none leaves it.
#include "compiler/tools/CommandLine.h"

#include "runtime/tools/Terminal.h"
#include <CLI/CLI.hpp>
#include <charconv>

namespace attune::tools {

namespace {

std::vector<std::string> split(const std::string &text,
                               const std::string &separator) {
  std::vector<std::string> parts;
  size_t start = 0;
  for (size_t end; (end = text.find(separator, start)) != std::string::npos;
       start = end + separator.size())
    parts.push_back(text.substr(start, end - start));
  parts.push_back(text.substr(start));
  return parts;
}

int64_t parseNumber(const std::string &text, const std::string &whole) {
  int64_t value = 0;
  auto [end, code] =
      std::from_chars(text.data(), text.data() + text.size(), value);
  if (code != std::errc() || end != text.data() + text.size() || value < 0)
    throw CLI::ValidationError(
        "--shape", "expected NAME=N, NAME=MIN..MAX or NAME=N:N:..., found '" +
                       whole + "'");
  return value;
}

// One NAME=... of --shape: `values` lists single values, `binding` the bounds.
void parseShape(const std::string &text, Request &request,
                std::map<std::string, std::vector<int64_t>> &values) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError("--shape",
                               "expected NAME=..., found '" + text + "'");
  std::string name = text.substr(0, equals), range = text.substr(equals + 1);
  ShapeBinding binding;
  if (size_t dots = range.find(".."); dots != std::string::npos) {
    binding.min = parseNumber(range.substr(0, dots), text);
    if (std::string max = range.substr(dots + 2); !max.empty())
      binding.max = parseNumber(max, text);
  } else {
    for (const std::string &part : split(range, ":"))
      values[name].push_back(parseNumber(part, text));
    auto [min, max] =
        std::minmax_element(values[name].begin(), values[name].end());
    binding = {*min, *max};
  }
  if (binding.max && *binding.max < binding.min)
    throw CLI::ValidationError(
        "--shape", "'" + text + "' has its maximum below its minimum");
  request.shapes[name] = binding;
}

void addModel(CLI::App *command, Request &request) {
  command
      ->add_option("MODEL", request.model,
                   "the model: .onnx, .attn, or .mlir in the nn dialect")
      ->required();
}

/// One NAME=VALUE of --set.
void parseParameter(const std::string &text, Request &request) {
  size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw CLI::ValidationError("--set",
                               "expected NAME=VALUE, found '" + text + "'");
  std::string name = text.substr(0, equals);
  for (const auto &[known, value] : request.parameters)
    if (known == name)
      throw CLI::ValidationError("--set", "'" + name + "' is given twice");
  request.parameters.emplace_back(name, text.substr(equals + 1));
}

/// What .attn models have beside shapes.
void addParameters(CLI::App *command, Request &request) {
  command
      ->add_option_function<std::vector<std::string>>(
          "--set",
          [&request](const std::vector<std::string> &texts) {
            for (const std::string &text : texts)
              parseParameter(text, request);
          },
          "NAME=VALUE for a param of an .attn model; repeatable")
      ->allow_extra_args(false);
  command->add_option("--weights", request.weights,
                      "a .safetensors or .npz file with the weights of an "
                      ".attn model, by name");
}

void addShared(CLI::App *command, Request &request,
               std::vector<std::string> &shapes) {
  addModel(command, request);
  addParameters(command, request);
  command
      ->add_option(
          "--shape", shapes,
          "sizes of the model's symbolic dims: batch=1..8,seq=1..512 bounds "
          "them, seq=128 fixes one, seq=128:256:512 lists points for compare")
      ->delimiter(',')
      ->allow_extra_args(false);
  command
      ->add_option("--target", request.targets,
                   "what to make code for; repeatable: "
                   "cpu[:native|x86-64-v2|x86-64-v3|x86-64-v4], "
                   "cuda[:sm_80,sm_90a] (PTX always, the binaries named)")
      ->default_str("cpu:native")
      ->allow_extra_args(false);
  command
      ->add_option("--attention", request.attention,
                   "fused, saved (fused, and its gradients read scores that it "
                   "kept), unfused, or chosen by cost")
      ->check(CLI::IsMember({"auto", "fused", "saved", "unfused"}))
      ->default_str("auto");
  command
      ->add_option("--precision", request.precision,
                   "of products: f32, or for CUDA tf32 (f32 in memory, rounded "
                   "to multiply), f16 and bf16")
      ->default_str("f32");
  command->add_flag("--quiet", request.quiet, "no progress, no summary");
}

/// Where a model runs that is compiled to be run at once.
void addPlace(CLI::App *command, Request &request) {
  command->add_option("--threads", request.threads, "threads; 0 takes all")
      ->default_str("0");
  command->add_option("--device", request.device,
                      "cpu, cuda or cuda:1, for which code is made then");
}

void addInputs(CLI::App *command, Request &request) {
  command
      ->add_option("-i,--input", request.inputs,
                   "NAME=FILE.npy, or a .npz or .safetensors with names; "
                   "repeatable; other inputs are random")
      ->allow_extra_args(false);
}

/// How a model is trained: for those that do not say, and to change it.
void addTraining(CLI::App *command, TrainingOptions &training) {
  command
      ->add_option("--loss", training.loss,
                   "train a model that has no loss, by this one")
      ->check(CLI::IsMember({"cross_entropy", "mse"}));
  command->add_option("--loss-output", training.output,
                      "the output that the loss reads, if there are several");
  command
      ->add_option("--label-smoothing", training.smoothing, "of cross_entropy")
      ->default_str("0");
  command
      ->add_option("--ignore-label", training.ignoredLabel,
                   "the label that does not count")
      ->default_str("-100");
  command
      ->add_option("--trainable", training.trainable,
                   "glob of the weights that are trained, or !glob of those "
                   "that are not; repeatable")
      ->allow_extra_args(false);
  command
      ->add_option("--training", training.settings,
                   "NAME=VALUE; repeatable: optimizer=adamw|sgd, beta1, beta2, "
                   "epsilon, weight_decay, momentum, clip, ema")
      ->allow_extra_args(false);
  command
      ->add_option("--recompute", training.recompute,
                   "what is computed again instead of kept for the gradients")
      ->check(CLI::IsMember({"none", "gelu", "gelu+norm"}))
      ->default_str("none");
  command
      ->add_option("--activation-memory", training.activationMemory,
                   "share of the activations that may be kept")
      ->default_str("1");
}

void addCompile(CLI::App &app, Request &request,
                std::vector<std::string> &shapes) {
  auto *command = app.add_subcommand("compile", "compile a model to one file");
  addShared(command, request, shapes);
  addTraining(command, request.training);
  command->add_option("-o,--output", request.output, "the file to write");
  command
      ->add_option("--emit", request.emit,
                   "package, exe, or a stage whose IR is printed: onnx, nn, "
                   "cleanup, detect, differentiate, fusion, "
                   "kernels, memory")
      ->default_str("package");
  command->add_option("--dump-dir", request.dumpDir,
                      "write the IR after each stage to this folder");
  command->footer(
      "Examples:\n"
      "  attune compile bert.onnx -o bert.attune\n"
      "  attune compile vit.onnx -o vit --emit exe --shape batch=1..32\n"
      "  attune compile gpt2.onnx --emit detect | less\n"
      "  attune compile gpt.attn -o gpt.attune --set width=128 --set depth=6\n"
      "  attune compile vit.onnx -o vit.attune --loss cross_entropy "
      "--training optimizer=sgd --training momentum=0.9\n"
      "  attune compile m.onnx -o m.attune --target cpu:x86-64-v3 --target "
      "cpu:x86-64-v4");
}

void addExplain(CLI::App &app, Request &request,
                std::vector<std::string> &shapes) {
  auto *command = app.add_subcommand(
      "explain", "say which fusions fired, which did not, and why; with "
                 "--target cuda also what each kernel takes");
  addShared(command, request, shapes);
  command->add_flag("--json", request.json, "print the ledger as JSON");
  command->add_option("--html", request.report, "write the ledger as a page");
  command->footer(
      "Examples:\n"
      "  attune explain bert.onnx\n"
      "  attune explain bert.onnx --json | jq .attention\n"
      "  attune explain bert.onnx --html bert.html --shape "
      "batch=1,seq=128\n"
      "  attune explain bert.onnx --target cuda    what each kernel "
      "takes of a GPU");
}

void addDiff(CLI::App &app, Request &request,
             std::vector<std::string> &shapes) {
  auto *command = app.add_subcommand(
      "diff", "compare the compiled model node by node with double precision");
  addShared(command, request, shapes);
  addInputs(command, request);
  command->add_option("--seed", request.seed, "of random inputs")
      ->default_str("1");
  addPlace(command, request);
  command->add_flag("--json", request.json, "print the nodes as JSON");
  command->footer("Examples:\n"
                  "  attune diff bert.onnx --shape batch=1,sequence=32\n"
                  "  attune diff bert.onnx --input ids=ids.npy --json | jq "
                  ".worst");
}

void addCompare(CLI::App &app, Request &request,
                std::vector<std::string> &shapes) {
  auto *command =
      app.add_subcommand("compare", "measure fused against unfused attention");
  addShared(command, request, shapes);
  command->add_option(
      "--report", request.report,
      "write the result as an .html page, or its plots as .svg");
  addPlace(command, request);
  command
      ->add_option("--runs", request.runs,
                   "timed runs of each; 0 lets the time decide")
      ->default_str("0");
  command->add_option("--seed", request.seed, "of random inputs")
      ->default_str("1");
  command->add_flag("--json", request.json, "print the points as JSON");
  command->footer("Examples:\n  attune compare vit.onnx --shape batch=1\n"
                  "  attune compare block.onnx --shape "
                  "batch=1,seq=128:512:2048 --report out.html\n"
                  "  attune compare block.onnx --shape batch=1,seq=4096 "
                  "--device cuda --precision f16");
}

void addBench(CLI::App &app, Request &request,
              std::vector<std::string> &shapes) {
  auto *command =
      app.add_subcommand("bench", "compile to a temporary package and time it");
  addShared(command, request, shapes);
  addPlace(command, request);
  command->add_option("--seconds", request.seconds, "how long to measure");
  command->add_flag("--profile", request.profile,
                    "time of each launch by the name of its node");
  addInputs(command, request);
  command->add_flag("--json", request.json, "print the figures as JSON");
  command->footer("Examples:\n"
                  "  attune bench vit.onnx --shape batch=1 --threads 1\n"
                  "  attune bench bert.onnx --shape batch=1,seq=128 --profile");
}

void addOps(CLI::App &app, Request &request) {
  auto *command = app.add_subcommand("ops", "list the supported operators");
  command->add_flag("--json", request.json, "as JSON");
  command->footer("Examples:\n  attune ops\n"
                  "  attune ops --json | jq '.operators[].op'");
}

// The product of the values that --shape lists.
std::vector<ShapePoint>
pointsOf(const std::map<std::string, std::vector<int64_t>> &values) {
  std::vector<ShapePoint> points = {{}};
  for (const auto &[name, list] : values) {
    std::vector<ShapePoint> product;
    for (const ShapePoint &point : points)
      for (int64_t value : list) {
        product.push_back(point);
        product.back()[name] = value;
      }
    points = std::move(product);
  }
  return points;
}

// What CLI11 has read; throws what is wrong with it.
void finish(const CLI::App &app, const std::vector<std::string> &shapes,
            Request &request) {
  request.command = app.get_subcommands().front()->get_name();
  std::map<std::string, std::vector<int64_t>> values;
  for (const std::string &shape : shapes)
    parseShape(shape, request, values);
  request.points = pointsOf(values);
  if (request.points.size() > 1 && request.command != "compare" &&
      request.command != "compile")
    throw CLI::ValidationError("--shape", request.command +
                                              " takes one size for each dim; "
                                              "only compare takes a list");
}

} // namespace

std::optional<int> parseCommandLine(int argc, char **argv, Request &request) {
  // Users call it by the name of the front door.
  CLI::App app("compiles attention models ahead of time", "attune");
  app.require_subcommand(1);
  app.set_version_flag("--version", "attune 0.1.0");
  std::vector<std::string> shapes;
  addCompile(app, request, shapes);
  addExplain(app, request, shapes);
  addDiff(app, request, shapes);
  addCompare(app, request, shapes);
  addBench(app, request, shapes);
  addOps(app, request);
  app.add_subcommand("stages", "list the compiler's stages");
  try {
    app.parse(argc, argv);
    finish(app, shapes, request);
  } catch (const CLI::ParseError &error) {
    if (error.get_exit_code() == 0)
      return app.exit(error);
    printError(std::string(error.what()) + "; see --help");
    return 2;
  }
  request.program = argv[0];
  return std::nullopt;
}

} // namespace attune::tools
