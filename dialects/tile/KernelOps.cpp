//===- KernelOps.cpp - tile.kernel ----------------------------------------===//
//
// Syntax, verifier and calling convention of a kernel.
//
//===----------------------------------------------------------------------===//
#include "dialects/tile/Tile.h"
#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace attune::tile;

#define GET_OP_CLASSES
#include "dialects/tile/TileOps.cpp.inc"

void KernelOp::build(OpBuilder &builder, OperationState &state, StringRef name,
                     Family family, TypeRange argTypes) {
  state.addAttribute(getSymNameAttrName(state.name),
                     builder.getStringAttr(name));
  state.addAttribute(getFamilyAttrName(state.name),
                     FamilyAttr::get(builder.getContext(), family));
  Region *body = state.addRegion();
  body->emplaceBlock().addArguments(
      argTypes, SmallVector<Location>(argTypes.size(), state.location));
}

//===----------------------------------------------------------------------===//
// Syntax: tile.kernel FAMILY @NAME(ARGS) schedule({...}) attributes {...} {...}
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Family> family = symbolizeFamily(keyword);
  if (!family)
    return parser.emitError(loc, "unknown kernel family '") << keyword << "'";
  state.addAttribute(getFamilyAttrName(state.name),
                     FamilyAttr::get(parser.getContext(), *family));

  StringAttr name;
  SmallVector<OpAsmParser::Argument> args;
  if (parser.parseSymbolName(name, getSymNameAttrName(state.name),
                             state.attributes) ||
      parser.parseArgumentList(args, OpAsmParser::Delimiter::Paren,
                               /*allowType=*/true, /*allowAttrs=*/true))
    return failure();
  SmallVector<Attribute> argAttrs;
  bool anyAttrs = false;
  for (OpAsmParser::Argument &arg : args) {
    argAttrs.push_back(arg.attrs ? arg.attrs : builder.getDictionaryAttr({}));
    anyAttrs |= arg.attrs && !arg.attrs.empty();
  }
  if (anyAttrs)
    state.addAttribute(getArgAttrsAttrName(state.name),
                       builder.getArrayAttr(argAttrs));

  if (succeeded(parser.parseOptionalKeyword("schedule"))) {
    DictionaryAttr schedule;
    if (parser.parseLParen() || parser.parseAttribute(schedule) ||
        parser.parseRParen())
      return failure();
    state.addAttribute(getScheduleAttrName(state.name), schedule);
  }
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  return parser.parseRegion(*state.addRegion(), args);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << ' ' << stringifyFamily(getFamily()) << ' ';
  printer.printSymbolName(getSymName());
  printer << '(';
  for (auto [index, arg] : llvm::enumerate(getArguments())) {
    if (index)
      printer << ", ";
    ArrayRef<NamedAttribute> attrs;
    if (ArrayAttr all = getArgAttrsAttr())
      attrs = cast<DictionaryAttr>(all[index]).getValue();
    printer.printRegionArgument(arg, attrs);
  }
  printer << ')';
  if (DictionaryAttr schedule = getScheduleAttr())
    printer << " schedule(" << schedule << ')';
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(), {getSymNameAttrName(), getFamilyAttrName(),
                            getArgAttrsAttrName(), getScheduleAttrName()});
  printer << ' ';
  printer.printRegion(getBodyRegion(), /*printEntryBlockArgs=*/false);
}

//===----------------------------------------------------------------------===//
// Calling convention
//===----------------------------------------------------------------------===//

SmallVector<KernelOp::Slot> KernelOp::getValueSlots() {
  SmallVector<Slot> slots;
  for (auto [index, arg] : llvm::enumerate(getArguments())) {
    unsigned argument = index;
    auto type = dyn_cast<MemRefType>(arg.getType());
    if (!type) {
      slots.push_back({Slot::Scalar, argument, 0});
      continue;
    }
    auto [strides, offset] = type.getStridesAndOffset();
    for (unsigned dim = 0; dim < type.getRank(); ++dim)
      if (type.isDynamicDim(dim))
        slots.push_back({Slot::Size, argument, dim});
    for (unsigned dim = 0; dim < type.getRank(); ++dim)
      if (ShapedType::isDynamic(strides[dim]))
        slots.push_back({Slot::Stride, argument, dim});
  }
  return slots;
}

SmallVector<KernelOp::Slot> KernelOp::getSlots() {
  SmallVector<Slot> slots;
  for (auto [index, arg] : llvm::enumerate(getArguments()))
    if (isa<MemRefType>(arg.getType()))
      slots.push_back({Slot::Pointer, unsigned(index), 0});
  llvm::append_range(slots, getValueSlots());
  if (getScratch()) {
    slots.push_back({Slot::ScratchBytes});
    slots.push_back({Slot::ScratchBase});
  }
  return slots;
}

AffineMap KernelOp::getScratch() {
  if (DictionaryAttr schedule = getScheduleAttr())
    if (auto map = schedule.getAs<AffineMapAttr>(kScratch))
      return map.getValue();
  return {};
}

void KernelOp::setScratch(AffineMap bytes) {
  NamedAttrList schedule(getScheduleAttr());
  schedule.set(kScratch, AffineMapAttr::get(bytes));
  setScheduleAttr(schedule.getDictionary(getContext()));
}

PanelsAttr KernelOp::getPanels(unsigned argument) {
  ArrayAttr all = getArgAttrsAttr();
  return all ? cast<DictionaryAttr>(all[argument]).getAs<PanelsAttr>(kPanels)
             : PanelsAttr();
}

void KernelOp::setPanels(unsigned argument, PanelsAttr panels) {
  SmallVector<Attribute> all(getArguments().size(),
                             DictionaryAttr::get(getContext()));
  if (ArrayAttr present = getArgAttrsAttr())
    all.assign(present.begin(), present.end());
  NamedAttrList attrs(cast<DictionaryAttr>(all[argument]));
  attrs.set(kPanels, panels);
  all[argument] = attrs.getDictionary(getContext());
  setArgAttrsAttr(ArrayAttr::get(getContext(), all));
}

ParallelOp KernelOp::getParallel() {
  return cast<ParallelOp>(getBody()->back());
}

//===----------------------------------------------------------------------===//
// Verifier
//===----------------------------------------------------------------------===//

static LogicalResult verifyArgument(KernelOp op, unsigned index, Type type) {
  auto memref = dyn_cast<MemRefType>(type);
  if (!memref) {
    if (!type.isIndex() && !type.isInteger(64) && !type.isInteger(32) &&
        !type.isF32())
      return op.emitOpError("argument ")
             << index
             << ": expected a memref or a scalar (index, i64, i32, f32), got "
             << type;
    return success();
  }
  SmallVector<int64_t> strides;
  int64_t offset = 0;
  if (failed(memref.getStridesAndOffset(strides, offset)) || offset != 0)
    return op.emitOpError("argument ")
           << index << ": expected a strided memref with offset 0, got "
           << type;
  PanelsAttr panels = op.getPanels(index);
  if (panels && (memref.getRank() != 2 || !memref.hasStaticShape()))
    return op.emitOpError("argument ")
           << index << ": panels need a static rank-2 operand, got " << type;
  return success();
}

static LogicalResult verifySchedule(KernelOp op) {
  DictionaryAttr schedule = op.getScheduleAttr();
  if (!schedule)
    return success();
  for (NamedAttribute entry : schedule) {
    if (entry.getName() == kScratch) {
      auto map = dyn_cast<AffineMapAttr>(entry.getValue());
      if (!map || map.getValue().getNumResults() != 1)
        return op.emitOpError(
            "schedule 'scratch': expected an affine map with one result");
      if (map.getValue().getNumDims() != op.getValueSlots().size() ||
          map.getValue().getNumSymbols())
        return op.emitOpError("schedule 'scratch': expected a map of ")
               << op.getValueSlots().size() << " value slots, got "
               << "one of " << map.getValue().getNumDims();
    } else {
      return op.emitOpError("unknown schedule key ") << entry.getName();
    }
  }
  return success();
}

LogicalResult KernelOp::verify() {
  if (ArrayAttr all = getArgAttrsAttr();
      all && all.size() != getArguments().size())
    return emitOpError("expected ")
           << getArguments().size() << " argument attributes, got "
           << all.size();
  for (auto [index, arg] : llvm::enumerate(getArguments()))
    if (failed(verifyArgument(*this, index, arg.getType())))
      return failure();
  return verifySchedule(*this);
}

LogicalResult KernelOp::verifyRegions() {
  if (getBody()->empty() || !isa<ParallelOp>(getBody()->back()))
    return emitOpError("expected the body to end with tile.parallel");
  for (Operation &op : llvm::drop_end(getBody()->getOperations()))
    if (isa<ParallelOp>(op))
      return emitOpError("expected exactly one tile.parallel");
    else if (op.getNumRegions())
      return op.emitOpError(
          "is not a scalar op; a kernel holds those and one tile.parallel");
  return success();
}
