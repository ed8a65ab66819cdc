// Registers the plan dialect; verifiers.
#include "dialects/plan/Plan.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace attune::plan;

#include "dialects/plan/PlanDialect.cpp.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/plan/PlanTypes.cpp.inc"

void PlanDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/plan/PlanTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/plan/PlanOps.cpp.inc"
      >();
}

LogicalResult attune::plan::LaunchOp::verify() {
  if (getInputOffsets().size() != getInputs().size() ||
      getOutputOffsets().size() != getOutputs().size())
    return emitOpError() << "expects one offset for each buffer, found "
                         << getInputOffsets().size() << " and "
                         << getOutputOffsets().size() << " for "
                         << getInputs().size() << " inputs and "
                         << getOutputs().size() << " outputs"; // C1
  return success();
}

#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.cpp.inc"
