// The text of a model and how its mistakes are reported.
//
// Each error is shown with the line it is about and a caret under the place:
//
//   gpt.attn:12:32: 'heds' is not defined; did you mean 'heads'?
//           y = attention(q, k, v, heds)
//                                  ^~~~
#ifndef ATTUNE_FRONTENDS_DSL_READER_SOURCE_H
#define ATTUNE_FRONTENDS_DSL_READER_SOURCE_H

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attune::dsl {

/// Bytes [begin, end) of the text.
struct Span {
  uint32_t begin = 0, end = 0;
};

/// From the begin of `a` to the end of `b`.
inline Span join(Span a, Span b) { return {a.begin, b.end}; }

/// One file in memory.
class Source {
public:
  Source(std::string name, std::string text);

  const std::string &name() const { return fileName; }
  std::string_view text() const { return contents; }
  std::string_view text(Span span) const {
    return text().substr(span.begin, span.end - span.begin);
  }

  struct Position {
    size_t line, column; ///< Both count from 1; columns are characters.
  };
  Position position(uint32_t offset) const;
  /// The line that holds `offset`, without its line break.
  std::string_view line(uint32_t offset) const;
  /// "name:line:column".
  std::string place(Span span) const;
  /// The line of `span` and a caret line under it, each with two blanks before
  /// it and a line break behind.
  std::string excerpt(Span span) const;

private:
  size_t lineIndex(uint32_t offset) const;

  std::string fileName, contents;
  std::vector<uint32_t> lineStarts;
};

/// Collects errors. More than `most` are counted only.
class Errors {
public:
  explicit Errors(const Source &source) : source(source) {}

  /// Always returns false, so that checks read `return errors.report(...)`.
  bool report(Span span, std::string_view message);
  /// A line under the last error: where it was called from and the like.
  void note(Span span, std::string_view message);

  /// What is about no place of the text: a line of its own. All are told.
  void tell(std::string_view message);

  bool any() const { return count > 0 || !lines.empty(); }
  /// Whether further errors are counted only.
  bool full() const { return count >= most; }
  size_t size() const { return count; }
  /// All of them, in the order of their places.
  std::string str() const;

private:
  static constexpr size_t most = 20;
  struct Entry {
    uint32_t begin;
    std::string text;
  };
  const Source &source;
  size_t count = 0;
  std::vector<Entry> entries;
  std::string lines;
};

/// The name in `names` that `name` was probably meant to be; empty if none is
/// near.
std::string_view nearest(std::string_view name,
                         const std::vector<std::string_view> &names);

/// "; did you mean 'x'?" or nothing.
std::string suggestion(std::string_view name,
                       const std::vector<std::string_view> &names);

/// `text` in single quotes, cut if long, with what is not printable ASCII or
/// the byte of a UTF-8 sequence escaped.
std::string quoted(std::string_view text);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_READER_SOURCE_H
