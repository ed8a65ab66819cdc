// What the language brings along: layers, functions and inits by name, with the
// names of what they take. The meaning is in frontends/dsl; README.md documents
// each one.
#ifndef ATTUNE_FRONTENDS_DSL_READER_BUILTINS_H
#define ATTUNE_FRONTENDS_DSL_READER_BUILTINS_H

#include <span>
#include <string_view>
#include <vector>

namespace attune::dsl {

struct Builtin {
  enum class Kind {
    Layer,    ///< Has weights; made in a module, then called.
    Function, ///< Of tensors.
    Init,     ///< How a weight begins.
    Constant, ///< true, false, none.
  };
  std::string_view name;
  Kind kind;
  /// The parameters, separated by blanks; those behind '|' may be left out.
  std::string_view signature;

  std::vector<std::string_view> parameters() const;
  size_t required() const;
};

/// All, in the order of the README.
std::span<const Builtin> builtins();

/// Null if there is none of that name.
const Builtin *findBuiltin(std::string_view name);

/// The settings of the train section.
std::span<const std::string_view> trainSettings();

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_READER_BUILTINS_H
