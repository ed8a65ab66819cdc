// Pages of compare and explain: one file, no scripts, nothing fetched.
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace attune::tools {

/// A figure at the top of a page.
struct Tile {
  std::string value, label;
};

/// Head, title and tiles. `command` is what made the page.
void beginPage(llvm::raw_ostream &os, llvm::StringRef command,
               llvm::StringRef model, llvm::StringRef machine,
               llvm::ArrayRef<Tile> tiles);
void endPage(llvm::raw_ostream &os);

/// The rules of `.grid`, `.title` and text in charts, for an SVG of its own.
llvm::StringRef chartStyle();

std::string escaped(llvm::StringRef text);

} // namespace attune::tools
