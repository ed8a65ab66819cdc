// The tensors that outlast a run as the JSON that the runtime reads (its
// schema: runtime/core/README.md).
#pragma once

#include "compiler/target/package/PlanJson.h"
#include "dialects/nn/NN.h"

namespace attune::target::package {

/// The weights of a module that have a state, parameters first: in the order in
/// which they lie in memory, which is the same for all code versions.
llvm::SmallVector<nn::WeightOp> stateWeights(mlir::ModuleOp module);

/// Their JSON. Those that have a value have its place in `initial`.
std::string stateJson(llvm::ArrayRef<nn::WeightOp> weights,
                      const llvm::StringMap<WeightPlace> &initial);

} // namespace attune::target::package
