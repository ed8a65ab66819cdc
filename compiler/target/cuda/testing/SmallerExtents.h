//===- SmallerExtents.h - kernels of full size for the emulator -*- C++ -*-===//
//
// Kernels that are timed on devices have extents that an emulator takes hours
// for. Here they shrink in the text; blocks stay as they are, and are as whole
// as at full size.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <map>
#include <string>

namespace attune::target::cuda::testing {

inline int64_t smaller(int64_t extent) {
  static const std::map<int64_t, int64_t> extents = {
      {50257, 201}, {8192, 512}, {4096, 256}, {3072, 384},
      {2048, 256},  {1024, 256}, {768, 192},  {96, 2}};
  auto found = extents.find(extent);
  return found == extents.end() ? extent : found->second;
}

/// Every whole number of the text as `smaller` has it.
inline std::string withSmallerExtents(const std::string &text) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    size_t end = i;
    while (end < text.size() && isdigit(text[end]))
      ++end;
    std::string part = text.substr(i, std::max<size_t>(end - i, 1));
    constexpr size_t kDigits = 5; // of the largest extent
    int64_t extent = end > i && part.size() <= kDigits ? std::stoll(part) : 0;
    result +=
        smaller(extent) == extent ? part : std::to_string(smaller(extent));
    i = std::max(end, i + 1);
  }
  return result;
}

} // namespace attune::target::cuda::testing
