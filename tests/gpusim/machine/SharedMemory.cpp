//===- SharedMemory.cpp - shared memory that watches its users ------------===//
//
// The checks on cells of four bytes, and the exact form for those that several
// threads use in parts.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/SharedMemory.h"
#include <algorithm>
#include <bit>
#include <cstring>

namespace attune::gpusim {

SharedMemory::SharedMemory(uint64_t size)
    : bytes(size, std::byte(0xff)), cells((size + 3) / 4) {}

/// Whether a write is ordered before what `who` does. Lanes of one warp are
/// ordered by a barrier too, bar.warp.sync included; a lane sees its own.
static bool ordered(const Accessor &who, uint32_t clock, uint32_t thread) {
  uint32_t warp = thread / 32;
  uint32_t known = (*who.clock)[warp];
  return warp == who.warp ? clock < known || thread == who.thread()
                          : clock <= known;
}

static SharedMemory::Checked problem(ErrorKind kind, std::string message) {
  return std::make_unique<SharedMemory::Problem>(
      SharedMemory::Problem{kind, std::move(message)});
}

static SharedMemory::Checked race(const char *what, uint32_t thread,
                                  uint32_t pc) {
  std::string who = "warp " + std::to_string(thread / 32) + " lane " +
                    std::to_string(thread % 32);
  return std::make_unique<SharedMemory::Problem>(SharedMemory::Problem{
      ErrorKind::Race, std::string(what) + " " + who, pc, true});
}

static SharedMemory::Checked raceWithReader(uint32_t warp, uint32_t pc) {
  return std::make_unique<SharedMemory::Problem>(SharedMemory::Problem{
      ErrorKind::Race,
      "no barrier since the read by warp " + std::to_string(warp), pc, true});
}

/// Calls `function(cell, mask of its bytes)` until one finds a problem.
template <typename Function>
SharedMemory::Checked SharedMemory::forCells(uint64_t offset, unsigned count,
                                             Function function) {
  for (uint64_t at = offset, end = offset + count; at < end;) {
    auto first = unsigned(at % 4);
    auto length = unsigned(std::min<uint64_t>(4 - first, end - at));
    auto mask = uint8_t(((1u << length) - 1) << first);
    if (Checked found = function(uint32_t(at / 4), mask))
      return found;
    at += length;
  }
  return nullptr;
}

SharedMemory::Checked SharedMemory::read(const Accessor &who, uint64_t offset,
                                         unsigned count) {
  return forCells(offset, count, [&](uint32_t index, uint8_t mask) {
    return readCell(who, index, mask);
  });
}

SharedMemory::Checked SharedMemory::write(const Accessor &who, uint64_t offset,
                                          unsigned count) {
  return forCells(offset, count, [&](uint32_t index, uint8_t mask) {
    return writeCell(who, index, mask, false);
  });
}

SharedMemory::Checked SharedMemory::atomic(const Accessor &who, uint64_t offset,
                                           unsigned count) {
  return forCells(offset, count, [&](uint32_t index, uint8_t mask) -> Checked {
    if ((cells[index].written & mask) != mask)
      return problem(ErrorKind::Uninitialised,
                     "atomic on shared memory that nobody wrote");
    return writeCell(who, index, mask, true);
  });
}

SharedMemory::Checked SharedMemory::beginCopy(const Accessor &who,
                                              uint64_t offset, unsigned count) {
  return forCells(offset, count, [&](uint32_t index, uint8_t mask) -> Checked {
    if (Checked found = writeCell(who, index, mask, false))
      return found;
    cells[index].inFlight |= mask;
    return nullptr;
  });
}

void SharedMemory::land(const Accessor &who, uint64_t offset, unsigned count,
                        const std::byte *data) {
  std::memcpy(bytes.data() + offset, data, count);
  forCells(offset, count, [&](uint32_t index, uint8_t mask) -> Checked {
    cells[index].inFlight &= uint8_t(~mask);
    recordWrite(who, index, mask, false);
    return nullptr;
  });
}

SharedMemory::Checked SharedMemory::readCell(const Accessor &who,
                                             uint32_t index, uint8_t mask) {
  Cell &cell = cells[index];
  if (cell.inFlight & mask)
    return problem(ErrorKind::InFlight,
                   "read of the target of a copy that has not landed");
  if ((cell.written & mask) != mask)
    return problem(ErrorKind::Uninitialised,
                   "read of shared memory that nobody wrote");
  if (cell.detailed)
    return readDetail(who, details[index], mask);
  if ((cell.lastWrite & mask) && !ordered(who, cell.writeClock, cell.writer))
    return race("no barrier since the write by", cell.writer, cell.writePc);
  uint32_t now = (*who.clock)[who.warp];
  uint32_t self = 1u << who.warp;
  if (cell.readers && cell.readClock == now && cell.readBytes == mask) {
    cell.readers |= self;
    return nullptr;
  }
  // Readers that are ordered before this read need not be remembered: what
  // comes after this read comes after them.
  bool replace = (cell.readBytes & ~mask) == 0;
  for (uint32_t left = cell.readers; left && replace; left &= left - 1)
    replace = cell.readClock <= (*who.clock)[unsigned(std::countr_zero(left))];
  if (!replace)
    return readDetail(who, expand(index), mask);
  cell.readClock = now;
  cell.readers = self;
  cell.readBytes = mask;
  cell.readPc = who.pc;
  return nullptr;
}

SharedMemory::Checked SharedMemory::writeCell(const Accessor &who,
                                              uint32_t index, uint8_t mask,
                                              bool atomic) {
  Cell &cell = cells[index];
  if (cell.inFlight & mask)
    return problem(ErrorKind::InFlight,
                   "write to the target of a copy that has not landed");
  if (cell.detailed) {
    if (Checked found = checkDetail(who, details[index], mask, atomic))
      return found;
    recordWrite(who, index, mask, atomic);
    return nullptr;
  }
  if ((cell.lastWrite & mask) && !(atomic && cell.atomic) &&
      !ordered(who, cell.writeClock, cell.writer))
    return race("no barrier since the write by", cell.writer, cell.writePc);
  if (cell.readBytes & mask)
    for (uint32_t left = cell.readers; left; left &= left - 1)
      if (auto reader = unsigned(std::countr_zero(left));
          cell.readClock > (*who.clock)[reader])
        return raceWithReader(reader, cell.readPc);
  recordWrite(who, index, mask, atomic);
  return nullptr;
}

/// The write has been checked; remembers it.
void SharedMemory::recordWrite(const Accessor &who, uint32_t index,
                               uint8_t mask, bool atomic) {
  Cell &cell = cells[index];
  cell.written |= mask;
  uint32_t now = (*who.clock)[who.warp];
  bool same = cell.writer == who.thread() && cell.writeClock == now;
  bool covers = (cell.lastWrite & ~mask) == 0;
  if (mask == 0xf && cell.detailed) {
    details.erase(index);
    cell.detailed = false;
    covers = true;
  }
  if (cell.detailed || !(covers || same))
    return writeDetail(who, expand(index), mask, atomic);
  cell.lastWrite = covers ? mask : cell.lastWrite | mask;
  cell.writeClock = now;
  cell.writer = uint16_t(who.thread());
  cell.writePc = who.pc;
  cell.atomic = atomic;
  if ((cell.readBytes & ~mask) == 0)
    cell.readers = 0, cell.readBytes = 0;
}

SharedMemory::Detail &SharedMemory::expand(uint32_t index) {
  Cell &cell = cells[index];
  Detail &detail = details[index];
  if (cell.detailed)
    return detail;
  cell.detailed = true;
  for (unsigned i = 0; i < 4; ++i) {
    ByteDetail &byte = detail[i];
    byte = {};
    byte.hasWrite = cell.lastWrite >> i & 1;
    byte.writeClock = cell.writeClock;
    byte.writePc = cell.writePc;
    byte.writer = cell.writer;
    byte.atomic = cell.atomic;
    byte.readPc = cell.readPc;
    if (cell.readBytes >> i & 1)
      for (unsigned warp = 0; warp < kMaxWarps; ++warp)
        if (cell.readers >> warp & 1)
          byte.readClock[warp] = cell.readClock;
  }
  return detail;
}

SharedMemory::Checked SharedMemory::readDetail(const Accessor &who,
                                               Detail &detail, uint8_t mask) {
  for (unsigned i = 0; i < 4; ++i) {
    if (!(mask >> i & 1))
      continue;
    ByteDetail &byte = detail[i];
    if (byte.hasWrite && !ordered(who, byte.writeClock, byte.writer))
      return race("no barrier since the write by", byte.writer, byte.writePc);
    byte.readClock[who.warp] = (*who.clock)[who.warp];
    byte.readPc = who.pc;
  }
  return nullptr;
}

/// Whether a write by `who` races with what the bytes saw.
SharedMemory::Checked SharedMemory::checkDetail(const Accessor &who,
                                                const Detail &detail,
                                                uint8_t mask, bool atomic) {
  for (unsigned i = 0; i < 4; ++i) {
    if (!(mask >> i & 1))
      continue;
    const ByteDetail &byte = detail[i];
    if (byte.hasWrite && !(atomic && byte.atomic) &&
        !ordered(who, byte.writeClock, byte.writer))
      return race("no barrier since the write by", byte.writer, byte.writePc);
    for (unsigned warp = 0; warp < kMaxWarps; ++warp)
      if (byte.readClock[warp] > (*who.clock)[warp])
        return raceWithReader(warp, byte.readPc);
  }
  return nullptr;
}

void SharedMemory::writeDetail(const Accessor &who, Detail &detail,
                               uint8_t mask, bool atomic) {
  for (unsigned i = 0; i < 4; ++i) {
    if (!(mask >> i & 1))
      continue;
    detail[i] = {};
    detail[i].writeClock = (*who.clock)[who.warp];
    detail[i].writePc = who.pc;
    detail[i].writer = who.thread();
    detail[i].hasWrite = true;
    detail[i].atomic = atomic;
  }
}

} // namespace attune::gpusim
