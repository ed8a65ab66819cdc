// What is known of the symbols of a model: their ranges, and proofs with them.
#ifndef ATTUNE_FRONTENDS_DSL_BOUNDS_H
#define ATTUNE_FRONTENDS_DSL_BOUNDS_H

#include "dialects/nn/DimInterval.h"

#include <map>

namespace attune::dsl {

using Interval = nn::DimInterval;
inline constexpr int64_t unbounded = nn::noBound;

class Bounds {
public:
  void set(llvm::StringRef symbol, Interval range) {
    ranges[symbol.str()] = range;
  }
  /// Where the value of `dim` lies, whatever the symbols are.
  Interval of(nn::DimAttr dim) const;
  bool atLeast(nn::DimAttr dim, int64_t bound) const {
    return dim && of(dim).min >= bound;
  }
  /// What `nn.symbols` says.
  mlir::DictionaryAttr attribute(mlir::MLIRContext *context) const;

private:
  std::map<std::string, Interval> ranges;
};

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_BOUNDS_H
