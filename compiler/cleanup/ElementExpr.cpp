// Describes elements of tensors by walking up their producers.
#include "compiler/cleanup/ElementExpr.h"
#include "dialects/nn/reference/Array.h"
#include "mlir/IR/Matchers.h"

namespace attune::cleanup {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseKind;
using Kind = ElementExpr::Kind;

// ---- constants ----

ElementsAttr constantElements(Value tensor) {
  ElementsAttr value;
  if (matchPattern(tensor, m_Constant(&value)))
    return value;
  auto load = tensor.getDefiningOp<nn::LoadWeightOp>();
  if (!load)
    return {};
  auto weight = SymbolTable::lookupNearestSymbolFrom<nn::WeightOp>(
      load, load.getWeightAttr());
  if (!weight || !weight.isFrozen() || !weight.getValue())
    return {};
  return *weight.getValue();
}

std::optional<double> splatValue(Value tensor) {
  if (auto broadcast = tensor.getDefiningOp<nn::BroadcastOp>())
    return splatValue(broadcast.getInput());
  if (auto reshape = tensor.getDefiningOp<nn::ReshapeOp>())
    return splatValue(reshape.getInput());
  DenseElementsAttr value;
  if (!matchPattern(tensor, m_Constant(&value)) || !value.isSplat())
    return std::nullopt;
  Type type = value.getElementType();
  if (isa<FloatType>(type))
    return value.getSplatValue<APFloat>().convertToDouble();
  if (type.isInteger(1))
    return value.getSplatValue<APInt>().getBoolValue() ? 1 : 0;
  return double(value.getSplatValue<APInt>().getSExtValue());
}

// ---- building expressions ----

namespace {
class Describer {
public:
  explicit Describer(IndexSpace &space) : space(space) {}

  Element describe(Value tensor, ArrayRef<DimAttr> indices);
  TensorElement throughViews(Value tensor, Dims indices);

private:
  Element leaf(Value tensor, ArrayRef<DimAttr> indices);
  Element elementwise(nn::ElementwiseOp op, ArrayRef<DimAttr> indices);
  Element gather(nn::GatherOp op, ArrayRef<DimAttr> indices);
  Element concat(nn::ConcatOp op, ArrayRef<DimAttr> indices);
  Element fold(ElementwiseKind kind, ArrayRef<Element> operands, Type to);

  IndexSpace &space;
  // Graphs share subterms and expressions do not: bounds the size of the tree.
  int budget = 4096;
};
} // namespace

static Element indexOf(DimAttr value) {
  ElementExpr element{Kind::Index};
  element.index = value;
  return std::make_shared<ElementExpr>(element);
}

static Element numberOf(double value) {
  ElementExpr element{Kind::Number};
  element.number = value;
  return std::make_shared<ElementExpr>(element);
}

static bool isBool(Type type) { return type.isInteger(1); }

static Type elementType(Value tensor) {
  return cast<RankedTensorType>(tensor.getType()).getElementType();
}

// Indices of an operand that broadcasts to the result.
static Dims alignIndices(Value operand, ArrayRef<DimAttr> indices) {
  Dims dims = nn::getDims(operand);
  Dims aligned(indices.take_back(dims.size()));
  for (auto [dim, index] : llvm::zip(dims, aligned))
    if (dim.getConstant() == 1)
      index = DimAttr::constant(dim.getContext(), 0);
  return aligned;
}

Element Describer::leaf(Value tensor, ArrayRef<DimAttr> indices) {
  ElementExpr element{Kind::Leaf};
  element.tensor = tensor;
  element.indices = Dims(indices);
  auto attribute =
      dyn_cast_or_null<DenseElementsAttr>(constantElements(tensor));
  if (!attribute)
    return std::make_shared<ElementExpr>(element);
  // The element of a constant is known where it is a splat or the index is.
  uint64_t position = 0;
  auto type = cast<RankedTensorType>(tensor.getType());
  bool known = true;
  for (auto [extent, index] : llvm::zip(type.getShape(), indices)) {
    auto value = index.getConstant();
    known &= value && *value >= 0 && *value < extent;
    position = position * extent + value.value_or(0);
  }
  if (!attribute.isSplat() && !known)
    return std::make_shared<ElementExpr>(element);
  if (attribute.isSplat())
    position = 0;
  if (isa<FloatType>(type.getElementType()))
    return numberOf(attribute.getValues<APFloat>()[position].convertToDouble());
  APInt value = attribute.getValues<APInt>()[position];
  if (isBool(type.getElementType()))
    return numberOf(value.getBoolValue());
  return indexOf(DimAttr::constant(space.getContext(), value.getSExtValue()));
}

// ---- views ----

TensorElement Describer::throughViews(Value tensor, Dims indices) {
  while (Operation *op = tensor.getDefiningOp()) {
    if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
      Dims source(indices.size());
      for (auto [i, axis] : llvm::enumerate(transpose.getPermutation()))
        source[axis] = indices[i];
      indices = source;
    } else if (auto reshape = dyn_cast<nn::ReshapeOp>(op)) {
      auto source = space.delinearize(
          space.linearize(indices, nn::getDims(reshape.getResult())),
          nn::getDims(reshape.getInput()));
      if (!source)
        break;
      indices = *source;
    } else if (isa<nn::BroadcastOp>(op)) {
      indices = alignIndices(op->getOperand(0), indices);
    } else if (auto slice = dyn_cast<nn::SliceOp>(op)) {
      for (auto [i, index] : llvm::enumerate(indices))
        index = index * slice.getSteps()[i] + slice.getStarts()[i];
      if (llvm::is_contained(indices, DimAttr()))
        break;
    } else {
      break;
    }
    tensor = op->getOperand(0);
  }
  return {tensor, indices};
}

// ---- data movement that depends on values ----

Element Describer::gather(nn::GatherOp op, ArrayRef<DimAttr> indices) {
  int64_t axis = op.getAxis();
  int64_t rank = cast<RankedTensorType>(op.getIndices().getType()).getRank();
  Element position = describe(op.getIndices(), indices.slice(axis, rank));
  DimAttr extent = nn::getDim(op.getData(), axis);
  if (position->kind != Kind::Index)
    return leaf(op.getResult(), indices);
  DimAttr index = position->index;
  if (index.getConstant().value_or(0) < 0)
    index = index + extent;
  if (!space.isInside(index, extent))
    return leaf(op.getResult(), indices);
  Dims source(indices.take_front(axis));
  source.push_back(index);
  source.append(indices.begin() + axis + rank, indices.end());
  return describe(op.getData(), source);
}

Element Describer::concat(nn::ConcatOp op, ArrayRef<DimAttr> indices) {
  int64_t axis = op.getAxis();
  DimAttr offset = DimAttr::constant(space.getContext(), 0);
  for (Value input : op.getInputs()) {
    DimAttr extent = nn::getDim(input, axis), local = indices[axis] - offset;
    if (local && space.isInside(local, extent)) {
      Dims source(indices);
      source[axis] = local;
      return describe(input, source);
    }
    offset = offset + extent;
  }
  return leaf(op.getResult(), indices);
}

// ---- arithmetic ----

// -1 false, 0 unknown, 1 true.
static int compare(ElementwiseKind kind, DimAttr a, DimAttr b,
                   const IndexSpace &space) {
  auto known = [&](bool yes, bool no) { return yes ? 1 : no ? -1 : 0; };
  DimAttr difference = b - a;
  if (!difference)
    return 0;
  DimAttr opposite = difference * -1;
  switch (kind) {
  case ElementwiseKind::Less:
    return known(space.isPositive(difference), space.isNonNegative(opposite));
  case ElementwiseKind::LessEqual:
    return known(space.isNonNegative(difference), space.isPositive(opposite));
  case ElementwiseKind::Equal:
    return known(difference.getConstant() == 0,
                 space.isPositive(difference) || space.isPositive(opposite));
  case ElementwiseKind::Greater:
    return compare(ElementwiseKind::Less, b, a, space);
  case ElementwiseKind::GreaterEqual:
    return compare(ElementwiseKind::LessEqual, b, a, space);
  default:
    return 0;
  }
}

static Element foldIndices(ElementwiseKind kind, ArrayRef<Element> operands,
                           IndexSpace &space) {
  DimAttr a = operands[0]->index;
  if (operands.size() == 1) {
    DimAttr result = kind == ElementwiseKind::Neg ? a * -1 : DimAttr();
    return result ? indexOf(result) : nullptr;
  }
  DimAttr b = operands[1]->index, result;
  if (int known = compare(kind, a, b, space))
    return numberOf(known > 0);
  bool ordered = space.isNonNegative(a - b),
       reversed = space.isNonNegative(b - a);
  if (kind == ElementwiseKind::Add)
    result = a + b;
  else if (kind == ElementwiseKind::Sub)
    result = a - b;
  else if (kind == ElementwiseKind::Mul)
    result = a * b;
  else if (kind == ElementwiseKind::Max)
    result = ordered ? a : reversed ? b : DimAttr();
  else if (kind == ElementwiseKind::Min)
    result = ordered ? b : reversed ? a : DimAttr();
  return result ? indexOf(result) : nullptr;
}

static Element foldLogic(ElementwiseKind kind, ArrayRef<Element> operands) {
  auto is = [&](size_t i, double value) {
    return operands[i]->isNumber(value);
  };
  switch (kind) {
  case ElementwiseKind::And:
    if (is(0, 0) || is(1, 0))
      return numberOf(0);
    return is(0, 1) ? operands[1] : is(1, 1) ? operands[0] : nullptr;
  case ElementwiseKind::Or:
    if (is(0, 1) || is(1, 1))
      return numberOf(1);
    return is(0, 0) ? operands[1] : is(1, 0) ? operands[0] : nullptr;
  case ElementwiseKind::Not:
    if (is(0, 0) || is(0, 1))
      return numberOf(is(0, 0));
    if (operands[0]->kind == Kind::Apply &&
        operands[0]->function == ElementwiseKind::Not)
      return operands[0]->operands[0];
    return nullptr;
  case ElementwiseKind::Select:
    return is(0, 1) ? operands[1] : is(0, 0) ? operands[2] : nullptr;
  default:
    return nullptr;
  }
}

static Element foldCast(const Element &operand, Type to, IndexSpace &space) {
  bool integer = isa<IntegerType>(to) && !isBool(to);
  if (operand->kind == Kind::Index) {
    if (integer)
      return operand;
    auto value = operand->index.getConstant();
    if (value)
      return numberOf(isBool(to) ? *value != 0 : double(*value));
    if (isBool(to) && space.isPositive(operand->index))
      return numberOf(1);
  }
  if (operand->kind != Kind::Number)
    return nullptr;
  if (isBool(to))
    return numberOf(operand->number != 0);
  if (integer)
    return indexOf(DimAttr::constant(space.getContext(), operand->number));
  return operand;
}

Element Describer::fold(ElementwiseKind kind, ArrayRef<Element> operands,
                        Type to) {
  if (kind == ElementwiseKind::Cast)
    return foldCast(operands[0], to, space);
  if (Element known = foldLogic(kind, operands))
    return known;
  if (llvm::all_of(operands, [](const Element &operand) {
        return operand->kind == Kind::Index;
      }))
    return foldIndices(kind, operands, space);
  return nullptr;
}

Element Describer::elementwise(nn::ElementwiseOp op,
                               ArrayRef<DimAttr> indices) {
  ElementExpr element{Kind::Apply};
  element.function = op.getKind();
  for (Value input : op.getInputs())
    element.operands.push_back(describe(input, alignIndices(input, indices)));
  Type to = elementType(op.getResult());
  if (Element folded = fold(op.getKind(), element.operands, to))
    return folded;
  element.tensor = op.getResult();
  return std::make_shared<ElementExpr>(element);
}

Element Describer::describe(Value tensor, ArrayRef<DimAttr> indices) {
  if (--budget <= 0)
    return leaf(tensor, indices);
  TensorElement root = throughViews(tensor, Dims(indices));
  Operation *op = root.tensor.getDefiningOp();
  if (auto inner = dyn_cast_or_null<nn::ElementwiseOp>(op))
    return elementwise(inner, root.indices);
  if (auto inner = dyn_cast_or_null<nn::GatherOp>(op))
    return gather(inner, root.indices);
  if (auto inner = dyn_cast_or_null<nn::ConcatOp>(op))
    return concat(inner, root.indices);
  bool integer = isa<IntegerType>(elementType(root.tensor));
  if (auto inner = dyn_cast_or_null<nn::IotaOp>(op); inner && integer)
    return indexOf(root.indices[inner.getAxis()]);
  if (auto inner = dyn_cast_or_null<nn::DimOp>(op))
    return indexOf(inner.getDim());
  return leaf(root.tensor, root.indices);
}

Element describeElement(Value tensor, ArrayRef<DimAttr> indices,
                        IndexSpace &space) {
  return Describer(space).describe(tensor, indices);
}

TensorElement describeView(Value tensor, ArrayRef<DimAttr> indices,
                           IndexSpace &space) {
  return Describer(space).throughViews(tensor, Dims(indices));
}

bool dependsOn(const Element &element, DimAttr variable,
               const IndexSpace &space) {
  if (element->kind == Kind::Index)
    return space.dependsOn(element->index, variable);
  return llvm::any_of(
             element->indices,
             [&](DimAttr index) { return space.dependsOn(index, variable); }) ||
         llvm::any_of(element->operands, [&](const Element &operand) {
           return dependsOn(operand, variable, space);
         });
}

} // namespace attune::cleanup
