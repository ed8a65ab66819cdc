// The symbols in the shapes of a function. See Symbols.h.
#include "dialects/nn/Symbols.h"

#include "mlir/Interfaces/FunctionInterfaces.h"

namespace attune::nn {

using namespace mlir;

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
