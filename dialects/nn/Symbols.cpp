// The symbols in the shapes of a function. See Symbols.h.
#include "dialects/nn/Symbols.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

namespace attune::nn {

using namespace mlir;

void collectSymbols(Operation *op, llvm::SetVector<StringRef> &symbols) {
  auto collect = [&](ArrayRef<DimAttr> dims) {
    for (DimAttr dim : dims)
      dim.collectSymbols(symbols);
  };
  for (NamedAttribute attribute : op->getAttrs()) {
    if (auto dim = dyn_cast<DimAttr>(attribute.getValue()))
      collect(dim);
    if (auto shape = dyn_cast<ShapeAttr>(attribute.getValue()))
      collect(shape.getDims());
  }
  for (Type type : op->getResultTypes())
    if (auto tensor = dyn_cast<RankedTensorType>(type))
      collect(getDims(tensor));
}

SymbolRanges symbolRanges(Operation *op) {
  SymbolRanges ranges;
  auto function = dyn_cast<FunctionOpInterface>(op);
  if (!function)
    function = op->getParentOfType<FunctionOpInterface>();
  auto symbols = function ? function->getAttrOfType<DictionaryAttr>(symbolsAttr)
                          : DictionaryAttr();
  for (NamedAttribute entry :
       symbols ? symbols.getValue() : ArrayRef<NamedAttribute>())
    if (auto range = dyn_cast<RangeAttr>(entry.getValue()))
      ranges[entry.getName()] = range;
  return ranges;
}

} // namespace attune::nn
