//===- Expr.cpp - sizes as expressions over symbolic dims -----------------===//
//
// Evaluation in checked signed 64-bit arithmetic, and printing.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Expr.h"
#include <algorithm>
#include <limits>

namespace attune::core {

/// Floor division and its remainder for a positive divisor.
static int64_t floorDiv(int64_t a, int64_t b) {
  return a / b - (a % b < 0 ? 1 : 0);
}

static bool apply(ExprKind kind, int64_t a, int64_t b, int64_t &out) {
  switch (kind) {
  case ExprKind::Add:
    return !__builtin_add_overflow(a, b, &out);
  case ExprKind::Sub:
    return !__builtin_sub_overflow(a, b, &out);
  case ExprKind::Mul:
    return !__builtin_mul_overflow(a, b, &out);
  case ExprKind::Max:
    out = std::max(a, b);
    return true;
  case ExprKind::Min:
    out = std::min(a, b);
    return true;
  case ExprKind::FloorDiv:
  case ExprKind::CeilDiv:
  case ExprKind::Mod:
    if (b < 1)
      return false;
    // The product of quotient and divisor may overflow below zero, so the
    // remainder is not taken from it.
    if (kind == ExprKind::Mod)
      out = a % b < 0 ? a % b + b : a % b;
    else
      out = floorDiv(a, b) + (kind == ExprKind::CeilDiv && a % b != 0);
    return true;
  case ExprKind::Const:
  case ExprKind::Sym:
    break;
  }
  return false;
}

void ExprValues::evaluate(std::span<const Expr> table,
                          std::span<const int64_t> symbols) {
  values.assign(table.size(), 0);
  valid.assign(table.size(), false);
  for (size_t i = 0; i < table.size(); ++i) {
    const Expr &expr = table[i];
    if (expr.kind == ExprKind::Const || expr.kind == ExprKind::Sym) {
      values[i] =
          expr.kind == ExprKind::Const ? expr.a : symbols[size_t(expr.a)];
      valid[i] = true;
      continue;
    }
    auto a = size_t(expr.a), b = size_t(expr.b);
    valid[i] = valid[a] && valid[b] &&
               apply(expr.kind, values[a], values[b], values[i]);
  }
}

Error ExprValues::size(ExprId id, std::string_view what, int64_t &out) const {
  if (!valid[id])
    return {ATTUNE_SHAPE_MISMATCH,
            cat(what, ": expression ", id,
                " of the plan overflows 64 bits or divides by zero at these "
                "dims")};
  if (values[id] < 0)
    return {ATTUNE_SHAPE_MISMATCH,
            cat(what, ": expression ", id, " of the plan is ", values[id],
                " at these dims, expected at least 0")};
  out = values[id];
  return {};
}

/// Longer texts serve nobody, and a chain of doublings would never end.
static constexpr size_t kMaxText = 120;

static bool isSum(const Expr &expr) {
  return expr.kind == ExprKind::Add || expr.kind == ExprKind::Sub;
}

static bool isDivision(const Expr &expr) {
  return expr.kind == ExprKind::FloorDiv || expr.kind == ExprKind::CeilDiv ||
         expr.kind == ExprKind::Mod;
}

static std::string operationText(const Expr &expr, const std::string &a,
                                 const std::string &b) {
  switch (expr.kind) {
  case ExprKind::Add:
    return cat(a, "+", b);
  case ExprKind::Sub:
    return cat(a, "-", b);
  case ExprKind::Mul:
    return cat(a, "*", b);
  case ExprKind::FloorDiv:
    return cat("floor(", a, "/", b, ")");
  case ExprKind::CeilDiv:
    return cat("ceil(", a, "/", b, ")");
  case ExprKind::Mod:
    return cat("(", a, " mod ", b, ")");
  case ExprKind::Max:
    return cat("max(", a, ",", b, ")");
  case ExprKind::Min:
    return cat("min(", a, ",", b, ")");
  case ExprKind::Const:
  case ExprKind::Sym:
    break;
  }
  return "?";
}

std::vector<std::string> exprText(std::span<const Expr> table,
                                  std::span<const std::string> names) {
  std::vector<std::string> texts;
  texts.reserve(table.size());
  for (const Expr &expr : table) {
    if (expr.kind == ExprKind::Const) {
      texts.push_back(std::to_string(expr.a));
      continue;
    }
    if (expr.kind == ExprKind::Sym) {
      texts.push_back(names[size_t(expr.a)]);
      continue;
    }
    auto operand = [&](int64_t id, bool right) {
      const Expr &inner = table[size_t(id)];
      // Sums in products, and products below a division, need parentheses.
      bool wrap = isSum(inner) ? expr.kind != ExprKind::Add &&
                                     (right || expr.kind != ExprKind::Sub)
                               : inner.kind == ExprKind::Mul && right &&
                                     isDivision(expr);
      const std::string &text = texts[size_t(id)];
      return wrap ? cat("(", text, ")") : text;
    };
    std::string text =
        operationText(expr, operand(expr.a, false), operand(expr.b, true));
    texts.push_back(text.size() > kMaxText ? "..." : std::move(text));
  }
  return texts;
}

} // namespace attune::core
