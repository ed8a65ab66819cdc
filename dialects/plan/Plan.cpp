// Registers the plan dialect; verifiers.
#include "dialects/plan/Plan.h"

#include "dialects/nn/Variants.h"

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

SmallVector<FlatSymbolRefAttr> attune::plan::LaunchOp::getKernels() {
  return nn::kernelsOf(getKernelAttr(), getVariants());
}

SmallVector<attune::nn::DimAttr> attune::plan::LaunchOp::getGrids() {
  return nn::gridsOf(getGrid(), getVariantGrids());
}

LogicalResult attune::plan::LaunchOp::verify() {
  if (getInputOffsets().size() != getInputs().size() ||
      getOutputOffsets().size() != getOutputs().size())
    return emitOpError() << "expects one offset for each buffer, found "
                         << getInputOffsets().size() << " and "
                         << getOutputOffsets().size() << " for "
                         << getInputs().size() << " inputs and "
                         << getOutputs().size() << " outputs"; // C1
  return nn::verifyVariants(*this, getVariants(), getVariantGrids(),
                            getCosts()); // C2
}

#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.cpp.inc"
