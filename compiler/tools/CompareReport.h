// What compare measured, as a table, JSON or a page with plots.
#pragma once

#include "compiler/tools/CommandLine.h"
#include <string>
#include <vector>

namespace attune::tools {

struct Measurement {
  double medianMs = 0;
  uint64_t peakBytes = 0;
};

struct ComparePoint {
  ShapePoint shape;
  Measurement fused, unfused;
  double maxRelDiff = 0; ///< over all outputs, max |a-b| / max |b|
};

struct CompareResult {
  std::string model, isa;
  unsigned threads = 0;
  std::vector<ComparePoint> points;
};

void printCompareTable(const CompareResult &result);
void printCompareJson(const CompareResult &result);
/// Writes an .html page (or the bare .svg); prints what went wrong.
bool writeCompareReport(const CompareResult &result, const std::string &path);

} // namespace attune::tools
