//===- CodeObject.h - kernels of a package, callable ----------------------===//
//
// Enters: the verified bytes of a code section. Leaves: function pointers.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/format.h"
#include "runtime/core/Error.h"
#include "runtime/core/Memory.h"
#include "runtime/cpu/ThreadPool.h"
#include <span>
#include <string>

namespace attune::core {

/// A loaded shared object; unloads with the object.
class CodeObject {
public:
  CodeObject() = default;
  CodeObject(CodeObject &&other) noexcept
      : file(std::move(other.file)),
        handle(std::exchange(other.handle, nullptr)) {}
  CodeObject &operator=(CodeObject &&other) noexcept {
    std::swap(file, other.file);
    std::swap(handle, other.handle);
    return *this;
  }
  ~CodeObject();

  /// Copies the bytes to a memfd, seals it against any change, compares it with
  /// them once more and loads it. Needs /proc.
  static Error load(std::span<const std::byte> code, CodeObject &out);

  /// The function of that name; an error when there is none.
  Error find(const std::string &symbol, cpu::Task &out) const;

private:
  /// Open as long as the code is loaded: the loader knows objects by the path
  /// they were opened by, which holds the descriptor's number, and would take a
  /// later object under the same number for this one.
  FileHandle file;
  void *handle = nullptr;
};

} // namespace attune::core
