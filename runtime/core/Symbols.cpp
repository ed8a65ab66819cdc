//===- Symbols.cpp - run-time dims from the shapes of inputs --------------===//
//
// Enters: the shape of each input. Leaves: the value of each symbol, every dim
// of every input agreeing with it. Messages name input, dim, expected, found.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Bind.h"
#include <limits>

namespace attune::core {

static Error mismatch(std::string fact) {
  return {ATTUNE_SHAPE_MISMATCH, std::move(fact)};
}

static std::string place(const Plan &plan, uint32_t input, size_t axis) {
  return cat("input \"", plan.inputs[input].name, "\" dim ", axis);
}

static Error checkRange(const Symbol &symbol, int64_t value,
                        const std::string &where) {
  if (value < symbol.min || value > symbol.max) {
    std::string range = symbol.max == std::numeric_limits<int64_t>::max()
                            ? cat("at least ", symbol.min)
                            : cat(symbol.min, " to ", symbol.max);
    return mismatch(
        cat(where, ": \"", symbol.name, "\" is ", value, ", expected ", range));
  }
  if (value % symbol.divisor != 0)
    return mismatch(cat(where, ": \"", symbol.name, "\" is ", value,
                        ", expected a multiple of ", symbol.divisor));
  return {};
}

Error checkSymbols(const Plan &plan, std::span<const int64_t> symbols) {
  for (size_t i = 0; i < plan.symbols.size(); ++i)
    if (Error error = checkRange(plan.symbols[i], symbols[i], "dims"))
      return error;
  return {};
}

Error solveSymbols(const Plan &plan, std::span<const std::vector<int64_t>> dims,
                   std::vector<int64_t> &symbols) {
  std::vector<int64_t> solved(plan.symbols.size());
  for (size_t i = 0; i < plan.symbols.size(); ++i) {
    auto [input, axis] = plan.sources[i];
    solved[i] = dims[input][axis];
    if (Error error =
            checkRange(plan.symbols[i], solved[i], place(plan, input, axis)))
      return error;
  }
  ExprValues values;
  values.evaluate(plan.exprs, solved);
  for (uint32_t input = 0; input < plan.inputs.size(); ++input) {
    const Value &value = plan.inputs[input];
    for (size_t axis = 0; axis < value.dims.size(); ++axis) {
      int64_t expected = 0;
      std::string where = place(plan, input, axis);
      if (Error error = values.size(value.dims[axis], where, expected))
        return error;
      if (dims[input][axis] == expected)
        continue;
      const Expr &expr = plan.exprs[value.dims[axis]];
      if (expr.kind == ExprKind::Const)
        return mismatch(
            cat(where, ": expected ", expected, ", found ", dims[input][axis]));
      std::string reason = cat(" (", value.dimText[axis], ")");
      if (expr.kind == ExprKind::Sym) {
        SymbolSource source = plan.sources[size_t(expr.a)];
        reason = cat(" (\"", value.dimText[axis], "\", from ",
                     place(plan, source.input, source.axis), ")");
      }
      return mismatch(cat(where, ": expected ", expected, reason, ", found ",
                          dims[input][axis]));
    }
  }
  symbols = std::move(solved);
  return {};
}

} // namespace attune::core
