// Tables, JSON and plots of a comparison.
#include "compiler/tools/CompareReport.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <functional>

namespace attune::tools {

static std::string shapeText(const ShapePoint &shape) {
  std::string text;
  for (const auto &[name, value] : shape)
    text += (text.empty() ? "" : ", ") + name + "=" + std::to_string(value);
  return text.empty() ? "static" : text;
}

void printCompareTable(const CompareResult &result) {
  llvm::outs() << result.model << ", " << result.isa << ", " << result.threads
               << (result.threads == 1 ? " thread\n" : " threads\n");
  llvm::outs() << llvm::format("%-28s %11s %11s %7s %11s %11s %7s %9s\n",
                               "shape", "fused ms", "unfused ms", "ratio",
                               "fused MB", "unfused MB", "ratio", "max diff");
  for (const ComparePoint &point : result.points)
    llvm::outs() << llvm::format(
        "%-28s %11.3f %11.3f %6.2fx %11.2f %11.2f %6.2fx %9.1e\n",
        shapeText(point.shape).c_str(), point.fused.medianMs,
        point.unfused.medianMs, point.unfused.medianMs / point.fused.medianMs,
        double(point.fused.peakBytes) / 1e6,
        double(point.unfused.peakBytes) / 1e6,
        double(point.unfused.peakBytes) / double(point.fused.peakBytes),
        point.maxRelDiff);
}

void printCompareJson(const CompareResult &result) {
  auto measurement = [](const Measurement &m) {
    return llvm::json::Object{{"median_ms", m.medianMs},
                              {"peak_bytes", int64_t(m.peakBytes)}};
  };
  llvm::json::Array points;
  for (const ComparePoint &point : result.points) {
    llvm::json::Object shape;
    for (const auto &[name, value] : point.shape)
      shape[name] = value;
    points.push_back(llvm::json::Object{{"shape", std::move(shape)},
                                        {"fused", measurement(point.fused)},
                                        {"unfused", measurement(point.unfused)},
                                        {"max_rel_diff", point.maxRelDiff}});
  }
  llvm::json::Object whole{{"model", result.model},
                           {"isa", result.isa},
                           {"threads", int64_t(result.threads)},
                           {"points", std::move(points)}};
  llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(whole)))
               << '\n';
}

// ---- plots ----

namespace {
// One chart with logarithmic axes: x is the point's last symbol (its length),
// or its number where there is none.
struct Chart {
  std::string title;
  std::function<double(const Measurement &)> value;
};
constexpr int kWidth = 460, kHeight = 300, kMargin = 56;
} // namespace

static double abscissa(const CompareResult &result, size_t i) {
  const ShapePoint &shape = result.points[i].shape;
  return shape.empty() ? double(i + 1)
                       : double(std::max<int64_t>(shape.rbegin()->second, 1));
}

static void drawChart(llvm::raw_ostream &os, const CompareResult &result,
                      const Chart &chart, int left) {
  double minX = INFINITY, maxX = 0, minY = INFINITY, maxY = 0;
  for (size_t i = 0; i < result.points.size(); ++i) {
    minX = std::fmin(minX, abscissa(result, i)),
    maxX = std::fmax(maxX, abscissa(result, i));
    for (const Measurement &m :
         {result.points[i].fused, result.points[i].unfused})
      minY = std::fmin(minY, chart.value(m)),
      maxY = std::fmax(maxY, chart.value(m));
  }
  auto scale = [](double v, double low, double high) {
    return high > low ? std::log(v / low) / std::log(high / low) : 0.5;
  };
  auto x = [&](double v) {
    return left + kMargin + scale(v, minX, maxX) * (kWidth - 2 * kMargin);
  };
  auto y = [&](double v) {
    return kHeight - kMargin - scale(v, minY, maxY) * (kHeight - 2 * kMargin);
  };
  os << "<text x='" << left + kWidth / 2
     << "' y='24' text-anchor='middle' font-weight='bold'>" << chart.title
     << "</text>\n";
  os << "<rect x='" << left + kMargin << "' y='" << kMargin << "' width='"
     << kWidth - 2 * kMargin << "' height='" << kHeight - 2 * kMargin
     << "' fill='none' stroke='#999'/>\n";
  for (double v : {minY, maxY})
    os << "<text x='" << left + kMargin - 6 << "' y='"
       << llvm::format("%.1f", y(v) + 4) << "' text-anchor='end'>"
       << llvm::format("%.3g", v) << "</text>\n";
  for (size_t i = 0; i < result.points.size(); ++i)
    os << "<text x='" << llvm::format("%.1f", x(abscissa(result, i))) << "' y='"
       << kHeight - kMargin + 18 << "' text-anchor='middle'>"
       << abscissa(result, i) << "</text>\n";
  auto line = [&](const char *colour, const char *label, auto member, int row) {
    os << "<polyline fill='none' stroke-width='2' stroke='" << colour
       << "' points='";
    for (size_t i = 0; i < result.points.size(); ++i)
      os << llvm::format("%.1f,%.1f ", x(abscissa(result, i)),
                         y(chart.value(result.points[i].*member)));
    os << "'/>\n<text x='" << left + kMargin + 8 << "' y='"
       << kMargin + 18 + 16 * row << "' fill='" << colour << "'>" << label
       << "</text>\n";
  };
  line("#0b6e4f", "fused", &ComparePoint::fused, 0);
  line("#c0392b", "unfused", &ComparePoint::unfused, 1);
}

static void drawPlots(llvm::raw_ostream &os, const CompareResult &result) {
  os << "<svg xmlns='http://www.w3.org/2000/svg' width='" << 2 * kWidth
     << "' height='" << kHeight
     << "' font-family='sans-serif' font-size='12'>\n"
     << "<rect width='100%' height='100%' fill='white'/>\n";
  drawChart(
      os, result,
      {"median time, ms", [](const Measurement &m) { return m.medianMs; }}, 0);
  drawChart(os, result,
            {"peak memory, MB",
             [](const Measurement &m) { return double(m.peakBytes) / 1e6; }},
            kWidth);
  os << "</svg>\n";
}

static void printPage(llvm::raw_ostream &os, const CompareResult &result) {
  std::string model;
  llvm::raw_string_ostream escaped(model);
  llvm::printHTMLEscaped(result.model, escaped);
  os << "<!doctype html>\n<meta charset='utf-8'>\n<title>fused against "
        "unfused: "
     << model
     << "</title>\n<style>body{font:14px "
        "sans-serif;margin:2em}td,th{padding:.2em .8em;"
        "text-align:right}</style>\n<h1>Fused against unfused "
        "attention</h1>\n<p>"
     << model << ", " << result.isa << ", threads: " << result.threads
     << "</p>\n";
  drawPlots(os, result);
  os << "<table><tr><th>shape<th>fused ms<th>unfused ms<th>fused MB<th>unfused "
        "MB<th>max diff\n";
  for (const ComparePoint &p : result.points)
    os << "<tr><td>" << shapeText(p.shape)
       << llvm::format("<td>%.3f<td>%.3f<td>%.2f<td>%.2f<td>%.1e\n",
                       p.fused.medianMs, p.unfused.medianMs,
                       double(p.fused.peakBytes) / 1e6,
                       double(p.unfused.peakBytes) / 1e6, p.maxRelDiff);
  os << "</table>\n";
}

bool writeCompareReport(const CompareResult &result, const std::string &path) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (error) {
    llvm::errs() << "attune: " << path << ": " << error.message() << '\n';
    return false;
  }
  llvm::StringRef(path).ends_with(".svg") ? drawPlots(file, result)
                                          : printPage(file, result);
  return true;
}

} // namespace attune::tools
