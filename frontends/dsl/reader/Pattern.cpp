// The text of a pattern to its axes.
#include "frontends/dsl/reader/Pattern.h"

#include <algorithm>
#include <set>

namespace attune::dsl {

/// Axes of a side, in brackets or not.
static constexpr size_t mostAxes = 16;

namespace {

class PatternParser {
public:
  PatternParser(std::string_view text, Span &place, std::string &reason)
      : text(text), place(place), reason(reason) {}

  std::optional<Pattern> run();

private:
  bool fail(size_t begin, size_t end, std::string_view why) {
    place = {uint32_t(begin), uint32_t(end)};
    reason = why;
    return false;
  }
  void skipSpace() {
    while (at < text.size() && text[at] == ' ')
      ++at;
  }
  bool side(std::vector<Pattern::Dim> &dims, bool isLast);
  bool axis(Pattern::Dim &dim);

  std::string_view text;
  Span &place;
  std::string &reason;
  size_t at = 0;
  std::set<std::string_view> seen;
};

bool PatternParser::axis(Pattern::Dim &dim) {
  auto isWord = [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (c >= '0' && c <= '9');
  };
  size_t begin = at;
  while (at < text.size() && isWord(text[at]))
    ++at;
  std::string_view name = text.substr(begin, at - begin);
  if (name.empty())
    return fail(at, at + 1, "expected the name of an axis, 1, '(' or '->'");
  if (name == "1")
    return true;
  if (name[0] >= '0' && name[0] <= '9')
    return fail(begin, at,
                "expected a name: of numbers only 1 stands for an axis; give "
                "the size behind the pattern, as in h = 8");
  if (!seen.insert(name).second)
    return fail(begin, at, "an axis stands twice on one side");
  if (seen.size() > mostAxes)
    return fail(begin, at, "expected at most 16 axes");
  dim.push_back(name);
  return true;
}

bool PatternParser::side(std::vector<Pattern::Dim> &dims, bool isLast) {
  seen.clear();
  for (skipSpace(); at < text.size() && text[at] != '-'; skipSpace()) {
    if (dims.size() >= mostAxes)
      return fail(at, at + 1, "expected at most 16 axes");
    Pattern::Dim &dim = dims.emplace_back();
    if (text[at] != '(') {
      if (!axis(dim))
        return false;
      continue;
    }
    size_t open = at++;
    for (skipSpace(); at < text.size() && text[at] != ')'; skipSpace())
      if (!axis(dim))
        return false;
    if (at == text.size())
      return fail(open, open + 1, "expected ')' for this '('");
    ++at;
  }
  bool arrow = text.substr(at).starts_with("->");
  if (isLast)
    return at == text.size() || fail(at, at + 1, "expected one '->'");
  if (!arrow)
    return fail(at, at + 1,
                "expected '->' between the axes of the tensor and "
                "those of the result");
  at += 2;
  return true;
}

std::optional<Pattern> PatternParser::run() {
  Pattern pattern;
  if (!side(pattern.from, false) || !side(pattern.to, true))
    return std::nullopt;
  for (const Pattern::Dim &dim : pattern.from)
    for (std::string_view name : dim)
      if (!seen.contains(name)) {
        size_t begin = size_t(name.data() - text.data());
        fail(begin, begin + name.size(),
             "an axis is missing behind '->'; take mean or sum along it first");
        return std::nullopt;
      }
  return pattern;
}

} // namespace

std::optional<Pattern> parsePattern(std::string_view text, Span &place,
                                    std::string &reason) {
  return PatternParser(text, place, reason).run();
}

} // namespace attune::dsl
