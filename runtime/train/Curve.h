//===- Curve.h - the loss over the steps, as a picture --------------------===//
//
// Enters: losses of steps and of validations. Leaves: an SVG that needs nothing
// else and reads well on light and dark pages.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Error.h"
#include <cstdint>
#include <string>
#include <vector>

namespace attune::train {

struct Point {
  int64_t step = 0;
  double value = 0;
};

struct Curve {
  std::string title;
  std::vector<Point> training, validation; ///< By rising step.
};

std::string curveSvg(const Curve &curve);

} // namespace attune::train
