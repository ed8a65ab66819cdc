//===- Feed.h - what goes into an entry point of training -----------------===//
//
// Enters: an entry point (step, grad, apply, eval) and sizes for its dims.
// Leaves: which input is which, and memory for a batch.
//
// Inputs called seed, step and first (i64), scale and lr (f32) are scalars that
// the trainer knows; all others are data, one row for each sample.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Handles.h"
#include "runtime/train/Source.h"
#include <map>

namespace attune::train {

using tools::check;
using tools::Model;
using tools::Session;
using tools::State;
using tools::usage;

/// Values of the scalars of one call.
struct Scalars {
  int64_t seed = 0, step = 0, first = 0;
  float scale = 1, rate = 0;
};

/// Adds the sizes of dims that rows of `tensors` tell, under the names of the
/// inputs, as far as they are not there yet; not how many samples there are.
Error addSizes(attune_model *entry, const tools::NamedTensors &tensors,
               std::map<std::string, int64_t> &sizes);

class Feed {
public:
  /// `sizes` by name of the dims; a dim called batch or B is `batch` where it
  /// is not among them.
  Error create(attune_model *entry, std::map<std::string, int64_t> sizes,
               int64_t batch);

  /// For an entry point that takes some of the rows that a source has.
  Error takeFrom(const std::vector<Row> &all);

  /// Of the data, for opening a source.
  const std::vector<Row> &rows() const { return kinds; }
  /// What was read for one of them.
  std::span<const std::byte> bytesOf(size_t row) const {
    return data[row].data;
  }
  int64_t batch() const { return samples; }
  /// Whether a call may have fewer samples than that.
  bool mayBeSmaller() const { return !isFixed; }

  /// Reads samples `indices`, at most as many as a batch has.
  void fill(const Source &source, std::span<const int64_t> indices);
  /// Hands all inputs to the session; only `scalars` may have changed since the
  /// last call, and the data.
  Error set(attune_session *session, const Scalars &scalars);

private:
  Error addData(attune_model *entry, size_t index,
                const attune_value_info &info, std::span<const int64_t> values);

  std::vector<Row> kinds;
  std::vector<size_t> dataInputs; ///< By row: number of the input.
  std::vector<size_t> places;     ///< By row: its number in the source.
  size_t sourceRows = 0;          ///< How many those are.
  std::vector<tools::Tensor> data;
  std::map<std::string, size_t> scalarInputs;
  Scalars now; ///< What the session points to.
  int64_t samples = 0;
  bool isFixed = false; ///< The model says how many samples there are.
};

} // namespace attune::train
