// Axes, grid, lines and labels of a chart.
#include "compiler/tools/Plot.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/Format.h"
#include <cmath>

namespace attune::tools {

namespace {

// Room inside a chart: for labels of values, names of lines, title and x axis.
constexpr int kLeft = 74, kRight = 84, kTop = 46, kBottom = 54;

/// A logarithmic axis from pixel `start` to pixel `end`, with some air at both
/// ends.
class Axis {
public:
  Axis(double least, double most, double start, double end)
      : start(start), end(end) {
    low = std::log(least);
    high = std::log(most);
    double air = std::fmax(0.05 * (high - low), 0.1);
    low -= air;
    high += air;
  }
  double operator()(double value) const {
    return start + (std::log(value) - low) / (high - low) * (end - start);
  }
  /// Round numbers, as many as there is room for.
  std::vector<double> ticks() const {
    std::vector<double> found;
    static const std::vector<double> steps[] = {
        {1, 1.5, 2, 3, 4, 5, 7}, {1, 2, 5}, {1, 3}, {1}};
    for (const std::vector<double> &digits : steps) {
      found.clear();
      for (int decade = int(std::floor(low / std::log(10)));
           decade <= int(std::ceil(high / std::log(10))); ++decade)
        for (double digit : digits)
          if (double tick = digit * std::pow(10, decade);
              std::log(tick) > low && std::log(tick) < high)
            found.push_back(tick);
      if (found.size() <= 6)
        break;
    }
    return found;
  }

private:
  double start, end, low, high;
};

std::string fixed(double value) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.1f", value);
  return text;
}

void writeText(llvm::raw_ostream &os, double x, double y, const char *anchor,
               llvm::StringRef words, const char *attributes = "") {
  os << "<text x='" << fixed(x) << "' y='" << fixed(y) << "' text-anchor='"
     << anchor << "' " << attributes << '>';
  llvm::printHTMLEscaped(words, os);
  os << "</text>\n";
}

void writeLine(llvm::raw_ostream &os, double x1, double y1, double x2,
               double y2) {
  os << "<line class='grid' x1='" << fixed(x1) << "' y1='" << fixed(y1)
     << "' x2='" << fixed(x2) << "' y2='" << fixed(y2) << "'/>\n";
}

class Drawing {
public:
  Drawing(llvm::raw_ostream &os, const Chart &chart, int left)
      : os(os), chart(chart), left(left + kLeft),
        right(left + kChartWidth - kRight), top(kTop),
        bottom(kChartHeight - kBottom),
        x(double(chart.xs.front()), double(chart.xs.back()), this->left, right),
        y(least(), most(), bottom, top) {}

  void run() {
    std::string bold = "class='title'";
    writeText(os, (left + right) / 2, 24, "middle", chart.title, bold.c_str());
    drawGrid();
    drawLines();
    drawNames();
  }

private:
  double least() const {
    double value = INFINITY;
    for (const Series &series : chart.series)
      for (double each : series.values)
        value = std::fmin(value, each);
    return value;
  }
  double most() const {
    double value = 0;
    for (const Series &series : chart.series)
      for (double each : series.values)
        value = std::fmax(value, each);
    return value;
  }

  void drawGrid() {
    for (double tick : y.ticks()) {
      writeLine(os, left, y(tick), right, y(tick));
      writeText(os, left - 8, y(tick) + 4, "end", chart.text(tick));
    }
    double free = -INFINITY; // Labels closer than this would touch.
    for (int64_t value : chart.xs) {
      writeLine(os, x(double(value)), top, x(double(value)), bottom);
      if (x(double(value)) < free)
        continue;
      free = x(double(value)) + 36;
      writeText(os, x(double(value)), bottom + 18, "middle",
                std::to_string(value));
    }
    writeText(os, (left + right) / 2, bottom + 40, "middle", chart.xLabel);
  }

  void drawLines() {
    for (const Series &series : chart.series) {
      os << "<polyline fill='none' stroke-width='2.5' stroke-linejoin='round' "
            "stroke='"
         << series.colour << "' points='";
      for (auto [at, value] : llvm::zip(chart.xs, series.values))
        os << fixed(x(double(at))) << ',' << fixed(y(value)) << ' ';
      os << "'/>\n";
      for (auto [at, value] : llvm::zip(chart.xs, series.values)) {
        os << "<circle r='4' fill='" << series.colour << "' cx='"
           << fixed(x(double(at))) << "' cy='" << fixed(y(value))
           << "'><title>";
        llvm::printHTMLEscaped(series.name + ", " + chart.xLabel + " " +
                                   std::to_string(at) + ": " +
                                   chart.text(value),
                               os);
        os << "</title></circle>\n";
      }
    }
  }

  // At the ends of the lines, pushed apart where they would cover each other.
  void drawNames() {
    std::vector<std::pair<double, const Series *>> names;
    for (const Series &series : chart.series)
      names.push_back({y(series.values.back()), &series});
    llvm::sort(names);
    for (size_t i = 1; i < names.size(); ++i)
      if (double gap = names[i].first - names[i - 1].first; gap < 16) {
        names[i - 1].first -= (16 - gap) / 2;
        names[i].first += (16 - gap) / 2;
      }
    for (auto [at, series] : names) {
      std::string fill =
          std::string("font-weight='600' style='fill:") + series->colour + "'";
      writeText(os, x(double(chart.xs.back())) + 12, at + 4, "start",
                series->name, fill.c_str());
    }
  }

  llvm::raw_ostream &os;
  const Chart &chart;
  double left, right, top, bottom;
  Axis x, y;
};

} // namespace

void drawChart(llvm::raw_ostream &os, const Chart &chart, int left) {
  Drawing(os, chart, left).run();
}

std::string sizeText(double bytes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (bytes >= 1e9)
    os << llvm::format("%.3g GB", bytes / 1e9);
  else if (bytes >= 1e6)
    os << llvm::format("%.3g MB", bytes / 1e6);
  else
    os << llvm::format("%.3g kB", bytes / 1e3);
  return text;
}

std::string timeText(double ms) {
  std::string text;
  llvm::raw_string_ostream os(text);
  if (ms >= 1000)
    os << llvm::format("%.3g s", ms / 1000);
  else if (ms >= 1)
    os << llvm::format("%.3g ms", ms);
  else
    os << llvm::format("%.3g µs", ms * 1000);
  return text;
}

} // namespace attune::tools
