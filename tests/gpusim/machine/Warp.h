//===- Warp.h - 32 lanes, their registers and where they are --------------===//
//
// Lanes run in lockstep as long as they agree on where to go. When they part,
// each side is a Path with its own place; paths meet again at the join of the
// branch, where they wait for each other, as the assembler's reconvergence
// points make them.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/machine/Program.h"
#include "tests/gpusim/machine/SharedMemory.h"
#include <cstring>

namespace attune::gpusim {

struct Cta;
struct Launch;

/// The 32 values of one register.
template <class T>
struct Lanes {
  T v[kWarpSize];
  T &operator[](unsigned lane) { return v[lane]; }
  const T &operator[](unsigned lane) const { return v[lane]; }
};

/// Lanes that run together.
struct Path {
  enum State : uint8_t { Ready, Parted, Waiting, Free };
  State state = Ready;
  uint32_t pc = 0;
  Mask lanes = 0;
  uint32_t join = kNever; ///< where it hands its lanes back to `parent`
  int32_t parent = -1;
  Mask arrived = 0; ///< of a parted one: lanes that are back
};

/// A copy from global to shared memory that has begun.
struct PendingCopy {
  uint32_t lane, pc;
  uint64_t target;
  uint32_t bytes;
  uint32_t group; ///< of its lane, counted by commits
  std::array<std::byte, 16> data;
};

struct Warp {
  Cta *cta = nullptr;
  Launch *launch = nullptr;
  const Program *program = nullptr;
  uint32_t index = 0;
  Mask exists = 0;      ///< lanes that began
  Mask live = 0;        ///< lanes that have not returned
  uint32_t current = 0; ///< path that runs
  bool moved = false;   ///< the instruction has set the path's pc
  VectorClock clock{};
  std::vector<Path> paths;
  std::vector<std::byte> registers;
  std::vector<std::byte> local; ///< of all lanes, one after the other
  std::vector<PendingCopy> copies;
  std::array<uint32_t, kWarpSize> committed{}; ///< copy groups of a lane

  Path &path() { return paths[current]; }
  /// Instruction that is being executed.
  uint32_t pc() { return paths[current].pc; }
  bool done() const { return live == 0; }
  bool canRun() const;

  template <class T>
  Lanes<T> read(Row row) const {
    Lanes<T> lanes;
    std::memcpy(lanes.v, registers.data() + row, sizeof(lanes.v));
    return lanes;
  }
  template <class T>
  void write(Row row, const Lanes<T> &lanes, Mask mask) {
    std::byte *place = registers.data() + row;
    if (mask == kAllLanes) {
      std::memcpy(place, lanes.v, sizeof(lanes.v));
      return;
    }
    for (; mask; mask &= mask - 1) {
      auto lane = unsigned(__builtin_ctz(mask));
      std::memcpy(place + lane * sizeof(T), &lanes.v[lane], sizeof(T));
    }
  }
  Mask readPredicate(Row row) const {
    Mask value;
    std::memcpy(&value, registers.data() + row, sizeof(value));
    return value;
  }
  void writePredicate(Row row, Mask value, Mask mask) {
    value = (value & mask) | (readPredicate(row) & ~mask);
    std::memcpy(registers.data() + row, &value, sizeof(value));
  }

  /// Runs up to `quantum` instructions of one path; stops when it waits.
  void run(unsigned quantum);

  /// The running path goes on at `target` with `taken`, the rest at the next
  /// instruction.
  void branch(uint32_t target, uint32_t join, Mask taken) {
    part(target, pc() + 1, join, taken);
  }
  /// The running path goes on at `target` with `taken`, the rest at `other`.
  void part(uint32_t target, uint32_t other, uint32_t join, Mask taken);
  /// Lanes return.
  void exit(Mask lanes);
  /// Stops the launch.
  void fail(const Inst &inst, unsigned lane, ErrorKind kind,
            std::string message);
  bool failed() const;
  /// For a warp-wide instruction: false, and an error, where lanes are missing.
  bool requireAll(const Inst &inst, Mask mask);
  Accessor accessor(unsigned lane) {
    return {index, lane, paths[current].pc, &clock};
  }

  /// All copy groups of `lanes` land, except for each lane's newest ones.
  void landCopies(Mask lanes, uint32_t keepNewest);

private:
  uint32_t newPath();
  void settle(uint32_t path);
  void arrive(uint32_t path);
  bool choosePath();
};

/// Lowest lane of a mask that is not empty.
inline unsigned firstLane(Mask mask) { return unsigned(__builtin_ctz(mask)); }

} // namespace attune::gpusim
