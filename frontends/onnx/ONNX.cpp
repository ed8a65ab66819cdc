// Registers the onnx dialect.
#include "frontends/onnx/ONNX.h"

#include "mlir/IR/Builders.h"

using namespace mlir;
using namespace attune::onnx;

#include "frontends/onnx/ONNXDialect.cpp.inc"

void ONNXDialect::initialize() {
  addOperations<
#define GET_OP_LIST
#include "frontends/onnx/ONNXOps.cpp.inc"
      >();
}

LogicalResult NodeOp::verify() {
  size_t names = getBodyNames() ? getBodyNames()->size() : 0;
  if (names != getBodies().size())
    return emitOpError() << "expects a name for each of " << getBodies().size()
                         << " bodies, found " << names;
  int64_t last = -1;
  for (int64_t position : getAbsent()) {
    if (position <= last)
      return emitOpError("expects ascending positions of absent inputs");
    last = position;
  }
  return success();
}

#define GET_OP_CLASSES
#include "frontends/onnx/ONNXOps.cpp.inc"
