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
  for (const std::string &text : texts) {
    auto pattern = llvm::GlobPattern::create(text, mostSubPatterns);
    if (pattern) {
      result.globs.push_back({text, std::move(*pattern), false});
      continue;
    }
    isBroken = true;
    module.emitError() << "trainable '" << text
                       << "': " << llvm::toString(pattern.takeError());
  }
  if (isBroken)
    return failure();
  return result;
}

bool Globs::match(StringRef name) {
  bool matches = globs.empty();
  for (Glob &glob : globs)
    if (glob.pattern.match(name))
      matches = glob.isUsed = true;
  return matches;
}

LogicalResult Globs::checkUsed(ModuleOp module) const {
  LogicalResult result = success();
  for (const Glob &glob : globs)
    if (!glob.isUsed)
      result = module.emitError()
               << "trainable '" << glob.text << "' names no trainable weight";
  return result;
}

} // namespace attune::differentiate
