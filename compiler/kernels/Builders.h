// The kernel families: each turns one group into one tile.kernel.
//
// Each is called by build-kernels with a fresh KernelBuilder of its family
// whose group and views it reads; it adds the arguments, the grid and the body,
// and returns. It fails with an error at the op that it cannot write down.
#pragma once

#include "compiler/kernels/KernelBuilder.h"

namespace attune::kernels {

class WeightPacker;

/// One `contract`, then an epilogue of `elementwise`. Packs a frozen right
/// operand into panels by `packer`. Says in the spec how many variants there
/// are; `variant` is which of them to write.
llvm::LogicalResult buildContractionKernel(KernelBuilder &builder,
                                           WeightPacker &packer,
                                           unsigned variant);

/// One `attention`.
llvm::LogicalResult buildAttentionKernel(KernelBuilder &builder);

/// One `attention_backward`.
llvm::LogicalResult buildAttentionBackwardKernel(KernelBuilder &builder);

/// Elementwise ops and reductions over rows.
llvm::LogicalResult buildRowKernel(KernelBuilder &builder);

/// Elementwise ops and index maps: gather, concat, pad, iota, copies of views.
llvm::LogicalResult buildMapKernel(KernelBuilder &builder);

/// One `scatter`.
llvm::LogicalResult buildScatterKernel(KernelBuilder &builder);

} // namespace attune::kernels
