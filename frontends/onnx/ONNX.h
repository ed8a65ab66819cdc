// The onnx dialect (ONNX.td). Private to this frontend; attune-opt registers it
// so that `--emit=onnx` can be read back.
#ifndef ATTUNE_FRONTENDS_ONNX_ONNX_H
#define ATTUNE_FRONTENDS_ONNX_ONNX_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "frontends/onnx/ONNXDialect.h.inc"

#define GET_OP_CLASSES
#include "frontends/onnx/ONNXOps.h.inc"

#endif // ATTUNE_FRONTENDS_ONNX_ONNX_H
