//===- Safetensors.cpp - the safetensors format ---------------------------===//
//
// Eight bytes of length, a JSON header {"name": {"dtype", "shape",
// "data_offsets"}}, then the data. As the format's own reader demands: header
// of at most 100 MB, tensors cover the data without overlap and without holes.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/TensorFiles.h"
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

namespace attune::tools {

using nlohmann::json;

static constexpr uint64_t kMaxHeader = 100000000;

static constexpr std::pair<const char *, attune_dtype> kDtypes[] = {
    {"F32", ATTUNE_F32},   {"F64", ATTUNE_F64}, {"F16", ATTUNE_F16},
    {"BF16", ATTUNE_BF16}, {"I64", ATTUNE_I64}, {"I32", ATTUNE_I32},
    {"I16", ATTUNE_I16},   {"I8", ATTUNE_I8},   {"U64", ATTUNE_U64},
    {"U32", ATTUNE_U32},   {"U16", ATTUNE_U16}, {"U8", ATTUNE_U8},
    {"BOOL", ATTUNE_BOOL}};

static Error bad(std::string fact) {
  return {ATTUNE_INVALID_ARGUMENT,
          "not a usable .safetensors: " + std::move(fact)};
}

static bool readNumbers(const json &entry, const char *key, size_t most,
                        std::vector<int64_t> &out) {
  auto found = entry.find(key);
  if (found == entry.end() || !found->is_array() || found->size() > most)
    return false;
  for (const json &value : *found) {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > INT64_MAX)
      return false;
    out.push_back(int64_t(value.get<uint64_t>()));
  }
  return true;
}

static Error readEntry(const json &entry, std::span<const std::byte> data,
                       Tensor &tensor, std::vector<int64_t> &range) {
  if (!entry.is_object())
    return bad("its entry is no object");
  auto dtype = entry.find("dtype");
  const std::string *name =
      dtype == entry.end() ? nullptr : dtype->get_ptr<const std::string *>();
  bool known = false;
  for (auto [text, value] : kDtypes)
    if (name && *name == text) {
      tensor.dtype = value;
      known = true;
    }
  if (!known)
    return bad(cat("dtype ", name ? *name : std::string("missing"),
                   " is not supported"));
  if (!readNumbers(entry, "shape", ATTUNE_MAX_RANK, tensor.dims))
    return bad("shape is no list of at most 8 sizes");
  if (!readNumbers(entry, "data_offsets", 2, range) || range.size() != 2 ||
      range[0] > range[1] || uint64_t(range[1]) > data.size())
    return bad(
        cat("data_offsets do not lie in the ", data.size(), " bytes of data"));
  uint64_t bytes = 0;
  if (Error error = tensorBytes(tensor.dtype, tensor.dims, bytes))
    return bad(error.message());
  if (bytes != uint64_t(range[1] - range[0]))
    return bad(cat("its shape needs ", bytes, " bytes, data_offsets span ",
                   range[1] - range[0]));
  auto part = data.subspan(size_t(range[0]), bytes);
  tensor.data.assign(part.begin(), part.end());
  return {};
}

static constexpr char kMetadata[] = "__metadata__";

/// Strings only, as the format has it; what else there is is passed over.
static void readMetadata(const json &entry, Metadata &metadata) {
  for (const auto &[key, value] : entry.items())
    if (const auto *text = value.get_ptr<const std::string *>())
      metadata[key] = *text;
}

Error parseSafetensors(std::span<const std::byte> bytes, NamedTensors &out,
                       Metadata *metadata) {
  uint64_t length = 0;
  if (bytes.size() < sizeof length)
    return bad(cat("it has ", bytes.size(), " bytes, the length alone has 8"));
  std::memcpy(&length, bytes.data(), sizeof length);
  if (length > kMaxHeader || length > bytes.size() - sizeof length)
    return bad(
        cat("a header of ", length, " bytes in a file of ", bytes.size()));
  const auto *text = reinterpret_cast<const char *>(bytes.data()) + 8;
  json header = json::parse(text, text + length, nullptr, false);
  if (!header.is_object())
    return bad("the header is no JSON object");
  auto data = bytes.subspan(8 + length);
  std::vector<std::vector<int64_t>> ranges;
  for (const auto &[name, entry] : header.items()) {
    if (name == kMetadata) {
      if (metadata)
        readMetadata(entry, *metadata);
      continue;
    }
    Tensor tensor;
    std::vector<int64_t> range;
    if (Error error = readEntry(entry, data, tensor, range))
      return error.in(cat("tensor \"", name, "\""));
    out[name] = std::move(tensor);
    ranges.push_back(std::move(range));
  }
  std::sort(ranges.begin(), ranges.end());
  int64_t end = 0;
  for (const auto &range : ranges) {
    if (range[0] != end)
      return bad(cat("data from byte ", std::min(end, range[0]), " to ",
                     std::max(end, range[0]),
                     range[0] < end ? " belongs to two tensors"
                                    : " belongs to no tensor"));
    end = range[1];
  }
  if (uint64_t(end) != data.size())
    return bad(cat("tensors end at byte ", end, ", the data at ", data.size()));
  return {};
}

/// Length and header of a file with these tensors one behind the other.
static std::vector<std::byte>
headerOf(std::span<const std::pair<std::string, attune_tensor>> tensors,
         const Metadata &metadata) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!metadata.empty())
    header[kMetadata] = metadata;
  uint64_t at = 0;
  for (const auto &[name, tensor] : tensors) {
    const char *dtype = "F32";
    for (auto [text, value] : kDtypes)
      if (value == tensor.dtype)
        dtype = text;
    std::vector<int64_t> dims(tensor.dims, tensor.dims + tensor.rank);
    header[name] = {{"dtype", dtype},
                    {"shape", dims},
                    {"data_offsets", {at, at + tensor.bytes}}};
    at += tensor.bytes;
  }
  std::string text =
      header.dump(-1, ' ', false, json::error_handler_t::replace);
  // Data starts aligned.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t length = text.size();
  std::vector<std::byte> out(8 + length);
  std::memcpy(out.data(), &length, 8);
  std::memcpy(out.data() + 8, text.data(), length);
  return out;
}

static std::span<const std::byte> dataOf(const attune_tensor &tensor) {
  return {static_cast<const std::byte *>(tensor.data), tensor.bytes};
}

std::vector<std::byte> formatSafetensors(const NamedTensors &tensors) {
  std::vector<std::pair<std::string, attune_tensor>> views;
  for (const auto &[name, tensor] : tensors)
    views.emplace_back(name, tensor.view());
  std::vector<std::byte> out = headerOf(views, {});
  for (const auto &[name, view] : views) {
    auto data = dataOf(view);
    out.insert(out.end(), data.begin(), data.end());
  }
  return out;
}

Error writeSafetensors(
    const std::string &path,
    std::span<const std::pair<std::string, attune_tensor>> tensors,
    const Metadata &metadata) {
  std::vector<std::byte> header = headerOf(tensors, metadata);
  std::vector<std::span<const std::byte>> parts = {header};
  for (const auto &[name, tensor] : tensors)
    parts.push_back(dataOf(tensor));
  return writeFile(path, parts);
}

} // namespace attune::tools
