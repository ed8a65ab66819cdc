// What an nn.launch owes to the kernel that it names.
#pragma once

#include "dialects/nn/NN.h"
#include "dialects/tile/Tile.h"

namespace attune::kernels {

/// Bytes of scratch for each worker that `kernel` declares, with `integers` in
/// its value slots; 0 if it declares none.
nn::DimAttr scratchBytes(tile::KernelOp kernel, nn::ShapeAttr integers);

/// Whether arguments, layouts, integers and scratch fit the kernel's signature
/// and reads and writes provably stay inside the roots.
/// Reports what does not fit.
llvm::LogicalResult checkLaunch(nn::LaunchOp launch, tile::KernelOp kernel);

} // namespace attune::kernels
