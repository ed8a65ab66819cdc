//===- ElementTypes.cpp - which functions have code for which types -------===//
//
// exp, erf and their like are expanded for f32 alone (MathFunctions.cpp); what
// is one instruction takes any float. f16 converts from and to f32 by an
// instruction; for bf16 LLVM calls a library, so there is none of it.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/ElementTypes.h"
#include "compiler/target/common/MathLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

static LogicalResult checkOp(Operation *op) {
  auto isBF16 = [](Type type) { return getElementTypeOrSelf(type).isBF16(); };
  if (llvm::any_of(op->getResultTypes(), isBF16) ||
      llvm::any_of(op->getOperandTypes(), isBF16))
    return op->emitError("bf16 is not supported on the CPU");
  if (!op->getNumResults() || !op->getNumOperands())
    return success();
  Type from = getElementTypeOrSelf(op->getOperand(0).getType()),
       to = getElementTypeOrSelf(op->getResult(0).getType());
  if (isa<arith::TruncFOp>(op) && to.isF16() && !from.isF32())
    return op->emitError() << "a cast from " << from << " to " << to
                           << " is not supported on the CPU; cast to f32 first";
  bool isFunction =
      isa<math::MathDialect>(op->getDialect()) || isa<arith::RemFOp>(op);
  if (isFunction && !target::common::hasInstruction(op) && isa<FloatType>(to) &&
      !to.isF32())
    return op->emitError() << "'" << op->getName().stripDialect() << "' of "
                           << to << " is not supported on the CPU";
  return success();
}

LogicalResult attune::target::cpu::checkElementTypes(tile::KernelOp kernel) {
  bool ok = true;
  kernel.walk([&](Operation *op) { ok &= succeeded(checkOp(op)); });
  return success(ok);
}
