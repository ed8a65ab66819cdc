// Which elements a resize reads along one axis, and with what weights.
//
// Enters: the extents, the scale and the modes of a Resize. Leaves: for each
// position of the result a few positions of the input and their weights. Plain
// numbers, no IR.
#ifndef ATTUNE_FRONTENDS_ONNX_INTERPOLATION_H
#define ATTUNE_FRONTENDS_ONNX_INTERPOLATION_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace attune::onnx {

struct Interpolation {
  enum class Method { Nearest, Linear, Cubic };
  enum class Rounding { PreferFloor, PreferCeil, Floor, Ceil };
  Method method = Method::Nearest;
  Rounding rounding = Rounding::PreferFloor;
  std::string coordinates; ///< ONNX's coordinate_transformation_mode.
  double cubicCoefficient = -0.75;
  bool excludeOutside = false, antialias = false;
};

/// One axis to resize.
struct ResizedAxis {
  int64_t input = 0, output = 0;
  double scale = 1;
  double roiStart = 0, roiEnd = 1; ///< Of tf_crop_and_resize.
};

/// (position of the input, weight), positions ascending, no weight of 0 unless
/// it is the only one. Empty: outside of what tf_crop_and_resize crops.
using Taps = std::vector<std::pair<int64_t, double>>;

/// Where position `i` of the result lies in the input. Nothing is known of an
/// unknown mode: false.
bool sourceCoordinate(const Interpolation &how, const ResizedAxis &axis,
                      int64_t i, double &x);

/// The taps of each position of the result, for a mode that sourceCoordinate
/// knows.
std::vector<Taps> tapsOf(const Interpolation &how, const ResizedAxis &axis);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_INTERPOLATION_H
