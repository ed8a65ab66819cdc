// Where the value of a dim lies, from where its symbols lie: interval
// arithmetic for frontends, which prove shapes with it.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::nn {

/// Both ends belong to it; -noBound and noBound where there is none. Sums and
/// products saturate there.
struct DimInterval {
  int64_t min, max;
};
inline constexpr int64_t noBound = int64_t{1} << 62;

/// Of `dim`, if each symbol lies where `rangeOf` says.
DimInterval
intervalOf(DimAttr dim,
           llvm::function_ref<DimInterval(llvm::StringRef)> rangeOf);

/// As an entry of `nn.symbols`.
RangeAttr rangeAttr(mlir::MLIRContext *context, DimInterval range);

} // namespace attune::nn
