// Line charts with logarithmic axes, as SVG that needs nothing else.
#pragma once

#include "llvm/Support/raw_ostream.h"
#include <string>
#include <vector>

namespace attune::tools {

/// One line: a value for each x.
struct Series {
  std::string name;
  const char *colour;
  std::vector<double> values;
};

struct Chart {
  std::string title, xLabel;
  std::vector<int64_t> xs; ///< Rising, at least 1.
  std::vector<Series> series;
  /// "1.5 ms": a value with its unit.
  std::string (*text)(double);
};

inline constexpr int kChartWidth = 520, kChartHeight = 330;

/// The inside of an <svg>, with the chart's corner at (left, 0). Slope 1 is
/// linear growth, slope 2 the square.
void drawChart(llvm::raw_ostream &os, const Chart &chart, int left);

/// "12.3 ms", "1.2 s"; "12.3 MB": three digits.
std::string timeText(double ms);
std::string sizeText(double bytes);

} // namespace attune::tools
