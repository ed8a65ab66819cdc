// The entry point of the LLVM-free part: a file to a checked File.
//
// Not trusted: bounded in size and depth, no exceptions; what is wrong is told
// with its place (Source.h).
#ifndef ATTUNE_FRONTENDS_DSL_READER_READER_H
#define ATTUNE_FRONTENDS_DSL_READER_READER_H

#include "frontends/dsl/reader/Ast.h"

namespace attune::dsl {

/// A text and what it says. The tree's spans are places in the text.
struct Model {
  Source source;
  File file;
};

/// Reads the file at `path`; null on failure, with one or more errors as text
/// in `error`.
std::unique_ptr<Model> readModel(const std::string &path, std::string &error);

/// The same of a text in memory; `name` stands for the file in errors.
std::unique_ptr<Model> readModelFromText(std::string text, std::string name,
                                         std::string &error);

/// Reports names that are not defined, or twice, and calls that do not fit what
/// they call. Part of reading.
void checkNames(const File &file, Errors &errors);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_READER_READER_H
