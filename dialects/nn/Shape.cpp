// Tensor types with symbolic shapes.
#include "dialects/nn/NN.h"

namespace attune::nn {

using namespace mlir;

RankedTensorType tensorType(ArrayRef<DimAttr> dims, Type elementType) {
  SmallVector<int64_t> extents;
  bool dynamic = false;
  for (DimAttr dim : dims) {
    auto value = dim.getConstant();
    extents.push_back(value.value_or(ShapedType::kDynamic));
    dynamic |= !value;
  }
  Attribute encoding;
  if (dynamic)
    encoding = ShapeAttr::get(elementType.getContext(), dims);
  return RankedTensorType::get(extents, elementType, encoding);
}

Dims getDims(RankedTensorType type) {
  if (auto shape = dyn_cast_or_null<ShapeAttr>(type.getEncoding()))
    return Dims(shape.getDims());
  Dims dims;
  for (int64_t extent : type.getShape())
    dims.push_back(DimAttr::constant(type.getContext(), extent));
  return dims;
}

Dims getDims(Value tensor) {
  return getDims(cast<RankedTensorType>(tensor.getType()));
}

DimAttr getDim(Value tensor, int64_t axis) { return getDims(tensor)[axis]; }

DimAttr numElements(ArrayRef<DimAttr> dims, MLIRContext *context) {
  DimAttr product = DimAttr::constant(context, 1);
  for (DimAttr dim : dims)
    product = product * dim;
  return product;
}

bool isScalar64(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  return tensor && tensor.getRank() == 0 &&
         tensor.getElementType().isSignlessInteger(64);
}

bool isCanonicalTensorType(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor)
    return false;
  if (tensor.hasStaticShape())
    return !tensor.getEncoding();
  return isa_and_nonnull<ShapeAttr>(tensor.getEncoding()) &&
         tensorType(getDims(tensor), tensor.getElementType()) == tensor;
}

FailureOr<Dims> broadcastDims(ArrayRef<Dims> shapes) {
  Dims result;
  for (const Dims &shape : shapes) {
    if (shape.size() > result.size())
      result.insert(result.begin(), shape.begin(),
                    shape.begin() + (shape.size() - result.size()));
    for (size_t i = 0; i < shape.size(); ++i) {
      DimAttr dim = shape[shape.size() - 1 - i];
      DimAttr &merged = result[result.size() - 1 - i];
      if (merged == dim || dim.getConstant() == 1)
        continue;
      if (merged.getConstant() != 1)
        return failure();
      merged = dim;
    }
  }
  return result;
}

bool broadcastsTo(ArrayRef<DimAttr> from, ArrayRef<DimAttr> to) {
  if (from.size() > to.size())
    return false;
  return llvm::all_of(llvm::zip(from, to.take_back(from.size())),
                      [](auto pair) {
                        auto [a, b] = pair;
                        return a == b || a.getConstant() == 1;
                      });
}

ShapeAttr ShapeAttr::get(MLIRContext *context, ArrayRef<int64_t> values) {
  return get(context, Dims(llvm::map_range(values, [&](int64_t v) {
               return DimAttr::constant(context, v);
             })));
}

LogicalResult
ShapeAttr::verifyEncoding(ArrayRef<int64_t> shape, Type,
                          function_ref<InFlightDiagnostic()> emitError) const {
  if (shape.size() != size())
    return emitError() << "#nn.shape has " << size()
                       << " dims, expected the tensor's rank " << shape.size();
  for (auto [extent, dim] : llvm::zip(shape, getDims()))
    if (dim.getConstant().value_or(ShapedType::kDynamic) != extent)
      return emitError() << "#nn.shape dim " << dim.str()
                         << " does not agree with the tensor's extent "
                         << (ShapedType::isDynamic(extent)
                                 ? "?"
                                 : std::to_string(extent));
  return success();
}

} // namespace attune::nn
