//===- CudaExecutor.cpp - runs on a device --------------------------------===//
//
// Everything of a run is on the device: inputs are copied there, steps follow
// each other on one stream, outputs are copied back. The first run at new sizes
// launches step by step; the second one writes the same work down as a graph,
// which all others replay. Inputs and outputs have their places on the device,
// so the graph does not care where the caller's are: those in plain memory pass
// through pinned memory, those that the driver knows (memory of a device) are
// copied before and after the graph.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/CudaCode.h"
#include "runtime/core/Executor.h"
#include <algorithm>
#include <cstring>
#include <limits>

namespace attune::core {

namespace {

/// What the driver aligns allocations to, at least.
constexpr uint64_t kAlign = 256;

/// An input or output of the model.
struct Tensor {
  uint64_t offset = 0; ///< in the memory for tensors, and in pinned memory
  uint64_t bytes = 0;
  bool isKnown = false; ///< the caller's memory, to the driver
};

class CudaExecutor : public Executor {
public:
  explicit CudaExecutor(std::shared_ptr<const Program> program)
      : program(std::move(program)) {}
  Error create();

  uint32_t threads() const override { return 1; }
  Error reserve(const Binding &layout) override;
  const std::byte *arena() const override { return at(arenaMemory.address()); }
  const std::byte *input(size_t index, const std::byte *) const override {
    return at(onDevice(inputs[index]));
  }
  const std::byte *output(size_t index, std::byte *) const override {
    return at(onDevice(outputs[index]));
  }
  Error run(const Run &run) override;

private:
  static const std::byte *at(cuda::Address address) {
    return reinterpret_cast<const std::byte *>(address);
  }
  const cuda::DevicePtr &device() const {
    return program->model->cudaCode()->device();
  }
  cuda::Address onDevice(const Tensor &tensor) const {
    return tensors.address() + tensor.offset;
  }
  std::byte *pinned(const Tensor &tensor) const {
    return staging.data() + tensor.offset;
  }

  Error meetCaller(const Run &run);
  Error enqueueStep(const Binding &layout, const Step &step);
  Error enqueueSteps(const Run &run);
  Error enqueueInputs(const Run &run, bool known);
  Error enqueueOutputs(const Run &run, bool known);
  Error enqueue(const Run &run);
  Error capture(const Run &run);
  Error start(const Run &run);

  std::shared_ptr<const Program> program;
  cuda::Stream stream;
  cuda::DeviceMemory arenaMemory;
  /// Inputs and outputs on the device; those whose caller has them in plain
  /// memory are in pinned memory, too.
  cuda::DeviceMemory tensors;
  cuda::PinnedMemory staging;
  std::vector<Tensor> inputs, outputs;
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
                   std::vector<Tensor> &placed) {
    placed.resize(sizes.size());
    for (size_t i = 0; i < sizes.size(); ++i) {
      // What is known of the caller stays: a graph may have been made for it.
      uint64_t bytes = sizes[i];
      placed[i].offset = total;
      placed[i].bytes = bytes;
      uint64_t end = 0;
      if (__builtin_add_overflow(total, bytes, &end) ||
          __builtin_add_overflow(end, kAlign - 1, &total))
        return false;
      total &= ~(kAlign - 1);
    }
    return true;
  };
  if (!place(layout.inputBytes, inputs) || !place(layout.outputBytes, outputs))
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
  return {};
}

/// Asks whose memory the caller's is, and takes pinned memory for what the
/// driver does not know.
Error CudaExecutor::meetCaller(const Run &run) {
  uint64_t staged = 0;
  auto meet = [&](Tensor &tensor, const std::byte *data) -> Error {
    bool isKnown = false;
    if (tensor.bytes)
      if (Error error = cuda::isKnown(*device(), data, isKnown))
        return error;
    if (tensor.isKnown != isKnown)
      graph = cuda::Graph();
    tensor.isKnown = isKnown;
    if (!isKnown)
      staged = std::max(staged, tensor.offset + tensor.bytes);
    return {};
  };
  for (size_t i = 0; i < inputs.size(); ++i)
    if (Error error = meet(inputs[i], run.inputs[i]))
      return error;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (Error error = meet(outputs[i], run.outputs[i]))
      return error;
  if (staging.size() >= staged)
    return {};
  graph = cuda::Graph();
  return cuda::PinnedMemory::allocate(device(), staged, "inputs and outputs",
                                      staging);
}

Error CudaExecutor::enqueueStep(const Binding &layout, const Step &step) {
  const int64_t *args = layout.args.data() + step.firstArg;
  if (step.kernel == kCopyKernel) {
    auto bytes = uint64_t(args[2]);
    return bytes ? stream.copy(cuda::Address(args[0]), cuda::Address(args[1]),
                               bytes)
                 : Error();
  }
  if (step.grid == 0)
    return {};
  const Plan &plan = program->plan;
  const Kernel &kernel = plan.kernels[step.kernel];
  int64_t items = kernel.items;
  int64_t blocks = step.grid / items + (step.grid % items != 0);
  if (blocks > std::numeric_limits<int32_t>::max())
    return {ATTUNE_SHAPE_MISMATCH,
            cat(describeNode(plan, step.node), ": ", blocks,
                " blocks, a CUDA grid has at most 2147483647")};
  size_t slots = std::get<Launch>(plan.nodes[step.node]).slots.size();
  return stream.launch({program->model->cudaCode()->kernels()[step.kernel],
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
      return error.in(describeNode(program->plan, step.node));
    double milliseconds = 0;
    if (Error error = stream.elapsed(before, after, milliseconds))
      return error;
    run.times[step.node].nanoseconds += uint64_t(milliseconds * 1e6);
    ++run.times[step.node].runs;
  }
  return {};
}

/// The inputs whose memory is `known` to the driver, or the others.
Error CudaExecutor::enqueueInputs(const Run &run, bool known) {
  for (size_t i = 0; i < inputs.size(); ++i) {
    const Tensor &input = inputs[i];
    if (input.isKnown != known || !input.bytes)
      continue;
    const std::byte *from = known ? run.inputs[i] : pinned(input);
    if (Error error =
            stream.copy(onDevice(input), cuda::addressOf(from), input.bytes))
      return error;
  }
  return {};
}

/// The same for outputs.
Error CudaExecutor::enqueueOutputs(const Run &run, bool known) {
  std::vector<cuda::Address> sources;
  for (const Tensor &output : outputs)
    sources.push_back(onDevice(output));
  for (const OutputCopy &copy : run.layout.outputCopies)
    sources[copy.output] = cuda::addressOf(run.bases[copy.buffer]);
  for (size_t i = 0; i < outputs.size(); ++i) {
    const Tensor &output = outputs[i];
    if (output.isKnown != known || !output.bytes)
      continue;
    const std::byte *to = known ? run.outputs[i] : pinned(output);
    if (Error error =
            stream.copy(cuda::addressOf(to), sources[i], output.bytes))
      return error;
  }
  return {};
}

/// From the inputs in pinned memory to the outputs there.
Error CudaExecutor::enqueue(const Run &run) {
  if (Error error = enqueueInputs(run, /*known=*/false))
    return error;
  if (Error error = enqueueSteps(run))
    return error;
  return enqueueOutputs(run, /*known=*/false);
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

/// All of a run, on the stream.
Error CudaExecutor::start(const Run &run) {
  bool isTimed = !run.times.empty();
  if (!isTimed && isRepeated && !graph)
    if (Error error = capture(run))
      return error;
  if (Error error = enqueueInputs(run, /*known=*/true))
    return error;
  if (Error error = graph && !isTimed ? stream.launch(graph) : enqueue(run))
    return error;
  return enqueueOutputs(run, /*known=*/true);
}

Error CudaExecutor::run(const Run &run) {
  if (run.changed) {
    graph = cuda::Graph();
    isRepeated = false;
  }
  cuda::Current current(*device());
  if (Error error = current.error())
    return error;
  if (Error error = meetCaller(run))
    return error;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].bytes && !inputs[i].isKnown)
      std::memcpy(pinned(inputs[i]), run.inputs[i], inputs[i].bytes);
  Error started = start(run);
  // What has been enqueued ends before anybody touches its memory.
  Error finished = stream.synchronize();
  if (started)
    return started;
  if (finished)
    return run.times.empty()
               ? Error(finished.status(),
                       cat(finished.message(),
                           "; a profile names the launch at fault"))
               : finished;
  isRepeated = true;
  for (size_t i = 0; i < outputs.size(); ++i)
    if (outputs[i].bytes && !outputs[i].isKnown)
      std::memcpy(run.outputs[i], pinned(outputs[i]), outputs[i].bytes);
  return {};
}

Error makeCudaExecutor(std::shared_ptr<const Program> program,
                       std::unique_ptr<Executor> &out) {
  auto executor = std::make_unique<CudaExecutor>(std::move(program));
  if (Error error = executor->create())
    return error;
  out = std::move(executor);
  return {};
}

} // namespace attune::core
