//===- StateTable.cpp - JSON to StateTable --------------------------------===//
#include "runtime/core/StateTable.h"
#include "runtime/core/JsonReader.h"
#include <unordered_set>

namespace attune::core {

static constexpr std::pair<const char *, attune_state_kind> kKinds[] = {
    {"parameter", ATTUNE_STATE_PARAMETER},
    {"gradient", ATTUNE_STATE_GRADIENT},
    {"optimizer", ATTUNE_STATE_OPTIMIZER},
    {"average", ATTUNE_STATE_AVERAGE}};

static attune_state_kind readKind(Reader &reader, const json &value,
                                  const std::string &place) {
  std::string text = reader.string(value, "kind", place);
  for (auto [name, kind] : kKinds)
    if (text == name)
      return kind;
  reader.fail(place + ".kind", "parameter, gradient, optimizer or average");
  return ATTUNE_STATE_PARAMETER;
}

static StateTensor readTensor(Reader &reader, const json &value,
                              const std::string &place) {
  StateTensor tensor;
  tensor.name = reader.string(value, "name", place);
  tensor.kind = readKind(reader, value, place);
  tensor.dtype = reader.dtype(value, "dtype", place);
  auto number = [&](const char *key) {
    return reader.integer(reader.member(value, key, place), place + "." + key,
                          0, kMaxInt);
  };
  reader.each(value, "dims", place, ATTUNE_MAX_RANK,
              [&](const json &dim, const std::string &where) {
                tensor.dims.push_back(reader.integer(&dim, where, 0, kMaxInt));
              });
  tensor.offset = uint64_t(number("offset"));
  if (!reader.member(value, "section", place, /*required=*/false))
    return tensor;
  tensor.initial = {reader.index(value, "section", place),
                    uint64_t(number("at"))};
  return tensor;
}

static Error bad(std::string fact) {
  return {ATTUNE_BAD_PACKAGE, "state: " + std::move(fact)};
}

/// Its bytes, and that they lie behind those of all tensors before.
static Error place(StateTensor &tensor, StateTable &table) {
  auto bytes = int64_t(attune_dtype_bytes(tensor.dtype));
  bool overflow = false;
  for (int64_t dim : tensor.dims)
    overflow |= __builtin_mul_overflow(bytes, dim, &bytes);
  if (overflow)
    return bad(cat("\"", tensor.name, "\": its size overflows 64 bits"));
  tensor.bytes = uint64_t(bytes);
  uint64_t end = 0;
  if (tensor.offset % format::kWeightAlign != 0 ||
      tensor.offset < table.bytes ||
      __builtin_add_overflow(tensor.offset, tensor.bytes, &end))
    return bad(cat("\"", tensor.name, "\": offset ", tensor.offset,
                   " is not aligned, or inside another tensor"));
  table.bytes = end;
  return {};
}

static Error checkInitial(const StateTensor &tensor,
                          std::span<const format::Section> sections) {
  if (!tensor.initial)
    return {};
  auto [number, offset] = *tensor.initial;
  if (number >= sections.size() ||
      sections[number].kind != uint32_t(format::SectionKind::Weights))
    return bad(
        cat("\"", tensor.name, "\": section ", number, " holds no weights"));
  uint64_t bytes = sections[number].bytes;
  if (offset > bytes || tensor.bytes > bytes - offset)
    return bad(cat("\"", tensor.name, "\": ", tensor.bytes, " bytes at offset ",
                   offset, " of a section of ", bytes));
  return {};
}

Error parseStateTable(std::span<const std::byte> bytes,
                      std::span<const format::Section> sections,
                      StateTable &table) {
  Reader reader("state");
  json root = reader.root(bytes);
  if (reader.error)
    return reader.error;
  reader.each(root, "tensors", "", kMaxEntries,
              [&](const json &value, const std::string &where) {
                table.tensors.push_back(readTensor(reader, value, where));
              });
  if (reader.error)
    return reader.error;
  std::unordered_set<std::string_view> names;
  for (StateTensor &tensor : table.tensors) {
    if (tensor.name.empty() || !names.insert(tensor.name).second)
      return bad(cat("the name \"", tensor.name, "\" is empty or taken"));
    if (Error error = place(tensor, table))
      return error;
    if (Error error = checkInitial(tensor, sections))
      return error;
  }
  return {};
}

} // namespace attune::core
