//===- Facts.cpp - facts as JSON ------------------------------------------===//
//
// See Facts.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/Facts.h"
#include "runtime/tools/Terminal.h"
#include <cstdio>

namespace attune::tools {

static std::string dump(const Json &value, int indent) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

void printJson(const Json &facts) {
  std::printf("%s\n", dump(facts, 2).c_str());
}

std::string text(const Json &value) {
  return value.is_string() ? printable(value.get<std::string>())
                           : dump(value, -1);
}

} // namespace attune::tools
