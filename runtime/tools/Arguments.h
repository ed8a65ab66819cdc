//===- Arguments.h - how options are told and checked ---------------------===//
//
// What the commands of attune-run share on the command line, and the options of
// train, which are many. With exceptions, for CLI11.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Options.h"
#include <CLI/CLI.hpp>
#include <functional>

namespace attune::tools {

/// The package that is appended to this very program.
inline constexpr const char *kOwnPackage = "/proc/self/exe";

// CLI11's own checks take nan, and print bounds of 309 digits.
using OptionCheck = std::function<std::string(const std::string &)>;

OptionCheck positive();
OptionCheck notNegative();
/// Of things that memory or time must suffice for.
OptionCheck count(uint64_t least);
OptionCheck seed();
/// A whole number of [least, most].
OptionCheck whole(uint64_t least, uint64_t most);
/// A number for which `holds`; `what` says which those are.
OptionCheck number(const char *what, bool (*holds)(double));

/// It takes one of these words, which for enums becomes its number, counted
/// from `first`. CLI11's own check takes the numbers too, and prints them.
CLI::Option *takeOneOf(CLI::Option *option,
                       const std::vector<std::string> &words,
                       std::optional<int> first = std::nullopt);

void addCommon(CLI::App *command, CommonOptions &options, bool carriesPackage);

void addTrain(CLI::App &app, TrainOptions &options, bool carriesPackage);
/// Throws CLI::ValidationError where options of train do nothing beside the
/// others.
void checkTrain(const CLI::App &command, const TrainOptions &options);

} // namespace attune::tools
