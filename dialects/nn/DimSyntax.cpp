// Text of dims and shapes: `B * S + 1`, `floordiv(S, 2)`, `<[B, S, 768]>`.
#include "dialects/nn/DimPolynomial.h"

namespace attune::nn {

using namespace mlir;

// A symbol as an identifier where it is one, else quoted: ONNX allows any text.
static std::string symbolText(StringRef name) {
  bool identifier =
      !name.empty() && (llvm::isAlpha(name[0]) || name[0] == '_') &&
      llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  if (identifier)
    return name.str();
  std::string text;
  llvm::raw_string_ostream os(text);
  os << '"';
  llvm::printEscapedString(name, os);
  os << '"';
  return text;
}

std::string atomText(Attribute atom) {
  if (auto name = dyn_cast<StringAttr>(atom))
    return symbolText(name.getValue());
  auto op = cast<DimOpAttr>(atom);
  return (stringifyEnum(op.getKind()) + "(" + op.getLhs().str() + ", " +
          op.getRhs().str() + ")")
      .str();
}

void DimAttr::printExpression(raw_ostream &os) const {
  if (getCoefficients().empty()) {
    os << 0;
    return;
  }
  bool first = true;
  for (const Term &term : terms(*this)) {
    // |INT64_MIN| does not exist, so the sign stays with the first factor
    // there.
    bool negative =
        term.coefficient < 0 && term.coefficient != INT64_MIN && !first;
    if (!first)
      os << (negative ? " - " : " + ");
    first = false;
    int64_t coefficient = negative ? -term.coefficient : term.coefficient;
    if (coefficient != 1 || term.monomial.empty())
      os << coefficient << (term.monomial.empty() ? "" : " * ");
    llvm::interleave(
        term.monomial, os, [&](Attribute atom) { os << atomText(atom); },
        " * ");
  }
}

std::string DimAttr::str() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  printExpression(os);
  return text;
}

static FailureOr<DimAttr> parseSum(AsmParser &parser);

// sum `,` sum `)`, after the kind's word and parenthesis.
static FailureOr<DimAttr> parseOp(AsmParser &parser, DimOpKind kind) {
  FailureOr<DimAttr> lhs = parseSum(parser);
  if (failed(lhs) || parser.parseComma())
    return failure();
  FailureOr<DimAttr> rhs = parseSum(parser);
  if (failed(rhs) || parser.parseRParen())
    return failure();
  switch (kind) {
  case DimOpKind::FloorDiv:
    return lhs->floorDiv(*rhs);
  case DimOpKind::Mod:
    return lhs->mod(*rhs);
  case DimOpKind::Max:
    return lhs->max(*rhs);
  case DimOpKind::Min:
    return lhs->min(*rhs);
  }
  llvm_unreachable("unknown dim operation");
}

static FailureOr<DimAttr> parseFactor(AsmParser &parser) {
  int64_t value;
  OptionalParseResult integer = parser.parseOptionalInteger(value);
  if (integer.has_value())
    return failed(*integer) ? FailureOr<DimAttr>(failure())
                            : DimAttr::constant(parser.getContext(), value);
  std::string name;
  if (parser.parseKeywordOrString(&name))
    return failure();
  // Only a word before `(` is an operation; `max` alone may be a symbol's name.
  if (auto kind = symbolizeDimOpKind(name);
      kind && succeeded(parser.parseOptionalLParen()))
    return parseOp(parser, *kind);
  return DimAttr::symbol(parser.getContext(), name);
}

static FailureOr<DimAttr> parseProduct(AsmParser &parser) {
  FailureOr<DimAttr> product = parseFactor(parser);
  while (succeeded(product) && succeeded(parser.parseOptionalStar())) {
    FailureOr<DimAttr> factor = parseFactor(parser);
    if (failed(factor))
      return failure();
    product = *product * *factor;
  }
  return product;
}

static FailureOr<DimAttr> parseSum(AsmParser &parser) {
  FailureOr<DimAttr> sum = parseProduct(parser);
  while (succeeded(sum)) {
    bool minus = succeeded(parser.parseOptionalMinus());
    if (!minus && failed(parser.parseOptionalPlus()))
      break;
    FailureOr<DimAttr> term = parseProduct(parser);
    if (failed(term))
      return failure();
    sum = minus ? *sum - *term : *sum + *term;
  }
  return sum;
}

FailureOr<DimAttr> DimAttr::parseExpression(AsmParser &parser) {
  SMLoc location = parser.getCurrentLocation();
  FailureOr<DimAttr> dim = parseSum(parser);
  if (succeeded(dim) && !*dim)
    return parser.emitError(
               location, "dim expression overflows 64 bits or divides by zero"),
           failure();
  return dim;
}

Attribute DimAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  FailureOr<DimAttr> dim = parseExpression(parser);
  if (failed(dim) || parser.parseGreater())
    return {};
  return *dim;
}

void DimAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printExpression(printer.getStream());
  printer << '>';
}

Attribute ShapeAttr::parse(AsmParser &parser, Type) {
  SmallVector<DimAttr> dims;
  auto parseDim = [&]() -> ParseResult {
    FailureOr<DimAttr> dim = DimAttr::parseExpression(parser);
    if (failed(dim))
      return failure();
    dims.push_back(*dim);
    return success();
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseDim) ||
      parser.parseGreater())
    return {};
  return ShapeAttr::get(parser.getContext(), dims);
}

void ShapeAttr::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getDims(), printer.getStream(), [&](DimAttr dim) {
    dim.printExpression(printer.getStream());
  });
  printer << "]>";
}

} // namespace attune::nn
