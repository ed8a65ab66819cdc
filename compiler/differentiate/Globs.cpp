// Names chosen by globs. See Globs.h.
#include "compiler/differentiate/Globs.h"
#include "mlir/IR/Diagnostics.h"

namespace attune::differentiate {

using namespace mlir;

// Braces multiply; beyond this a glob is refused.
static constexpr size_t mostSubPatterns = 1024;

FailureOr<Globs> Globs::parse(ModuleOp module, ArrayRef<std::string> texts) {
  Globs result;
  bool isBroken = false;
  for (const std::string &given : texts) {
    auto text = std::make_unique<const std::string>(given);
    StringRef glob = *text;
    bool excludes = glob.consume_front("!");
    auto pattern = llvm::GlobPattern::create(glob, mostSubPatterns);
    if (pattern) {
      result.globs.push_back(
          {std::move(text), std::move(*pattern), excludes, false});
      continue;
    }
    isBroken = true;
    module.emitError() << "trainable '" << given
                       << "': " << llvm::toString(pattern.takeError());
  }
  if (isBroken)
    return failure();
  return result;
}

bool Globs::match(StringRef name) {
  bool matches = llvm::all_of(globs, [](const Glob &g) { return g.excludes; });
  bool isExcluded = false;
  for (Glob &glob : globs)
    if (glob.pattern.match(name)) {
      glob.isUsed = true;
      (glob.excludes ? isExcluded : matches) = true;
    }
  return matches && !isExcluded;
}

bool Globs::names(StringRef name) const {
  return llvm::any_of(globs, [&](const Glob &g) { return *g.text == name; });
}

LogicalResult Globs::checkUsed(ModuleOp module) const {
  LogicalResult result = success();
  for (const Glob &glob : globs) {
    // What is taken out may not have been trained anyway.
    bool isKnown =
        glob.excludes &&
        llvm::any_of(module.getOps<nn::WeightOp>(), [&](nn::WeightOp weight) {
          return glob.pattern.match(weight.getSymName());
        });
    if (!glob.isUsed && !isKnown)
      result = module.emitError()
               << "trainable '" << *glob.text << "' names no trainable weight";
  }
  return result;
}

} // namespace attune::differentiate
