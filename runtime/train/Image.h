//===- Image.h - PNG, PPM and PGM pictures --------------------------------===//
//
// Enters: a picture that nobody vouches for. Leaves: its pixels in 8 bits for
// each channel. Its size is known by the header, so that a caller can refuse it
// before memory is taken.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Error.h"
#include <cstddef>
#include <cstdint>
#include <span>

namespace attune::train {

struct ImageInfo {
  int64_t width = 0, height = 0; ///< 1 to a million.
  int64_t channels = 0;          ///< 1 of grey, 3 of colour.
  int64_t bytes() const { return width * height * channels; }
};

/// Of a PNG, a binary PPM (P6) or a binary PGM (P5), told by its first bytes.
core::Error readImageInfo(std::span<const std::byte> file, ImageInfo &out);

/// Writes the info.bytes() of its pixels, the channels of each side by side.
/// Deeper pictures are rounded to 8 bits; what is shallower is scaled up; a
/// palette becomes colours; an alpha channel is dropped, as PIL's
/// convert("RGB") does; colour profiles are not applied.
core::Error decodeImage(std::span<const std::byte> file, const ImageInfo &info,
                        std::span<std::byte> pixels);

} // namespace attune::train
