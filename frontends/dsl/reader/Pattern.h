// The little language of rearrange: "b t (h d) -> b h t d", as einops has it.
#ifndef ATTUNE_FRONTENDS_DSL_READER_PATTERN_H
#define ATTUNE_FRONTENDS_DSL_READER_PATTERN_H

#include "frontends/dsl/reader/Source.h"

#include <optional>

namespace attune::dsl {

struct Pattern {
  /// The names of the axes of one dim; none for a 1.
  using Dim = std::vector<std::string_view>;
  std::vector<Dim> from, to;
};

/// Views of `text`. Nothing on failure, with the place in `text` and the
/// reason. Each side has a name once, and each name of `from` stands in `to`
/// too.
std::optional<Pattern> parsePattern(std::string_view text, Span &place,
                                    std::string &reason);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_READER_PATTERN_H
