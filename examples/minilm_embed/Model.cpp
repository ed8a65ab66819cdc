// Load, set inputs, run, read the output: all there is to the C API. The rest
// is padding before the model and pooling after it.
#include "Model.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string_view>

namespace {

void check(attune_status status) {
  if (status != ATTUNE_OK)
    throw std::runtime_error(attune_error_message());
}

/// A batch as the model wants it: [batch, length], short rows padded with 0.
struct Batch {
  std::vector<int64_t> ids, mask, types;
  int64_t rows, length;

  explicit Batch(const std::vector<std::vector<int64_t>> &sentences)
      : rows(static_cast<int64_t>(sentences.size())), length(1) {
    for (const auto &sentence : sentences)
      length = std::max(length, static_cast<int64_t>(sentence.size()));
    ids.resize(rows * length);
    mask.resize(rows * length);
    types.resize(rows * length); // one sentence each: all of type 0
    for (int64_t row = 0; row < rows; ++row) {
      std::copy(sentences[row].begin(), sentences[row].end(),
                ids.begin() + row * length);
      std::fill_n(mask.begin() + row * length, sentences[row].size(), 1);
    }
  }

  /// The data of the input called `name`; null for a name we do not know.
  std::vector<int64_t> *find(std::string_view name) {
    return name == "input_ids"        ? &ids
           : name == "attention_mask" ? &mask
           : name == "token_type_ids" ? &types
                                      : nullptr;
  }
};

/// The output with one vector per sentence where the model pools by itself;
/// else the first, which has one per token.
size_t embeddingOutput(const attune_model *model) {
  for (size_t i = 0; i < attune_model_output_count(model); ++i) {
    attune_value_info info;
    check(attune_model_output(model, i, &info));
    if (std::string_view(info.name) == "sentence_embedding")
      return i;
  }
  return 0;
}

/// The vector of a sentence: of [batch, width] its row, of [batch, length,
/// width] the mean over its tokens, padding left out.
std::vector<float> pool(const attune_tensor &output, const Batch &batch,
                        int64_t row) {
  const float *data = static_cast<const float *>(output.data);
  int64_t width = output.dims[output.rank - 1];
  if (output.rank == 2)
    return {data + row * width, data + (row + 1) * width};
  std::vector<float> sum(width);
  for (int64_t t = 0; t < batch.length; ++t) {
    if (batch.mask[row * batch.length + t] == 0)
      continue;
    const float *token = data + (row * batch.length + t) * width;
    for (int64_t i = 0; i < width; ++i)
      sum[i] += token[i];
  }
  return sum; // normalised next, so the count does not matter
}

void normalize(std::vector<float> &vector) {
  double squares = 0;
  for (float x : vector)
    squares += double(x) * x;
  float scale = static_cast<float>(1 / std::sqrt(std::max(squares, 1e-24)));
  for (float &x : vector)
    x *= scale;
}

} // namespace

Model::Model(const std::string &packagePath, uint32_t threads) {
  if (attune_version() / 100 != ATTUNE_VERSION / 100)
    throw std::runtime_error("attune's header and library differ in version");
  attune_model *loaded = nullptr;
  check(attune_model_load(packagePath.c_str(), nullptr, &loaded));
  model.reset(loaded);

  attune_session_options options;
  attune_session_options_init(&options);
  options.threads = threads;
  attune_session *created = nullptr;
  check(attune_session_create(loaded, &options, &created));
  session.reset(created);
}

std::vector<std::vector<float>>
Model::embed(const std::vector<std::vector<int64_t>> &sentences) {
  Batch batch(sentences);
  for (size_t i = 0; i < attune_model_input_count(model.get()); ++i) {
    attune_value_info info;
    check(attune_model_input(model.get(), i, &info));
    std::vector<int64_t> *data = batch.find(info.name);
    if (!data)
      throw std::runtime_error(std::string("the model wants an input '") +
                               info.name + "', which no sentence encoder has");
    attune_tensor tensor = {ATTUNE_I64,
                            2,
                            {batch.rows, batch.length},
                            data->data(),
                            data->size() * sizeof(int64_t)};
    check(attune_session_set_input(session.get(), i, &tensor));
  }

  check(attune_session_run(session.get()));

  attune_tensor output;
  check(attune_session_get_output(session.get(), embeddingOutput(model.get()),
                                  &output));
  if (output.dtype != ATTUNE_F32 || output.rank < 2 || output.rank > 3 ||
      output.dims[0] != batch.rows)
    throw std::runtime_error("the model's output is no embedding");
  std::vector<std::vector<float>> vectors;
  for (int64_t row = 0; row < batch.rows; ++row) {
    vectors.push_back(pool(output, batch, row));
    normalize(vectors.back());
  }
  return vectors;
}

uint64_t Model::peakBytes() const {
  attune_cost cost;
  check(attune_session_cost(session.get(), &cost));
  return cost.peak_bytes;
}
