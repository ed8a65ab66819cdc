// Flattens dim polynomials.
#include "compiler/target/package/ExprTable.h"

namespace attune::target::package {

using namespace mlir;

ExprTable::ExprTable(ArrayRef<StringRef> symbols) {
  for (auto [number, name] : llvm::enumerate(symbols))
    symbolNumbers[name] = number;
}

int64_t ExprTable::entry(const char *op, std::vector<int64_t> operands) {
  auto [it, isNew] = known.try_emplace({op, operands}, entries.size());
  if (isNew)
    entries.push_back({op, std::move(operands)});
  return it->second;
}

int64_t ExprTable::addAtom(Attribute atom) {
  if (auto name = dyn_cast<StringAttr>(atom))
    return entry("sym", {symbolNumbers.lookup(name.getValue())});
  auto op = cast<nn::DimOpAttr>(atom);
  int64_t lhs = add(op.getLhs()), rhs = add(op.getRhs());
  switch (op.getKind()) {
  case nn::DimOpKind::FloorDiv:
    return entry("floordiv", {lhs, rhs});
  case nn::DimOpKind::Mod:
    return entry("mod", {lhs, rhs});
  case nn::DimOpKind::Max:
    return entry("max", {lhs, rhs});
  case nn::DimOpKind::Min:
    return entry("min", {lhs, rhs});
  }
  llvm_unreachable("unknown dim operation");
}

int64_t ExprTable::add(nn::DimAttr dim) {
  if (auto value = dim.getConstant())
    return addConstant(*value);
  int64_t sum = -1;
  for (auto [coefficient, monomial] :
       llvm::zip(dim.getCoefficients(), dim.getMonomials())) {
    int64_t product = -1;
    for (Attribute atom : monomial) {
      int64_t factor = addAtom(atom);
      product = product < 0 ? factor : entry("mul", {product, factor});
    }
    if (product < 0)
      product = addConstant(coefficient);
    else if (coefficient != 1)
      product = entry("mul", {product, addConstant(coefficient)});
    sum = sum < 0 ? product : entry("add", {sum, product});
  }
  return sum;
}

void ExprTable::print(llvm::json::OStream &json) const {
  json.attributeArray("exprs", [&] {
    for (const Entry &entry : entries)
      json.array([&] {
        json.value(entry.op);
        for (int64_t operand : entry.operands)
          json.value(operand);
      });
  });
}

} // namespace attune::target::package
