//===- WindowDataset.cpp - windows of a line of tokens --------------------===//
//
// See WindowDataset.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/WindowDataset.h"

namespace attune::train {

namespace {

template <typename Token>
class WindowDataset final : public Dataset {
public:
  WindowDataset(Tokens tokens, int64_t length, const Row &data,
                const Row &labels)
      : tokens(std::move(tokens)), length(length), dataDtype(data.dtype),
        labelDtype(labels.dtype) {}

  int64_t size() const override { return tokens.count - length; }
  bool isWindowed() const override { return true; }
  const Vocabulary &vocabulary() const override { return tokens.vocabulary; }
  void read(int64_t index, std::byte *data, std::byte *labels) const override {
    const Token *from =
        reinterpret_cast<const Token *>(tokens.memory.data() + tokens.offset) +
        tokens.first + index;
    for (int64_t i = 0; i < length; ++i) {
      writeInteger(dataDtype, data, i, from[i]);
      writeInteger(labelDtype, labels, i, from[i + 1]);
    }
  }

private:
  Tokens tokens;
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

void takePart(Tokens &tokens, Part part, double validation) {
  auto cut = int64_t(double(tokens.count) * (1 - validation));
  if (part == Part::Training) {
    tokens.count = cut;
    return;
  }
  tokens.first += cut;
  tokens.count -= cut;
}

Error makeWindows(const std::string &path, Tokens tokens, size_t tokenBytes,
                  const Row &data, const Row &labels, OpenedDataset &out) {
  int64_t length = data.dims[0];
  if (tokens.count <= length)
    return badData(path, cat("this part has ", tokens.count,
                             " tokens, the "
                             "model's ",
                             describe(data),
                             ", and the token "
                             "after it need ",
                             length,
                             " and one more; use "
                             "more text or a shorter length"));
  if (tokenBytes == 1)
    out = std::make_unique<WindowDataset<uint8_t>>(std::move(tokens), length,
                                                   data, labels);
  else
    out = std::make_unique<WindowDataset<uint16_t>>(std::move(tokens), length,
                                                    data, labels);
  return {};
}

} // namespace attune::train
