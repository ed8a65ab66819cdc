//===- Facts.h - facts as JSON --------------------------------------------===//
//
// The commands gather what they found as JSON and then print it, as it is or as
// text. Names come from models, so they may hold anything: no throwing dump.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <nlohmann/json.hpp>
#include <string>

namespace attune::tools {

using Json = nlohmann::ordered_json;

/// On standard output, indented.
void printJson(const Json &facts);

/// For a line of text: strings without control characters, other values as
/// JSON.
std::string text(const Json &value);

} // namespace attune::tools
