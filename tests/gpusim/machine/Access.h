//===- Access.h - checked access to memory of any space -------------------===//
//
// Enters: an address that a lane computed. Leaves: a pointer to its bytes, or
// an error of the launch. Also what an access of a whole warp costs.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/machine/Launch.h"

namespace attune::gpusim {

enum class Use : uint8_t { Read, Write, Atomic };

/// Addresses of the lanes of an access: register + offset.
Lanes<uint64_t> addressesOf(const Warp &warp, const Inst &inst, Row base);

/// The `size` bytes at `address` for one lane, after all checks; null when one
/// failed. Generic addresses are resolved by their window; `space` becomes that
/// of the memory found.
std::byte *resolve(Warp &warp, const Inst &inst, unsigned lane, Space &space,
                   uint64_t address, unsigned size, Use use);

/// Shared memory offset of `address`, checked for bounds and alignment only;
/// false after an error.
bool sharedOffset(Warp &warp, const Inst &inst, unsigned lane,
                  uint64_t &address, unsigned size);

/// Fails the launch with a problem that shared memory found.
void report(Warp &warp, const Inst &inst, unsigned lane, uint64_t offset,
            const SharedMemory::Problem &problem);

/// Adds the cost of one access of a warp to the counts of the instruction that
/// runs: passes through the 32 banks, or sectors of 32 bytes.
void countBanks(Warp &warp, const Lanes<uint64_t> &addresses, Mask mask,
                unsigned bytes);
void countSectors(Warp &warp, const Lanes<uint64_t> &addresses, Mask mask,
                  unsigned bytes);

} // namespace attune::gpusim
