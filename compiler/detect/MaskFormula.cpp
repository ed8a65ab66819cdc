// Masks as formulas, and the meaning of their conditions.
#include "compiler/detect/MaskFormula.h"
#include "dialects/nn/reference/Array.h"

namespace attune::detect {

using namespace mlir;
using namespace attune::cleanup;
using nn::DimAttr;
using nn::Dims;
using nn::ElementwiseKind;
using nn::ElementwiseOp;
using Kind = Formula::Kind;

// ---- formulas ----

static FormulaRef constantFormula(bool value) {
  Formula formula;
  formula.kind = value ? Kind::True : Kind::False;
  return std::make_shared<Formula>(formula);
}

static FormulaRef combine(Kind kind, FormulaRef a, FormulaRef b) {
  Kind neutral = kind == Kind::And ? Kind::True : Kind::False;
  Kind absorbing = kind == Kind::And ? Kind::False : Kind::True;
  if (a->kind == absorbing || b->kind == neutral)
    return a;
  if (b->kind == absorbing || a->kind == neutral)
    return b;
  Formula formula;
  formula.kind = kind;
  formula.parts = {a, b};
  return std::make_shared<Formula>(formula);
}

// A boolean tensor, or its negation, in negation normal form.
static FormulaRef formulaOf(Value condition, bool negated) {
  if (auto known = splatValue(condition))
    return constantFormula((*known != 0) != negated);
  if (auto broadcast = condition.getDefiningOp<nn::BroadcastOp>())
    return formulaOf(broadcast.getInput(), negated);
  auto op = condition.getDefiningOp<ElementwiseOp>();
  if (op && op.getKind() == ElementwiseKind::Not)
    return formulaOf(op.getInputs()[0], !negated);
  bool isAnd = op && op.getKind() == ElementwiseKind::And;
  if (isAnd || (op && op.getKind() == ElementwiseKind::Or))
    return combine(isAnd != negated ? Kind::And : Kind::Or,
                   formulaOf(op.getInputs()[0], negated),
                   formulaOf(op.getInputs()[1], negated));
  if (op && op.getKind() == ElementwiseKind::Select) {
    // c ? x : y
    FormulaRef then = combine(Kind::And, formulaOf(op.getInputs()[0], false),
                              formulaOf(op.getInputs()[1], negated));
    FormulaRef other = combine(Kind::And, formulaOf(op.getInputs()[0], true),
                               formulaOf(op.getInputs()[2], negated));
    return combine(Kind::Or, then, other);
  }
  Formula formula;
  formula.kind = Kind::Atom;
  formula.atom = {condition, negated};
  return std::make_shared<Formula>(formula);
}

// A tree of selects whose leaves are 0 or one fill value; true where 0.
static FormulaRef visibleWhere(Value value, std::optional<double> &fill) {
  if (auto constant = splatValue(value)) {
    if (*constant == 0)
      return constantFormula(true);
    if (fill && *fill != *constant)
      return nullptr;
    fill = *constant;
    return constantFormula(false);
  }
  if (auto broadcast = value.getDefiningOp<nn::BroadcastOp>())
    return visibleWhere(broadcast.getInput(), fill);
  auto op = asElementwise(value, ElementwiseKind::Select);
  if (!op)
    return nullptr;
  FormulaRef then = visibleWhere(op.getInputs()[1], fill);
  FormulaRef other = then ? visibleWhere(op.getInputs()[2], fill) : nullptr;
  if (!other)
    return nullptr;
  Value condition = op.getInputs()[0];
  // Where one side is constant, c and x (or not c or x) needs no disjunction.
  if (other->kind == Kind::False)
    return combine(Kind::And, formulaOf(condition, false), then);
  if (then->kind == Kind::False)
    return combine(Kind::And, formulaOf(condition, true), other);
  if (then->kind == Kind::True)
    return combine(Kind::Or, formulaOf(condition, false), other);
  if (other->kind == Kind::True)
    return combine(Kind::Or, formulaOf(condition, true), then);
  return combine(Kind::Or,
                 combine(Kind::And, formulaOf(condition, false), then),
                 combine(Kind::And, formulaOf(condition, true), other));
}

std::optional<MaskTerm> asMaskTerm(Value value) {
  std::optional<double> fill;
  FormulaRef visible = visibleWhere(value, fill);
  if (!visible || !fill || *fill >= 0)
    return std::nullopt;
  return MaskTerm{visible, *fill};
}

SmallVector<FormulaRef> conjuncts(const FormulaRef &formula) {
  if (formula->kind == Kind::True)
    return {};
  if (formula->kind != Kind::And)
    return {formula};
  SmallVector<FormulaRef> result;
  for (const FormulaRef &part : formula->parts)
    llvm::append_range(result, conjuncts(part));
  return result;
}

Value buildFormula(OpBuilder &builder, Location loc,
                   const FormulaRef &formula) {
  switch (formula->kind) {
  case Kind::True:
  case Kind::False:
    return scalarConstant(builder, loc, formula->kind == Kind::True,
                          builder.getI1Type());
  case Kind::Atom:
    if (!formula->atom.negated)
      return formula->atom.condition;
    return ElementwiseOp::create(builder, loc, ElementwiseKind::Not,
                                 ValueRange(formula->atom.condition));
  case Kind::And:
  case Kind::Or:
    break;
  }
  Value result;
  for (const FormulaRef &part : formula->parts) {
    Value next = buildFormula(builder, loc, part);
    result = !result ? next
                     : Value(ElementwiseOp::create(builder, loc,
                                                   formula->kind == Kind::And
                                                       ? ElementwiseKind::And
                                                       : ElementwiseKind::Or,
                                                   ValueRange{result, next}));
  }
  return result;
}

// ---- meaning ----

ScoreIndex::ScoreIndex(MLIRContext *context, Dims scores)
    : space(context), dims(std::move(scores)) {
  variables = space.addVariables(dims);
}

namespace {
// A condition on positions as `value >= 0`.
struct Inequality {
  DimAttr value;
};
} // namespace

static std::optional<Inequality> asInequality(const Element &element,
                                              bool negated) {
  if (element->kind != ElementExpr::Kind::Apply ||
      element->operands.size() != 2 ||
      element->operands[0]->kind != ElementExpr::Kind::Index ||
      element->operands[1]->kind != ElementExpr::Kind::Index)
    return std::nullopt;
  DimAttr a = element->operands[0]->index, b = element->operands[1]->index;
  DimAttr value;
  switch (element->function) {
  case ElementwiseKind::LessEqual:
    value = b - a;
    break;
  case ElementwiseKind::Less:
    value = b - a - 1;
    break;
  case ElementwiseKind::GreaterEqual:
    value = a - b;
    break;
  case ElementwiseKind::Greater:
    value = a - b - 1;
    break;
  default:
    return std::nullopt;
  }
  if (value && negated)
    value = value * -1 - 1;
  return value ? std::optional(Inequality{value}) : std::nullopt;
}

// A triangle of constants: entry [r, c] holds iff c <= r + o. Then the
// condition is o + row - column >= 0.
static std::optional<Inequality> asTriangle(const Element &leaf, bool negated,
                                            function_ref<bool(double)> holds) {
  if (leaf->kind != ElementExpr::Kind::Leaf)
    return std::nullopt;
  ElementsAttr attribute = constantElements(leaf->tensor);
  auto type = cast<RankedTensorType>(leaf->tensor.getType());
  int64_t rank = type.getRank();
  if (!attribute || rank < 2)
    return std::nullopt;
  int64_t rows = type.getDimSize(rank - 2), columns = type.getDimSize(rank - 1);
  if (rows == 0 || columns == 0 || rows * columns != type.getNumElements())
    return std::nullopt;
  auto array = nn::Array::fromAttribute(attribute);
  if (failed(array))
    return std::nullopt;
  auto at = [&](int64_t row, int64_t column) {
    return holds(array->get<double>(row * columns + column)) != negated;
  };
  int64_t offset = -1;
  while (offset + 1 < columns && at(0, offset + 1))
    ++offset;
  // A first row without an edge says nothing of where the diagonal lies.
  if (offset + 1 == columns && rows > 1 && columns > 1)
    return std::nullopt;
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t column = 0; column < columns; ++column)
      if (at(row, column) != (column <= row + offset))
        return std::nullopt;
  DimAttr value = leaf->indices[rank - 2] - leaf->indices[rank - 1] + offset;
  return value ? std::optional(Inequality{value}) : std::nullopt;
}

// The table itself, not of it, a cast of it, or a comparison with a number.
static std::optional<Inequality> asTable(const Element &element, bool negated) {
  auto isTrue = [](double value) { return value != 0; };
  if (element->kind == ElementExpr::Kind::Leaf)
    return asTriangle(element, negated, isTrue);
  if (element->kind != ElementExpr::Kind::Apply)
    return std::nullopt;
  const Element &first = element->operands[0];
  if (element->function == ElementwiseKind::Not)
    return asTable(first, !negated);
  if (element->function == ElementwiseKind::Cast)
    return asTriangle(first, negated, isTrue);
  if (element->operands.size() != 2)
    return std::nullopt;
  const Element &second = element->operands[1];
  std::optional<double> number;
  if (second->kind == ElementExpr::Kind::Number)
    number = second->number;
  else if (second->kind == ElementExpr::Kind::Index)
    if (auto constant = second->index.getConstant())
      number = double(*constant);
  if (!number)
    return std::nullopt;
  return asTriangle(first, negated, [&](double value) {
    switch (element->function) {
    case ElementwiseKind::Equal:
      return value == *number;
    case ElementwiseKind::Less:
      return value < *number;
    case ElementwiseKind::LessEqual:
      return value <= *number;
    case ElementwiseKind::Greater:
      return value > *number;
    case ElementwiseKind::GreaterEqual:
      return value >= *number;
    default:
      return false;
    }
  });
}

// The comparison functions of asTable, so that others are not taken for one.
static bool isComparison(ElementwiseKind kind) {
  switch (kind) {
  case ElementwiseKind::Equal:
  case ElementwiseKind::Less:
  case ElementwiseKind::LessEqual:
  case ElementwiseKind::Greater:
  case ElementwiseKind::GreaterEqual:
  case ElementwiseKind::Not:
  case ElementwiseKind::Cast:
    return true;
  default:
    return false;
  }
}

// `value` with two variables replaced by 0, if that removes them.
static DimAttr without(DimAttr value, DimAttr a, DimAttr b) {
  llvm::StringMap<DimAttr> zeros;
  for (DimAttr variable : {a, b})
    if (!variable.getSymbol().empty())
      zeros[variable.getSymbol()] = DimAttr::constant(value.getContext(), 0);
  return value.substitute(zeros);
}

// i - j + c >= 0 is causal, j - i + c >= 0 a window.
static MaskMeaning meaningOf(const Inequality &inequality, ScoreIndex &index) {
  DimAttr i = index.variables[2], j = index.variables[3];
  DimAttr value = inequality.value;
  if (index.space.isNonNegative(value))
    return {MaskMeaning::Kind::Always, {}};
  if (index.space.isPositive(value * -1))
    return {MaskMeaning::Kind::Never, {}};
  DimAttr offset = without(value, i, j);
  bool isPlain = llvm::none_of(index.variables, [&](DimAttr variable) {
    return !variable.getSymbol().empty() &&
           index.space.dependsOn(offset, variable);
  });
  if (!isPlain)
    return {};
  if (value == i - j + offset)
    return {MaskMeaning::Kind::Causal, offset};
  if (value == j - i + offset)
    return {MaskMeaning::Kind::Window, offset};
  return {};
}

// The score's index, aligned with a value that broadcasts to the scores.
static Dims alignedIndex(Value value, const ScoreIndex &index) {
  Dims dims = nn::getDims(value);
  Dims aligned(ArrayRef(index.variables).take_back(dims.size()));
  for (auto [dim, variable] : llvm::zip(dims, aligned))
    if (dim.getConstant() == 1)
      variable = DimAttr::constant(dim.getContext(), 0);
  return aligned;
}

static bool dependsOnKeyOnly(const Element &element, const ScoreIndex &index) {
  for (unsigned axis : {1, 2})
    if (!index.variables[axis].getSymbol().empty() &&
        dependsOn(element, index.variables[axis], index.space))
      return false;
  return true;
}

static MaskMeaning classifyAtom(const Literal &literal, ScoreIndex &index) {
  Element element = describeElement(
      literal.condition, alignedIndex(literal.condition, index), index.space);
  if (element->kind == ElementExpr::Kind::Number)
    return {(element->number != 0) != literal.negated
                ? MaskMeaning::Kind::Always
                : MaskMeaning::Kind::Never,
            {}};
  auto inequality = asInequality(element, literal.negated);
  if (!inequality && (element->kind == ElementExpr::Kind::Leaf ||
                      isComparison(element->function)))
    inequality = asTable(element, literal.negated);
  if (inequality)
    if (MaskMeaning meaning = meaningOf(*inequality, index);
        meaning.kind != MaskMeaning::Kind::Other)
      return meaning;
  return {dependsOnKeyOnly(element, index) ? MaskMeaning::Kind::Key
                                           : MaskMeaning::Kind::Other,
          {}};
}

MaskMeaning classify(const FormulaRef &conjunct, ScoreIndex &index) {
  switch (conjunct->kind) {
  case Kind::True:
    return {MaskMeaning::Kind::Always, {}};
  case Kind::False:
    return {MaskMeaning::Kind::Never, {}};
  case Kind::Atom:
    return classifyAtom(conjunct->atom, index);
  case Kind::And:
  case Kind::Or:
    break;
  }
  // A disjunction is a key mask if all its parts are.
  for (const FormulaRef &part : conjunct->parts) {
    MaskMeaning meaning = classify(part, index);
    if (conjunct->kind == Kind::Or && meaning.kind == MaskMeaning::Kind::Always)
      return meaning;
    if (meaning.kind != MaskMeaning::Kind::Key &&
        meaning.kind != MaskMeaning::Kind::Never)
      return {};
  }
  return {MaskMeaning::Kind::Key, {}};
}

} // namespace attune::detect
