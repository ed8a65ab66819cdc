//===- BlockOps.cpp - verifiers of the block ops --------------------------===//
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"

using namespace mlir;
using namespace attune::tile;

//===----------------------------------------------------------------------===//
// Spans
//===----------------------------------------------------------------------===//

LogicalResult RangeOp::verify() {
  std::optional<int64_t> start = getConstantIntValue(getStart());
  std::optional<int64_t> end = getConstantIntValue(getEnd());
  int64_t size = getSpan().getType().getSize();
  if (!start || !end || ShapedType::isDynamic(size))
    return success();
  if (*end - *start != size)
    return emitOpError("expected a span of ")
           << *end - *start << ", got " << size;
  return success();
}

//===----------------------------------------------------------------------===//
// Memory
//===----------------------------------------------------------------------===//

/// The block that positions select.
static RankedTensorType blockOf(Type element, ValueRange positions) {
  SmallVector<int64_t> shape;
  for (Value position : positions)
    if (auto span = dyn_cast<SpanType>(position.getType()))
      shape.push_back(span.getSize());
  return RankedTensorType::get(shape, element);
}

/// The same from memory of the given type.
static RankedTensorType blockType(Type memory, ValueRange positions) {
  return blockOf(cast<MemRefType>(memory).getElementType(), positions);
}

static LogicalResult verifyAccess(Operation *op, Type memory,
                                  ValueRange positions, Type block) {
  auto type = dyn_cast<MemRefType>(memory);
  if (!type)
    return op->emitOpError("expected a ranked memref, got ") << memory;
  if (type.getRank() != int64_t(positions.size()))
    return op->emitOpError("expected ")
           << type.getRank() << " positions, one per memref dimension, got "
           << positions.size();
  Type expected = blockType(memory, positions);
  if (block != expected)
    return op->emitOpError("expected a block of type ")
           << expected << ", got " << block;
  if (cast<RankedTensorType>(block).getRank() == 0)
    return op->emitOpError(
        "expected at least one span; use memref.load or memref.store");
  return success();
}

/// Positions: an index `%b`, or a span with its size `%i by 48`, `%j by ?`.
static ParseResult parsePosition(OpAsmParser &parser,
                                 SmallVectorImpl<Value> &positions) {
  OpAsmParser::UnresolvedOperand operand;
  Type type = parser.getBuilder().getIndexType();
  if (parser.parseOperand(operand))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("by"))) {
    int64_t size = ShapedType::kDynamic;
    if (failed(parser.parseOptionalQuestion()) && parser.parseInteger(size))
      return failure();
    type = parser.getChecked<SpanType>(parser.getContext(), size);
  }
  return failure(!type || parser.resolveOperand(operand, type, positions));
}

static ParseResult parsePositions(OpAsmParser &parser,
                                  SmallVectorImpl<Value> &positions) {
  return parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Square, [&] {
    return parsePosition(parser, positions);
  });
}

static void printPositions(OpAsmPrinter &printer, ValueRange positions) {
  printer << '[';
  llvm::interleaveComma(positions, printer, [&](Value position) {
    printer << position;
    auto span = dyn_cast<SpanType>(position.getType());
    if (!span)
      return;
    printer << " by ";
    if (span.isDynamic())
      printer << '?';
    else
      printer << span.getSize();
  });
  printer << ']';
}

void LoadOp::build(OpBuilder &builder, OperationState &state, Value source,
                   ValueRange positions, TypedAttr fill) {
  state.addOperands(source);
  state.addOperands(positions);
  if (fill)
    state.addAttribute(getFillAttrName(state.name), fill);
  state.addTypes(blockType(source.getType(), positions));
}

ParseResult LoadOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand source;
  SmallVector<Value> positions;
  Type memory, block;
  if (parser.parseOperand(source) || parsePositions(parser, positions))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("fill"))) {
    TypedAttr fill;
    if (parser.parseLParen() || parser.parseAttribute(fill) ||
        parser.parseRParen())
      return failure();
    state.addAttribute(getFillAttrName(state.name), fill);
  }
  if (parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(memory) || parser.parseArrow() ||
      parser.parseType(block) ||
      parser.resolveOperand(source, memory, state.operands))
    return failure();
  state.addOperands(positions);
  state.addTypes(block);
  return success();
}

void LoadOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getSource();
  printPositions(printer, getPositions());
  if (TypedAttr fill = getFillAttr())
    printer << " fill(" << fill << ')';
  printer.printOptionalAttrDict((*this)->getAttrs(), {getFillAttrName()});
  printer << " : " << getSource().getType() << " -> " << getBlock().getType();
}

LogicalResult LoadOp::verify() {
  if (failed(verifyAccess(*this, getSource().getType(), getPositions(),
                          getBlock().getType())))
    return failure();
  Type element = cast<MemRefType>(getSource().getType()).getElementType();
  if (TypedAttr fill = getFillAttr(); fill && fill.getType() != element)
    return emitOpError("expected a fill of type ")
           << element << ", got " << fill;
  return success();
}

/// `%block, %dest[positions] : block type -> memory type`.
static ParseResult parseWrite(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand block, dest;
  SmallVector<Value> positions;
  Type memory, blockType;
  if (parser.parseOperand(block) || parser.parseComma() ||
      parser.parseOperand(dest) || parsePositions(parser, positions) ||
      parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(blockType) || parser.parseArrow() ||
      parser.parseType(memory) ||
      parser.resolveOperand(block, blockType, state.operands) ||
      parser.resolveOperand(dest, memory, state.operands))
    return failure();
  state.addOperands(positions);
  return success();
}

template <typename Op>
static void printWrite(OpAsmPrinter &printer, Op op) {
  printer << ' ' << op.getBlock() << ", " << op.getDest();
  printPositions(printer, op.getPositions());
  printer.printOptionalAttrDict(op->getAttrs());
  printer << " : " << op.getBlock().getType() << " -> "
          << op.getDest().getType();
}

ParseResult StoreOp::parse(OpAsmParser &parser, OperationState &state) {
  return parseWrite(parser, state);
}

void StoreOp::print(OpAsmPrinter &printer) { printWrite(printer, *this); }

LogicalResult StoreOp::verify() {
  return verifyAccess(*this, getDest().getType(), getPositions(),
                      getBlock().getType());
}

ParseResult AccumulateOp::parse(OpAsmParser &parser, OperationState &state) {
  return parseWrite(parser, state);
}

void AccumulateOp::print(OpAsmPrinter &printer) { printWrite(printer, *this); }

LogicalResult AccumulateOp::verify() {
  return verifyAccess(*this, getDest().getType(), getPositions(),
                      getBlock().getType());
}

LogicalResult GatherOp::verify() {
  auto memory = dyn_cast<MemRefType>(getSource().getType());
  if (!memory || memory.getRank() != int64_t(getPositions().size()))
    return emitOpError("expected one position per memref dimension of ")
           << getSource().getType();
  auto type = dyn_cast<RankedTensorType>(getBlock().getType());
  if (!type || type.getRank() != 1 ||
      type.getElementType() != memory.getElementType())
    return emitOpError("expected a result of rank 1 and type ")
           << memory.getElementType() << ", got " << getBlock().getType();
  bool hasBlock = false;
  for (Value position : getPositions()) {
    int64_t size = type.getDimSize(0);
    if (auto span = dyn_cast<SpanType>(position.getType())) {
      size = span.getSize();
    } else if (auto block = dyn_cast<RankedTensorType>(position.getType())) {
      hasBlock = true;
      if (block.getRank() != 1)
        return emitOpError("expected indices of rank 1, got ") << block;
      size = block.getDimSize(0);
    }
    if (size != type.getDimSize(0))
      return emitOpError("expected spans and indices of the extent of ")
             << type;
  }
  if (!hasBlock)
    return emitOpError("expected a block of indices; without one it is a load");
  return success();
}

void RandomOp::build(OpBuilder &builder, OperationState &state, Value id,
                     Value seed, Value step, Value first, ValueRange positions,
                     ValueRange strides) {
  build(builder, state, blockOf(builder.getF32Type(), positions), id, seed,
        step, first, positions, strides);
}

ParseResult RandomOp::parse(OpAsmParser &parser, OperationState &state) {
  Builder &builder = parser.getBuilder();
  OpAsmParser::UnresolvedOperand id, seed, step, first;
  SmallVector<OpAsmParser::UnresolvedOperand> strides;
  SmallVector<Value> positions;
  Type block, i64 = builder.getI64Type();
  if (parser.parseOperand(id) || parser.parseLParen() ||
      parser.parseOperand(seed) || parser.parseComma() ||
      parser.parseOperand(step) || parser.parseRParen() ||
      parser.parseKeyword("at") || parser.parseOperand(first) ||
      parsePositions(parser, positions) || parser.parseKeyword("strides") ||
      parser.parseOperandList(strides, OpAsmParser::Delimiter::Square) ||
      parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(block) ||
      parser.resolveOperands({id, seed, step, first}, i64, state.operands))
    return failure();
  if (strides.size() != positions.size())
    return parser.emitError(parser.getNameLoc(),
                            "expected a stride for each position");
  state.addOperands(positions);
  state.addTypes(block);
  return parser.resolveOperands(strides, builder.getIndexType(),
                                state.operands);
}

void RandomOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getId() << '(' << getSeed() << ", " << getStep() << ") at "
          << getFirst();
  printPositions(printer, getPositions());
  printer << " strides[" << getStrides() << ']';
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getBlock().getType();
}

LogicalResult RandomOp::verify() {
  RankedTensorType expected =
      blockOf(Float32Type::get(getContext()), getPositions());
  if (getBlock().getType() != expected)
    return emitOpError("expected a block of type ")
           << expected << ", got " << getBlock().getType();
  return success();
}

ParseResult ScatterOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> memory;
  SmallVector<Value> positions;
  SmallVector<Type> types;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseOperandList(memory, 3) || parsePositions(parser, positions) ||
      parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonTypeList(types) ||
      parser.resolveOperands(memory, types, loc, state.operands))
    return failure();
  if (positions.size() != 3)
    return parser.emitError(loc, "expected a place, rows and columns");
  state.addOperands(positions);
  return success();
}

void ScatterOp::print(OpAsmPrinter &printer) {
  printer << ' ' << getSource() << ", " << getIndices() << ", " << getDest();
  printPositions(printer, {getPlace(), getRows(), getColumns()});
  printer.printOptionalAttrDict((*this)->getAttrs());
  printer << " : " << getSource().getType() << ", " << getIndices().getType()
          << ", " << getDest().getType();
}

LogicalResult ScatterOp::verify() {
  auto source = dyn_cast<MemRefType>(getSource().getType());
  auto indices = dyn_cast<MemRefType>(getIndices().getType());
  auto dest = dyn_cast<MemRefType>(getDest().getType());
  if (!source || !indices || !dest || source.getRank() != 3 ||
      indices.getRank() != 1 || dest.getRank() != 3)
    return emitOpError("expected updates and a result of rank 3, and indices "
                       "of rank 1");
  if (source.getElementType() != dest.getElementType() ||
      !isa<FloatType>(dest.getElementType()) ||
      !indices.getElementType().isInteger())
    return emitOpError("expected floats of one type, and integer indices");
  return success();
}

//===----------------------------------------------------------------------===//
// Block arithmetic
//===----------------------------------------------------------------------===//

LogicalResult DotOp::verify() {
  auto lhs = dyn_cast<RankedTensorType>(getLhs().getType());
  auto rhs = dyn_cast<RankedTensorType>(getRhs().getType());
  auto result = dyn_cast<RankedTensorType>(getResult().getType());
  if (!lhs || !rhs || !result || lhs.getRank() != 2 || rhs.getRank() != 2 ||
      result.getRank() != 2)
    return emitOpError("expected rank-2 blocks");
  int64_t m = lhs.getDimSize(getTransLhs() ? 1 : 0);
  int64_t kLhs = lhs.getDimSize(getTransLhs() ? 0 : 1);
  int64_t kRhs = rhs.getDimSize(getTransRhs() ? 1 : 0);
  int64_t n = rhs.getDimSize(getTransRhs() ? 0 : 1);
  if (kLhs != kRhs)
    return emitOpError("expected equal k extents, got ")
           << kLhs << " and " << kRhs;
  if (getTf32() &&
      !(lhs.getElementType().isF32() && rhs.getElementType().isF32()))
    return emitOpError("expected operands of f32 for tf32, got ")
           << lhs << " and " << rhs;
  if (result.getShape() != ArrayRef<int64_t>{m, n})
    return emitOpError("expected a result of ")
           << m << "x" << n << ", got " << result;
  return success();
}

void ReduceOp::build(OpBuilder &builder, OperationState &state, ReduceKind kind,
                     Value block, int64_t axis, Value span) {
  auto type = cast<RankedTensorType>(block.getType());
  SmallVector<int64_t> shape(type.getShape());
  shape.erase(shape.begin() + axis);
  build(builder, state, RankedTensorType::get(shape, type.getElementType()),
        kind, block, axis, span);
}

LogicalResult ReduceOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getBlock().getType());
  int64_t axis = getAxis();
  if (!type || axis < 0 || axis >= type.getRank())
    return emitOpError("axis ")
           << axis << " is not a dimension of " << getBlock().getType();
  SmallVector<int64_t> shape(type.getShape());
  if (Value span = getSpan();
      span && cast<SpanType>(span.getType()).getSize() != shape[axis])
    return emitOpError("expected a span of the reduced extent ") << shape[axis];
  if (getKind() == ReduceKind::maxnum && !isa<FloatType>(type.getElementType()))
    return emitOpError("expected floats for maxnum, got ")
           << type.getElementType();
  shape.erase(shape.begin() + axis);
  auto expected = RankedTensorType::get(shape, type.getElementType());
  if (getResult().getType() != expected)
    return emitOpError("expected a result of type ") << expected;
  return success();
}

LogicalResult BroadcastOp::verify() {
  auto result = dyn_cast<RankedTensorType>(getResult().getType());
  auto source = dyn_cast<RankedTensorType>(getSource().getType());
  Type element = source ? source.getElementType() : getSource().getType();
  if (!result || element != result.getElementType())
    return emitOpError("expected source and result of one element type");
  int64_t rank = source ? source.getRank() : 0;
  ArrayRef<int64_t> axes = getAxes();
  if (int64_t(axes.size()) != rank)
    return emitOpError("expected ") << rank << " axes, got " << axes.size();
  llvm::SmallBitVector kept(result.getRank());
  for (auto [dim, axis] : llvm::enumerate(axes)) {
    if (axis < 0 || axis >= result.getRank() || (dim && axis <= axes[dim - 1]))
      return emitOpError("expected increasing axes of the result, got ")
             << axes;
    if (source.getDimSize(dim) != result.getDimSize(axis))
      return emitOpError("expected equal extents of source dimension ")
             << dim << " and result dimension " << axis;
    kept.set(axis);
  }
  size_t repeated =
      llvm::count_if(llvm::seq<int64_t>(0, result.getRank()), [&](int64_t d) {
        return !kept[d] && result.isDynamicDim(d);
      });
  if (getSpans().size() != repeated)
    return emitOpError("expected ")
           << repeated << " spans for repeated dynamic dimensions, got "
           << getSpans().size();
  return success();
}

LogicalResult TransposeOp::verify() {
  auto type = dyn_cast<RankedTensorType>(getBlock().getType());
  ArrayRef<int64_t> permutation = getPermutation();
  if (!type || int64_t(permutation.size()) != type.getRank() ||
      !isPermutationVector(permutation))
    return emitOpError("expected a permutation of the block's dimensions");
  SmallVector<int64_t> shape;
  for (int64_t source : permutation)
    shape.push_back(type.getDimSize(source));
  auto expected = RankedTensorType::get(shape, type.getElementType());
  if (getResult().getType() != expected)
    return emitOpError("expected a result of type ") << expected;
  return success();
}

LogicalResult IotaOp::verify() {
  auto result = dyn_cast<RankedTensorType>(getResult().getType());
  int64_t size = getSpan().getType().getSize();
  if (!result || result.getRank() != 1 || result.getDimSize(0) != size)
    return emitOpError("expected a rank-1 result of the span's size");
  return success();
}
