// Weights of nearest, linear and cubic interpolation (Keys 1981), with and
// without antialiasing, for every coordinate mode of ONNX.
#include "frontends/onnx/Interpolation.h"

#include <algorithm>
#include <cmath>
#include <map>

namespace attune::onnx {

bool sourceCoordinate(const Interpolation &how, const ResizedAxis &axis,
                      int64_t i, double &x) {
  double input = double(axis.input), position = double(i);
  double output = axis.scale * input; // Before it was rounded down.
  double halfPixel = (position + 0.5) / axis.scale - 0.5;
  const std::string &mode = how.coordinates;
  if (mode == "half_pixel")
    x = halfPixel;
  else if (mode == "pytorch_half_pixel")
    x = output == 1 ? -0.5 : halfPixel;
  else if (mode == "half_pixel_symmetric")
    x = input / 2 * (1 - double(axis.output) / output) + halfPixel;
  else if (mode == "align_corners")
    x = output == 1 ? 0 : position * (input - 1) / (output - 1);
  else if (mode == "asymmetric")
    x = position / axis.scale;
  else if (mode == "tf_half_pixel_for_nn")
    x = (position + 0.5) / axis.scale;
  else if (mode == "tf_crop_and_resize")
    x = axis.roiStart * (input - 1) +
        (axis.roiEnd - axis.roiStart) * (input - 1) *
            (output == 1 ? 0.5 : position / (output - 1));
  else
    return false;
  return true;
}

static int64_t nearestTo(double x, Interpolation::Rounding rounding) {
  switch (rounding) {
  case Interpolation::Rounding::PreferFloor:
    return int64_t(std::ceil(x - 0.5));
  case Interpolation::Rounding::PreferCeil:
    return int64_t(std::floor(x + 0.5));
  case Interpolation::Rounding::Floor:
    return int64_t(std::floor(x));
  case Interpolation::Rounding::Ceil:
    return int64_t(std::ceil(x));
  }
  return 0;
}

/// The interpolation kernel at a distance from the coordinate.
static double kernelAt(const Interpolation &how, double distance) {
  double d = std::fabs(distance), a = how.cubicCoefficient;
  if (how.method == Interpolation::Method::Linear)
    return std::max(0.0, 1 - d);
  if (d <= 1)
    return ((a + 2) * d - (a + 3)) * d * d + 1;
  return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static Taps tapsAt(const Interpolation &how, const ResizedAxis &axis,
                   double x) {
  int64_t last = axis.input - 1;
  if (how.method == Interpolation::Method::Nearest)
    return {{std::clamp<int64_t>(nearestTo(x, how.rounding), 0, last), 1}};
  // Shrinking with antialiasing widens the kernel to what one result covers.
  double narrowing = how.antialias ? std::min(axis.scale, 1.0) : 1;
  double support =
      (how.method == Interpolation::Method::Linear ? 1 : 2) / narrowing;
  std::map<int64_t, double> weights;
  double sum = 0;
  for (int64_t at = int64_t(std::floor(x - support)) + 1;
       double(at) < x + support; ++at) {
    if (how.excludeOutside && (at < 0 || at > last))
      continue;
    double weight = kernelAt(how, (double(at) - x) * narrowing);
    weights[std::clamp<int64_t>(at, 0, last)] += weight;
    sum += weight;
  }
  bool normalises = how.antialias || how.excludeOutside;
  Taps taps;
  for (auto [at, weight] : weights)
    if (weight != 0)
      taps.push_back({at, normalises ? weight / sum : weight});
  return taps;
}

std::vector<Taps> tapsOf(const Interpolation &how, const ResizedAxis &axis) {
  std::vector<Taps> taps;
  for (int64_t i = 0; i < axis.output; ++i) {
    double x = 0;
    sourceCoordinate(how, axis, i, x);
    bool outside = how.coordinates == "tf_crop_and_resize" &&
                   (x < 0 || x > double(axis.input - 1));
    taps.push_back(outside ? Taps() : tapsAt(how, axis, x));
  }
  return taps;
}

} // namespace attune::onnx
