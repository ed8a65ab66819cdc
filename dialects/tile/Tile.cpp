//===- Tile.cpp - dialect, type and attribute registration ----------------===//
#include "dialects/tile/Tile.h"

using namespace mlir;
using namespace attune::tile;

#include "dialects/tile/TileDialect.cpp.inc"
#include "dialects/tile/TileEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/tile/TileAttrs.cpp.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/tile/TileTypes.cpp.inc"

void TileDialect::initialize() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/tile/TileTypes.cpp.inc"
      >();
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/tile/TileAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/tile/TileOps.cpp.inc"
      >();
}

//===----------------------------------------------------------------------===//
// !tile.span<N>
//===----------------------------------------------------------------------===//

Type SpanType::parse(AsmParser &parser) {
  int64_t size = ShapedType::kDynamic;
  if (parser.parseLess())
    return {};
  if (failed(parser.parseOptionalQuestion()) && parser.parseInteger(size))
    return {};
  if (parser.parseGreater())
    return {};
  return parser.getChecked<SpanType>(parser.getContext(), size);
}

void SpanType::print(AsmPrinter &printer) const {
  printer << '<';
  if (isDynamic())
    printer << '?';
  else
    printer << getSize();
  printer << '>';
}

LogicalResult SpanType::verify(function_ref<InFlightDiagnostic()> emitError,
                               int64_t size) {
  if (!ShapedType::isDynamic(size) && size <= 0)
    return emitError() << "expected a positive span size or '?', got " << size;
  return success();
}

//===----------------------------------------------------------------------===//
// #tile.panels
//===----------------------------------------------------------------------===//

LogicalResult PanelsAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                                 int64_t axis, int64_t width) {
  if (axis != 0 && axis != 1)
    return emitError() << "expected panel axis 0 or 1, got " << axis;
  if (width <= 0)
    return emitError() << "expected a positive panel width, got " << width;
  return success();
}
