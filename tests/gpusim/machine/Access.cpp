//===- Access.cpp - checked access to memory of any space -----------------===//
//
// One function per space, and the costs of shared and global accesses.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Access.h"
#include "tests/gpusim/machine/Decoder.h"
#include <algorithm>

namespace attune::gpusim {

Lanes<uint64_t> addressesOf(const Warp &warp, const Inst &inst, Row base) {
  Lanes<uint64_t> addresses;
  if (inst.flags[1]) { // a 32-bit register
    auto narrow = warp.read<uint32_t>(base);
    for (unsigned lane = 0; lane < kWarpSize; ++lane)
      addresses[lane] = uint32_t(narrow[lane] + uint32_t(inst.immediate));
    return addresses;
  }
  addresses = warp.read<uint64_t>(base);
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    addresses[lane] += uint64_t(inst.immediate);
  return addresses;
}

static std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof(text), "0x%llx", (unsigned long long)(value));
  return text;
}

static std::string verb(Use use, unsigned size) {
  return std::string(use == Use::Read    ? "read"
                     : use == Use::Write ? "write"
                                         : "atomic") +
         " of " + std::to_string(size) + " bytes at ";
}

void report(Warp &warp, const Inst &inst, unsigned lane, uint64_t offset,
            const SharedMemory::Problem &problem) {
  std::string message = problem.message + ", byte " + std::to_string(offset) +
                        " of shared memory";
  if (problem.hasOther) {
    uint32_t line = warp.program->code[problem.otherPc].line;
    message += ", in line " + std::to_string(line) + ": " +
               warp.launch->sourceLine(line);
  }
  warp.fail(inst, lane, problem.kind, message);
}

bool sharedOffset(Warp &warp, const Inst &inst, unsigned lane,
                  uint64_t &address, unsigned size) {
  uint64_t total = warp.cta->shared.size();
  if (address >= kSharedWindow && address - kSharedWindow < kWindowSize)
    address -= kSharedWindow;
  if (address > total || size > total - address)
    warp.fail(inst, lane, ErrorKind::OutOfBounds,
              std::to_string(size) + " bytes at " + hex(address) +
                  " of shared memory, which has " + std::to_string(total));
  else if (address % size)
    warp.fail(inst, lane, ErrorKind::Misaligned,
              std::to_string(size) + " bytes at " + hex(address) +
                  " of shared memory");
  return !warp.failed();
}

static std::byte *resolveShared(Warp &warp, const Inst &inst, unsigned lane,
                                uint64_t address, unsigned size, Use use) {
  if (!sharedOffset(warp, inst, lane, address, size))
    return nullptr;
  SharedMemory &shared = warp.cta->shared;
  Accessor who = warp.accessor(lane);
  auto problem = use == Use::Read    ? shared.read(who, address, size)
                 : use == Use::Write ? shared.write(who, address, size)
                                     : shared.atomic(who, address, size);
  if (problem) {
    report(warp, inst, lane, address, *problem);
    return nullptr;
  }
  return shared.at(address);
}

/// Local memory and parameters: plain bytes of a known size.
static std::byte *resolvePlain(Warp &warp, const Inst &inst, unsigned lane,
                               uint64_t address, unsigned size,
                               std::span<std::byte> bytes,
                               std::string_view name) {
  if (address > bytes.size() || size > bytes.size() - address)
    warp.fail(inst, lane, ErrorKind::OutOfBounds,
              std::to_string(size) + " bytes at " + hex(address) + " of " +
                  std::string(name) + ", which has " +
                  std::to_string(bytes.size()));
  else if (address % size)
    warp.fail(inst, lane, ErrorKind::Misaligned,
              std::to_string(size) + " bytes at " + hex(address) + " of " +
                  std::string(name));
  return warp.failed() ? nullptr : bytes.data() + address;
}

static std::byte *resolveGlobal(Warp &warp, const Inst &inst, unsigned lane,
                                uint64_t address, unsigned size, Use use) {
  DeviceMemory &memory = warp.launch->memory;
  auto fail = [&](ErrorKind kind, const std::string &why) {
    warp.fail(inst, lane, kind,
              verb(use, size) + memory.describe(address) + why);
    return nullptr;
  };
  Allocation *allocation = memory.find(address, size);
  if (!allocation)
    return fail(ErrorKind::OutOfBounds, "");
  if (address % size)
    return fail(ErrorKind::Misaligned, "");
  uint64_t at = address - allocation->base;
  uint8_t *written = allocation->written.data() + at;
  if (use != Use::Read) {
    if (allocation->readOnly)
      return fail(ErrorKind::ReadOnly, "");
  }
  if (use != Use::Write && warp.launch->options.checkUninitialisedGlobal &&
      std::find(written, written + size, 0) != written + size)
    return fail(ErrorKind::Uninitialised, ", which nobody wrote");
  if (use != Use::Read)
    std::fill_n(written, size, uint8_t(1));
  return allocation->bytes.data() + at;
}

static Space spaceOfGeneric(uint64_t &address) {
  for (Space space : {Space::Shared, Space::Local, Space::Param})
    if (uint64_t window = windowOf(space);
        address >= window && address - window < kWindowSize) {
      address -= window;
      return space;
    }
  return Space::Global;
}

std::byte *resolve(Warp &warp, const Inst &inst, unsigned lane, Space &space,
                   uint64_t address, unsigned size, Use use) {
  if (space == Space::Generic)
    space = spaceOfGeneric(address);
  switch (space) {
  case Space::Shared:
    return resolveShared(warp, inst, lane, address, size, use);
  case Space::Local: {
    uint64_t each = warp.local.size() / kWarpSize;
    return resolvePlain(warp, inst, lane, address, size,
                        std::span(warp.local).subspan(lane * each, each),
                        "local memory");
  }
  case Space::Param:
    if (use != Use::Read) {
      warp.fail(inst, lane, ErrorKind::ReadOnly, "a store to a parameter");
      return nullptr;
    }
    return resolvePlain(warp, inst, lane, address, size,
                        warp.launch->parameters, "the parameters");
  default:
    return resolveGlobal(warp, inst, lane, address, size, use);
  }
}

/// Lanes that one pass through shared memory serves: all of them for up to 4
/// bytes each, half for 8, a quarter for 16.
void countBanks(Warp &warp, const Lanes<uint64_t> &addresses, Mask mask,
                unsigned bytes) {
  InstCount &count = warp.launch->counts[warp.pc()];
  unsigned group = bytes <= 4 ? 32 : bytes <= 8 ? 16 : 8;
  for (unsigned first = 0; first < kWarpSize; first += group) {
    // Distinct words of each bank.
    uint64_t words[32][32];
    unsigned used[32] = {}, most = 0;
    for (unsigned lane = first; lane < first + group; ++lane) {
      if (!(mask >> lane & 1))
        continue;
      uint64_t last = (addresses[lane] + bytes - 1) / 4;
      for (uint64_t word = addresses[lane] / 4; word <= last; ++word) {
        unsigned bank = word % 32;
        uint64_t *end = words[bank] + used[bank];
        if (std::find(words[bank], end, word) == end && used[bank] < 32)
          words[bank][used[bank]++] = word;
        most = std::max(most, used[bank]);
      }
    }
    count.wavefronts += most;
    count.conflicts += most ? most - 1 : 0;
  }
}

void countSectors(Warp &warp, const Lanes<uint64_t> &addresses, Mask mask,
                  unsigned bytes) {
  InstCount &count = warp.launch->counts[warp.pc()];
  uint64_t sectors[kWarpSize * 2];
  unsigned used = 0, lanes = 0;
  for (; mask; mask &= mask - 1, ++lanes)
    for (uint64_t address = addresses[firstLane(mask)], sector = address / 32;
         sector <= (address + bytes - 1) / 32 && used < kWarpSize * 2; ++sector)
      // Neighbours mostly share a sector, so the newest is looked at first.
      if (std::find(std::reverse_iterator(sectors + used),
                    std::reverse_iterator(sectors + 0),
                    sector) == std::reverse_iterator(sectors + 0))
        sectors[used++] = sector;
  ++count.requests;
  count.sectors += used;
  count.sectorsNeeded += (lanes * bytes + 31) / 32;
}

} // namespace attune::gpusim
