//===- Band.cpp - what queries see of the keys ----------------------------===//
//
// See Band.h.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/Band.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

Value Band::first(Value row) const {
  Emitter &emit = frame.emit;
  if (!lower)
    return emit.integer(0);
  Value i = emit.add(frame.span(rows).start, row);
  Value first = emit.add(i, frame.scalar(lower));
  return emit.max(emit.sub(first, frame.span(columns).start), emit.integer(0));
}

Value Band::end(Value row) const {
  Emitter &emit = frame.emit;
  Span seen = frame.span(columns);
  if (!upper)
    return seen.count;
  Value i = emit.add(frame.span(rows).start, row);
  Value end = emit.add(emit.add(i, frame.scalar(upper)), 1);
  return emit.max(emit.min(emit.sub(end, seen.start), seen.count),
                  emit.integer(0));
}

std::pair<Value, Value> Band::blocks(Value from, Value to, int64_t step) const {
  Emitter &emit = frame.emit;
  Value begin = emit.integer(0), end = emit.sub(to, from);
  if (lower) {
    Value first =
        emit.sub(emit.add(frame.span(rows).start, frame.scalar(lower)), from);
    begin = emit.roundDown(emit.max(first, begin), step);
  }
  if (upper) {
    Span seeing = frame.span(rows);
    Value last =
        emit.add(emit.add(seeing.start, seeing.count), frame.scalar(upper));
    end = emit.min(end, emit.sub(last, from));
  }
  return {begin, end};
}
