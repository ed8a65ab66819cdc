// Launches that have several kernels to choose from. See Variants.h.
#include "dialects/nn/Variants.h"

namespace attune::nn {

using namespace mlir;

SmallVector<FlatSymbolRefAttr> kernelsOf(FlatSymbolRefAttr kernel,
                                         std::optional<ArrayAttr> variants) {
  SmallVector<FlatSymbolRefAttr> kernels{kernel};
  if (variants)
    llvm::append_range(kernels, variants->getAsRange<FlatSymbolRefAttr>());
  return kernels;
}

SmallVector<DimAttr> gridsOf(DimAttr grid,
                             std::optional<ShapeAttr> variantGrids) {
  SmallVector<DimAttr> grids{grid};
  if (variantGrids)
    llvm::append_range(grids, variantGrids->getDims());
  return grids;
}

LogicalResult verifyVariants(Operation *op, std::optional<ArrayAttr> variants,
                             std::optional<ShapeAttr> variantGrids,
                             std::optional<ShapeAttr> costs) {
  size_t count = variants ? variants->size() : 0;
  size_t grids = variantGrids ? variantGrids->size() : 0;
  size_t expected = count ? count + 1 : 0, found = costs ? costs->size() : 0;
  if (grids == count && found == expected)
    return success();
  return op->emitOpError() << "expects " << count << " grids and " << expected
                           << " costs for " << count << " variants, found "
                           << grids << " and " << found;
}

} // namespace attune::nn
