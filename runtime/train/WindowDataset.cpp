//===- WindowDataset.cpp - windows of a line of tokens --------------------===//
//
// See WindowDataset.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/WindowDataset.h"

namespace attune::train {

namespace {

/// A stretch of the tokens of a file, which its parts share.
struct Stretch {
  std::shared_ptr<const Tokens> tokens;
  int64_t first = 0, count = 0;
};

template <typename Token>
class WindowDataset final : public Dataset {
public:
  WindowDataset(Stretch part, const Row &data, const Row &labels)
      : part(std::move(part)), length(data.dims[0]), dataDtype(data.dtype),
        labelDtype(labels.dtype) {}

  int64_t size() const override { return part.count - length; }
  bool isWindowed() const override { return true; }
  const Vocabulary &vocabulary() const override {
    return part.tokens->vocabulary;
  }
  void read(int64_t index, std::byte *data, std::byte *labels) const override {
    const Tokens &all = *part.tokens;
    const Token *from =
        reinterpret_cast<const Token *>(all.memory.data() + all.offset) +
        part.first + index;
    for (int64_t i = 0; i < length; ++i) {
      if (data)
        writeInteger(dataDtype, data, i, from[i]);
      if (labels)
        writeInteger(labelDtype, labels, i, from[i + 1]);
    }
  }

private:
  Stretch part;
  int64_t length; ///< Of a window.
  attune_dtype dataDtype, labelDtype;
};

} // namespace

Error checkWindowRows(const std::string &path, const Row &data,
                      const Row &labels) {
  if (!isInteger(data) || data.dims.size() != 1 || data.dims[0] < 1)
    return badData(path, cat("tokens are i64 or i32 [T], the model's data is ",
                             describe(data)));
  if (!isInteger(labels) || labels.dims != data.dims)
    return badData(path, cat("each token has the next one as its label, i64 or "
                             "i32 [",
                             data.dims[0], "], the model's labels are ",
                             describe(labels)));
  return {};
}

static Error windowsOf(const std::string &path, Stretch part, const Row &data,
                       const Row &labels, OpenedDataset &out) {
  int64_t length = data.dims[0];
  if (part.count <= length)
    return badData(path,
                   cat("this part has ", part.count, " tokens, the model's ",
                       describe(data), ", and the token after it need ", length,
                       " and one more; use more text or a shorter "
                       "length"));
  if (part.tokens->bytes == 1)
    out =
        std::make_unique<WindowDataset<uint8_t>>(std::move(part), data, labels);
  else
    out = std::make_unique<WindowDataset<uint16_t>>(std::move(part), data,
                                                    labels);
  return {};
}

Error makeWindows(const std::string &path, Tokens tokens, const Row &data,
                  const Row &labels, OpenedDataset &out) {
  auto shared = std::make_shared<const Tokens>(std::move(tokens));
  return windowsOf(path, {shared, 0, shared->count}, data, labels, out);
}

Error makeWindows(const std::string &path, Tokens tokens, double validation,
                  const Row &data, const Row &labels, Parts &out) {
  auto shared = std::make_shared<const Tokens>(std::move(tokens));
  auto cut = int64_t(double(shared->count) * (1 - validation));
  Error error = windowsOf(path, {shared, 0, cut}, data, labels, out.training);
  if (error || validation == 0)
    return error;
  return windowsOf(path, {shared, cut, shared->count - cut}, data, labels,
                   out.validation);
}

} // namespace attune::train
