//===- DeviceMemory.h - allocations and what was written to them ----------===//
//
// Addresses are never used twice and have a gap behind them, so that a pointer
// that runs off an allocation meets nothing.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace attune::gpusim {

struct Allocation {
  std::string name;
  uint64_t base = 0, size = 0;
  bool readOnly = false, freed = false;
  std::vector<std::byte> bytes;
  std::vector<uint8_t> written; ///< per byte
};

class DeviceMemory {
public:
  static constexpr uint64_t kFirstAddress = uint64_t(1) << 48;

  /// Aligned to 512 bytes, as the driver's are; of zero bytes, too.
  uint64_t allocate(uint64_t size, std::string name);
  /// False where `address` does not begin a live allocation.
  bool free(uint64_t address);

  /// The live allocation that holds all of [address, address + size).
  Allocation *find(uint64_t address, uint64_t size);
  /// Where an address lies, for a message: "16 bytes past the end of C".
  std::string describe(uint64_t address) const;

  /// Host access; false when out of bounds. Writing marks bytes as written.
  bool write(uint64_t address, std::span<const std::byte> bytes);
  bool read(uint64_t address, std::span<std::byte> bytes);

  uint64_t liveBytes() const { return live; }
  size_t liveCount() const { return liveAllocations; }

private:
  /// By base address; freed ones stay, without their bytes, for messages.
  std::map<uint64_t, Allocation> allocations;
  Allocation *last = nullptr;
  /// Above what the host has, so that an address says whose it is.
  uint64_t next = kFirstAddress;
  uint64_t live = 0;
  size_t liveAllocations = 0;
};

} // namespace attune::gpusim
