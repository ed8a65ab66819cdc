// Names chosen by globs: `encoder.*.bias`.
#pragma once

#include "dialects/nn/NN.h"
#include "llvm/Support/GlobPattern.h"
#include <memory>

namespace attune::differentiate {

/// The weights that are trained, as a list of globs; an empty list is all. One
/// that begins with '!' takes out what it matches, of what the others match or,
/// if there are no others, of all.
class Globs {
public:
  /// Fails where one is malformed; all of them are said.
  static mlir::FailureOr<Globs> parse(mlir::ModuleOp module,
                                      llvm::ArrayRef<std::string> texts);

  bool match(llvm::StringRef name);
  /// Whether one is just this name: then it is meant, whatever it looks like.
  bool names(llvm::StringRef name) const;
  /// Fails where a glob never matched: it is a mistake, not a choice.
  mlir::LogicalResult checkUsed(mlir::ModuleOp module) const;

private:
  struct Glob {
    /// At a place of its own: the pattern refers to it.
    std::unique_ptr<const std::string> text;
    llvm::GlobPattern pattern;
    bool excludes, isUsed;
  };
  llvm::SmallVector<Glob> globs;
};

} // namespace attune::differentiate
