// Names chosen by globs: `encoder.*.bias`.
#pragma once

#include "dialects/nn/NN.h"
#include "llvm/Support/GlobPattern.h"

namespace attune::differentiate {

/// The weights that are trained, as a list of globs; an empty list is all.
class Globs {
public:
  /// Fails where one is malformed; all of them are said.
  static mlir::FailureOr<Globs> parse(mlir::ModuleOp module,
                                      llvm::ArrayRef<std::string> texts);

  bool match(llvm::StringRef name);
  /// Fails where a glob never matched: it is a mistake, not a choice.
  mlir::LogicalResult checkUsed(mlir::ModuleOp module) const;

private:
  struct Glob {
    std::string text;
    llvm::GlobPattern pattern;
    bool isUsed;
  };
  llvm::SmallVector<Glob> globs;
};

} // namespace attune::differentiate
