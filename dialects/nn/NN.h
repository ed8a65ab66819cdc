// The nn dialect: what a model computes. See README.md and the .td files; the
// op documentation there states shapes, constraints and sources.
#pragma once

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/IR/TensorEncoding.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringMap.h"

#include "dialects/nn/NNEnums.h.inc"

#include "dialects/nn/NNDialect.h.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttrs.h.inc"

#include "dialects/nn/Shape.h"

#define GET_OP_CLASSES
#include "dialects/nn/NNOps.h.inc"

namespace attune::nn {

/// Whether `op` shows its first operand in another shape or order: transpose,
/// reshape, slice, broadcast, or a barrier, which shows it as it is. Null is no
/// view.
bool isView(mlir::Operation *op);

} // namespace attune::nn
