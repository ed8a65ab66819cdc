//===- Source.cpp - batches for the inputs of a model ---------------------===//
#include "runtime/train/Source.h"
#include "runtime/tools/Handles.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/train/Readers.h"
#include <algorithm>
#include <cstring>

namespace attune::train {

using tools::usage;

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

/// Tensors of a file, of which each row is a sample's.
struct Table {
  std::vector<tools::Tensor> tensors; ///< By row.
  std::vector<size_t> rowBytes;
  int64_t count = 0;
};

/// Any inputs from a stretch of a table.
class TableSource : public Source {
public:
  TableSource(std::shared_ptr<const Table> table, int64_t first, int64_t count)
      : table(std::move(table)), first(first), count(count) {}
  int64_t size() const override { return count; }
  void read(int64_t index, std::span<std::byte *const> rows) const override {
    for (size_t i = 0; i < table->tensors.size(); ++i) {
      if (!rows[i])
        continue;
      size_t bytes = table->rowBytes[i];
      std::memcpy(rows[i],
                  table->tensors[i].data.data() + size_t(first + index) * bytes,
                  bytes);
    }
  }

private:
  std::shared_ptr<const Table> table;
  int64_t first, count;
};

} // namespace

static Error take(const Row &row, tools::NamedTensors &found, Table &out) {
  auto it = found.find(row.name);
  if (it == found.end())
    return usage(cat("it has no tensor \"", row.name, "\""));
  tools::Tensor &tensor = it->second;
  if (isInteger(row) && tools::isNarrower(tensor.dtype, row.dtype))
    tensor = tools::widened(tensor, row.dtype);
  std::vector<int64_t> expected = row.dims;
  expected.insert(expected.begin(), tensor.dims.empty() ? 0 : tensor.dims[0]);
  if (tensor.dtype != row.dtype || tensor.dims != expected)
    return usage(cat("\"", row.name, "\": expected ",
                     attune_dtype_name(row.dtype), " ",
                     tools::dimsText(row.dims), " for each sample, found ",
                     attune_dtype_name(tensor.dtype), " ",
                     tools::dimsText(tensor.dims), " in all"));
  if (!out.tensors.empty() && expected[0] != out.count)
    return usage(cat("\"", row.name, "\" has ", expected[0],
                     " samples, other tensors have ", out.count));
  out.count = expected[0];
  out.rowBytes.push_back(size_t(row.elements()) *
                         attune_dtype_bytes(row.dtype));
  out.tensors.push_back(std::move(tensor));
  return {};
}

static int64_t readInteger(attune_dtype dtype, const std::byte *data,
                           size_t index) {
  int64_t wide = 0;
  int32_t narrow = 0;
  if (dtype == ATTUNE_I64) {
    std::memcpy(&wide, data + 8 * index, 8);
    return wide;
  }
  std::memcpy(&narrow, data + 4 * index, 4);
  return narrow;
}

std::map<std::string, int64_t> indexBoundsIn(const tools::Json &manifest) {
  std::map<std::string, int64_t> bounds;
  auto found = manifest.find("index_bounds"); // the end of what is no object
  if (found == manifest.end() || !found->is_object())
    return bounds;
  for (const auto &[name, bound] : found->items())
    if (bound.is_number_integer())
      bounds[name] = bound.get<int64_t>();
  return bounds;
}

/// Whether integers are below `limit` and not below 0, or among `others`.
template <typename IsOther>
static Error checkRange(const Row &row, const tools::Tensor &tensor,
                        int64_t limit, IsOther isOther,
                        const std::string &others) {
  size_t bytes = attune_dtype_bytes(row.dtype);
  auto elements = size_t(row.elements());
  for (size_t i = 0; i < tensor.data.size() / bytes; ++i) {
    int64_t value = readInteger(row.dtype, tensor.data.data(), i);
    if ((value < 0 || value >= limit) && !isOther(value))
      return usage(cat("\"", row.name, "\": ", value, " in row ", i / elements,
                       ", expected 0 to ", limit - 1, others));
  }
  return {};
}

static bool isIgnored(const Limits &limits, int64_t label) {
  if (!limits.ignored)
    return label < 0;
  return std::find(limits.ignored->begin(), limits.ignored->end(), label) !=
         limits.ignored->end();
}

static bool areClasses(const Row &row, const Limits &limits) {
  return limits.classes && isInteger(row) &&
         row.dims.size() == limits.labelRank;
}

bool anyCounts(const Row &row, std::span<const std::byte> labels,
               const Limits &limits) {
  if (!areClasses(row, limits))
    return true;
  for (size_t i = 0; i < labels.size() / attune_dtype_bytes(row.dtype); ++i)
    if (!isIgnored(limits, readInteger(row.dtype, labels.data(), i)))
      return true;
  return false;
}

static Error checkLabels(const Row &row, const tools::Tensor &tensor,
                         int64_t classes, const Limits &limits) {
  std::string others;
  if (!limits.ignored)
    others = ", or a number below 0";
  else
    for (int64_t label : *limits.ignored)
      others += cat(others.empty() ? ", or " : " or ", label);
  auto isOther = [&](int64_t value) { return isIgnored(limits, value); };
  if (Error error = checkRange(row, tensor, classes, isOther,
                               others + " for a label that is ignored"))
    return error;
  if (tensor.data.empty() || anyCounts(row, tensor.data, limits))
    return {};
  return usage(cat("\"", row.name,
                   "\": all labels are ignored ones, so there is nothing to "
                   "train on; expected 0 to ",
                   classes - 1, " for some"));
}

/// What is no class would count as ignored, what is no token would be read as
/// another, and nobody would know.
static Error checkIntegers(const Table &table, const std::vector<Row> &rows,
                           const Limits &limits) {
  std::optional<size_t> labels = labelsAmong(rows);
  if (labels && limits.classes && areClasses(rows[*labels], limits))
    if (Error error = checkLabels(rows[*labels], table.tensors[*labels],
                                  *limits.classes, limits))
      return error;
  for (size_t i = 0; i < rows.size(); ++i) {
    auto bound = limits.indices.find(rows[i].name);
    if (bound == limits.indices.end() || !isInteger(rows[i]))
      continue;
    if (Error error = checkRange(
            rows[i], table.tensors[i], bound->second,
            [](int64_t) { return false; }, ""))
      return error;
  }
  return {};
}

static Error openTable(const DatasetOptions &options,
                       const std::vector<Row> &rows, const Limits &limits,
                       tools::NamedTensors &found, Sources &out) {
  auto table = std::make_shared<Table>();
  for (const Row &row : rows)
    if (Error error = take(row, found, *table))
      return error.in(options.path);
  if (Error error = checkIntegers(*table, rows, limits))
    return error.in(options.path);
  auto kept = int64_t(double(table->count) * (1 - options.validation));
  out.training = std::make_unique<TableSource>(table, 0, kept);
  if (options.validation != 0)
    out.validation =
        std::make_unique<TableSource>(table, kept, table->count - kept);
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

Error readTensorData(const std::string &path, tools::NamedTensors &out) {
  return isTensorFile(path) ? tools::readTensors(path, out) : Error();
}

Error openSources(const DatasetOptions &options, const std::vector<Row> &rows,
                  const Limits &limits, tools::NamedTensors tensors,
                  Sources &out) {
  if (isTensorFile(options.path))
    return openTable(options, rows, limits, tensors, out);
  std::optional<size_t> labels = labelsAmong(rows);
  if (rows.size() != 2 || !labels) {
    std::string names;
    for (const Row &row : rows)
      names += cat(names.empty() ? "\"" : "\", \"", row.name);
    return usage(cat(options.path, ": the model takes ", names,
                     "\"; only a .npz or .safetensors can feed other inputs "
                     "than one of data and one called labels or targets"));
  }
  Parts parts;
  size_t data = 1 - *labels;
  if (Error error = openDataset(options, rows[data], rows[*labels], parts))
    return error;
  auto sourceOf = [&](std::unique_ptr<Dataset> &part) {
    return std::make_unique<PairSource>(std::move(part), data, *labels);
  };
  out.training = sourceOf(parts.training);
  if (parts.validation)
    out.validation = sourceOf(parts.validation);
  return {};
}

} // namespace attune::train
