//===- Memory.h - memory as the runtime gives it ----------------*- C++ -*-===//
//
// Tensors of a package lie in an arena that is on huge pages where the system
// gives them. What is timed must lie so too: with small pages a walk across
// rows waits for addresses and a copy loses a third.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <sys/mman.h>

namespace attune::target::common::testing {

/// Whether large memory is to lie on huge pages, which benchmarks may change.
inline bool hugePages = true;

/// Uninitialised, 64-byte aligned, on huge pages if it is large.
inline std::shared_ptr<char> allocate(int64_t bytes) {
  constexpr size_t kHugePage = size_t(2) << 20, kLine = 64;
  size_t align = size_t(bytes) < kHugePage ? kLine : kHugePage;
  size_t length = (size_t(bytes) + align - 1) / align * align;
  void *memory = std::aligned_alloc(align, length ? length : kLine);
  if (align == kHugePage && hugePages)
    ::madvise(memory, length, MADV_HUGEPAGE);
  return std::shared_ptr<char>(static_cast<char *>(memory), std::free);
}

} // namespace attune::target::common::testing
