//===- Warp.cpp - running one warp ----------------------------------------===//
//
// The interpreter loop, and the tree of paths behind divergence.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Launch.h"
#include <algorithm>

namespace attune::gpusim {

bool Warp::canRun() const {
  return std::any_of(paths.begin(), paths.end(), [](const Path &path) {
    return path.state == Path::Ready;
  });
}

/// Sides of a branch take turns in random order.
bool Warp::choosePath() {
  if (paths.size() == 1) {
    current = 0;
    return paths[0].state == Path::Ready;
  }
  auto first = uint32_t(launch->random() % paths.size());
  for (uint32_t i = 0; i < paths.size(); ++i) {
    current = uint32_t((first + i) % paths.size());
    if (paths[current].state == Path::Ready)
      return true;
  }
  return false;
}

void Warp::run(unsigned quantum) {
  if (!choosePath())
    return;
  const Inst *code = program->code.data();
  InstCount *counts = launch->counts.data();
  for (; quantum && path().state == Path::Ready; --quantum) {
    if (path().pc == path().join)
      return arrive(current);
    uint32_t pc = path().pc;
    const Inst &inst = code[pc];
    Mask mask = path().lanes;
    if (inst.guard != kNoRow) {
      Mask guard = readPredicate(inst.guard);
      mask &= inst.guardNegated ? ~guard : guard;
    }
    ++counts[pc].executed;
    counts[pc].lanes += unsigned(__builtin_popcount(mask));
    ++launch->executed;
    moved = false;
    if (mask) {
      inst.execute(*this, inst, mask);
      if (launch->error)
        return;
    }
    if (!moved)
      ++path().pc;
  }
}

uint32_t Warp::newPath() {
  for (uint32_t i = 0; i < paths.size(); ++i)
    if (paths[i].state == Path::Free) {
      paths[i] = {};
      return i;
    }
  paths.emplace_back();
  return uint32_t(paths.size() - 1);
}

void Warp::part(uint32_t target, uint32_t other, uint32_t join, Mask taken) {
  uint32_t here = current;
  moved = true;
  if (taken == paths[here].lanes) {
    paths[here].pc = target;
    return;
  }
  Path sides[2] = {paths[here], paths[here]};
  sides[0].pc = target;
  sides[0].lanes = taken;
  sides[1].pc = other;
  sides[1].lanes = paths[here].lanes & ~taken;
  // Without a join of its own the two sides stay below the parent.
  bool ownJoin = join != kNever && join != paths[here].join;
  paths[here].state = ownJoin ? Path::Parted : Path::Free;
  if (ownJoin) {
    paths[here].pc = join;
    paths[here].arrived = 0;
    for (Path &side : sides) {
      side.join = join;
      side.parent = int32_t(here);
    }
  }
  for (Path &side : sides) {
    uint32_t index = newPath();
    paths[index] = side;
  }
}

/// A path has come to the join of its parent.
void Warp::arrive(uint32_t index) {
  int32_t parent = paths[index].parent;
  paths[index].state = Path::Free;
  paths[size_t(parent)].arrived |= paths[index].lanes;
  settle(uint32_t(parent));
}

/// A parted path goes on when all of its lanes are back or gone.
void Warp::settle(uint32_t index) {
  Path &path = paths[index];
  if (path.state != Path::Parted ||
      (path.arrived & live) != (path.lanes & live))
    return;
  path.lanes &= live;
  path.state = path.lanes ? Path::Ready : Path::Free;
  if (path.state == Path::Free && path.parent >= 0)
    settle(uint32_t(path.parent));
}

void Warp::exit(Mask lanes) {
  live &= ~lanes;
  Path &path = paths[current];
  path.lanes &= ~lanes;
  int32_t parent = path.parent;
  if (path.lanes == 0) {
    path.state = Path::Free;
    if (parent >= 0)
      settle(uint32_t(parent));
  }
}

bool Warp::failed() const { return launch->error.has_value(); }

void Warp::fail(const Inst &inst, unsigned lane, ErrorKind kind,
                std::string message) {
  if (launch->error)
    return;
  Error error;
  error.kind = kind;
  error.message = std::move(message);
  error.line = inst.line;
  error.source = launch->sourceLine(inst.line);
  error.cta = cta->id;
  error.warp = index;
  error.lane = lane;
  launch->error = std::move(error);
}

bool Warp::requireAll(const Inst &inst, Mask mask) {
  if (mask == kAllLanes)
    return true;
  Mask missing = ~mask;
  fail(inst, firstLane(missing), ErrorKind::InactiveLanes,
       std::to_string(__builtin_popcount(missing)) +
           " of 32 lanes do not take part");
  return false;
}

void Warp::landCopies(Mask lanes, uint32_t keepNewest) {
  auto lands = [&](const PendingCopy &copy) {
    return (lanes >> copy.lane & 1) &&
           copy.group + keepNewest < committed[copy.lane];
  };
  for (const PendingCopy &copy : copies)
    if (lands(copy)) {
      Accessor who = {index, copy.lane, copy.pc, &clock};
      cta->shared.land(who, copy.target, copy.bytes, copy.data.data());
    }
  std::erase_if(copies, lands);
}

} // namespace attune::gpusim
