//===- LoopOps.cpp - tile.parallel and tile.for ---------------------------===//
#include "dialects/tile/Tile.h"

using namespace mlir;
using namespace attune::tile;

/// The type of the position that an axis of the given step yields.
static Type positionType(MLIRContext *context, int64_t step) {
  if (step == ParallelOp::kUnblocked)
    return IndexType::get(context);
  return SpanType::get(context, step);
}

//===----------------------------------------------------------------------===//
// tile.parallel (%b, %i) in (%batch, %rows by 128) { ... }
//===----------------------------------------------------------------------===//

void ParallelOp::build(OpBuilder &builder, OperationState &state,
                       ValueRange extents, ArrayRef<int64_t> steps) {
  OpBuilder::InsertionGuard guard(builder);
  state.addOperands(extents);
  state.addAttribute(getStepsAttrName(state.name),
                     builder.getDenseI64ArrayAttr(steps));
  Block *body = builder.createBlock(state.addRegion());
  for (int64_t step : steps)
    body->addArgument(positionType(builder.getContext(), step), state.location);
  ensureTerminator(*state.regions.front(), builder, state.location);
}

ParseResult ParallelOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::Argument> args;
  SmallVector<OpAsmParser::UnresolvedOperand> extents;
  SmallVector<int64_t> steps;
  auto parseAxis = [&]() -> ParseResult {
    int64_t step = kUnblocked;
    if (parser.parseOperand(extents.emplace_back()))
      return failure();
    SMLoc loc = parser.getCurrentLocation();
    if (succeeded(parser.parseOptionalKeyword("by"))) {
      if (parser.parseInteger(step))
        return failure();
      if (step <= 0)
        return parser.emitError(loc, "expected a positive step, got ") << step;
    }
    steps.push_back(step);
    return success();
  };
  Type index = parser.getBuilder().getIndexType();
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseArgumentList(args, OpAsmParser::Delimiter::Paren) ||
      parser.parseKeyword("in") ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     parseAxis) ||
      parser.resolveOperands(extents, index, state.operands) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  if (args.size() != steps.size())
    return parser.emitError(loc, "expected ")
           << steps.size() << " positions for as many axes, got "
           << args.size();
  for (auto [arg, step] : llvm::zip(args, steps))
    arg.type = positionType(parser.getContext(), step);
  state.addAttribute(getStepsAttrName(state.name),
                     parser.getBuilder().getDenseI64ArrayAttr(steps));
  Region *body = state.addRegion();
  if (parser.parseRegion(*body, args))
    return failure();
  ensureTerminator(*body, parser.getBuilder(), state.location);
  return success();
}

void ParallelOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getPositions(), printer);
  printer << ") in (";
  llvm::interleaveComma(llvm::zip(getExtents(), getSteps()), printer,
                        [&](auto axis) {
                          auto [extent, step] = axis;
                          printer << extent;
                          if (step != kUnblocked)
                            printer << " by " << step;
                        });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getStepsAttrName()});
  printer << ' ';
  printer.printRegion(getBodyRegion(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/false);
}

LogicalResult ParallelOp::verifyRegions() {
  if (getExtents().size() != getSteps().size() ||
      getSteps().size() != getPositions().size())
    return emitOpError("expected one extent, step and position per axis");
  for (auto [arg, step] : llvm::zip(getPositions(), getSteps()))
    if (arg.getType() != positionType(getContext(), step))
      return emitOpError("expected a position of type ")
             << positionType(getContext(), step) << ", got " << arg.getType();
  if (getBody()->getTerminator()->getNumOperands())
    return emitOpError("expected a body that yields nothing");
  return success();
}

//===----------------------------------------------------------------------===//
// tile.for %j in (%a to %b by 256) visible(%i : !tile.span<48> lower %x upper
// %y)
//     iter(%acc = %init) : T { ... }
//===----------------------------------------------------------------------===//

void ForOp::build(OpBuilder &builder, OperationState &state, Value from,
                  Value to, int64_t step, ValueRange inits, Value rows,
                  Value lower, Value upper) {
  OpBuilder::InsertionGuard guard(builder);
  state.addOperands({from, to});
  for (Value optional : {rows, lower, upper})
    if (optional)
      state.addOperands(optional);
  state.addOperands(inits);
  llvm::copy(
      ArrayRef<int32_t>{1, 1, rows ? 1 : 0, lower ? 1 : 0, upper ? 1 : 0,
                        int32_t(inits.size())},
      state.getOrAddProperties<Properties>().operandSegmentSizes.begin());
  state.addAttribute(getStepAttrName(state.name),
                     builder.getI64IntegerAttr(step));
  state.addTypes(inits.getTypes());
  Block *body = builder.createBlock(state.addRegion());
  body->addArgument(SpanType::get(builder.getContext(), step), state.location);
  for (Value init : inits)
    body->addArgument(init.getType(), state.location);
  if (inits.empty())
    ensureTerminator(*state.regions.front(), builder, state.location);
}

/// Parses `visible(%rows : type lower %x upper %y)`, appends the operands and
/// sets how many of each there are.
static ParseResult parseVisible(OpAsmParser &parser,
                                SmallVectorImpl<Value> &operands,
                                int32_t &numRows, int32_t &numLower,
                                int32_t &numUpper) {
  if (failed(parser.parseOptionalKeyword("visible")))
    return success();
  OpAsmParser::UnresolvedOperand operand;
  Type type;
  if (parser.parseLParen() || parser.parseOperand(operand) ||
      parser.parseColonType(type) ||
      parser.resolveOperand(operand, type, operands))
    return failure();
  numRows = 1;
  Type index = parser.getBuilder().getIndexType();
  auto parseBound = [&](StringRef keyword, int32_t &count) -> ParseResult {
    if (failed(parser.parseOptionalKeyword(keyword)))
      return success();
    count = 1;
    return failure(parser.parseOperand(operand) ||
                   parser.resolveOperand(operand, index, operands));
  };
  return failure(parseBound("lower", numLower) ||
                 parseBound("upper", numUpper) || parser.parseRParen());
}

ParseResult ForOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  Type index = builder.getIndexType();
  SmallVector<OpAsmParser::Argument> args(1);
  OpAsmParser::UnresolvedOperand from, to;
  int64_t step = 0;
  int32_t numRows = 0, numLower = 0, numUpper = 0;
  if (parser.parseArgument(args.front()) || parser.parseKeyword("in") ||
      parser.parseLParen() || parser.parseOperand(from) ||
      parser.parseKeyword("to") || parser.parseOperand(to) ||
      parser.parseKeyword("by") || parser.parseInteger(step) ||
      parser.parseRParen() ||
      parser.resolveOperand(from, index, state.operands) ||
      parser.resolveOperand(to, index, state.operands) ||
      parseVisible(parser, state.operands, numRows, numLower, numUpper))
    return failure();

  SmallVector<OpAsmParser::Argument> carried;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (succeeded(parser.parseOptionalKeyword("iter")) &&
      (parser.parseAssignmentList(carried, inits) ||
       parser.parseColonTypeList(types)))
    return failure();
  if (step <= 0)
    return parser.emitError(loc, "expected a positive step, got ") << step;
  if (parser.resolveOperands(inits, types, loc, state.operands) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();

  args.front().type = SpanType::get(parser.getContext(), step);
  for (auto [arg, type] : llvm::zip(carried, types)) {
    arg.type = type;
    args.push_back(arg);
  }
  llvm::copy(
      ArrayRef<int32_t>{1, 1, numRows, numLower, numUpper,
                        int32_t(inits.size())},
      state.getOrAddProperties<Properties>().operandSegmentSizes.begin());
  state.addAttribute(getStepAttrName(state.name),
                     builder.getI64IntegerAttr(step));
  state.addTypes(types);
  Region *body = state.addRegion();
  if (parser.parseRegion(*body, args))
    return failure();
  ensureTerminator(*body, builder, state.location);
  return success();
}

void ForOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getSpan() << " in (" << getFrom() << " to " << getTo()
          << " by " << getStep() << ')';
  if (Value rows = getRows()) {
    printer << " visible(" << rows << " : " << rows.getType();
    if (Value lower = getLower())
      printer << " lower " << lower;
    if (Value upper = getUpper())
      printer << " upper " << upper;
    printer << ')';
  }
  if (!getInits().empty()) {
    printer << " iter(";
    llvm::interleaveComma(
        llvm::zip(getCarried(), getInits()), printer, [&](auto pair) {
          printer << std::get<0>(pair) << " = " << std::get<1>(pair);
        });
    printer << ") : " << getInits().getTypes();
  }
  printer.printOptionalAttrDictWithKeyword(
      (*this)->getAttrs(),
      {getStepAttrName(), getOperandSegmentSizesAttrName()});
  printer << ' ';
  printer.printRegion(getBodyRegion(), /*printEntryBlockArgs=*/false,
                      /*printBlockTerminators=*/!getInits().empty());
}

OperandRange ForOp::getYielded() {
  return cast<YieldOp>(getBody()->getTerminator()).getValues();
}

LogicalResult ForOp::verify() {
  if (!getRows() && (getLower() || getUpper()))
    return emitOpError("expected rows for the bounds of 'visible'");
  if (getInits().getTypes() != getResultTypes())
    return emitOpError("expected results of the carried types");
  return success();
}

LogicalResult ForOp::verifyRegions() {
  if (getBody()->getNumArguments() != 1 + getInits().size() ||
      getSpan().getType() != SpanType::get(getContext(), getStep()))
    return emitOpError("expected a span of ")
           << getStep() << " and one argument per carried value";
  if (ValueRange(getCarried()).getTypes() != getInits().getTypes())
    return emitOpError("expected body arguments of the carried types");
  if (getYielded().getTypes() != getInits().getTypes())
    return emitOpError("expected the body to yield the carried types, got ")
           << getYielded().getTypes();
  return success();
}
