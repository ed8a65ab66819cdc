// Attention heads: [B, S, H D], as models store them, and [B, H, S, D].
#ifndef ATTUNE_FRONTENDS_ONNX_HEADS_H
#define ATTUNE_FRONTENDS_ONNX_HEADS_H

#include "frontends/onnx/Binder.h"

namespace attune::onnx {

/// [B, S, H D] -> [B, H, S, D], H in attribute `heads`; rank 4 stays.
Result splitHeads(Binder &node, const Imported &x, llvm::StringRef heads);

/// [B, H, S, D] -> [B, S, H D].
Result mergeHeads(Ops &ops, const Imported &x);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_HEADS_H
