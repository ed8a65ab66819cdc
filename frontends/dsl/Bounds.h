// What is known of the symbols of a model: their ranges, and proofs with them.
#ifndef ATTUNE_FRONTENDS_DSL_BOUNDS_H
#define ATTUNE_FRONTENDS_DSL_BOUNDS_H

#include "dialects/nn/NN.h"

#include <map>

namespace attune::dsl {

/// Both ends belong to it.
struct Interval {
  int64_t min, max;
};

/// Stands for "no bound"; sums and products saturate there.
inline constexpr int64_t unbounded = int64_t{1} << 62;

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
  Interval ofAtom(mlir::Attribute atom) const;
  std::map<std::string, Interval> ranges;
};

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_BOUNDS_H
