//===- Timed.h - kernels, and the loops that they are held against --------===//
#pragma once
#include "compiler/target/common/testing/GroupTest.h"
#include "compiler/target/common/testing/Memory.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "tests/bench/Clock.h"
#include <algorithm>
#include <unistd.h>

namespace attune::bench {

using target::common::testing::allocate;
using target::cpu::testing::CompiledKernels;

typedef float Vector __attribute__((vector_size(32), aligned(4)));

/// Four vectors a turn, by plain loads and stores: what a kernel can do, and
/// not what memcpy's streaming stores can.
__attribute__((always_inline)) inline void copyLoop(const float *from,
                                                    float *to, size_t count) {
  for (size_t i = 0; i < count; i += 32) {
    asm volatile("" ::: "memory"); // no call of memcpy
    for (size_t j = 0; j < 32; j += 8)
      *reinterpret_cast<Vector *>(to + i + j) =
          *reinterpret_cast<const Vector *>(from + i + j);
  }
}
__attribute__((target("avx2"))) inline void copyWide(const float *from,
                                                     float *to, size_t count) {
  copyLoop(from, to, count);
}

/// Where the data of a sample lies. In the cache: where the sample before left
/// it. In memory: in one of so many places, used in turn, that it has left
/// every cache since.
struct Placement {
  const char *name;
  int64_t bytes; ///< of all places together; 0: one place

  int64_t places(int64_t each) const { return bytes / each + 1; }
};

/// Four times what the last level holds of lines, and more on a machine that
/// does not say.
inline Placement inMemory() {
  int64_t cache = std::max<int64_t>(sysconf(_SC_LEVEL3_CACHE_SIZE), 32 << 20);
  return {"memory", 4 * cache};
}

/// What is timed, at one place after another.
class Timed {
public:
  virtual ~Timed() = default;
  double seconds() {
    turn = (turn + 1) % places;
    double start = threadSeconds();
    run(turn);
    return threadSeconds() - start;
  }

protected:
  explicit Timed(int64_t places) : places(places) {}
  virtual void run(int64_t place) = 0;
  int64_t places, turn = 0;
};

class Kernel : public Timed {
public:
  explicit Kernel(std::vector<CompiledKernels::Call> calls)
      : Timed(int64_t(calls.size())), calls(std::move(calls)) {}

private:
  void run(int64_t place) override { calls[size_t(place)].runAll(); }
  std::vector<CompiledKernels::Call> calls;
};

template <typename T>
T *as(const std::shared_ptr<char> &memory) {
  return reinterpret_cast<T *>(memory.get());
}

/// Moves so many bytes, half in and half out.
class CopyLoop : public Timed {
public:
  CopyLoop(int64_t bytes, int64_t places)
      : Timed(places), count(size_t(bytes) / 8 / 32 * 32),
        from(allocate(int64_t(count) * 4 * places)),
        to(allocate(int64_t(count) * 4 * places)) {
    std::fill_n(as<float>(from), count * size_t(places), 1.0f);
    std::fill_n(as<float>(to), count * size_t(places), 0.0f);
  }

private:
  void run(int64_t place) override {
    const float *source = as<float>(from) + count * size_t(place);
    float *target = as<float>(to) + count * size_t(place);
    if (__builtin_cpu_supports("avx2"))
      copyWide(source, target, count);
    else
      copyLoop(source, target, count);
  }
  size_t count;
  std::shared_ptr<char> from, to;
};

/// Moves a matrix in the order in which a reduction over its first axis has to:
/// some columns of all rows, then the next ones.
class ColumnCopyLoop : public Timed {
public:
  ColumnCopyLoop(const nn::Array &matrix, int64_t places)
      : Timed(places), rows(size_t(matrix.getShape()[0])),
        columns(size_t(matrix.getShape()[1])),
        from(allocate(matrix.size() * 4 * places)),
        to(allocate(matrix.size() * 4 * places)) {
    std::fill_n(as<float>(from), matrix.size() * places, 1.0f);
    std::fill_n(as<float>(to), matrix.size() * places, 0.0f);
  }

private:
  void run(int64_t place) override {
    size_t start = rows * columns * size_t(place);
    for (size_t column = 0; column + kColumns <= columns; column += kColumns)
      for (size_t row = 0; row < rows; ++row) {
        size_t at = start + row * columns + column;
        if (__builtin_cpu_supports("avx2"))
          copyWide(as<float>(from) + at, as<float>(to) + at, kColumns);
        else
          copyLoop(as<float>(from) + at, as<float>(to) + at, kColumns);
      }
  }
  static constexpr size_t kColumns = 128;
  size_t rows, columns;
  std::shared_ptr<char> from, to;
};

/// Reads the elements that a gather reads, one by one, with no look at whether
/// an index is good.
class GatherLoop : public Timed {
public:
  GatherLoop(const nn::Array &data, const nn::Array &indices, int64_t places)
      : Timed(places), extent(data.size()), count(indices.size()),
        from(allocate(extent * 4 * places)),
        numbers(allocate(count * 8 * places)),
        to(allocate(count * 4 * places)) {
    std::fill_n(as<float>(from), extent * places, 1.0f);
    for (int64_t place = 0; place < places; ++place)
      std::copy_n(indices.ints().data(), count,
                  as<int64_t>(numbers) + count * place);
    std::fill_n(as<float>(to), count * places, 0.0f);
  }

private:
  void run(int64_t place) override {
    const float *source = as<float>(from) + extent * place;
    const int64_t *index = as<int64_t>(numbers) + count * place;
    float *target = as<float>(to) + count * place;
    for (int64_t i = 0; i < count; ++i) {
      if (i % 8 == 0) { // or it waits for indices and for the result as well
        __builtin_prefetch(index + i + kAhead);
        __builtin_prefetch(target + i + kAhead);
      }
      target[i] = source[index[i]];
    }
    asm volatile("" ::"r"(target) : "memory");
  }
  static constexpr int64_t kAhead = 256;
  int64_t extent, count;
  std::shared_ptr<char> from, numbers, to;
};

} // namespace attune::bench
