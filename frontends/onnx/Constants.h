// Constant tensors of the file as Imported values.
#ifndef ATTUNE_FRONTENDS_ONNX_CONSTANTS_H
#define ATTUNE_FRONTENDS_ONNX_CONSTANTS_H

#include "frontends/onnx/Ops.h"

namespace attune::onnx {

/// Whether tensors of the nn dialect can have this element type.
bool isNNElement(mlir::Type type);

/// The type of a TensorProto.DataType, null if nn has none.
mlir::Type elementTypeOf(int64_t dataType, mlir::OpBuilder &b);

/// A tensor over mapped bytes, whose element type passes isNNElement. Integers
/// and booleans up to maxFolded elements and other tensors up to 16 become
/// known elements; larger ones, and what `isTrained`, become weights that are
/// read in place.
Imported importConstant(Ops &ops, mlir::DenseResourceElementsAttr value,
                        llvm::StringRef name, bool isTrained = false);

/// An exporter with a fixed batch repeats a parameter (the class token) for
/// each entry of it: such a weight [batch, ...] of equal entries becomes the
/// broadcast of one. Anything else is left as it is.
Imported sharedByBatch(Ops &ops, Imported x);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_CONSTANTS_H
