// Turns the reader's Model into a module of the onnx dialect.
#ifndef ATTUNE_FRONTENDS_ONNX_GRAPHTOONNX_H
#define ATTUNE_FRONTENDS_ONNX_GRAPHTOONNX_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <memory>
#include <string>

namespace attune::onnx {

struct Model;

/// Builds func.func @main of onnx.node ops. Arguments have `nn.name` and, for
/// symbolic shapes, `onnx.dims`: a name, a number or nothing per dimension.
/// The model is kept alive by the blobs that point into it. Null on failure
/// (a node that is no valid use of its operator), one line per node in `error`.
mlir::OwningOpRef<mlir::ModuleOp>
graphToOnnx(std::shared_ptr<const Model> model, mlir::MLIRContext &context,
            std::string &error);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_GRAPHTOONNX_H
