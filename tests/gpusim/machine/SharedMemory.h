//===- SharedMemory.h - shared memory that watches its users --------------===//
//
// The bytes of one CTA's shared memory, and for each of them who wrote it last,
// who has read it since, and whether an asynchronous copy is on its way. Every
// access is checked: bytes nobody wrote, bytes in flight, and races, which are
// two accesses, one of them a write, with no barrier that orders them.
//
// Order is kept by vector clocks, one entry per warp (FastTrack, Flanagan and
// Freund 2009): a write is remembered as one (thread, clock), reads as a set of
// warps at one clock; what does not fit this form is kept byte by byte.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/Report.h"
#include <cstddef>
#include <memory>
#include <unordered_map>

namespace attune::gpusim {

inline constexpr unsigned kMaxWarps = 32;

/// What a warp knows of the others: for each, the clock up to which all that it
/// did is ordered before what this warp does next.
using VectorClock = std::array<uint32_t, kMaxWarps>;

/// Who touches shared memory.
struct Accessor {
  uint32_t warp, lane, pc;
  const VectorClock *clock;
  uint32_t thread() const { return warp * 32 + lane; }
};

class SharedMemory {
public:
  explicit SharedMemory(uint64_t size);

  uint64_t size() const { return bytes.size(); }
  std::byte *at(uint64_t offset) { return bytes.data() + offset; }

  /// What was found wrong, and the instruction of the other party of a race.
  struct Problem {
    ErrorKind kind;
    std::string message;
    uint32_t otherPc = 0;
    bool hasOther = false;
  };
  using Checked = std::unique_ptr<Problem>; ///< null: all is well

  // [offset, offset + count) must be inside.
  Checked read(const Accessor &who, uint64_t offset, unsigned count);
  Checked write(const Accessor &who, uint64_t offset, unsigned count);
  /// A read and a write in one, which other atomics do not race with.
  Checked atomic(const Accessor &who, uint64_t offset, unsigned count);
  /// A copy begins: the target must not be touched until land().
  Checked beginCopy(const Accessor &who, uint64_t offset, unsigned count);
  void land(const Accessor &who, uint64_t offset, unsigned count,
            const std::byte *data);

private:
  /// Four bytes of memory.
  struct Cell {
    uint32_t writeClock = 0, writePc = 0;
    uint32_t readClock = 0, readPc = 0;
    uint32_t readers = 0;  ///< warps that read at readClock
    uint16_t writer = 0;   ///< thread
    uint8_t written = 0;   ///< bytes that hold a value
    uint8_t inFlight = 0;  ///< bytes that a copy will write
    uint8_t lastWrite = 0; ///< bytes that `writer` wrote at writeClock
    uint8_t readBytes = 0; ///< bytes that `readers` read
    bool atomic = false;   ///< the last write was one
    bool detailed = false; ///< the truth is in `details`
  };
  /// The same for one byte, with no limit on who read it when.
  struct ByteDetail {
    uint32_t writeClock = 0, writePc = 0, writer = 0;
    bool hasWrite = false, atomic = false;
    VectorClock readClock{};
    uint32_t readPc = 0;
  };
  using Detail = std::array<ByteDetail, 4>;

  template <typename Function>
  Checked forCells(uint64_t offset, unsigned count, Function function);
  Checked readCell(const Accessor &who, uint32_t index, uint8_t mask);
  Checked writeCell(const Accessor &who, uint32_t index, uint8_t mask,
                    bool atomic);
  Checked readDetail(const Accessor &who, Detail &detail, uint8_t mask);
  Checked checkDetail(const Accessor &who, const Detail &detail, uint8_t mask,
                      bool atomic);
  void writeDetail(const Accessor &who, Detail &detail, uint8_t mask,
                   bool atomic);
  Detail &expand(uint32_t index);
  void recordWrite(const Accessor &who, uint32_t index, uint8_t mask,
                   bool atomic);

  std::vector<std::byte> bytes;
  std::vector<Cell> cells;
  std::unordered_map<uint32_t, Detail> details;
};

} // namespace attune::gpusim
