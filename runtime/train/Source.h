//===- Source.h - batches for the inputs of a model -----------------------===//
//
// Enters: what a model takes for one sample, and files. Leaves: samples by
// number, written as rows of those inputs. Immutable once open.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Facts.h"
#include "runtime/train/Dataset.h"
#include <map>
#include <optional>
#include <span>

namespace attune::train {

class Source {
public:
  virtual ~Source() = default;
  virtual int64_t size() const = 0;
  virtual bool isWindowed() const { return false; }
  /// Null where samples are numbers and nothing more.
  virtual const Vocabulary *vocabulary() const { return nullptr; }
  /// Writes sample `index`, one row for each input; null where it is not
  /// wanted.
  virtual void read(int64_t index, std::span<std::byte *const> rows) const = 0;
};

/// Both parts; those of one file share its memory.
struct Sources {
  std::unique_ptr<Source> training;
  std::unique_ptr<Source> validation; ///< Null where its share is 0.
};

/// The input that a dataset's labels go to, by its name.
std::optional<size_t> labelsAmong(const std::vector<Row> &rows);

/// By the name of an input whose integers are indices: what they are to be
/// below, as the package's manifest says it.
std::map<std::string, int64_t> indexBoundsIn(const tools::Json &manifest);

/// What integers of a model may be, where that is known.
struct Limits {
  std::optional<int64_t> classes; ///< Labels are below it.
  size_t labelRank = 0;           ///< Of what `classes` is about.
  /// By the name of an input whose integers are indices: they are below it.
  std::map<std::string, int64_t> indices;
  /// Labels that do not count; where the package does not say, all below 0.
  std::optional<std::vector<int64_t>> ignored;
};

/// Whether one of these labels counts, as far as is known: where labels are no
/// classes, all do.
bool anyCounts(const Row &row, std::span<const std::byte> labels,
               const Limits &limits);

/// Those of a .npz or .safetensors; none of another dataset.
Error readTensorData(const std::string &path, tools::NamedTensors &out);

/// A .npz or .safetensors, whose `tensors` these are, has a tensor for each
/// input, whose first dim counts samples; of one without a validation part that
/// is its end. Everything else is a dataset (Dataset.h) for two inputs, of
/// which one is called labels or targets. Labels below 0 are ignored ones;
/// others beyond `limits` are an error of tensors, where a dataset has a
/// vocabulary.
Error openSources(const DatasetOptions &options, const std::vector<Row> &rows,
                  const Limits &limits, tools::NamedTensors tensors,
                  Sources &out);

} // namespace attune::train
