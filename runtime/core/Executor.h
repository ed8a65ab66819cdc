//===- Executor.h - where a session's memory lies and who does its steps --===//
//
// Enters: a binding, whose arguments lack nothing but base addresses, then one
// run after another. Leaves: outputs in the memory of the caller. A processor
// works in that memory itself; a device has its own and copies.
//
// One per session, used by one thread at a time.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Bind.h"
#include "runtime/core/Model.h"
#include <memory>

namespace attune::core {

/// What a node took, over all runs.
struct NodeTime {
  uint64_t nanoseconds = 0, runs = 0;
};

/// One run of a session.
struct Run {
  const Binding &layout;
  /// Whether sizes or any argument differ from those of the run before.
  bool changed;
  /// Address of each buffer of the plan, as kernels see it.
  std::span<const std::byte *const> bases;
  /// Of the caller, one per input and output of the model.
  std::span<const std::byte *const> inputs;
  std::span<std::byte *const> outputs;
  /// Per node, where they are wanted; else empty.
  std::span<NodeTime> times;
};

class Executor {
public:
  virtual ~Executor() = default;

  virtual uint32_t threads() const = 0;
  /// Takes memory for runs of `layout`. What there is only grows, and keeps its
  /// address where it suffices.
  virtual Error reserve(const Binding &layout) = 0;
  virtual const std::byte *arena() const = 0;
  /// Where kernels find an input or output that the caller has at `data`.
  virtual const std::byte *input(size_t index, const std::byte *data) const = 0;
  virtual const std::byte *output(size_t index, std::byte *data) const = 0;

  virtual Error run(const Run &run) = 0;
};

/// For an entry point of the code version that its model has chosen. `threads`:
/// 0 for all processors; a device takes no notice.
Error makeExecutor(std::shared_ptr<const Program> program, uint32_t threads,
                   std::unique_ptr<Executor> &out);

Error makeCpuExecutor(std::shared_ptr<const Program> program, uint32_t threads,
                      std::unique_ptr<Executor> &out);
Error makeCudaExecutor(std::shared_ptr<const Program> program,
                       std::unique_ptr<Executor> &out);

} // namespace attune::core
