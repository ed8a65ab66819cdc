//===- CudaExecutor.cpp - runs on a device --------------------------------===//
//
// Everything of a run is on the device: inputs are copied there, steps follow
// each other on one stream, outputs are copied back, by way of pinned memory.
// The first run at new sizes launches step by step; the second one writes the
// same work down as a graph, which all others replay. Inputs and outputs have
// their places on the device, so the graph does not care where the caller's
// are.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/CudaCode.h"
#include "runtime/core/Executor.h"
#include <cstring>
#include <limits>

namespace attune::core {

namespace {

/// What the driver aligns allocations to, at least.
constexpr uint64_t kAlign = 256;

class CudaExecutor : public Executor {
public:
  explicit CudaExecutor(std::shared_ptr<const Model> model)
      : model(std::move(model)) {}
  Error create();

  uint32_t threads() const override { return 1; }
  Error reserve(const Binding &layout) override;
  const std::byte *arena() const override { return at(arenaMemory.address()); }
  const std::byte *input(size_t index, const std::byte *) const override {
    return at(tensors.address() + inputAt[index]);
  }
  const std::byte *output(size_t index, std::byte *) const override {
    return at(tensors.address() + outputAt[index]);
  }
  Error run(const Run &run) override;

private:
  static const std::byte *at(cuda::Address address) {
    return reinterpret_cast<const std::byte *>(address);
  }
  static cuda::Address addressOf(const std::byte *base) {
    return reinterpret_cast<cuda::Address>(base);
  }
  const cuda::DevicePtr &device() const { return model->cudaCode()->device(); }

  Error enqueueStep(const Binding &layout, const Step &step);
  Error enqueueSteps(const Run &run);
  Error enqueue(const Run &run);
  Error capture(const Run &run);

  std::shared_ptr<const Model> model;
  cuda::Stream stream;
  cuda::DeviceMemory arenaMemory;
  /// Inputs and outputs on the device, and the same in pinned memory.
  cuda::DeviceMemory tensors;
  cuda::PinnedMemory staging;
  std::vector<uint64_t> inputAt, outputAt;
  cuda::Graph graph; ///< of the arguments of the last run, if any
  bool isRepeated = false;
};

} // namespace

Error CudaExecutor::create() {
  cuda::Current current(*device());
  if (Error error = current.error())
    return error;
  return cuda::Stream::create(device(), stream);
}

Error CudaExecutor::reserve(const Binding &layout) {
  uint64_t total = 0;
  auto place = [&](const std::vector<uint64_t> &sizes,
                   std::vector<uint64_t> &offsets) {
    offsets.clear();
    for (uint64_t bytes : sizes) {
      offsets.push_back(total);
      uint64_t end = 0;
      if (__builtin_add_overflow(total, bytes, &end) ||
          __builtin_add_overflow(end, kAlign - 1, &total))
        return false;
      total &= ~(kAlign - 1);
    }
    return true;
  };
  if (!place(layout.inputBytes, inputAt) ||
      !place(layout.outputBytes, outputAt))
    return {ATTUNE_SHAPE_MISMATCH,
            "inputs and outputs overflow 64 bits at these dims"};
  // An allocation gives back what it replaces before it takes anything.
  if (arenaMemory.size() < layout.arenaBytes)
    if (Error error = cuda::DeviceMemory::allocate(device(), layout.arenaBytes,
                                                   "the arena", arenaMemory))
      return error;
  if (tensors.size() < total)
    if (Error error = cuda::DeviceMemory::allocate(
            device(), total, "inputs and outputs", tensors))
      return error;
  if (staging.size() < total)
    if (Error error = cuda::PinnedMemory::allocate(
            device(), total, "inputs and outputs", staging))
      return error;
  return {};
}

Error CudaExecutor::enqueueStep(const Binding &layout, const Step &step) {
  const int64_t *args = layout.args.data() + step.firstArg;
  if (step.kernel == kCopyKernel) {
    auto bytes = uint64_t(args[2]);
    return bytes ? stream.copyOnDevice(cuda::Address(args[0]),
                                       cuda::Address(args[1]), bytes)
                 : Error();
  }
  if (step.grid == 0)
    return {};
  const Plan &plan = model->plan();
  const Kernel &kernel = plan.kernels[step.kernel];
  int64_t items = kernel.items;
  int64_t blocks = step.grid / items + (step.grid % items != 0);
  if (blocks > std::numeric_limits<int32_t>::max())
    return {ATTUNE_SHAPE_MISMATCH,
            cat(describeNode(plan, step.node), ": ", blocks,
                " blocks, a CUDA grid has at most 2147483647")};
  size_t slots = std::get<Launch>(plan.nodes[step.node]).slots.size();
  return stream.launch({model->cudaCode()->kernels()[step.kernel],
                        uint32_t(blocks), kernel.threads, kernel.sharedBytes},
                       {args, slots}, describeNode(plan, step.node));
}

/// Step by step with a look at the clock of the device, where times are wanted.
Error CudaExecutor::enqueueSteps(const Run &run) {
  cuda::Event before, after;
  if (!run.times.empty()) {
    if (Error error = stream.createEvent(before))
      return error;
    if (Error error = stream.createEvent(after))
      return error;
  }
  for (const Step &step : run.layout.steps) {
    if (run.times.empty()) {
      if (Error error = enqueueStep(run.layout, step))
        return error;
      continue;
    }
    if (Error error = stream.record(before))
      return error;
    if (Error error = enqueueStep(run.layout, step))
      return error;
    if (Error error = stream.record(after))
      return error;
    // So a fault is that of this step.
    if (Error error = stream.synchronize())
      return error.in(describeNode(model->plan(), step.node));
    double milliseconds = 0;
    if (Error error = stream.elapsed(before, after, milliseconds))
      return error;
    run.times[step.node].nanoseconds += uint64_t(milliseconds * 1e6);
    ++run.times[step.node].runs;
  }
  return {};
}

/// All of a run from the inputs in pinned memory to the outputs there.
Error CudaExecutor::enqueue(const Run &run) {
  const Binding &layout = run.layout;
  for (size_t i = 0; i < inputAt.size(); ++i)
    if (uint64_t bytes = layout.inputBytes[i])
      if (Error error = stream.copyToDevice(tensors.address() + inputAt[i],
                                            staging.data() + inputAt[i], bytes))
        return error;
  if (Error error = enqueueSteps(run))
    return error;
  std::vector<cuda::Address> sources;
  for (uint64_t offset : outputAt)
    sources.push_back(tensors.address() + offset);
  for (const OutputCopy &copy : layout.outputCopies)
    sources[copy.output] = addressOf(run.bases[copy.buffer]);
  for (size_t i = 0; i < outputAt.size(); ++i)
    if (uint64_t bytes = layout.outputBytes[i])
      if (Error error = stream.copyToHost(staging.data() + outputAt[i],
                                          sources[i], bytes))
        return error;
  return {};
}

Error CudaExecutor::capture(const Run &run) {
  if (Error error = stream.beginCapture())
    return error;
  Error failed = enqueue(run);
  cuda::Graph captured;
  Error ended = stream.endCapture(captured);
  if (failed)
    return failed;
  if (ended)
    return ended;
  graph = std::move(captured);
  return {};
}

Error CudaExecutor::run(const Run &run) {
  if (run.changed) {
    graph = cuda::Graph();
    isRepeated = false;
  }
  cuda::Current current(*device());
  if (Error error = current.error())
    return error;
  for (size_t i = 0; i < inputAt.size(); ++i)
    if (uint64_t bytes = run.layout.inputBytes[i])
      std::memcpy(staging.data() + inputAt[i], run.inputs[i], bytes);
  bool isTimed = !run.times.empty();
  if (!isTimed && isRepeated && !graph)
    if (Error error = capture(run))
      return error;
  Error started = graph && !isTimed ? stream.launch(graph) : enqueue(run);
  // What has been enqueued ends before anybody touches its memory.
  Error finished = stream.synchronize();
  if (started)
    return started;
  if (finished)
    return isTimed ? finished
                   : Error(finished.status(),
                           cat(finished.message(),
                               "; a profile names the launch at fault"));
  isRepeated = true;
  for (size_t i = 0; i < outputAt.size(); ++i)
    if (uint64_t bytes = run.layout.outputBytes[i])
      std::memcpy(run.outputs[i], staging.data() + outputAt[i], bytes);
  return {};
}

Error makeCudaExecutor(std::shared_ptr<const Model> model,
                       std::unique_ptr<Executor> &out) {
  auto executor = std::make_unique<CudaExecutor>(std::move(model));
  if (Error error = executor->create())
    return error;
  out = std::move(executor);
  return {};
}

} // namespace attune::core
