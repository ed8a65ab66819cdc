//===- State.h - the memory of what outlasts a run ------------------------===//
//
// Enters: a model. Leaves: one block of memory with a place for each tensor of
// its state table, holding what training begins with. Entry points change it;
// one run at a time.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Memory.h"
#include "runtime/core/Model.h"
#include <memory>

namespace attune::core {

class State {
public:
  /// `threads` as in SessionOptions, for the entry point "init".
  static Error create(std::shared_ptr<const Model> model, uint64_t seed,
                      uint32_t threads, std::shared_ptr<State> &out);

  const Model &model() const { return *owner; }
  /// Of tensor `index`.
  std::byte *data(size_t index) const {
    return memory.data() + owner->states().tensors[index].offset;
  }

private:
  std::shared_ptr<const Model> owner;
  Mapping memory;
};

/// The model that a program is part of; both live as long.
inline std::shared_ptr<const Model>
modelOf(const std::shared_ptr<const Program> &program) {
  return {program, program->model};
}

} // namespace attune::core
