//===- SweepPlace.cpp -----------------------------------------------------===//
#include "compiler/target/common/SweepPlace.h"

using namespace mlir;
using namespace attune::target;
using common::Coord;

SmallVector<Coord> common::coordsOf(Emitter &emit, const Spans &spans,
                                    const Place &place) {
  SmallVector<Coord> coords;
  for (Value span : spans) {
    coords.push_back({emit.integer(0), false, {}});
    for (const auto &[known, coord] : place)
      if (known == span)
        coords.back() = coord;
  }
  return coords;
}

void common::forEachPlace(const KernelFrame &frame, ArrayRef<Value> spans,
                          const Place &place,
                          function_ref<void(const Place &)> body) {
  if (spans.empty())
    return body(place);
  Emitter &emit = frame.emit;
  emit.forLoop(emit.integer(0), frame.span(spans.front()).count, 1,
               [&](Value index) {
                 Place at = place;
                 at.push_back({spans.front(), {index, false, {}}});
                 forEachPlace(frame, spans.drop_front(), at, body);
               });
}
