//===- Tensor.h - a tensor that owns its bytes ----------------------------===//
//
// What files are read into and written from.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/attune.h"
#include "runtime/core/Error.h"
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace attune::tools {

using core::cat;
using core::Error;

struct Tensor {
  attune_dtype dtype = ATTUNE_F32;
  std::vector<int64_t> dims;
  std::vector<std::byte> data; ///< Row-major, little endian.
  std::string origin;          ///< The file it was read from.

  /// A view for the C API; the tensor must outlive it.
  attune_tensor view() const;
};

using NamedTensors = std::map<std::string, Tensor>;

/// The product of dims times the element size; an error when it overflows, a
/// dim is negative, or there are more than ATTUNE_MAX_RANK.
Error tensorBytes(attune_dtype dtype, std::span<const int64_t> dims,
                  uint64_t &bytes);

/// Refuses what takes more than half of the machine's memory before any is
/// taken: a few bytes on disk or of a command line can ask for any number.
Error checkMemory(std::string_view what, uint64_t bytes);

/// Whether each value of `from` is one of `to`: narrower integers of i64 and
/// i32, f16 and bf16 of f32.
bool isNarrower(attune_dtype from, attune_dtype to);
/// The same values in that dtype, of which they are.
Tensor widened(const Tensor &tensor, attune_dtype to);

/// "[2, 3]": for messages.
std::string dimsText(std::span<const int64_t> dims);

/// A tensor over somebody else's memory, copied.
Tensor copyOf(const attune_tensor &view);

} // namespace attune::tools
