// One parameter for several layers, and several constants that are one. See
// Parameters.h.
#include "frontends/onnx/Parameters.h"

#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/Hashing.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"

namespace attune::onnx {

using namespace mlir;

static ArrayRef<char> bytesOf(NodeOp constant) {
  AsmResourceBlob *blob = valueOf(constant).getRawHandle().getBlob();
  return blob ? blob->getData() : ArrayRef<char>();
}

static std::vector<NodeOp> parametersOf(func::FuncOp graph) {
  std::vector<NodeOp> found;
  for (NodeOp node : graph.getBody().front().getOps<NodeOp>())
    if (node.getInitializer() && valueOf(node) && isParameter(node))
      found.push_back(node);
  return found;
}

// ---- one for several ----

/// What a layer's own copy is called: by the node that reads it.
static std::string nameAt(OpOperand &use, StringRef name, unsigned copy) {
  auto node = cast<NodeOp>(use.getOwner());
  auto loc = dyn_cast<NameLoc>(node.getLoc());
  StringRef leaf = name.contains('.') ? name.rsplit('.').second : name;
  if (!loc || loc.getName().empty())
    return (name + "." + Twine(copy)).str();
  return (loc.getName().getValue() + "/" + leaf).str();
}

void separateParameters(func::FuncOp graph) {
  llvm::StringSet<> taken;
  for (NodeOp node : parametersOf(graph)) {
    auto type = cast<RankedTensorType>(node.getResult(0).getType());
    // Nobody ties vectors of the same number on purpose.
    if (type.getRank() != 1 || !isUniform(valueOf(node)) ||
        node.getResult(0).hasOneUse())
      continue;
    StringRef name = cast<NameLoc>(node.getLoc()).getName().getValue();
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : node.getResult(0).getUses())
      if (isa<NodeOp>(use.getOwner())) // not a result of the graph
        uses.push_back(&use);
    if (uses.size() < 2)
      continue;
    OpBuilder builder(node);
    unsigned copies = 0;
    // Uses are listed from the last; the first keeps the name.
    for (OpOperand *use : ArrayRef(uses).drop_back(1)) {
      auto copy = cast<NodeOp>(builder.clone(*node));
      std::string own = nameAt(*use, name, ++copies);
      if (!taken.insert(own).second)
        own += "." + std::to_string(copies);
      copy->setLoc(NameLoc::get(builder.getStringAttr(own)));
      use->set(copy.getResult(0));
    }
  }
}

// ---- several that are one ----

/// Below this, equal values may be chance: a small layer that begins alike.
static constexpr int64_t fewestTied = 256;

namespace {
/// An f32 matrix by its elements, as it lies in memory or transposed.
class Matrix {
public:
  explicit Matrix(NodeOp node)
      : type(cast<RankedTensorType>(node.getResult(0).getType())),
        rows(type.getDimSize(0)), columns(type.getDimSize(1)),
        bytes(bytesOf(node)) {}
  uint32_t at(int64_t i, int64_t j) const {
    uint32_t bits = 0;
    std::memcpy(&bits, bytes.data() + (i * columns + j) * 4, 4);
    return bits;
  }
  /// The same for the transposed one: a sum over elements and their places.
  size_t hash() const {
    size_t sum =
        llvm::hash_combine(std::min(rows, columns), std::max(rows, columns));
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        sum += llvm::hash_combine(std::min(i, j), std::max(i, j), at(i, j));
    return sum;
  }
  bool isTransposeOf(const Matrix &other) const {
    if (rows != other.columns || columns != other.rows)
      return false;
    for (int64_t i = 0; i < rows; ++i)
      for (int64_t j = 0; j < columns; ++j)
        if (at(i, j) != other.at(j, i))
          return false;
    return true;
  }
  bool operator==(const Matrix &other) const {
    return type == other.type && bytes == other.bytes;
  }

private:
  RankedTensorType type;
  int64_t rows, columns;
  ArrayRef<char> bytes;
};
} // namespace

static bool mayBeTied(NodeOp node) {
  auto type = cast<RankedTensorType>(node.getResult(0).getType());
  return type.getRank() == 2 && type.getElementType().isF32() &&
         type.getNumElements() >= fewestTied && !isUniform(valueOf(node));
}

static Value transposed(OpBuilder &builder, NodeOp node, Type type) {
  auto params = builder.getDictionaryAttr(
      builder.getNamedAttr("perm", builder.getDenseI64ArrayAttr({1, 0})));
  return NodeOp::create(builder, node.getLoc(), type,
                        builder.getStringAttr("Transpose"), nullptr,
                        builder.getI64IntegerAttr(13), node.getResult(0),
                        nullptr, params, nullptr, nullptr, 0)
      .getResult(0);
}

void tieParameters(func::FuncOp graph) {
  llvm::DenseMap<size_t, SmallVector<NodeOp>> seen;
  for (NodeOp node : parametersOf(graph)) {
    if (!mayBeTied(node))
      continue;
    Matrix matrix(node);
    auto &alike = seen[matrix.hash()];
    bool isTied = false;
    for (NodeOp first : alike) {
      // Layers that began as copies of one have a name each, or none.
      if (isUnnamed(first) == isUnnamed(node))
        continue;
      bool isSame = matrix == Matrix(first);
      if (!isSame && !matrix.isTransposeOf(Matrix(first)))
        continue;
      OpBuilder builder(node);
      node.getResult(0).replaceAllUsesWith(
          isSame ? first.getResult(0)
                 : transposed(builder, first, node.getResult(0).getType()));
      isTied = true;
      break;
    }
    // More that are alike were made so on purpose.
    constexpr size_t most = 8;
    if (!isTied && alike.size() < most)
      alike.push_back(node);
  }
}

} // namespace attune::onnx
