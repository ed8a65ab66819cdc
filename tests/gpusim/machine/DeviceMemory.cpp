//===- DeviceMemory.cpp - allocations and what was written to them --------===//
//
// A map by base address with the last hit remembered.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/DeviceMemory.h"
#include <algorithm>
#include <cstring>

namespace attune::gpusim {

/// Larger than any stray offset that a small test makes.
static constexpr uint64_t kGap = 1 << 20;

uint64_t DeviceMemory::allocate(uint64_t size, std::string name) {
  uint64_t base = next;
  next = (base + size + kGap + 511) / 512 * 512;
  Allocation &allocation = allocations[base];
  allocation.name = std::move(name);
  allocation.base = base;
  allocation.size = size;
  allocation.bytes.assign(size, std::byte(0xff));
  allocation.written.assign(size, 0);
  live += size;
  ++liveAllocations;
  return base;
}

bool DeviceMemory::free(uint64_t address) {
  auto found = allocations.find(address);
  if (found == allocations.end() || found->second.freed)
    return false;
  Allocation &allocation = found->second;
  allocation.freed = true;
  allocation.bytes = {};
  allocation.written = {};
  live -= allocation.size;
  --liveAllocations;
  return true;
}

Allocation *DeviceMemory::find(uint64_t address, uint64_t size) {
  auto holds = [&](const Allocation &a) {
    return !a.freed && address >= a.base && size <= a.size &&
           address - a.base <= a.size - size;
  };
  if (last && holds(*last))
    return last;
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    return nullptr;
  Allocation &candidate = std::prev(after)->second;
  if (!holds(candidate))
    return nullptr;
  last = &candidate;
  return last;
}

std::string DeviceMemory::describe(uint64_t address) const {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", (unsigned long long)(address));
  std::string out = text;
  auto number = [](uint64_t n) { return std::to_string(n); };
  auto after = allocations.upper_bound(address);
  if (after != allocations.begin()) {
    const Allocation &a = std::prev(after)->second;
    if (a.freed && address < a.base + a.size)
      return out + ", in " + a.name + ", which was freed";
    if (address < a.base + a.size)
      return out + ", byte " + number(address - a.base) + " of " + a.name +
             " (" + number(a.size) + " bytes)";
    if (address - (a.base + a.size) < kGap)
      return out + ", " + number(address - (a.base + a.size)) +
             " bytes past the end of " + a.name + " (" + number(a.size) +
             " bytes)";
  }
  if (after != allocations.end() && after->second.base - address < kGap)
    return out + ", " + number(after->second.base - address) +
           " bytes before " + after->second.name;
  return out + ", in no allocation";
}

bool DeviceMemory::write(uint64_t address, std::span<const std::byte> bytes) {
  Allocation *allocation = find(address, bytes.size());
  if (!allocation)
    return false;
  uint64_t at = address - allocation->base;
  std::copy(bytes.begin(), bytes.end(), allocation->bytes.begin() + long(at));
  std::fill_n(allocation->written.begin() + long(at), bytes.size(), 1);
  return true;
}

bool DeviceMemory::read(uint64_t address, std::span<std::byte> bytes) {
  Allocation *allocation = find(address, bytes.size());
  if (!allocation)
    return false;
  auto from = allocation->bytes.begin() + long(address - allocation->base);
  std::copy_n(from, bytes.size(), bytes.begin());
  return true;
}

} // namespace attune::gpusim
