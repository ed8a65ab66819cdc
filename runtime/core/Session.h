//===- Session.h - memory and threads to run a model ----------------------===//
//
// Enters: an entry point, inputs, a state. Leaves: outputs, the state changed.
// One thread at a time; sessions of one model are independent.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Executor.h"
#include "runtime/core/State.h"

namespace attune::core {

struct SessionOptions {
  uint32_t threads = 0; ///< 0: all available processors.
  bool profile = false;
  uint64_t memoryLimit = 0;
  /// Null: one of the session's own, where the program needs it.
  std::shared_ptr<State> state;
};

class Session {
public:
  Error create(std::shared_ptr<const Program> program,
               const SessionOptions &options);

  Error setInput(size_t index, const attune_tensor &tensor);
  Error setOutput(size_t index, void *data, size_t bytes);
  Error prepare();
  Error run();
  Error output(size_t index, attune_tensor &out) const;

  const Program &program() const { return *owner; }
  uint32_t threads() const { return executor->threads(); }
  /// Null before the first prepare.
  const Binding *binding() const { return bound ? &layout : nullptr; }
  uint64_t nanoseconds(uint32_t node) const { return times[node].nanoseconds; }
  uint64_t runs(uint32_t node) const { return times[node].runs; }
  void resetProfile();

private:
  struct Output {
    void *caller = nullptr; ///< Set by the caller, or null.
    size_t callerBytes = 0;
    uint64_t offset = 0; ///< In `outputs`, when the session owns it.
  };

  Error placeOutputs();
  Error checkLimit(uint64_t ownedOutputs) const;
  std::byte *outputData(size_t index) const;
  bool resolveAddresses();

  std::shared_ptr<const Program> owner;
  SessionOptions options;
  std::unique_ptr<Executor> executor;
  std::vector<attune_tensor> inputs;
  std::vector<bool> inputSet;
  std::vector<Output> outputState;
  bool bound = false, outputsPlaced = false;
  Binding layout;
  Mapping outputs;
  std::vector<const std::byte *> bases; ///< Per buffer, as last resolved.
  const std::byte *arenaBase = nullptr; ///< As last resolved.
  std::vector<const std::byte *> callerInputs;
  std::vector<std::byte *> callerOutputs;
  std::vector<NodeTime> times; ///< Per node.
};

} // namespace attune::core
