//===- Error.h - a status with its sentence -------------------------------===//
//
// What every fallible function of the runtime returns, since it is built
// without exceptions. An Error that converts to true is a failure:
//
//   if (Error error = file.open(path))
//     return error;
//
// Also cat(), which joins text and numbers for messages (std::format is not in
// libstdc++ 12).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/attune.h"
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace attune::core {

class [[nodiscard]] Error {
public:
  Error() = default;
  Error(attune_status code, std::string message)
      : code(code), text(std::move(message)) {}

  explicit operator bool() const { return code != ATTUNE_OK; }
  attune_status status() const { return code; }
  const std::string &message() const { return text; }

  /// The same failure with the place put before it: "FILE: ...".
  Error in(std::string_view place) const {
    return *this ? Error(code, std::string(place) + ": " + text) : Error();
  }

private:
  attune_status code = ATTUNE_OK;
  std::string text;
};

namespace detail {
template <typename T>
void append(std::string &out, const T &part) {
  if constexpr (std::is_same_v<T, char>)
    out.push_back(part);
  else if constexpr (std::is_arithmetic_v<T>)
    out += std::to_string(part);
  else
    out += std::string_view(part);
}
} // namespace detail

/// All parts, one after the other, numbers in decimal.
template <typename... Parts>
std::string cat(const Parts &...parts) {
  std::string out;
  (detail::append(out, parts), ...);
  return out;
}

} // namespace attune::core
