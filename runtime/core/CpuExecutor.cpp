//===- CpuExecutor.cpp - runs on the threads of this process --------------===//
#include "runtime/core/Executor.h"
#include "runtime/cpu/ThreadPool.h"
#include <cstring>
#include <ctime>

namespace attune::core {

/// More threads than this is a mistake in the options, not a machine.
static constexpr uint32_t kMaxThreads = 4096;

static uint64_t nanosecondsNow() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return uint64_t(now.tv_sec) * 1000000000u + uint64_t(now.tv_nsec);
}

namespace {

class CpuExecutor : public Executor {
public:
  CpuExecutor(std::shared_ptr<const Program> program,
              std::unique_ptr<cpu::ThreadPool> pool)
      : program(std::move(program)), pool(std::move(pool)) {}

  uint32_t threads() const override { return pool->threads(); }
  Error reserve(const Binding &layout) override {
    if (memory.size() >= layout.arenaBytes)
      return {};
    memory = Mapping(); // first, so that old and new are never alive at once
    return Mapping::anonymous(layout.arenaBytes, "the arena", memory);
  }
  const std::byte *arena() const override { return memory.data(); }
  const std::byte *input(size_t, const std::byte *host) const override {
    return host;
  }
  const std::byte *output(size_t, std::byte *host) const override {
    return host;
  }
  Error run(const Run &run) override;

private:
  std::shared_ptr<const Program> program;
  std::unique_ptr<cpu::ThreadPool> pool;
  Mapping memory;
};

} // namespace

Error CpuExecutor::run(const Run &run) {
  pool->begin();
  for (const Step &step : run.layout.steps) {
    cpu::Task task =
        step.kernel == kCopyKernel ? copyKernel : program->kernels[step.kernel];
    const int64_t *args = run.layout.args.data() + step.firstArg;
    if (run.times.empty()) {
      pool->parallelFor(task, args, step.grid, step.chunk);
      continue;
    }
    uint64_t start = nanosecondsNow();
    pool->parallelFor(task, args, step.grid, step.chunk);
    run.times[step.node].nanoseconds += nanosecondsNow() - start;
    ++run.times[step.node].runs;
  }
  pool->end();
  for (const OutputCopy &copy : run.layout.outputCopies)
    if (uint64_t bytes = run.layout.outputBytes[copy.output])
      std::memmove(run.outputs[copy.output], run.bases[copy.buffer], bytes);
  return {};
}

Error makeCpuExecutor(std::shared_ptr<const Program> program, uint32_t threads,
                      std::unique_ptr<Executor> &out) {
  if (threads == 0)
    threads = cpu::availableProcessors();
  if (threads > kMaxThreads)
    return {ATTUNE_INVALID_ARGUMENT,
            cat(threads, " threads asked for, at most ", kMaxThreads)};
  auto pool = cpu::ThreadPool::create(threads);
  if (!pool)
    return {ATTUNE_OUT_OF_MEMORY,
            cat("cannot start ", threads, " threads: ", systemError())};
  out = std::make_unique<CpuExecutor>(std::move(program), std::move(pool));
  return {};
}

Error makeExecutor(std::shared_ptr<const Program> program, uint32_t threads,
                   std::unique_ptr<Executor> &out) {
  return program->model->cudaCode()
             ? makeCudaExecutor(std::move(program), out)
             : makeCpuExecutor(std::move(program), threads, out);
}

} // namespace attune::core
