// Bounds of indices. See IndexBounds.h.
#include "compiler/tools/IndexBounds.h"

#include "dialects/nn/NN.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/SetVector.h"

namespace attune::tools {

using namespace mlir;

/// Whether a result has all elements of the op's first operand, as they are. Of
/// a column the bound is not that of the others.
static bool keepsElements(Operation *op) {
  if (isa<nn::SliceOp>(op))
    return false;
  if (nn::isView(op))
    return true;
  auto elementwise = dyn_cast<nn::ElementwiseOp>(op);
  if (!elementwise || elementwise.getKind() != nn::ElementwiseKind::Cast)
    return false;
  auto from = dyn_cast<IntegerType>(getElementTypeOrSelf(op->getOperand(0)));
  auto to = dyn_cast<IntegerType>(getElementTypeOrSelf(op->getResult(0)));
  return from && to && from.getWidth() > 1 && to.getWidth() >= from.getWidth();
}

static std::optional<int64_t> boundOf(Value indices) {
  std::optional<int64_t> least;
  llvm::SetVector<Value> shown;
  shown.insert(indices);
  for (size_t next = 0; next < shown.size(); ++next)
    for (OpOperand &use : shown[next].getUses()) {
      Operation *user = use.getOwner();
      auto gather = dyn_cast<nn::GatherOp>(user);
      if (gather && use.get() == gather.getIndices()) {
        auto extent =
            nn::getDims(gather.getData())[gather.getAxis()].getConstant();
        if (extent)
          least = std::min(*extent, least.value_or(*extent));
      } else if (keepsElements(user) && use.getOperandNumber() == 0) {
        shown.insert(user->getResult(0));
      }
    }
  return least;
}

std::map<std::string, int64_t> indexBoundsOf(ModuleOp module) {
  std::map<std::string, int64_t> bounds;
  for (auto function : module.getOps<func::FuncOp>())
    for (BlockArgument argument : function.getArguments()) {
      auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                        "nn.name");
      std::optional<int64_t> bound = boundOf(argument);
      if (!name || !bound)
        continue;
      auto [place, isNew] = bounds.try_emplace(name.str(), *bound);
      place->second = std::min(place->second, *bound);
    }
  return bounds;
}

} // namespace attune::tools
