//===- Source.cpp - batches for the inputs of a model ---------------------===//
#include "runtime/train/Source.h"
#include "runtime/tools/TensorFiles.h"
#include <cstring>

namespace attune::train {

static Error usage(std::string fact) {
  return {ATTUNE_INVALID_ARGUMENT, std::move(fact)};
}

namespace {

/// Two inputs from a dataset.
class PairSource : public Source {
public:
  PairSource(std::unique_ptr<Dataset> dataset, size_t data, size_t labels)
      : dataset(std::move(dataset)), data(data), labels(labels) {}
  int64_t size() const override { return dataset->size(); }
  bool isWindowed() const override { return dataset->isWindowed(); }
  const Vocabulary *vocabulary() const override {
    return &dataset->vocabulary();
  }
  void read(int64_t index, std::span<std::byte *const> rows) const override {
    dataset->read(index, rows[data], rows[labels]);
  }

private:
  std::unique_ptr<Dataset> dataset;
  size_t data, labels;
};

/// Any inputs from tensors of a file.
class TensorSource : public Source {
public:
  Error open(const std::string &path, double validation, Part part,
             const std::vector<Row> &rows);
  int64_t size() const override { return count; }
  void read(int64_t index, std::span<std::byte *const> rows) const override {
    for (size_t i = 0; i < tensors.size(); ++i) {
      size_t bytes = rowBytes[i];
      std::memcpy(rows[i],
                  tensors[i].data.data() + size_t(first + index) * bytes,
                  bytes);
    }
  }

private:
  Error take(const Row &row, tools::NamedTensors &found);

  std::vector<tools::Tensor> tensors; ///< By row.
  std::vector<size_t> rowBytes;
  int64_t first = 0, count = 0;
};

} // namespace

Error TensorSource::take(const Row &row, tools::NamedTensors &found) {
  auto it = found.find(row.name);
  if (it == found.end())
    return usage(cat("it has no tensor \"", row.name, "\""));
  tools::Tensor &tensor = it->second;
  std::vector<int64_t> expected = row.dims;
  expected.insert(expected.begin(), tensor.dims.empty() ? 0 : tensor.dims[0]);
  if (tensor.dtype != row.dtype || tensor.dims != expected)
    return usage(cat("\"", row.name, "\": expected ",
                     attune_dtype_name(row.dtype), " ",
                     tools::dimsText(row.dims), " for each sample, found ",
                     attune_dtype_name(tensor.dtype), " ",
                     tools::dimsText(tensor.dims), " in all"));
  if (!tensors.empty() && expected[0] != count)
    return usage(cat("\"", row.name, "\" has ", expected[0],
                     " samples, other tensors have ", count));
  count = expected[0];
  rowBytes.push_back(size_t(row.elements()) * attune_dtype_bytes(row.dtype));
  tensors.push_back(std::move(tensor));
  return {};
}

Error TensorSource::open(const std::string &path, double validation, Part part,
                         const std::vector<Row> &rows) {
  tools::NamedTensors found;
  if (Error error = tools::readTensors(path, found))
    return error;
  for (const Row &row : rows)
    if (Error error = take(row, found))
      return error.in(path);
  auto kept = int64_t(double(count) * (1 - validation));
  first = part == Part::Training ? 0 : kept;
  count = part == Part::Training ? kept : count - kept;
  return {};
}

std::optional<size_t> labelsAmong(const std::vector<Row> &rows) {
  for (const char *name : {"labels", "targets", "label", "target"})
    for (size_t i = 0; i < rows.size(); ++i)
      if (rows[i].name == name)
        return i;
  return std::nullopt;
}

static bool isTensorFile(const std::string &path) {
  return path.ends_with(".npz") || path.ends_with(".safetensors");
}

Error openSource(const DatasetOptions &options, Part part,
                 const std::vector<Row> &rows, std::unique_ptr<Source> &out) {
  if (part == Part::Validation && options.validation == 0)
    return {};
  if (isTensorFile(options.path)) {
    auto source = std::make_unique<TensorSource>();
    if (Error error =
            source->open(options.path, options.validation, part, rows))
      return error;
    out = std::move(source);
    return {};
  }
  std::optional<size_t> labels = labelsAmong(rows);
  if (rows.size() != 2 || !labels) {
    std::string names;
    for (const Row &row : rows)
      names += cat(names.empty() ? "\"" : "\", \"", row.name);
    return usage(cat(options.path, ": the model takes ", names,
                     "\"; only a .npz or .safetensors can feed other inputs "
                     "than one of data and one called labels or targets"));
  }
  std::unique_ptr<Dataset> dataset;
  size_t data = 1 - *labels;
  if (Error error =
          openDataset(options, part, rows[data], rows[*labels], dataset))
    return error;
  out = std::make_unique<PairSource>(std::move(dataset), data, *labels);
  return {};
}

} // namespace attune::train
