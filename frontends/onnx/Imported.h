// What the importer holds for each ONNX value.
//
// Two things stay out of the IR as long as nobody needs them: elements that are
// known (shape arithmetic, ranges, constants), and broadcasts. So chains like
// Shape -> Gather -> Concat -> Reshape leave no ops, and a mask that an
// exporter expands to [B, 1, S, S] stays [B, 1, 1, S] up to the op that reads
// it.
#ifndef ATTUNE_FRONTENDS_ONNX_IMPORTED_H
#define ATTUNE_FRONTENDS_ONNX_IMPORTED_H

#include "dialects/nn/NN.h"
#include "mlir/IR/BuiltinAttributes.h"

namespace attune::onnx {

using nn::DimAttr;
using nn::Dims;

/// An element at position p is `base + sum over i of steps[i] * p[i]`.
struct Affine {
  DimAttr base;
  Dims steps; ///< One per dim.

  bool isSplat() const {
    return llvm::all_of(steps, [](DimAttr s) { return s.getConstant() == 0; });
  }
};

/// What is known of the elements before anything runs. Booleans are 0 and 1.
struct Known {
  enum class Kind { Nothing, Integers, Reals, Affine, Weight };
  Kind kind = Kind::Nothing;
  /// Integers: row-major, possibly symbolic.
  Dims integers;
  /// Reals: row-major, each a value of the element type.
  llvm::SmallVector<double> reals;
  /// Affine: usually one form. If there are more, the last dim has that
  /// extent, its steps are 0, and form i describes its position i.
  llvm::SmallVector<Affine, 1> forms;
  /// Weight: the bytes, not yet in the module.
  mlir::DenseResourceElementsAttr weight;
  mlir::StringAttr weightName;
  bool isConstant = false; ///< Weight: not to be trained.
};

/// A tensor of shape `dims`, which is a broadcast of one of shape `own`, which
/// is `value`, or is made from `known` when an op needs it.
struct Imported {
  mlir::Value value;
  mlir::Type element;
  Dims own, dims;
  Known known;

  bool isBroadcast() const { return own != dims; }
  bool isKnown(Known::Kind kind) const { return known.kind == kind; }
  int64_t rank() const { return dims.size(); }
  bool isFloat() const { return llvm::isa<mlir::FloatType>(element); }
  bool isBool() const { return element.isInteger(1); }
};

/// The extents if all are constant.
std::optional<llvm::SmallVector<int64_t>>
staticExtents(llvm::ArrayRef<DimAttr> dims);

/// The number of elements if it is constant and at most `most`.
std::optional<int64_t> staticCount(llvm::ArrayRef<DimAttr> dims, int64_t most);

/// `dims` with leading ones up to `rank`.
Dims padded(llvm::ArrayRef<DimAttr> dims, size_t rank,
            mlir::MLIRContext *context);

/// "[B, S, 768]".
std::string text(llvm::ArrayRef<DimAttr> dims);

/// Tensors of more elements are not folded element by element.
inline constexpr int64_t maxFolded = 4096;
/// Elements folded one by one in a whole model, where a tensor has over 64.
inline constexpr uint64_t maxFoldedInAll = uint64_t{1} << 22;
/// Ranges of more elements keep their affine form: a mask made of them is to be
/// recognised as causal, not to become a table.
inline constexpr int64_t maxExpandedRange = 16;

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_IMPORTED_H
