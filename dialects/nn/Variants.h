// Launches that have several kernels to choose from: nn.launch and plan.launch.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::nn {

/// The kernel, then its variants.
llvm::SmallVector<mlir::FlatSymbolRefAttr>
kernelsOf(mlir::FlatSymbolRefAttr kernel,
          std::optional<mlir::ArrayAttr> variants);

/// The grid of each.
llvm::SmallVector<DimAttr> gridsOf(DimAttr grid,
                                   std::optional<ShapeAttr> variantGrids);

/// One grid for each variant, and one cost more; or nothing of all three.
mlir::LogicalResult verifyVariants(mlir::Operation *op,
                                   std::optional<mlir::ArrayAttr> variants,
                                   std::optional<ShapeAttr> variantGrids,
                                   std::optional<ShapeAttr> costs);

} // namespace attune::nn
