// The whole nn dialect, for tablegen. Ops are split by what they do.
include "dialects/nn/NNComputeOps.td"
include "dialects/nn/NNDataOps.td"
include "dialects/nn/NNStructureOps.td"
include "dialects/nn/NNTrainingOps.td"
