// Which constants of a file are parameters of its layers, to be trained.
#ifndef ATTUNE_FRONTENDS_ONNX_PARAMETERS_H
#define ATTUNE_FRONTENDS_ONNX_PARAMETERS_H

#include "frontends/onnx/ONNX.h"

namespace attune::onnx {

/// Whether an initializer is read where a layer has a parameter, itself or
/// through views: by a product, a convolution, a norm or a lookup; or by a sum
/// or a product by element, which are biases and scales in their parts. There a
/// single number is taken for one of a formula, unless it is added to the
/// product with an initializer.
bool isParameter(NodeOp initializer);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_PARAMETERS_H
