//===- Emitter.cpp --------------------------------------------------------===//
#include "compiler/target/cpu/Emitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;
using namespace attune::target::cpu;

Value Emitter::slot(Value array, int64_t index, Type type) {
  return LLVM::LoadOp::create(*this, type, at(array, index, getI64Type()), 8);
}

void Emitter::prefetch(Value pointer, int locality) {
  LLVM::Prefetch::create(*this, pointer, /*rw=*/0, /*hint=*/locality,
                         /*cache=*/1);
}

/// Combines the upper half of a vector with the lower until one lane is left.
template <typename Combine>
static Value reduceLanes(Emitter &emit, Value vector, Combine combine) {
  int64_t lanes = cast<VectorType>(vector.getType()).getNumElements();
  for (int64_t half = lanes / 2; half; half /= 2) {
    SmallVector<int64_t> low, high;
    for (int64_t lane = 0; lane < half; ++lane) {
      low.push_back(lane);
      high.push_back(lane + half);
    }
    Value a = vector::ShuffleOp::create(emit, vector, vector, low);
    Value b = vector::ShuffleOp::create(emit, vector, vector, high);
    vector = combine(a, b);
  }
  return vector::ExtractOp::create(emit, vector, ArrayRef<int64_t>{0});
}

Value Emitter::sumLanes(Value vector) {
  return reduceLanes(*this, vector,
                     [&](Value a, Value b) { return addf(a, b); });
}

Value Emitter::maxLanes(Value vector) {
  return reduceLanes(*this, vector,
                     [&](Value a, Value b) { return maxf(a, b); });
}
