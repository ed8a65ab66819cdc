//===- Tensor.cpp - a tensor that owns its bytes --------------------------===//
//
// See Tensor.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/Tensor.h"
#include <algorithm>
#include <cstring>
#include <unistd.h>

namespace attune::tools {

attune_tensor Tensor::view() const {
  attune_tensor result = {};
  result.dtype = dtype;
  result.rank = uint32_t(dims.size());
  std::copy(dims.begin(), dims.end(), result.dims);
  result.data = const_cast<std::byte *>(data.data()); // C has no const view
  result.bytes = data.size();
  return result;
}

Error tensorBytes(attune_dtype dtype, std::span<const int64_t> dims,
                  uint64_t &bytes) {
  if (dims.size() > ATTUNE_MAX_RANK)
    return {ATTUNE_SHAPE_MISMATCH, cat("rank ", dims.size(), ", at most ",
                                       ATTUNE_MAX_RANK, " is supported")};
  uint64_t total = attune_dtype_bytes(dtype);
  bool overflow = false, empty = false;
  for (int64_t dim : dims) {
    if (dim < 0)
      return {ATTUNE_SHAPE_MISMATCH, cat("dim ", dim, " is negative")};
    empty |= dim == 0;
    overflow |= __builtin_mul_overflow(total, uint64_t(dim), &total);
  }
  if (overflow && !empty)
    return {ATTUNE_SHAPE_MISMATCH, "the size overflows 64 bits"};
  bytes = empty ? 0 : total;
  return {};
}

Error checkMemory(std::string_view what, uint64_t bytes) {
  uint64_t most = uint64_t(::sysconf(_SC_PHYS_PAGES)) *
                  uint64_t(::sysconf(_SC_PAGE_SIZE)) / 2;
  if (bytes <= most)
    return {};
  return {ATTUNE_OUT_OF_MEMORY,
          cat(what, ": takes ", bytes, " bytes of memory, at most ", most,
              " (half of this machine's) are given to it")};
}

std::string dimsText(std::span<const int64_t> dims) {
  std::string text;
  for (int64_t dim : dims)
    text += cat(text.empty() ? "" : ", ", dim);
  return cat("[", text, "]");
}

Tensor copyOf(const attune_tensor &view) {
  Tensor result;
  result.dtype = view.dtype;
  result.dims.assign(view.dims, view.dims + view.rank);
  result.data.resize(view.bytes);
  if (view.bytes)
    std::memcpy(result.data.data(), view.data, view.bytes);
  return result;
}

} // namespace attune::tools
