// Reverse mode over one block: which values matter, and their gradients.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::differentiate {

/// What a gradient is taken with respect to.
struct Source {
  mlir::Value value;
  std::string name; ///< for errors: "weight @w"
};

/// Appends to the block of `output`, before its terminator, the gradients of
/// sum(output * cotangent) with respect to `sources`, in their order; null
/// where there is none. `cotangent` has the type of `output`.
///
/// Only what lies between a source and `output` is differentiated. The
/// gradients of a value that is read several times are added in the reverse
/// order of its readers. Ops may be rebuilt with more results, `output` itself
/// too: who needs it afterwards reads it from the terminator. Every op that has
/// no derivative is an error that says which source needs it, and all of them
/// are listed.
mlir::LogicalResult
buildGradients(mlir::Value output, mlir::Value cotangent,
               llvm::ArrayRef<Source> sources,
               llvm::SmallVectorImpl<mlir::Value> &gradients);

/// Why `source` got no gradient of `output`: it is not read, or the op at which
/// the derivative is zero.
std::string whyNoGradient(mlir::Value output, mlir::Value source);

} // namespace attune::differentiate
