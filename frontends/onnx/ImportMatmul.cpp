// Products: MatMul, Gemm, Einsum.
#include "frontends/onnx/Binder.h"

#include <set>

namespace attune::onnx {

using namespace mlir;
using Kind = nn::ElementwiseKind;

static SmallVector<int64_t> sequence(int64_t from, int64_t to) {
  return llvm::to_vector(llvm::seq(from, to));
}

/// `x` with its leading dims, all of extent 1, dropped to rank 2.
static Result withoutUnitBatch(Ops &ops, const Imported &x) {
  return ops.squeeze(x, sequence(0, x.rank() - 2));
}

static bool hasUnitBatch(const Imported &x) {
  return llvm::all_of(ArrayRef(x.dims).drop_back(2),
                      [](DimAttr dim) { return dim.getConstant() == 1; });
}

/// The product of two operands of rank 2 or more.
static Result matmul(Ops &ops, const Imported &lhs, const Imported &rhs) {
  int64_t rank = std::max(lhs.rank(), rhs.rank());
  auto lhsBatch = ArrayRef(lhs.dims).drop_back(2);
  auto rhsBatch = ArrayRef(rhs.dims).drop_back(2);
  auto batch = nn::broadcastDims({Dims(lhsBatch), Dims(rhsBatch)});
  if (failed(batch))
    return ops.fail("batch dimensions do not broadcast: " + text(lhs.dims) +
                    " and " + text(rhs.dims));
  // x W: the leading dims of x are rows, W is not repeated.
  if (hasUnitBatch(rhs) && lhs.rank() == rank) {
    Result flat = withoutUnitBatch(ops, rhs);
    if (failed(flat))
      return flat;
    return ops.contract(lhs, *flat, {}, {}, {lhs.rank() - 1}, {0});
  }
  auto widened = [&](const Imported &x) {
    Dims dims = *batch;
    dims.append(x.dims.end() - 2, x.dims.end());
    return ops.broadcast(x, dims);
  };
  Result l = widened(lhs), r = widened(rhs);
  if (failed(l) || failed(r))
    return failure();
  auto axes = sequence(0, rank - 2);
  return ops.contract(*l, *r, axes, axes, {rank - 1}, {rank - 2});
}

static LogicalResult importMatMul(Binder &node) {
  Ops &ops = node.ops;
  Imported lhs = node.in(0), rhs = node.in(1);
  if (lhs.rank() == 0 || rhs.rank() == 0)
    return node.fail("expected operands of rank 1 or more");
  bool row = lhs.rank() == 1, column = rhs.rank() == 1;
  Result l = row ? ops.unsqueeze(lhs, {0}) : Result(lhs);
  Result r = column ? ops.unsqueeze(rhs, {1}) : Result(rhs);
  if (failed(l) || failed(r))
    return failure();
  Result product = matmul(ops, *l, *r);
  if (succeeded(product) && column)
    product = ops.squeeze(*product, {-1});
  if (succeeded(product) && row)
    product = ops.squeeze(*product, {column ? -1 : -2});
  return node.set(0, product);
}

static Result scaled(Ops &ops, const Imported &x, double factor) {
  if (factor == 1)
    return x;
  return ops.elementwise(Kind::Mul, {x, ops.scalar(x.element, factor)});
}

static LogicalResult importGemm(Binder &node) {
  Ops &ops = node.ops;
  const Imported &a = node.in(0), &b = node.in(1);
  if (a.rank() != 2 || b.rank() != 2)
    return node.fail("expected operands of rank 2");
  Result y = ops.contract(a, b, {}, {}, {node.integer("transA") ? 0 : 1},
                          {node.integer("transB") ? 1 : 0});
  if (succeeded(y))
    y = scaled(ops, *y, node.real("alpha", 1));
  double beta = node.real("beta", 1);
  if (succeeded(y) && node.has(2) && beta != 0) {
    Result bias = scaled(ops, node.in(2), beta);
    y = failed(bias) ? bias : ops.elementwise(Kind::Add, {*y, *bias});
  }
  return node.set(0, y);
}

// ---- Einsum ----

/// "bij,bjk->bik" as labels; failure for what is not supported.
static LogicalResult parseEquation(Binder &node, StringRef equation,
                                   SmallVector<std::string> &operands,
                                   std::string &output) {
  std::string text;
  for (char c : equation)
    if (c != ' ')
      text += c;
  if (StringRef(text).contains("..."))
    return node.fail("an ellipsis in equation '" + equation + "'");
  auto [left, right] = StringRef(text).split("->");
  SmallVector<StringRef> parts;
  left.split(parts, ',');
  std::map<char, int> uses;
  for (StringRef part : parts) {
    operands.push_back(part.str());
    for (char c : part) {
      if (!llvm::isAlpha(c))
        return node.fail("'" + Twine(c) + "' in equation '" + equation + "'");
      ++uses[c];
    }
    if (std::set<char>(part.begin(), part.end()).size() != part.size())
      return node.fail("a diagonal in equation '" + equation + "'");
  }
  output = right.str();
  // Without an arrow: the labels that occur once, in alphabetical order.
  if (!StringRef(text).contains("->"))
    for (auto [label, count] : uses)
      if (count == 1)
        output += label;
  for (char c : output)
    if (!uses.count(c) || StringRef(output).count(c) != 1)
      return node.fail("the output of equation '" + equation + "'");
  return success();
}

/// Sums over the labels of `x` that are not in `keep`.
static Result sumAway(Ops &ops, const Imported &x, std::string &labels,
                      const std::string &keep) {
  SmallVector<int64_t> axes;
  std::string left;
  for (auto [i, c] : llvm::enumerate(labels)) {
    if (keep.find(c) == std::string::npos)
      axes.push_back(i);
    else
      left += c;
  }
  labels = left;
  return axes.empty() ? Result(x)
                      : ops.reduce(nn::ReduceKind::Sum, x, axes, false);
}

static Result contractPair(Ops &ops, const Imported &l, std::string &labels,
                           const Imported &r, const std::string &right,
                           const std::string &keep) {
  SmallVector<int64_t> lhsBatch, rhsBatch, lhsSum, rhsSum;
  std::string batch, lhsFree, rhsFree;
  for (auto [i, c] : llvm::enumerate(labels)) {
    size_t other = right.find(c);
    if (other == std::string::npos) {
      lhsFree += c;
    } else if (keep.find(c) == std::string::npos) {
      lhsSum.push_back(i);
      rhsSum.push_back(other);
    } else {
      lhsBatch.push_back(i);
      rhsBatch.push_back(other);
      batch += c;
    }
  }
  for (char c : right)
    if (labels.find(c) == std::string::npos)
      rhsFree += c;
  labels = batch + lhsFree + rhsFree;
  return ops.contract(l, r, lhsBatch, rhsBatch, lhsSum, rhsSum);
}

static LogicalResult importEinsum(Binder &node) {
  Ops &ops = node.ops;
  SmallVector<std::string> operands;
  std::string output;
  if (failed(parseEquation(node, node.text("equation"), operands, output)))
    return failure();
  if (operands.size() != node.count())
    return node.fail("an equation of " + Twine(operands.size()) +
                     " operands for " + Twine(node.count()) + " inputs");
  for (auto [i, labels] : llvm::enumerate(operands))
    if (int64_t(labels.size()) != node.in(i).rank())
      return node.fail("labels '" + labels + "' for an input of rank " +
                       Twine(node.in(i).rank()));
  // Left to right; a label is summed as soon as nothing later needs it.
  auto later = [&](size_t from) {
    std::string keep = output;
    for (size_t i = from; i < operands.size(); ++i)
      keep += operands[i];
    return keep;
  };
  std::string labels = operands[0];
  Result y = sumAway(ops, node.in(0), labels, later(1));
  for (size_t i = 1; i < operands.size() && succeeded(y); ++i) {
    std::string right = operands[i];
    Result r = sumAway(ops, node.in(i), right, labels + later(i + 1));
    y = failed(r) ? r : contractPair(ops, *y, labels, *r, right, later(i + 1));
  }
  if (failed(y))
    return failure();
  SmallVector<int64_t> permutation;
  for (char c : output)
    permutation.push_back(labels.find(c));
  return node.set(0, ops.transpose(*y, permutation));
}

void registerMatmul(ImportTable &table) {
  table.add("MatMul", 1, importMatMul);
  table.add("Gemm", 7, importGemm);
  table.add("Einsum", 12, importEinsum);
}

} // namespace attune::onnx
