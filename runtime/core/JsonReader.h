//===- JsonReader.h - the form of a JSON section --------------------------===//
//
// Private to the parsers of this folder. nlohmann-json is built without
// exceptions here: nothing calls an accessor before it has checked the type.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/format.h"
#include "runtime/core/Expr.h"
#include <limits>
#include <nlohmann/json.hpp>
#include <span>

namespace attune::core {

using nlohmann::json;

inline constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();
inline constexpr int64_t kMinInt = std::numeric_limits<int64_t>::min();
/// More than any model needs; keeps a damaged count from taking memory.
inline constexpr size_t kMaxEntries = size_t(1) << 20;

/// Reads fields and keeps the first failure. A place is the path to the value
/// at hand, "nodes[3].launch".
class Reader {
public:
  /// `section` begins the message of a failure: "plan".
  explicit Reader(const char *section) : section(section) {}
  Error error;

  /// The root object of a section; null with a failure.
  json root(std::span<const std::byte> bytes) {
    if (bytes.size() > format::kMaxJsonBytes) {
      error = {ATTUNE_BAD_PACKAGE,
               cat(section, ": it has ", bytes.size(), " bytes, at most ",
                   format::kMaxJsonBytes, " are allowed")};
      return {};
    }
    const auto *text = reinterpret_cast<const char *>(bytes.data());
    json value = json::parse(text, text + bytes.size(), nullptr,
                             /*allow_exceptions=*/false);
    if (value.is_discarded() || !value.is_object()) {
      error = {ATTUNE_BAD_PACKAGE, cat(section, ": not a JSON object")};
      return {};
    }
    int64_t version =
        integer(member(value, "version", section), "version", 0, kMaxInt);
    if (!error && version != 1)
      error = {ATTUNE_BAD_PACKAGE, cat(section, ": it has version ", version,
                                       ", this runtime reads version 1")};
    return value;
  }

  void fail(const std::string &place, const std::string &expected) {
    if (!error)
      error = Error(ATTUNE_BAD_PACKAGE,
                    cat(section, ": ", place, ": expected ", expected));
  }

  /// The member `key`, or null with a failure.
  const json *member(const json &object, const char *key,
                     const std::string &place, bool required = true) {
    if (!object.is_object()) {
      fail(place, "an object");
      return nullptr;
    }
    auto found = object.find(key);
    if (found != object.end())
      return &*found;
    if (required)
      fail(place, cat("a member \"", key, "\""));
    return nullptr;
  }

  int64_t integer(const json *value, const std::string &place, int64_t min,
                  int64_t max) {
    if (!value)
      return min;
    bool fits = value->is_number_integer() &&
                !(value->is_number_unsigned() &&
                  value->get<uint64_t>() >
                      uint64_t(std::numeric_limits<int64_t>::max()));
    int64_t number = fits ? value->get<int64_t>() : 0;
    if (fits && number >= min && number <= max)
      return number;
    fail(place, cat("an integer from ", min, " to ", max));
    return min;
  }

  uint32_t index(const json &object, const char *key,
                 const std::string &place) {
    return uint32_t(integer(member(object, key, place), place + "." + key, 0,
                            std::numeric_limits<uint32_t>::max() - 1));
  }

  uint32_t optionalIndex(const json &object, const char *key,
                         const std::string &place) {
    const json *value = member(object, key, place, /*required=*/false);
    return value ? index(object, key, place) : kNoExpr;
  }

  std::string string(const json &object, const char *key,
                     const std::string &place, bool required = true) {
    const json *value = member(object, key, place, required);
    if (!value)
      return {};
    if (const auto *text = value->get_ptr<const std::string *>();
        text && text->find('\0') == text->npos)
      return *text;
    fail(place + "." + key, "a string");
    return {};
  }

  /// The elements of the array `key`, each with its place.
  template <typename Fn>
  void each(const json &object, const char *key, const std::string &place,
            size_t limit, Fn fn) {
    std::string path = place.empty() ? key : place + "." + key;
    const json *array = member(object, key, place.empty() ? section : place);
    if (!array)
      return;
    if (!array->is_array() || array->size() > limit)
      return fail(path, cat("an array of at most ", limit, " elements"));
    for (size_t i = 0; i < array->size() && !error; ++i)
      fn((*array)[i], cat(path, "[", i, "]"));
  }

  attune_dtype dtype(const json &object, const char *key,
                     const std::string &place) {
    std::string name = string(object, key, place);
    for (int i = ATTUNE_F32; i <= ATTUNE_BOOL; ++i)
      if (name == attune_dtype_name(attune_dtype(i)))
        return attune_dtype(i);
    fail(place + "." + key, "a dtype (f32, i64, ...)");
    return ATTUNE_F32;
  }

private:
  const char *section;
};

} // namespace attune::core
