// What one element of a tensor is, as an expression of its index.
//
// Enters: a value and an index. Leaves: a tree whose leaves are elements of
// tensors at index expressions, index values and constants. Views, iota,
// slices, gathers at computed positions and broadcasts vanish into the indices.
// That is how a mask is known by what it means (`j <= i`, `m[b, j]`) however an
// exporter wrote it, and how a chain of views is known by where it reads.
#pragma once

#include "compiler/cleanup/IndexSpace.h"

namespace attune::cleanup {

struct ElementExpr;
using Element = std::shared_ptr<const ElementExpr>;

struct ElementExpr {
  enum class Kind {
    Index,  // an integer: the polynomial `index`
    Number, // a float, or a boolean as 0 or 1
    Leaf,   // tensor[indices...]
    Apply,  // kind(operands...)
  };
  explicit ElementExpr(Kind kind) : kind(kind) {}

  Kind kind;
  nn::DimAttr index;
  double number = 0;
  mlir::Value tensor;
  nn::Dims indices;
  nn::ElementwiseKind function = nn::ElementwiseKind::Add;
  llvm::SmallVector<Element> operands;

  bool isNumber(double value) const {
    return kind == Kind::Number && number == value;
  }
};

/// The element of `tensor` at `indices`, one for each dim. What cannot be seen
/// through is a leaf.
Element describeElement(mlir::Value tensor, llvm::ArrayRef<nn::DimAttr> indices,
                        IndexSpace &space);

/// The same through views only (transpose, reshape, slice, broadcast): the root
/// tensor and its indices.
struct TensorElement {
  mlir::Value tensor;
  nn::Dims indices;
};
TensorElement describeView(mlir::Value tensor,
                           llvm::ArrayRef<nn::DimAttr> indices,
                           IndexSpace &space);

/// Whether a variable occurs in any index of the expression.
bool dependsOn(const Element &element, nn::DimAttr variable,
               const IndexSpace &space);

/// The value that every element of a constant has, if there is one.
std::optional<double> splatValue(mlir::Value tensor);

/// The elements of a constant or a frozen weight, null if `tensor` is neither.
mlir::ElementsAttr constantElements(mlir::Value tensor);

} // namespace attune::cleanup
