// The kernels stage: nn.group -> tile.kernel and nn.launch. See Passes.td and
// README.md.
#pragma once

#include "dialects/nn/NN.h"
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace attune::kernels {

#define GEN_PASS_DECL
#include "compiler/kernels/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "compiler/kernels/Passes.h.inc"

} // namespace attune::kernels
