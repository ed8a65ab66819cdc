// concat and pad: map kernels whose result is made of pieces.
#pragma once

#include "compiler/kernels/KernelBuilder.h"

namespace attune::kernels {

/// A group of one `concat` or `pad`. A work item is a run of the result; each
/// piece (an input, a border) gives the part of the run that lies in it, which
/// may be nothing.
llvm::LogicalResult buildPieces(KernelBuilder &builder);

} // namespace attune::kernels
