//===- Curve.cpp - the loss over the steps, as a picture ------------------===//
#include "runtime/train/Curve.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <tuple>

namespace attune::train {

namespace {

constexpr double kWidth = 720, kHeight = 400;
constexpr double kLeft = 64, kRight = 24, kTop = 48, kBottom = 48;
constexpr const char *kTraining = "#3b82c4", *kValidation = "#d9722e";

/// A linear axis from pixel `start` to pixel `end`.
struct Axis {
  double least, most, start, end;

  double operator()(double value) const {
    return start + (value - least) / (most - least) * (end - start);
  }
  /// Four to nine round numbers.
  double stepOfTicks() const {
    double step = std::pow(10, std::floor(std::log10((most - least) / 4)));
    for (double factor : {1.0, 2.0, 5.0, 10.0})
      if ((most - least) / (step * factor) <= 9)
        return step * factor;
    return step * 10;
  }
  /// The multiples of `step` in the range.
  std::vector<double> ticks(double step) const {
    std::vector<double> result;
    auto first = int64_t(std::ceil(least / step)),
         last = int64_t(std::floor(most / step));
    for (int64_t number = first; number <= last; ++number)
      result.push_back(double(number) * step);
    return result;
  }
};

std::string number(double value, int digits = 6) {
  char text[40];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

/// A multiple of `step`, told apart from the next one.
std::string tickText(double value, double step) {
  if (std::fabs(value) < step / 2)
    return "0";
  double digits = std::floor(std::log10(std::fabs(value))) -
                  std::floor(std::log10(step)) + 2;
  return number(value, int(std::clamp(digits, 6.0, 17.0)));
}

/// What the eye should follow: a running mean over about a fiftieth of all.
std::vector<Point> smoothed(const std::vector<Point> &points) {
  double weight = 1 / std::max(double(points.size()) / 50, 1.0);
  std::vector<Point> result;
  double mean = points.empty() ? 0 : points.front().value;
  for (const Point &point : points) {
    mean += weight * (point.value - mean);
    result.push_back({point.step, mean});
  }
  return result;
}

class Drawing {
public:
  explicit Drawing(const Curve &curve) : curve(curve) {}

  std::string run() {
    if (curve.training.empty() && curve.validation.empty())
      return begin() + "</svg>\n";
    findRanges();
    svg = begin();
    grid();
    line(curve.training, kTraining, 1, 0.3);
    line(smoothed(curve.training), kTraining, 2.5, 1);
    line(curve.validation, kValidation, 2.5, 1);
    legend();
    return svg + "</svg>\n";
  }

private:
  std::string begin() const {
    return "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 " +
           number(kWidth) + " " + number(kHeight) +
           "' font-family='system-ui, sans-serif' font-size='12'>\n"
           "<style>text { fill: #444 } .grid { stroke: #8884 }\n"
           "@media (prefers-color-scheme: dark) { text { fill: #ccc } }"
           "</style>\n";
  }

  void findRanges() {
    double firstStep = INFINITY, lastStep = -INFINITY, least = INFINITY,
           most = -INFINITY;
    for (const auto *points : {&curve.training, &curve.validation})
      for (const Point &point : *points) {
        firstStep = std::fmin(firstStep, double(point.step));
        lastStep = std::fmax(lastStep, double(point.step));
        least = std::fmin(least, point.value);
        most = std::fmax(most, point.value);
      }
    double air = std::fmax((most - least) * 0.05, 1e-5 * std::fabs(most));
    air = air > 0 ? air : 1;
    lastStep = std::fmax(lastStep, firstStep + 1);
    x = {firstStep, lastStep, kLeft, kWidth - kRight};
    y = {least - air, most + air, kHeight - kBottom, kTop};
  }

  void text(double atX, double atY, const char *anchor,
            const std::string &words, const char *style = "") {
    std::string escaped;
    for (char c : words)
      escaped += c == '<'   ? std::string("&lt;")
                 : c == '&' ? std::string("&amp;")
                            : std::string(1, c);
    svg += "<text x='" + number(atX) + "' y='" + number(atY) +
           "' text-anchor='" + anchor + "' " + style + ">" + escaped +
           "</text>\n";
  }

  void segment(double x1, double y1, double x2, double y2) {
    svg += "<line class='grid' x1='" + number(x1) + "' y1='" + number(y1) +
           "' x2='" + number(x2) + "' y2='" + number(y2) + "'/>\n";
  }

  void grid() {
    double step = y.stepOfTicks();
    for (double tick : y.ticks(step)) {
      segment(kLeft, y(tick), kWidth - kRight, y(tick));
      text(kLeft - 8, y(tick) + 4, "end", tickText(tick, step));
    }
    step = std::fmax(x.stepOfTicks(), 1);
    for (double tick : x.ticks(step)) {
      segment(x(tick), kTop, x(tick), kHeight - kBottom);
      text(x(tick), kHeight - kBottom + 18, "middle", tickText(tick, step));
    }
    text((kLeft + kWidth - kRight) / 2, kHeight - 8, "middle", "step");
  }

  void line(const std::vector<Point> &points, const char *colour, double width,
            double opacity) {
    svg += std::string("<polyline fill='none' stroke='") + colour +
           "' stroke-width='" + number(width) + "' stroke-opacity='" +
           number(opacity) + "' points='";
    for (const Point &point : points)
      svg += number(x(double(point.step))) + "," + number(y(point.value)) + " ";
    svg += "'/>\n";
    if (points.size() == 1)
      svg += "<circle r='3' fill='" + std::string(colour) + "' cx='" +
             number(x(double(points[0].step))) + "' cy='" +
             number(y(points[0].value)) + "'/>\n";
  }

  void legend() {
    text(kLeft, 22, "start", curve.title, "font-weight='600' font-size='14'");
    double at = kWidth - kRight;
    for (auto [points, name, colour] :
         {std::tuple(&curve.validation, "validation", kValidation),
          {&curve.training, "training", kTraining}}) {
      if (points->empty())
        continue;
      std::string words =
          std::string(name) + " " + number(points->back().value);
      std::string style = std::string("style='fill:") + colour + "'";
      text(at, 22, "end", words, style.c_str());
      at -= 8.0 * double(words.size());
    }
  }

  const Curve &curve;
  std::string svg;
  Axis x{}, y{};
};

} // namespace

std::string curveSvg(const Curve &curve) { return Drawing(curve).run(); }

} // namespace attune::train
