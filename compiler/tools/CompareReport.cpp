// Tables, JSON and plots of a comparison.
#include "compiler/tools/CompareReport.h"

#include "compiler/tools/Output.h"
#include "compiler/tools/Page.h"
#include "compiler/tools/Plot.h"
#include "compiler/tools/Runner.h"
#include "runtime/tools/Terminal.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <set>

namespace attune::tools {

static std::string shapeText(const ShapePoint &shape) {
  std::string text;
  for (const auto &[name, value] : shape)
    text += (text.empty() ? "" : ", ") + name + "=" + std::to_string(value);
  return text.empty() ? "static" : text;
}

static std::string machineText(const CompareResult &result) {
  return result.isa + ", " + std::to_string(result.threads) +
         (result.threads == 1 ? " thread" : " threads");
}

void printCompareTable(const CompareResult &result) {
  llvm::outs() << result.model << ", " << machineText(result) << '\n';
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
    points.push_back(
        llvm::json::Object{{"shape", std::move(shape)},
                           {"fused", measurement(point.fused)},
                           {"unfused", measurement(point.unfused)},
                           {"max_rel_diff", jsonNumber(point.maxRelDiff)}});
  }
  llvm::json::Object whole{{"model", result.model},
                           {"isa", result.isa},
                           {"threads", int64_t(result.threads)},
                           {"points", std::move(points)}};
  llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(whole)))
               << '\n';
}

// ---- plots ----

// The one symbol whose value differs between the points; none if several do.
static std::optional<std::string> varyingSymbol(const CompareResult &result) {
  std::set<std::string> varying;
  for (const ComparePoint &point : result.points)
    for (const auto &[name, value] : point.shape)
      if (value != result.points.front().shape.at(name))
        varying.insert(name);
  return varying.size() == 1 ? std::optional(*varying.begin()) : std::nullopt;
}

static Chart makeChart(const CompareResult &result, const std::string &symbol,
                       std::string title, double (*value)(const Measurement &),
                       std::string (*text)(double)) {
  std::vector<const ComparePoint *> order;
  for (const ComparePoint &point : result.points)
    order.push_back(&point);
  llvm::sort(order, [&](const ComparePoint *a, const ComparePoint *b) {
    return a->shape.at(symbol) < b->shape.at(symbol);
  });
  // Blue and orange: told apart by the colour-blind too.
  Chart chart{std::move(title),
              symbol,
              {},
              {{"fused", "#0072b2", {}}, {"unfused", "#d55e00", {}}},
              text};
  for (const ComparePoint *point : order) {
    chart.xs.push_back(std::max<int64_t>(point->shape.at(symbol), 1));
    chart.series[0].values.push_back(value(point->fused));
    chart.series[1].values.push_back(value(point->unfused));
  }
  return chart;
}

// Nothing where there is no line to draw: one point, or several dims at once.
static bool drawPlots(llvm::raw_ostream &os, const CompareResult &result,
                      bool standsAlone) {
  auto symbol = varyingSymbol(result);
  if (!symbol)
    return false;
  os << "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 "
     << 2 * kChartWidth << ' ' << kChartHeight << "' width='" << 2 * kChartWidth
     << "' height='" << kChartHeight << "' role='img'>\n";
  if (standsAlone)
    os << "<style>" << chartStyle()
       << "</style><rect width='100%' height='100%' fill='white'/>\n";
  drawChart(os,
            makeChart(
                result, *symbol, "Median time",
                [](const Measurement &m) { return m.medianMs; }, timeText),
            0);
  drawChart(os,
            makeChart(
                result, *symbol, "Peak memory",
                [](const Measurement &m) { return double(m.peakBytes); },
                sizeText),
            kChartWidth);
  os << "</svg>\n";
  return true;
}

// ---- page ----

static double speedup(const ComparePoint &point) {
  return point.unfused.medianMs / point.fused.medianMs;
}

static double saving(const ComparePoint &point) {
  return double(point.unfused.peakBytes) / double(point.fused.peakBytes);
}

static std::string factorText(double factor) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.2f×", factor);
  return text;
}

static std::string differenceText(double difference) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.1e", difference);
  return text;
}

// The greatest value of `of` and where it was.
static Tile best(const CompareResult &result,
                 double (*of)(const ComparePoint &),
                 std::string (*text)(double), const std::string &what) {
  const ComparePoint *most = &result.points.front();
  for (const ComparePoint &point : result.points)
    if (of(point) > of(*most))
      most = &point;
  return {text(of(*most)), what + ", " + shapeText(most->shape)};
}

static void writeRow(llvm::raw_ostream &os, const ComparePoint &point) {
  auto factor = [](double value) {
    return std::string("<td class='n ") + (value >= 1 ? "good" : "bad") +
           "'><b>" + factorText(value) + "</b>";
  };
  os << "<tr><td>" << escaped(shapeText(point.shape));
  for (double ms : {point.fused.medianMs, point.unfused.medianMs})
    os << "<td class='n'>" << timeText(ms);
  os << factor(speedup(point));
  for (uint64_t bytes : {point.fused.peakBytes, point.unfused.peakBytes})
    os << "<td class='n'>" << sizeText(double(bytes));
  os << factor(saving(point)) << "<td class='n'>"
     << differenceText(point.maxRelDiff) << '\n';
}

static void writePage(llvm::raw_ostream &os, const CompareResult &result) {
  beginPage(os, "compare", result.model,
            "Fused against unfused attention on " + machineText(result) +
                ", in turn on the same inputs in one process.",
            {best(result, speedup, factorText, "the speed of unfused"),
             best(result, saving, factorText, "less memory"),
             best(
                 result, [](const ComparePoint &p) { return p.maxRelDiff; },
                 differenceText, "largest difference")});
  if (varyingSymbol(result)) {
    os << "<div class='card'>\n";
    drawPlots(os, result, false);
    os << "</div>\n";
  }
  os << "<div class='wide'><table>\n<tr><th>shape<th class='n'>time, fused"
        "<th class='n'>unfused<th class='n'>speed-up<th class='n'>memory, "
        "fused<th class='n'>unfused<th class='n'>less<th class='n'>max. "
        "difference\n";
  for (const ComparePoint &point : result.points)
    writeRow(os, point);
  os << "</table></div>\n<footer>Times are medians. Memory is the peak of one "
        "run: activations, outputs and weights. The difference is max |fused "
        "- unfused| / max |unfused| over all outputs. Both axes of a chart "
        "are logarithmic: slope 1 is linear growth, slope 2 the "
        "square.</footer>\n";
  endPage(os);
}

bool writeCompareReport(const CompareResult &result, const std::string &path) {
  if (!llvm::StringRef(path).ends_with(".svg"))
    return writeOutput(path,
                       [&](llvm::raw_ostream &os) { writePage(os, result); });
  if (!varyingSymbol(result)) {
    printError(path + ": a plot needs points that differ in one dim; list them "
                      "as --shape seq=128:256:512");
    return false;
  }
  return writeOutput(
      path, [&](llvm::raw_ostream &os) { drawPlots(os, result, true); });
}

} // namespace attune::tools
