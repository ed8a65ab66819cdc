//===- Arguments.cpp - how options are told and checked -------------------===//
#include "runtime/tools/Arguments.h"
#include <charconv>
#include <cmath>
#include <cstdlib>

namespace attune::tools {

OptionCheck number(const char *what, bool (*holds)(double)) {
  return [=](const std::string &text) -> std::string {
    char *end = nullptr;
    double value = std::strtod(text.c_str(), &end);
    bool isWhole = !text.empty() && end == text.c_str() + text.size();
    if (isWhole && std::isfinite(value) && holds(value))
      return {};
    return cat("expected ", what, ", found ", text);
  };
}

OptionCheck positive() {
  return number("a number above 0", [](double value) { return value > 0; });
}

OptionCheck notNegative() {
  return number("a number of at least 0",
                [](double value) { return value >= 0; });
}

OptionCheck whole(uint64_t least, uint64_t most) {
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

OptionCheck count(uint64_t least) { return whole(least, INT32_MAX); }
OptionCheck seed() { return whole(0, UINT64_MAX); }

/// "constant, linear or step".
static std::string listOf(const std::vector<std::string> &words) {
  std::string text;
  for (size_t i = 0; i < words.size(); ++i)
    text += cat(i == 0 ? "" : i + 1 == words.size() ? " or " : ", ", words[i]);
  return text;
}

CLI::Option *takeOneOf(CLI::Option *option,
                       const std::vector<std::string> &words,
                       std::optional<int> first) {
  std::string choices;
  for (const std::string &word : words)
    choices += (choices.empty() ? "" : "|") + word;
  auto check = [=](std::string &text) -> std::string {
    auto found = std::find(words.begin(), words.end(), text);
    if (found == words.end())
      return cat("expected ", listOf(words), ", found ", text);
    if (first)
      text = std::to_string(*first + (found - words.begin()));
    return {};
  };
  return option->transform(CLI::Validator(check, ""))->type_name(choices);
}

void addCommon(CLI::App *command, CommonOptions &options, bool carriesPackage) {
  if (carriesPackage)
    options.package = kOwnPackage;
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
      ->check(count(0))
      ->capture_default_str();
  command->add_option("--device", options.device,
                      "cpu, cuda or cuda:1; auto: a CUDA device where there is "
                      "one and the package has code for it");
  command->add_flag("--json", options.json, "Facts for machines");
}

} // namespace attune::tools
