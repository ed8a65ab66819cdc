//===- Emitter.cpp --------------------------------------------------------===//
#include "compiler/target/cpu/Emitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;
using namespace attune::target::cpu;

Value Emitter::slot(Value array, int64_t index, Type type) {
  return LLVM::LoadOp::create(*this, type, at(array, index, getI64Type()), 8);
}

void Emitter::prefetch(Value pointer, int locality) {
  LLVM::Prefetch::create(*this, pointer, /*rw=*/0, /*hint=*/locality,
                         /*cache=*/1);
}
