//===- Report.cpp - what a launch did -------------------------------------===//
//
// Sums and sentences.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/Report.h"

namespace attune::gpusim {

std::string nameOf(ErrorKind kind) {
  static constexpr std::string_view kNames[] = {"bad launch",
                                                "out of bounds",
                                                "misaligned",
                                                "read-only",
                                                "uninitialised",
                                                "race",
                                                "copy in flight",
                                                "unfinished copy",
                                                "inactive lanes",
                                                "barrier misuse",
                                                "deadlock",
                                                "too many instructions",
                                                "trap"};
  return std::string(kNames[size_t(kind)]);
}

std::string Error::text() const {
  auto number = [](uint32_t n) { return std::to_string(n); };
  std::string out = nameOf(kind) + ": " + message;
  if (line == 0)
    return out;
  return out + " [line " + number(line) + ": " + source + "; CTA " +
         number(cta[0]) + "," + number(cta[1]) + "," + number(cta[2]) +
         " warp " + number(warp) + " lane " + number(lane) + "]";
}

LineCount Report::sum(std::string_view prefix) const {
  LineCount total;
  total.opcode = prefix;
  for (const LineCount &line : lines) {
    if (!line.opcode.starts_with(prefix))
      continue;
    total.executed += line.executed;
    total.lanes += line.lanes;
    total.wavefronts += line.wavefronts;
    total.conflicts += line.conflicts;
    total.requests += line.requests;
    total.sectors += line.sectors;
    total.sectorsNeeded += line.sectorsNeeded;
  }
  return total;
}

} // namespace attune::gpusim
