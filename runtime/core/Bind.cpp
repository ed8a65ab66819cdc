//===- Bind.cpp - a plan at given dims ------------------------------------===//
//
// Two passes over the nodes: the first decides branches and learns which steps
// touch which buffer, so that the packer can lay out the arena; the second
// computes grids and arguments.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Bind.h"
#include "runtime/core/Packer.h"
#include <algorithm>
#include <cstring>

namespace attune::core {

/// Chunks per thread: enough to even out items of unequal cost (causal
/// attention), few enough that handing them out costs nothing.
static constexpr int64_t kChunksPerThread = 8;

namespace {

class Binder {
public:
  Binder(const Plan &plan, uint32_t threads, Binding &out)
      : plan(plan), threads(threads), out(out) {}

  Error run(std::span<const int64_t> symbols);

private:
  Error sizes();
  Error valueDims(const std::vector<Value> &list, const char *what,
                  std::vector<std::vector<int64_t>> &dims,
                  std::vector<uint64_t> &bytes);
  Error selectNodes();
  Error scratchOf(size_t step, int64_t &stride);
  Error layOut();
  Error makeSteps();
  Error makeLaunch(const Launch &launch, size_t step);
  Error makeCopy(const Copy &copy, size_t step);
  Error address(uint32_t buffer, ExprId offset, ExprId extent,
                const std::string &what);
  void bindOutputs();
  double figure(ExprId id) const {
    return id != kNoExpr && values.has(id) ? double(values[id]) : 0;
  }

  const Plan &plan;
  uint32_t threads;
  Binding &out;
  ExprValues values;
  std::vector<int64_t> bufferBytes;
  std::vector<uint32_t> taken; ///< Node of each step.
  std::vector<int64_t> scratchStride;
  std::vector<uint64_t> scratchOffset;
};

} // namespace

static Error mismatch(std::string fact) {
  return {ATTUNE_SHAPE_MISMATCH, std::move(fact)};
}

Error Binder::valueDims(const std::vector<Value> &list, const char *what,
                        std::vector<std::vector<int64_t>> &dims,
                        std::vector<uint64_t> &bytes) {
  for (const Value &value : list) {
    auto total = int64_t(attune_dtype_bytes(value.dtype));
    std::string name = cat(what, " \"", value.name, "\"");
    std::vector<int64_t> shape;
    bool overflow = false;
    for (ExprId dim : value.dims) {
      int64_t size = 0;
      if (Error error = values.size(dim, name, size))
        return error;
      shape.push_back(size);
      overflow |= __builtin_mul_overflow(total, size, &total);
    }
    // An empty tensor is empty whatever its other dims are.
    if (std::count(shape.begin(), shape.end(), 0))
      total = 0;
    else if (overflow)
      return mismatch(name + ": its size overflows 64 bits at these dims");
    if (total > bufferBytes[value.buffer])
      return mismatch(cat(name, ": ", total,
                          " bytes at these dims, its buffer "
                          "has ",
                          bufferBytes[value.buffer]));
    dims.push_back(std::move(shape));
    bytes.push_back(uint64_t(total));
  }
  return {};
}

Error Binder::sizes() {
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    int64_t bytes = 0;
    // A buffer that only an untaken branch uses may have no size; it is caught
    // where it is used.
    if (values.has(plan.buffers[i].bytes))
      bytes = std::max<int64_t>(values[plan.buffers[i].bytes], 0);
    bufferBytes.push_back(bytes);
  }
  if (Error error =
          valueDims(plan.inputs, "input", out.inputDims, out.inputBytes))
    return error;
  if (Error error =
          valueDims(plan.outputs, "output", out.outputDims, out.outputBytes))
    return error;
  // Kernels may touch all of a buffer, so the caller's tensor must fill it.
  for (size_t i = 0; i < plan.inputs.size(); ++i)
    if (int64_t(out.inputBytes[i]) != bufferBytes[plan.inputs[i].buffer])
      return mismatch(cat("input \"", plan.inputs[i].name,
                          "\": ", out.inputBytes[i],
                          " bytes at these dims, its buffer "
                          "has ",
                          bufferBytes[plan.inputs[i].buffer]));
  return {};
}

/// Walks the flat list; `resume` says where each taken then-branch continues.
Error Binder::selectNodes() {
  struct Skip {
    size_t at, to;
  };
  std::vector<Skip> skips;
  for (size_t i = 0; i < plan.nodes.size();) {
    if (!skips.empty() && skips.back().at == i) {
      i = skips.back().to;
      skips.pop_back();
      continue;
    }
    const auto *branch = std::get_if<Branch>(&plan.nodes[i]);
    if (!branch) {
      taken.push_back(uint32_t(i++));
      continue;
    }
    if (!values.has(branch->cond))
      return mismatch(cat(describeNode(plan, i),
                          ": its condition has no value at these dims"));
    size_t thenEnd = i + 1 + branch->thenCount;
    if (values[branch->cond] != 0) {
      skips.push_back({thenEnd, thenEnd + branch->elseCount});
      ++i;
    } else {
      i = thenEnd;
    }
  }
  return {};
}

Error Binder::scratchOf(size_t step, int64_t &stride) {
  stride = 0;
  const auto *launch = std::get_if<Launch>(&plan.nodes[taken[step]]);
  if (!launch || launch->scratch == kNoExpr)
    return {};
  std::string what = describeNode(plan, taken[step]) + ": scratch";
  int64_t bytes = 0, total = 0;
  if (Error error = values.size(launch->scratch, what, bytes))
    return error;
  if (__builtin_add_overflow(bytes, int64_t(kPackAlign - 1), &stride) ||
      __builtin_mul_overflow(stride, int64_t(threads), &total))
    return mismatch(what + " overflows 64 bits at these dims");
  stride &= ~int64_t(kPackAlign - 1);
  return {};
}

/// Lifetimes in steps, from the nodes that are taken: tighter than the table of
/// the plan, which counts both branches. Scratch lives for one step.
Error Binder::layOut() {
  constexpr uint64_t never = ~uint64_t(0);
  std::vector<PackItem> items(plan.buffers.size(), PackItem{0, never, 0, 0});
  auto touch = [&](uint32_t buffer, uint64_t step) {
    items[buffer].first = std::min(items[buffer].first, step);
    items[buffer].last = std::max(items[buffer].last, step);
  };
  for (size_t step = 0; step < taken.size(); ++step)
    forEachBuffer(plan.nodes[taken[step]],
                  [&](uint32_t buffer, bool) { touch(buffer, step); });
  for (const Value &output : plan.outputs)
    touch(output.buffer, taken.size());
  for (size_t i = 0; i < items.size(); ++i)
    if (plan.buffers[i].kind == BufferKind::Arena && items[i].first != never) {
      int64_t bytes = 0;
      if (Error error =
              values.size(plan.buffers[i].bytes, cat("buffer ", i), bytes))
        return error;
      items[i].bytes = uint64_t(bytes);
    }
  for (size_t step = 0; step < taken.size(); ++step) {
    int64_t stride = 0;
    if (Error error = scratchOf(step, stride))
      return error;
    scratchStride.push_back(stride);
    items.push_back({uint64_t(stride) * threads, step, step, 0});
  }
  PackResult packed = packArena(items);
  if (packed.overflow)
    return mismatch("the arena overflows 64 bits at these dims");
  out.arenaBytes = packed.bytes;
  out.lowerBound = packed.lowerBound;
  for (size_t i = 0; i < plan.buffers.size(); ++i)
    out.arenaOffset.push_back(items[i].offset);
  for (size_t step = 0; step < taken.size(); ++step)
    scratchOffset.push_back(items[plan.buffers.size() + step].offset);
  return {};
}

Error Binder::address(uint32_t buffer, ExprId offsetId, ExprId extentId,
                      const std::string &what) {
  int64_t offset = 0, extent = 0, end = 0;
  if (Error error = values.size(offsetId, what, offset))
    return error;
  if (extentId != kNoExpr)
    if (Error error = values.size(extentId, what, extent))
      return error;
  if (__builtin_add_overflow(offset, extent, &end) || end > bufferBytes[buffer])
    return mismatch(cat(what, ": ", extent, " bytes at offset ", offset,
                        " of buffer ", buffer, ", which has ",
                        bufferBytes[buffer], " bytes at these dims"));
  out.addresses.push_back({out.args.size(), buffer, offset});
  out.args.push_back(0);
  return {};
}

Error Binder::makeLaunch(const Launch &launch, size_t step) {
  std::string what = describeNode(plan, taken[step]);
  Step result{taken[step], launch.kernel, out.args.size()};
  int64_t grain = 1;
  if (Error error = values.size(launch.grid, what + ": grid", result.grid))
    return error;
  if (launch.grain != kNoExpr)
    if (Error error = values.size(launch.grain, what + ": grain", grain))
      return error;
  int64_t parts = kChunksPerThread * int64_t(threads);
  int64_t even = result.grid / parts + (result.grid % parts != 0);
  result.chunk = std::max<int64_t>({grain, even, 1});
  result.flops = figure(launch.flops);
  result.bytes = figure(launch.bytes);
  for (const Slot &slot : launch.slots) {
    switch (slot.kind) {
    case SlotKind::In:
    case SlotKind::Out:
    case SlotKind::InOut:
      if (Error error = address(slot.buffer, slot.value, slot.extent, what))
        return error;
      break;
    case SlotKind::Int:
      if (!values.has(slot.value))
        return mismatch(cat(what, ": expression ", slot.value,
                            " has no value at these dims"));
      out.args.push_back(values[slot.value]);
      break;
    case SlotKind::Scratch:
      out.addresses.push_back(
          {out.args.size(), kArena, int64_t(scratchOffset[step])});
      out.args.push_back(0);
      break;
    case SlotKind::ScratchStride:
      out.args.push_back(scratchStride[step]);
      break;
    }
  }
  out.steps.push_back(result);
  return {};
}

Error Binder::makeCopy(const Copy &copy, size_t step) {
  std::string what = describeNode(plan, taken[step]);
  Step result{taken[step], kCopyKernel, out.args.size()};
  int64_t bytes = 0;
  if (Error error = values.size(copy.bytes, what, bytes))
    return error;
  if (Error error = address(copy.dst, copy.dstOffset, copy.bytes, what))
    return error;
  if (Error error = address(copy.src, copy.srcOffset, copy.bytes, what))
    return error;
  out.args.push_back(bytes);
  result.grid = bytes / kCopyBlock + (bytes % kCopyBlock != 0);
  result.bytes = 2.0 * double(bytes);
  out.steps.push_back(result);
  return {};
}

Error Binder::makeSteps() {
  for (size_t step = 0; step < taken.size(); ++step) {
    const Node &node = plan.nodes[taken[step]];
    const auto *launch = std::get_if<Launch>(&node);
    Error error = launch ? makeLaunch(*launch, step)
                         : makeCopy(*std::get_if<Copy>(&node), step);
    if (error)
      return error;
  }
  return {};
}

/// The first output of an output buffer lends its memory to the kernels; every
/// other one is copied.
void Binder::bindOutputs() {
  constexpr uint32_t none = ~uint32_t(0);
  out.lender.assign(plan.buffers.size(), none);
  for (uint32_t i = 0; i < plan.outputs.size(); ++i) {
    uint32_t buffer = plan.outputs[i].buffer;
    // It must have room for the whole buffer to lend it.
    bool lends = plan.buffers[buffer].kind == BufferKind::Output &&
                 out.lender[buffer] == none;
    if (lends)
      out.lender[buffer] = i;
    else
      out.outputCopies.push_back({i, buffer});
  }
}

Error Binder::run(std::span<const int64_t> symbols) {
  out.symbols.assign(symbols.begin(), symbols.end());
  values.evaluate(plan.exprs, symbols);
  if (Error error = sizes())
    return error;
  if (Error error = selectNodes())
    return error;
  if (Error error = layOut())
    return error;
  if (Error error = makeSteps())
    return error;
  bindOutputs();
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    uint32_t buffer = plan.outputs[i].buffer;
    if (out.lender[buffer] == i &&
        int64_t(out.outputBytes[i]) != bufferBytes[buffer])
      return mismatch(cat("output \"", plan.outputs[i].name,
                          "\": ", out.outputBytes[i],
                          " bytes at these dims, its buffer "
                          "has ",
                          bufferBytes[buffer]));
  }
  return {};
}

Error bindPlan(const Plan &plan, std::span<const int64_t> symbols,
               uint32_t threads, Binding &out) {
  Binding result;
  if (Error error = Binder(plan, threads, result).run(symbols))
    return error;
  out = std::move(result);
  return {};
}

void copyKernel(const int64_t *args, int64_t /*worker*/, int64_t begin,
                int64_t end) {
  auto *dst = reinterpret_cast<std::byte *>(args[0]);
  const auto *src = reinterpret_cast<const std::byte *>(args[1]);
  int64_t from = begin * kCopyBlock, to = std::min(end * kCopyBlock, args[2]);
  std::memcpy(dst + from, src + from, size_t(to - from));
}

} // namespace attune::core
