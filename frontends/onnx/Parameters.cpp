// Parameters of layers. See Parameters.h.
#include "frontends/onnx/Parameters.h"

#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SetVector.h"

namespace attune::onnx {

using namespace mlir;

namespace {
/// Inputs of an operator that are parameters of a layer.
struct Place {
  llvm::StringLiteral op;
  unsigned first, last;
};
} // namespace

static constexpr Place places[] = {
    {"MatMul", 0, 1},
    {"Gemm", 0, 2},
    {"Conv", 1, 2},
    {"ConvTranspose", 1, 2},
    {"LayerNormalization", 1, 2},
    {"RMSNormalization", 1, 1},
    {"BatchNormalization", 1, 2},
    {"GroupNormalization", 1, 2},
    {"InstanceNormalization", 1, 2},
    {"PRelu", 1, 1},
};

static bool isView(NodeOp node) {
  return node.getDomain().empty() &&
         llvm::is_contained({"Identity", "Transpose", "Reshape", "Unsqueeze",
                             "Squeeze", "Expand", "Cast"},
                            node.getOp());
}

/// The input of its node that a use is, those that are left out counted.
static unsigned inputOf(OpOperand &use) {
  unsigned input = use.getOperandNumber();
  for (int64_t absent : cast<NodeOp>(use.getOwner()).getAbsent())
    input += absent <= int64_t(input);
  return input;
}

/// Views that exporters leave between a weight and its product.
static constexpr int mostViews = 4;

static bool showsInitializer(Value value) {
  auto node = value.getDefiningOp<NodeOp>();
  for (int i = 0; i < mostViews && node && isView(node); ++i)
    node = node.getInputs().empty()
               ? NodeOp()
               : node.getInputs().front().getDefiningOp<NodeOp>();
  return node && node.getInitializer();
}

static bool isLayer(NodeOp product) {
  return product && product.getOp() == "MatMul" &&
         llvm::any_of(product.getInputs(), showsInitializer);
}

static bool isParameterOf(NodeOp node, OpOperand &use, int64_t elements) {
  if (!node.getDomain().empty())
    return false;
  StringRef op = node.getOp();
  if (op == "Add" && elements == 1)
    return node.getInputs().size() == 2 &&
           isLayer(node.getInputs()[1 - use.getOperandNumber()]
                       .getDefiningOp<NodeOp>());
  if (op == "Add" || op == "Mul" || op == "Gather")
    return elements > 1;
  return llvm::any_of(places, [&](const Place &place) {
    unsigned input = inputOf(use);
    return op == place.op && input >= place.first && input <= place.last;
  });
}

bool isParameter(NodeOp initializer) {
  auto type = dyn_cast<RankedTensorType>(initializer.getResult(0).getType());
  if (!type || !isa<FloatType>(type.getElementType()))
    return false;
  llvm::SetVector<Value> shown;
  shown.insert(initializer.getResult(0));
  for (size_t next = 0; next < shown.size(); ++next)
    for (OpOperand &use : shown[next].getUses()) {
      auto node = dyn_cast<NodeOp>(use.getOwner());
      if (!node)
        continue;
      if (isView(node) && use.getOperandNumber() == 0)
        shown.insert(node.getResult(0));
      else if (isParameterOf(node, use, type.getNumElements()))
        return true;
    }
  return false;
}

} // namespace attune::onnx
