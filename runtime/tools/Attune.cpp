//===- Attune.cpp - the front door ----------------------------------------===//
//
// `attune COMMAND ...` becomes the program behind the command, which lies in
// the same folder: so that what runs models needs no LLVM, and users one name.
//
//===----------------------------------------------------------------------===//
#include "attune/attune.h"
#include "runtime/core/PackageFile.h"
#include "runtime/tools/Options.h"
#include "runtime/tools/Terminal.h"
#include <climits>
#include <cstdio>
#include <cstring>
#include <string>
#include <unistd.h>

using namespace attune;
using namespace attune::tools;

namespace {
struct Command {
  const char *name, *program, *help;
};
} // namespace

static constexpr const char *kCompile = "attune-compile", *kRun = "attune-run";

static constexpr Command kCommands[] = {
    {"compile", kCompile, "MODEL -o OUT     compile a model to a package"},
    {"run", kRun, "PACKAGE              run a package on tensor files"},
    {"describe", kRun, "PACKAGE         inputs, outputs, dims, memory, code"},
    {"train", kRun, "PACKAGE            train a package on data"},
    {"generate", kRun, "PACKAGE         let a language model write"},
    {"bench", nullptr, "PACKAGE|MODEL      time, share of peak, time per node"},
    {"compare", kCompile, "MODEL            fused against unfused attention"},
    {"explain", kCompile, "MODEL            which fusion fired and why"},
    {"diff", kCompile,
     "MODEL               layer by layer against double "
     "precision"},
    {"ops", kCompile, "                     the supported operators"}};

static void printHelp(std::FILE *to) {
  std::fprintf(to, "attune: compiles attention models ahead of time and runs "
                   "them\n\nUsage: attune COMMAND ...\n\n");
  for (const Command &command : kCommands)
    std::fprintf(to, "  %s %s\n", command.name, command.help);
  std::fprintf(to, "\n`attune COMMAND --help` tells more. Example:\n"
                   "  attune compile model.onnx -o model.attune\n"
                   "  attune run model.attune --input x=x.npy --output-dir "
                   "out/\n");
}

/// True for a package and for an executable that carries one.
static bool isPackage(const char *path) {
  std::FILE *file = std::fopen(path, "rb");
  if (!file)
    return false;
  char magic[8] = {};
  size_t count = std::fread(magic, 1, sizeof magic, file);
  std::fclose(file);
  return (count == sizeof magic &&
          std::memcmp(magic, format::kMagic.data(), sizeof magic) == 0) ||
         core::carriesPackage(path);
}

/// bench takes both: an argument that is a package decides, and else one that
/// is called like a model.
static const char *benchProgram(int argc, char **argv) {
  for (int i = 2; i < argc; ++i)
    if (argv[i][0] != '-' && isPackage(argv[i]))
      return kRun;
  for (int i = 2; i < argc; ++i)
    for (const char *extension : {".onnx", ".attn", ".mlir"})
      if (std::string_view(argv[i]).ends_with(extension))
        return kCompile;
  return kRun;
}

static std::string ownFolder() {
  char path[PATH_MAX];
  ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  std::string text(path, length > 0 ? size_t(length) : 0);
  return text.substr(0, text.rfind('/') + 1);
}

int main(int argc, char **argv) {
  std::string_view name = argc > 1 ? argv[1] : "";
  char help[] = "--help";
  char *helpArguments[] = {argv[0], argc > 2 ? argv[2] : nullptr, help,
                           nullptr};
  if (name == "help" && argc > 2) {
    argv = helpArguments;
    argc = 3;
    name = argv[1];
  } else if (name == "--help" || name == "-h" || name == "help") {
    printHelp(stdout);
    return kDone;
  }
  if (name == "--version") {
    std::printf("attune %d.%d.%d\n", ATTUNE_VERSION_MAJOR, ATTUNE_VERSION_MINOR,
                ATTUNE_VERSION_PATCH);
    return kDone;
  }
  for (const Command &command : kCommands) {
    if (name != command.name)
      continue;
    const char *program =
        command.program ? command.program : benchProgram(argc, argv);
    std::string path = ownFolder() + program;
    ::execv(path.c_str(), argv);
    printError(core::cat("`attune ", name, "` needs ", path, ": ",
                         std::strerror(errno)));
    return kFailure;
  }
  if (argc > 1)
    printError(core::cat("no command \"", name, "\"; see attune --help"));
  else
    printHelp(stderr);
  return kUsage;
}
