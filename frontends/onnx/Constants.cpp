// Reads the elements of small constants; leaves large ones where they are.
#include "frontends/onnx/Constants.h"

#include "mlir/IR/DialectResourceBlobManager.h"

namespace attune::onnx {

using namespace mlir;

/// Floats of more elements stay weights: they are data, not shape arithmetic.
static constexpr int64_t maxFoldedReals = 16;

bool isNNElement(Type type) {
  return type.isF64() || type.isF32() || type.isF16() || type.isBF16() ||
         type.isSignlessInteger(64) || type.isSignlessInteger(32) ||
         type.isSignlessInteger(16) || type.isSignlessInteger(8) ||
         type.isSignlessInteger(1);
}

Type elementTypeOf(int64_t dataType, OpBuilder &b) {
  switch (dataType) {
  case 1:
    return b.getF32Type();
  case 3:
    return b.getIntegerType(8);
  case 5:
    return b.getIntegerType(16);
  case 6:
    return b.getI32Type();
  case 7:
    return b.getI64Type();
  case 9:
    return b.getI1Type();
  case 10:
    return b.getF16Type();
  case 11:
    return b.getF64Type();
  case 16:
    return b.getBF16Type();
  default:
    return {};
  }
}

/// A little-endian number of up to 8 bytes at `data`, which may be unaligned.
static uint64_t load(const char *data, unsigned bytes) {
  uint64_t value = 0;
  std::memcpy(&value, data, bytes);
  return value;
}

Imported importConstant(Ops &ops, DenseResourceElementsAttr value,
                        StringRef name, bool isTrained) {
  auto type = value.getType();
  Imported x;
  x.element = type.getElementType();
  x.own = x.dims = ops.dimsOf(type.getShape());
  bool real = isa<FloatType>(x.element);
  auto count = staticCount(x.dims, real ? maxFoldedReals : maxFolded);
  if (!count || (isTrained && *count > 0)) {
    x.known.kind = Known::Kind::Weight;
    x.known.weight = value;
    x.known.weightName = ops.b.getStringAttr(name);
    return x;
  }
  // The reader has checked that there are as many bytes as elements need.
  ArrayRef<char> bytes = value.getRawHandle().getBlob()->getData();
  unsigned bits = x.element.getIntOrFloatBitWidth();
  unsigned width = std::max(1u, bits / 8);
  x.known.kind = real ? Known::Kind::Reals : Known::Kind::Integers;
  for (int64_t i = 0; i < *count; ++i) {
    uint64_t raw = load(bytes.data() + i * width, width);
    if (!real) {
      x.known.integers.push_back(
          ops.dim(bits == 1 ? raw != 0 : llvm::SignExtend64(raw, bits)));
      continue;
    }
    APFloat number(cast<FloatType>(x.element).getFloatSemantics(),
                   APInt(bits, raw));
    bool lost;
    number.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lost);
    x.known.reals.push_back(number.convertToDouble());
  }
  return x;
}

Imported sharedByBatch(Ops &ops, Imported x) {
  if (!x.isKnown(Known::Kind::Weight)) // it has no elements
    return x;
  auto type = x.known.weight.getType();
  if (type.getRank() < 3 || !ops.batch || *ops.batch < 2 ||
      type.getDimSize(0) != *ops.batch)
    return x;
  ArrayRef<char> bytes = x.known.weight.getRawHandle().getBlob()->getData();
  size_t entry = bytes.size() / *ops.batch;
  if (entry == 0 || bytes.drop_front(entry) != bytes.drop_back(entry))
    return x;
  // The mapping outlives both.
  SmallVector<int64_t> shape(type.getShape());
  shape[0] = 1;
  x.known.weight = DenseResourceElementsAttr::get(
      RankedTensorType::get(shape, type.getElementType()),
      x.known.weightName.getValue(),
      UnmanagedAsmResourceBlob::allocateInferAlign(bytes.take_front(entry)));
  x.own[0] = ops.dim(1);
  return x;
}

} // namespace attune::onnx
