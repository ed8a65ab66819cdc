//===- Packer.cpp - the arena layout --------------------------------------===//
//
// Greedy best fit by size, the order that TFLite ("greedy by size") and others
// found near the lower bound on real networks (Pisarchyk and Lee, 2020,
// arXiv:2001.03288).
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Packer.h"
#include <algorithm>
#include <limits>

namespace attune::core {

static bool alignSize(uint64_t bytes, uint64_t &out) {
  if (__builtin_add_overflow(bytes, kPackAlign - 1, &out))
    return false;
  out &= ~(kPackAlign - 1);
  return true;
}

/// The most aligned bytes alive at one step, by a sweep over births and deaths.
static bool lowerBound(std::span<const PackItem> items, uint64_t &out) {
  struct Event {
    uint64_t step;
    bool birth;
    uint64_t bytes;
  };
  std::vector<Event> events;
  uint64_t total = 0;
  for (const PackItem &item : items) {
    uint64_t bytes = 0;
    if (!alignSize(item.bytes, bytes) ||
        __builtin_add_overflow(total, bytes, &total))
      return false;
    events.push_back({item.first, true, bytes});
    events.push_back({item.last, false, bytes});
  }
  // At one step births come before deaths, since both ends are included.
  std::sort(events.begin(), events.end(), [](const Event &a, const Event &b) {
    return a.step != b.step ? a.step < b.step : a.birth > b.birth;
  });
  uint64_t alive = 0;
  out = 0;
  for (const Event &event : events) {
    alive = event.birth ? alive + event.bytes : alive - event.bytes;
    out = std::max(out, alive);
  }
  return true;
}

/// Where to put `item`, given what is placed, in order of offset.
static uint64_t findOffset(const PackItem &item, uint64_t bytes,
                           const std::vector<const PackItem *> &placed) {
  uint64_t best = 0, bestGap = std::numeric_limits<uint64_t>::max();
  uint64_t end = 0; // of the memory in use so far, going up
  bool found = false;
  for (const PackItem *other : placed) {
    if (other->last < item.first || other->first > item.last)
      continue;
    if (other->offset > end) {
      uint64_t gap = other->offset - end;
      if (gap >= bytes && gap < bestGap) {
        best = end;
        bestGap = gap;
        found = true;
      }
    }
    uint64_t otherBytes = 0;
    alignSize(other->bytes, otherBytes);
    end = std::max(end, other->offset + otherBytes);
  }
  return found ? best : end;
}

PackResult packArena(std::span<PackItem> items) {
  PackResult result;
  if (!lowerBound(items, result.lowerBound)) {
    result.overflow = true;
    return result;
  }
  std::vector<PackItem *> order;
  for (PackItem &item : items) {
    item.offset = 0;
    if (item.bytes != 0)
      order.push_back(&item);
  }
  // Equal items in their own order (they lie in one array), so that layouts
  // never vary.
  std::sort(order.begin(), order.end(),
            [](const PackItem *a, const PackItem *b) {
              return a->bytes != b->bytes ? a->bytes > b->bytes : a < b;
            });
  std::vector<const PackItem *> placed;
  for (PackItem *item : order) {
    uint64_t bytes = 0;
    alignSize(item->bytes, bytes);
    item->offset = findOffset(*item, bytes, placed);
    result.bytes = std::max(result.bytes, item->offset + bytes);
    auto at = std::upper_bound(placed.begin(), placed.end(), item,
                               [](const PackItem *a, const PackItem *b) {
                                 return a->offset < b->offset;
                               });
    placed.insert(at, item);
  }
  return result;
}

} // namespace attune::core
