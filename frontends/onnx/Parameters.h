// Which constants of a file are parameters of its layers, to be trained.
#ifndef ATTUNE_FRONTENDS_ONNX_PARAMETERS_H
#define ATTUNE_FRONTENDS_ONNX_PARAMETERS_H

#include "frontends/onnx/ONNX.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::onnx {

/// Whether a constant is read where a layer has a parameter, itself or through
/// views: by a product, a convolution or a norm; if it is an initializer also
/// by a lookup, or by a sum or a product by element, which are biases and
/// scales in their parts. What an exporter calls by a module's path may be a
/// single number; another single number is taken for one of a formula, unless
/// it is added to the product with an initializer.
bool isParameter(NodeOp constant);

/// Whether an initializer that is no parameter by that may be one to whoever
/// gave it its name, who is to be told.
bool looksLikeParameter(NodeOp initializer);

/// Whether nothing reads a constant but concatenations, as a class token is.
bool standsBesideOthers(NodeOp constant);

/// Whether an exporter made the name of a constant.
bool isUnnamed(NodeOp constant);

/// The elements of a constant; null where they are in no dense tensor.
mlir::DenseResourceElementsAttr valueOf(NodeOp constant);

/// Whether all elements are the same, of which there are several.
bool isUniform(mlir::DenseResourceElementsAttr value);

/// Exporters write equal tensors once, and one tensor twice where it is read
/// transposed. Before training the zeros and ones with which several layers
/// begin become one parameter for each, and copies become one parameter.
void separateParameters(mlir::func::FuncOp graph);
void tieParameters(mlir::func::FuncOp graph);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_PARAMETERS_H
