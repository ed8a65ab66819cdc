//===- Cta.cpp - the warps of one block -----------------------------------===//
//
// Start, turns, and what to say when nobody can run.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Launch.h"
#include <algorithm>

namespace attune::gpusim {

Cta::Cta(Launch &launch, std::array<uint32_t, 3> id)
    : launch(launch), id(id),
      shared(launch.program.staticShared + launch.dynamicShared) {
  warps.resize((threads() + kWarpSize - 1) / kWarpSize);
  for (uint32_t i = 0; i < warps.size(); ++i)
    startWarp(warps[i], i);
}

uint32_t Cta::threads() const {
  return launch.block[0] * launch.block[1] * launch.block[2];
}

/// Value of a special register in one thread.
static uint32_t specialValue(const SpecialRow &special, const Cta &cta,
                             const Warp &warp, uint32_t lane) {
  const Launch &launch = cta.launch;
  uint32_t thread = warp.index * kWarpSize + lane;
  const auto &block = launch.block;
  std::array<uint32_t, 3> tid = {thread % block[0],
                                 thread / block[0] % block[1],
                                 thread / block[0] / block[1]};
  switch (special.kind) {
  case SpecialKind::Tid:
    return tid[special.dimension];
  case SpecialKind::Ntid:
    return block[special.dimension];
  case SpecialKind::Ctaid:
    return cta.id[special.dimension];
  case SpecialKind::Nctaid:
    return launch.grid[special.dimension];
  case SpecialKind::LaneId:
    return lane;
  case SpecialKind::WarpId:
    return warp.index;
  case SpecialKind::NWarpId:
    return uint32_t(cta.warps.size());
  case SpecialKind::LaneMaskEq:
    return 1u << lane;
  case SpecialKind::LaneMaskLt:
    return (1u << lane) - 1;
  case SpecialKind::LaneMaskLe:
    return (2u << lane) - 1;
  case SpecialKind::LaneMaskGt:
    return ~((2u << lane) - 1);
  case SpecialKind::LaneMaskGe:
    return ~((1u << lane) - 1);
  case SpecialKind::DynamicSharedSize:
    return uint32_t(launch.dynamicShared);
  case SpecialKind::TotalSharedSize:
    return uint32_t(launch.dynamicShared + launch.program.staticShared);
  case SpecialKind::WarpSize:
    return kWarpSize;
  }
  return 0;
}

void Cta::startWarp(Warp &warp, uint32_t index) {
  warp.cta = this;
  warp.launch = &launch;
  warp.program = &launch.program;
  warp.index = index;
  uint32_t lanes = std::min(kWarpSize, threads() - index * kWarpSize);
  warp.exists = warp.live = lanes == kWarpSize ? kAllLanes : (1u << lanes) - 1;
  warp.clock[index] = epoch;
  warp.paths.resize(1);
  warp.paths[0].lanes = warp.live;
  warp.registers = launch.program.registers;
  warp.local.assign(launch.program.localBytes * kWarpSize, std::byte(0xff));
  for (const SpecialRow &special : launch.program.specials) {
    Lanes<uint32_t> values;
    for (uint32_t lane = 0; lane < kWarpSize; ++lane)
      values[lane] = specialValue(special, *this, warp, lane);
    warp.write(special.row, values, kAllLanes);
  }
}

bool Cta::done() const {
  return std::all_of(warps.begin(), warps.end(),
                     [](const Warp &warp) { return warp.done(); });
}

void Cta::step() {
  auto first = size_t(launch.random() % warps.size());
  for (size_t i = 0; i < warps.size(); ++i) {
    Warp &warp = warps[(first + i) % warps.size()];
    if (!warp.canRun())
      continue;
    // Mostly short turns, now and then a long one: a warp that is far ahead
    // is what shows a missing barrier in the numbers.
    auto draw = unsigned(launch.random());
    warp.run(1 + draw % (draw & 0x700 ? 64 : 1024));
    if (launch.executed > launch.options.maxInstructions)
      warp.fail(launch.program.code[std::min<size_t>(
                    warp.path().pc, launch.program.code.size() - 1)],
                0, ErrorKind::TooManyInstructions,
                "still running after " +
                    std::to_string(launch.options.maxInstructions) +
                    " instructions");
    return;
  }
  reportStuck();
}

/// Nobody can run: threads that left are the likelier reason, so they are
/// named first.
void Cta::reportStuck() {
  std::string where;
  Warp *stuck = nullptr;
  uint32_t left = 0, line = 0;
  for (Warp &warp : warps) {
    left += unsigned(__builtin_popcount(warp.exists & ~warp.live));
    if (!warp.done() && !stuck)
      stuck = &warp;
  }
  for (size_t i = 0; i < barriers.size(); ++i) {
    const Barrier &barrier = barriers[i];
    if (!barrier.expected)
      continue;
    where += (where.empty() ? "" : "; ") + std::string("barrier ") +
             std::to_string(i) + " (line " + std::to_string(barrier.line) +
             ") has " + std::to_string(barrier.arrived) + " of " +
             std::to_string(barrier.expected) + " threads";
    line = barrier.line;
  }
  if (left)
    where += "; " + std::to_string(left) + " threads have returned";
  Inst inst;
  inst.line = line;
  stuck->fail(inst, firstLane(stuck->live),
              left ? ErrorKind::BarrierMisuse : ErrorKind::Deadlock, where);
}

} // namespace attune::gpusim
