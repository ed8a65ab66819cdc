// Chains of views and what kernels accept. See ViewChain.h.
#include "compiler/kernels/ViewChain.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

ViewChain ViewChain::of(Value value) {
  ViewChain chain{value, {}};
  while (nn::isView(chain.root.getDefiningOp())) {
    chain.ops.push_back(chain.root.getDefiningOp());
    chain.root = chain.ops.back()->getOperand(0);
  }
  std::reverse(chain.ops.begin(), chain.ops.end());
  return chain;
}

std::optional<View> ViewChain::resolve(Operation *&obstacle) const {
  View view = View::rowMajor(root);
  for (Operation *op : ops) {
    std::optional<View> next = applyView(op, view);
    if (!next) {
      obstacle = op;
      return std::nullopt;
    }
    view = *next;
  }
  return view;
}

bool isWholeRoot(const View &view, Value root) {
  MLIRContext *context = root.getContext();
  return view.isRowMajor() && nn::numElements(view.dims, context) ==
                                  nn::numElements(nn::getDims(root), context);
}

// Whether the given dims of a view, in this order, can be stepped through with
// one stride.
static bool mergesToOneAxis(const View &view, ArrayRef<int64_t> dims) {
  View part{{}, view.offset, {}};
  DimAttr size = DimAttr::constant(view.offset.getContext(), 1);
  for (int64_t dim : dims) {
    part.dims.push_back(view.dims[dim]);
    part.strides.push_back(view.strides[dim]);
    size = size * view.dims[dim];
  }
  return reshapeView(part, size).has_value();
}

static bool acceptsSide(nn::ContractOp op, unsigned side, const View &view) {
  return mergesToOneAxis(view, side == 0 ? op.getLhsContracting()
                                         : op.getRhsContracting());
}

// How many trailing axes an op reduces; 0 if it reduces none.
static int64_t reducedAxes(Operation *op) {
  if (auto norm = dyn_cast<nn::NormOp>(op))
    return nn::getDims(norm.getInput()).size() - norm.getAxis();
  if (auto softmax = dyn_cast<nn::SoftmaxOp>(op))
    return nn::getDims(softmax.getInput()).size() - softmax.getAxis();
  if (auto reduce = dyn_cast<nn::ReduceOp>(op);
      reduce && !reduce.getAxes().empty())
    return nn::getDims(reduce.getInput()).size() - reduce.getAxes().front();
  return 0;
}

static bool acceptsColumns(nn::GroupOp group, const View &view) {
  int64_t columns = 0;
  for (Operation &op : group.getBody().front())
    columns = std::max(columns, reducedAxes(&op));
  int64_t rank = view.rank();
  SmallVector<int64_t> dims;
  for (int64_t dim = std::max<int64_t>(0, rank - columns); dim < rank; ++dim)
    dims.push_back(dim);
  return mergesToOneAxis(view, dims);
}

// Updates are places, what is chosen among, and columns; indices are a list.
static bool acceptsUpdates(nn::ScatterOp op, unsigned side, const View &view) {
  auto merges = [&](size_t from, size_t to) {
    return mergesToOneAxis(
        view, llvm::to_vector(llvm::seq<int64_t>(int64_t(from), int64_t(to))));
  };
  if (side == 1)
    return merges(0, view.rank());
  size_t axis = op.getAxis(), rank = nn::getDims(op.getIndices()).size();
  return merges(0, axis) && merges(axis, axis + rank) &&
         merges(axis + rank, view.rank());
}

bool acceptsView(nn::GroupOp group, unsigned operand, const View &view) {
  if (group.getKind() == nn::GroupKind::Scatter)
    return llvm::all_of(
        group.getBody().getArgument(operand).getUses(), [&](OpOperand &use) {
          auto scatter = dyn_cast<nn::ScatterOp>(use.getOwner());
          return !scatter ||
                 acceptsUpdates(scatter, use.getOperandNumber(), view);
        });
  if (group.getKind() == nn::GroupKind::Row)
    return acceptsColumns(group, view);
  if (group.getKind() != nn::GroupKind::Contraction)
    return true;
  for (OpOperand &use : group.getBody().getArgument(operand).getUses()) {
    auto contract = dyn_cast<nn::ContractOp>(use.getOwner());
    if (contract && !acceptsSide(contract, use.getOperandNumber(), view))
      return false;
  }
  return true;
}

SmallVector<int64_t> acceptedOrder(nn::GroupOp group, unsigned operand) {
  BlockArgument argument = group.getBody().getArgument(operand);
  View view = View::rowMajor(argument);
  ArrayRef<int64_t> last;
  for (OpOperand &use : argument.getUses()) {
    auto contract = dyn_cast<nn::ContractOp>(use.getOwner());
    if (contract && !acceptsSide(contract, use.getOperandNumber(), view))
      last = use.getOperandNumber() == 0 ? contract.getLhsContracting()
                                         : contract.getRhsContracting();
  }
  SmallVector<int64_t> order;
  for (int64_t dim = 0; dim < int64_t(view.rank()); ++dim)
    if (!llvm::is_contained(last, dim))
      order.push_back(dim);
  llvm::append_range(order, last);
  return order;
}

//===----------------------------------------------------------------------===//
// The order in which results are stored
//===----------------------------------------------------------------------===//

static SmallVector<int64_t> inverse(ArrayRef<int64_t> permutation) {
  SmallVector<int64_t> result(permutation.size());
  for (auto [to, from] : llvm::enumerate(permutation))
    result[from] = to;
  return result;
}

// How many copies the users of `value` need if it lies at `view` of its root,
// whose row-major form has `elements` elements.
static unsigned countCopies(Value value, const View &view, DimAttr elements) {
  unsigned copies = 0;
  for (OpOperand &use : value.getUses()) {
    Operation *user = use.getOwner();
    if (nn::isView(user)) {
      std::optional<View> next = applyView(user, view);
      if (!next) {
        ++copies;
        next = View::rowMajor(user->getResult(0));
      }
      copies += countCopies(user->getResult(0), *next, elements);
    } else if (auto group = dyn_cast<nn::GroupOp>(user)) {
      copies += !acceptsView(group, use.getOperandNumber(), view);
    } else {
      // Leaves the function: row-major and whole.
      copies += !view.isRowMajor() ||
                nn::numElements(view.dims, value.getContext()) != elements;
    }
  }
  return copies;
}

// The order of the result's dims in which `view`, a view of the result stored
// row-major as `root`, would be a reshape of it: its dims are those of the root
// in another order. Nothing if dims are split, merged, cut or repeated.
static std::optional<SmallVector<int64_t>> orderOf(const View &view,
                                                   const View &root) {
  SmallVector<int64_t> order;
  auto isOne = [](DimAttr dim) { return dim.getConstant() == 1; };
  for (auto [dim, extent] : llvm::enumerate(root.dims))
    if (isOne(extent))
      order.push_back(dim);
  for (auto [extent, stride] : llvm::zip(view.dims, view.strides)) {
    if (isOne(extent))
      continue;
    auto same = [&](int64_t dim) {
      return root.dims[dim] == extent && root.strides[dim] == stride;
    };
    int64_t dim = 0, rank = root.rank();
    while (dim < rank && !same(dim))
      ++dim;
    if (dim == rank || llvm::is_contained(order, dim))
      return std::nullopt;
    order.push_back(dim);
  }
  if (order.size() != root.rank())
    return std::nullopt;
  return order;
}

// The orders in which views of `value`, which lies at `view` of the result
// stored as `root`, read it.
static void findOrders(Value value, const View &view, const View &root,
                       llvm::SetVector<SmallVector<int64_t>> &orders) {
  for (Operation *user : value.getUsers()) {
    if (!nn::isView(user))
      continue;
    std::optional<View> next = applyView(user, view);
    if (!next)
      continue;
    if (auto order = orderOf(*next, root))
      orders.insert(*order);
    findOrders(user->getResult(0), *next, root, orders);
  }
}

std::optional<SmallVector<int64_t>> chooseOrder(OpResult result) {
  View root = View::rowMajor(result);
  if (root.rank() == 0)
    return std::nullopt;
  DimAttr elements = nn::numElements(root.dims, result.getContext());
  unsigned fewest = countCopies(result, root, elements);
  if (fewest == 0)
    return std::nullopt;
  llvm::SetVector<SmallVector<int64_t>> orders;
  findOrders(result, root, root, orders);
  std::optional<SmallVector<int64_t>> best;
  for (const SmallVector<int64_t> &order : orders) {
    // Kernels write runs of the last dim; it stays the innermost.
    if (order.back() != int64_t(root.rank()) - 1)
      continue;
    View stored = transposeView(
        View::rowMajor(transposeView(root, order).dims, result.getContext()),
        inverse(order));
    unsigned copies = countCopies(result, stored, elements);
    if (copies < fewest) {
      fewest = copies;
      best = order;
    }
  }
  return best;
}

nn::GroupOp storeTransposed(nn::GroupOp group, unsigned result,
                            ArrayRef<int64_t> permutation) {
  Operation *yield = group.getTerminator();
  OpBuilder builder(yield);
  Value value = yield->getOperand(result);
  Value stored =
      nn::TransposeOp::create(builder, value.getLoc(), value, permutation);
  yield->setOperand(result, stored);

  builder.setInsertionPoint(group);
  auto replacement =
      nn::GroupOp::create(builder, group.getLoc(), yield->getOperandTypes(),
                          group.getKind(), group.getInputs());
  replacement->setDiscardableAttrs(group->getDiscardableAttrDictionary());
  replacement.getBody().takeBody(group.getBody());
  SmallVector<Value> results(replacement.getResults());
  results[result] = nn::TransposeOp::create(
      builder, group.getLoc(), results[result], inverse(permutation));
  group.replaceAllUsesWith(results);
  group.erase();
  return replacement;
}

} // namespace attune::kernels
