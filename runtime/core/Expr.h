//===- Expr.h - sizes as expressions over symbolic dims -------------------===//
//
// The expression table of a plan: each entry is a constant, a symbol or an
// operation on earlier entries, so it is evaluated front to back without
// recursion and without a chance of a cycle.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Error.h"
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace attune::core {

enum class ExprKind : uint8_t {
  Const, ///< a
  Sym,   ///< value of symbol a
  Add,   ///< of entries a and b, and so on
  Sub,
  Mul,
  FloorDiv,
  CeilDiv,
  Mod,
  Max,
  Min,
};

struct Expr {
  ExprKind kind = ExprKind::Const;
  int64_t a = 0, b = 0;
};

/// Index into the table.
using ExprId = uint32_t;
inline constexpr ExprId kNoExpr = ~ExprId(0);

/// The values of a whole table at given symbols. An entry that overflows 64
/// bits or divides by less than one has no value; asking for it is the error,
/// so that branches not taken may hold expressions without one.
class ExprValues {
public:
  /// `table` must be verified: operands are earlier entries, symbols in range.
  /// Keeps no reference.
  void evaluate(std::span<const Expr> table, std::span<const int64_t> symbols);

  /// False when entry `id` has no value.
  bool has(ExprId id) const { return valid[id]; }
  /// Only where has() is true.
  int64_t operator[](ExprId id) const { return values[id]; }

  /// The value, which must not be negative. `what` names it in the error.
  Error size(ExprId id, std::string_view what, int64_t &out) const;

private:
  std::vector<int64_t> values;
  std::vector<bool> valid;
};

/// Each entry as text, "2*seq+1"; long ones are cut to "...". `names` are those
/// of the symbols.
std::vector<std::string> exprText(std::span<const Expr> table,
                                  std::span<const std::string> names);

} // namespace attune::core
