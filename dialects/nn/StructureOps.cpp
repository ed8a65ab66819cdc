// Weights and groups: symbol checks, the group's syntax and verifier.
#include "dialects/nn/OpHelpers.h"
#include "dialects/nn/Variants.h"

namespace attune::nn {

using namespace mlir;

LogicalResult WeightOp::verify() {
  auto type = getTensorType();
  if (!type.hasStaticShape())
    return emitOpError("expects a static type"); // C1
  if (getValue() && !getInit().empty())
    return emitOpError("has both a value and an init region"); // C2
  if (getValue() && getValue()->getType() != type)
    return emitOpError() << "expects a value of type " << type << ", found "
                         << getValue()->getType(); // C2
  if (getState() && !getInit().empty())
    return emitOpError("has both a state and an init region"); // C3
  if (getState() == StateKind::Parameter && !getTrainable())
    return emitOpError(
        "expects a parameter of the state to be trainable"); // C3
  if (getInit().empty())
    return success();
  auto yield = dyn_cast<YieldOp>(getInit().front().back());
  if (!yield ||
      !llvm::equal(yield.getValues().getTypes(), ArrayRef<Type>(type)))
    return emitOpError() << "expects an init region that yields " << type; // C2
  return success();
}

LogicalResult LoadWeightOp::verifySymbolUses(SymbolTableCollection &symbols) {
  auto weight =
      symbols.lookupNearestSymbolFrom<WeightOp>(*this, getWeightAttr());
  if (!weight)
    return emitOpError() << "refers to " << getWeightAttr()
                         << ", which is no nn.weight";
  if (weight.getTensorType() != getType())
    return emitOpError() << "expects the weight's type " << weight.getType()
                         << ", found " << getType();
  return success();
}

// ---- group ----

ParseResult GroupOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  FunctionType type;
  std::string kindName;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeywordOrString(&kindName))
    return failure();
  auto kind = symbolizeGroupKind(kindName);
  if (!kind)
    return parser.emitError(location, "expected a group kind, found '")
           << kindName << "'";
  result.addAttribute(getKindAttrName(result.name),
                      GroupKindAttr::get(parser.getContext(), *kind));
  auto parseBinding = [&]() -> ParseResult {
    return failure(parser.parseArgument(arguments.emplace_back()) ||
                   parser.parseEqual() ||
                   parser.parseOperand(operands.emplace_back()));
  };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren,
                                     parseBinding) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseColonType(type))
    return failure();
  if (type.getNumInputs() != operands.size())
    return parser.emitError(location, "expected ")
           << operands.size() << " operand types, found "
           << type.getNumInputs();
  for (auto [argument, input] : llvm::zip(arguments, type.getInputs()))
    argument.type = input;
  result.addTypes(type.getResults());
  if (parser.resolveOperands(operands, type.getInputs(), location,
                             result.operands) ||
      parser.parseRegion(*result.addRegion(), arguments))
    return failure();
  return success();
}

void GroupOp::print(OpAsmPrinter &printer) {
  printer << ' ' << stringifyEnum(getKind()) << " (";
  llvm::interleaveComma(llvm::zip(getBody().getArguments(), getInputs()),
                        printer, [&](auto pair) {
                          printer.printRegionArgument(std::get<0>(pair), {},
                                                      /*omitType=*/true);
                          printer << " = " << std::get<1>(pair);
                        });
  printer << ')';
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {getKindAttrName()});
  printer << " : ";
  printer.printFunctionalType(getOperation());
  printer << ' ';
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult GroupOp::verify() {
  if (getBody().getArgumentTypes() != getInputs().getTypes())
    return emitOpError("expects block arguments of the operands' types"); // C1
  auto yield = dyn_cast<YieldOp>(getBody().front().back());
  if (!yield || yield.getValues().getTypes() != getResultTypes())
    return emitOpError("expects to yield values of the results' types"); // C1
  return success();
}

SmallVector<FlatSymbolRefAttr> LaunchOp::getKernels() {
  return kernelsOf(getKernelAttr(), getVariants());
}

SmallVector<DimAttr> LaunchOp::getGrids() {
  return gridsOf(getGrid(), getVariantGrids());
}

LogicalResult LaunchOp::verify() {
  if (getInputLayouts().size() != getInputs().size() ||
      getResultLayouts().size() != getResults().size())
    return emitOpError("expects one layout for each input and result"); // C1
  if (failed(
          verifyVariants(*this, getVariants(), getVariantGrids(), getCosts())))
    return failure(); // C2
  auto inPlace = getInPlace();
  if (!inPlace)
    return success();
  if (inPlace->size() != getNumResults())
    return emitOpError("expects one entry of in_place for each result"); // C1
  for (int64_t input : *inPlace)
    if (input < -1 || input >= int64_t(getInputs().size()))
      return emitOpError() << "in_place names input " << input << " of "
                           << getInputs().size();
  return success();
}

} // namespace attune::nn
