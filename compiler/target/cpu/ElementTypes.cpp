//===- ElementTypes.cpp - which functions have code for which types -------===//
//
// exp, erf and their like are expanded for f32 alone (MathFunctions.cpp); what
// is one instruction takes any float. f16 converts from and to f32 by an
// instruction from x86-64-v3 on; for bf16, and before, LLVM calls a library, so
// there is none of it. Dots are of f32, all of whose digits count.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/ElementTypes.h"
#include "compiler/target/common/MathLowering.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;

static bool touches(Operation *op, function_ref<bool(Type)> is) {
  auto isElement = [&](Type type) { return is(getElementTypeOrSelf(type)); };
  return llvm::any_of(op->getResultTypes(), isElement) ||
         llvm::any_of(op->getOperandTypes(), isElement);
}

/// Bytes that are only moved need no instruction of their type.
static bool computes(Operation *op) {
  return isa<arith::ArithDialect, math::MathDialect>(op->getDialect()) &&
         !isa<arith::ConstantOp, arith::SelectOp>(op);
}

static LogicalResult checkOp(Operation *op, CodeVersion version) {
  if (touches(op, [](Type type) { return type.isBF16(); }))
    return op->emitError("bf16 is not supported on the CPU");
  if (version == CodeVersion::X86_64_V2 && computes(op) &&
      touches(op, [](Type type) { return type.isF16(); }))
    return op->emitError("f16 is not supported on ")
           << codeVersionName(version)
           << ", which has no instruction to convert it";
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

/// One error for the kernel says more than one for each of its loads.
static LogicalResult checkDots(tile::KernelOp kernel) {
  auto refuse = [&](Type type) {
    emitError(kernel.getLoc()) << stringifyFamily(kernel.getFamily()) << " of "
                               << type << " is not supported on the CPU";
    return WalkResult::interrupt();
  };
  WalkResult result = kernel.walk([&](tile::DotOp dot) {
    if (dot.getTf32())
      return refuse(FloatTF32Type::get(kernel.getContext()));
    for (Value operand : {dot.getLhs(), dot.getRhs()})
      if (Type element = getElementTypeOrSelf(operand.getType());
          !element.isF32())
        return refuse(element);
    return WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}

LogicalResult attune::target::cpu::checkElementTypes(tile::KernelOp kernel,
                                                     CodeVersion version) {
  if (failed(checkDots(kernel)))
    return failure();
  // The first op stands for the others: they have the kernel's name.
  WalkResult result = kernel.walk([&](Operation *op) {
    return failed(checkOp(op, version)) ? WalkResult::interrupt()
                                        : WalkResult::advance();
  });
  return failure(result.wasInterrupted());
}
