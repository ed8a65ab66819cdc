// Parameters of layers. See Parameters.h.
#include "frontends/onnx/Parameters.h"

#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/DialectResourceBlobManager.h"
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

static constexpr Place layers[] = {
    {"MatMul", 0, 1},
    {"Gemm", 0, 2},
    {"Einsum", 0, 31},
    {"Conv", 1, 2},
    {"ConvTranspose", 1, 2},
    {"LayerNormalization", 1, 2},
    {"RMSNormalization", 1, 1},
    {"BatchNormalization", 1, 2},
    {"GroupNormalization", 1, 2},
    {"InstanceNormalization", 1, 2},
    {"PRelu", 1, 1},
};

/// Of initializers of several numbers: biases and scales in their parts.
static constexpr Place parts[] = {
    {"Add", 0, 1}, {"Mul", 0, 1}, {"Gather", 0, 0}};

/// Of those that have a name besides: tokens that stand before others,
/// positions.
static constexpr Place namedParts[] = {
    {"Concat", 0, 31}, {"Slice", 0, 0}, {"Where", 1, 2}};

/// Of a member of a module ("layers.0.attn.logit_scale"), even a single number.
static constexpr Place members[] = {
    {"Exp", 0, 0},  {"Clip", 0, 0}, {"Sigmoid", 0, 0}, {"Softplus", 0, 0},
    {"Tanh", 0, 0}, {"Add", 0, 1},  {"Mul", 0, 1},
};

/// What modules keep beside their parameters, as the usual ones call it.
static constexpr llvm::StringLiteral buffers[] = {
    "inv_freq", "relative_coords_table", "attn_mask", "running_mean",
    "running_var"};

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

static bool isAmong(ArrayRef<Place> places, NodeOp node, unsigned input) {
  return llvm::any_of(places, [&](const Place &place) {
    return node.getOp() == place.op && input >= place.first &&
           input <= place.last;
  });
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

// ---- names ----

static StringRef nameOf(NodeOp constant) {
  auto loc = dyn_cast<NameLoc>(constant.getLoc());
  return loc ? loc.getName().getValue() : StringRef();
}

bool isUnnamed(NodeOp constant) {
  StringRef name = nameOf(constant);
  if (!constant.getInitializer() || name.starts_with("onnx::"))
    return true;
  // Names of torch.export: the operator, and a number from the second on.
  auto [stem, number] = name.rsplit('_');
  if (!number.empty() && llvm::all_of(number, llvm::isDigit))
    name = stem;
  return llvm::all_of(name, llvm::isDigit) ||
         llvm::is_contained({"val", "zeros", "zeros_like", "ones", "ones_like",
                             "full", "where", "arange",
                             "scalar_tensor_default"},
                            name);
}

/// Named by its place in a tree of modules.
static bool isMember(NodeOp constant) {
  return !isUnnamed(constant) && nameOf(constant).contains('.');
}

static bool isBuffer(NodeOp constant) {
  return llvm::is_contained(buffers, nameOf(constant).rsplit('.').second);
}

// ---- values ----

DenseResourceElementsAttr valueOf(NodeOp constant) {
  return constant.getParams().getAs<DenseResourceElementsAttr>("value");
}

bool isUniform(DenseResourceElementsAttr value) {
  if (!value || !value.getType().getElementType().isF32())
    return false;
  AsmResourceBlob *blob = value.getRawHandle().getBlob();
  ArrayRef<char> bytes = blob ? blob->getData() : ArrayRef<char>();
  return bytes.size() > 4 &&
         bytes.drop_front(4) ==
             bytes.drop_back(4); // each is like the one before
}

// ---- uses ----

static bool isParameterOf(NodeOp constant, OpOperand &use, int64_t elements) {
  auto node = cast<NodeOp>(use.getOwner());
  if (!node.getDomain().empty())
    return false;
  unsigned input = inputOf(use);
  // Of a product of two constants the first one is data (a table of positions).
  if (node.getOp() == "MatMul" && input == 0 &&
      showsInitializer(node.getInputs().back()))
    return false;
  if (isAmong(layers, node, input))
    return true;
  if (node.getOp() == "Add" && elements == 1 && node.getInputs().size() == 2 &&
      isLayer(
          node.getInputs()[1 - use.getOperandNumber()].getDefiningOp<NodeOp>()))
    return true;
  if (isMember(constant) && isAmong(members, node, input))
    return true;
  return elements > 1 && constant.getInitializer() &&
         (isAmong(parts, node, input) ||
          (!isUnnamed(constant) && isAmong(namedParts, node, input)));
}

/// Calls `visit` with each use of what shows the constant, until it returns
/// true; whether it did.
static bool anyUse(NodeOp constant, function_ref<bool(OpOperand &)> visit) {
  llvm::SetVector<Value> shown;
  shown.insert(constant.getResult(0));
  for (size_t next = 0; next < shown.size(); ++next)
    for (OpOperand &use : shown[next].getUses()) {
      auto node = dyn_cast<NodeOp>(use.getOwner());
      if (!node)
        continue;
      if (isView(node) && use.getOperandNumber() == 0)
        shown.insert(node.getResult(0));
      else if (visit(use))
        return true;
    }
  return false;
}

bool isParameter(NodeOp constant) {
  auto value = valueOf(constant);
  if (!value || !isa<FloatType>(value.getType().getElementType()) ||
      isBuffer(constant))
    return false;
  // Zeros and ones that an exporter made itself are steps of a formula; those
  // of a product may be a layer that begins so.
  bool isMade = isUnnamed(constant) && isUniform(value);
  return anyUse(constant, [&](OpOperand &use) {
    StringRef op = cast<NodeOp>(use.getOwner()).getOp();
    bool isProduct = op == "MatMul" || op == "Gemm" || op.starts_with("Conv");
    return (!isMade || isProduct) &&
           isParameterOf(constant, use, value.getType().getNumElements());
  });
}

bool standsBesideOthers(NodeOp constant) {
  return !anyUse(constant, [](OpOperand &use) {
    return cast<NodeOp>(use.getOwner()).getOp() != "Concat";
  });
}

bool looksLikeParameter(NodeOp initializer) {
  auto value = valueOf(initializer);
  if (!value || !isa<FloatType>(value.getType().getElementType()) ||
      isUnnamed(initializer) || isBuffer(initializer))
    return false;
  return anyUse(initializer, [](OpOperand &use) {
    return cast<NodeOp>(use.getOwner()).getOp() != "BatchNormalization";
  });
}

} // namespace attune::onnx
