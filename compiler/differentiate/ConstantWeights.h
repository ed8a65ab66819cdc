// Weights of a file that are no parameters, by what they hold.
#pragma once

#include "dialects/nn/NN.h"

namespace attune::differentiate {

/// Whether a weight holds what hides scores: an infinite value, or one as large
/// as exporters write for it; or nothing but zeros and one such value, which
/// may then be smaller (Swin has -100).
bool holdsMask(nn::WeightOp weight);

/// Whether a weight holds sines and cosines of positions, in pairs of its last
/// dim or beside `others`: rotary and sinusoidal tables.
bool holdsSinusoids(nn::WeightOp weight, llvm::ArrayRef<nn::WeightOp> others);

} // namespace attune::differentiate
