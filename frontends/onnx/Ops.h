// Makes nn ops from Imported values: what the import functions are written in.
//
// Each function folds if the elements are known, keeps broadcasts virtual where
// the op allows, and checks every constraint of the nn op before it builds it.
// A failure leaves its reason in `reason`.
#ifndef ATTUNE_FRONTENDS_ONNX_OPS_H
#define ATTUNE_FRONTENDS_ONNX_OPS_H

#include "frontends/onnx/Imported.h"
#include "frontends/onnx/Symbols.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

namespace attune::onnx {

using Result = mlir::FailureOr<Imported>;

class Ops {
public:
  Ops(mlir::ModuleOp module, Symbols &symbols)
      : b(module.getContext()), loc(b.getUnknownLoc()), symbols(symbols),
        module(module), context(module.getContext()) {}

  mlir::OpBuilder b;
  mlir::Location loc; ///< Of the node being imported.
  Symbols &symbols;
  std::string reason;
  bool trains = false; ///< As ImportOptions say, and what follows.
  llvm::StringSet<> trained;
  /// The extent of the batch, where the file fixes it: of the first input.
  std::optional<int64_t> batch;
  /// Initializers that may be parameters to who named them, but were not taken
  /// for such.
  llvm::SetVector<mlir::StringAttr> leftOut;

  mlir::LogicalResult fail(const llvm::Twine &why) {
    if (reason.empty())
      reason = why.str();
    return mlir::failure();
  }

  // Making values.
  DimAttr dim(int64_t value) const { return symbols.constant(value); }
  Dims dimsOf(llvm::ArrayRef<int64_t> values) const;
  Imported fromValue(mlir::Value value) const;
  Imported integers(mlir::Type element, Dims dims, Dims values) const;
  /// A tensor of `dims` that holds one number everywhere.
  Imported splat(mlir::Type element, Dims dims, double number) const;
  Imported scalar(mlir::Type element, double number) const {
    return splat(element, {}, number);
  }
  Imported affine(mlir::Type element, Dims dims, Affine form) const;

  // Reading values.
  mlir::Value own(const Imported &x);  ///< Of x's own shape.
  mlir::Value full(const Imported &x); ///< Of x's shape.
  /// All elements of x's shape, if known and at most maxFolded.
  std::optional<Dims> knownIntegers(const Imported &x) const;
  std::optional<llvm::SmallVector<int64_t>>
  knownConstants(const Imported &x) const;
  std::optional<llvm::SmallVector<double>> knownReals(const Imported &x) const;
  /// The one number that x holds everywhere.
  std::optional<double> knownSplat(const Imported &x) const;
  /// The affine form of x over its own dims.
  std::optional<Affine> knownAffine(const Imported &x) const;
  /// A form over dims `from` as one over `to`, which they broadcast to.
  std::optional<Affine> spread(const Affine &form, llvm::ArrayRef<DimAttr> from,
                               llvm::ArrayRef<DimAttr> to) const;

  // Elementwise (Elementwise.cpp, Fold.cpp).
  Result elementwise(nn::ElementwiseKind kind, llvm::ArrayRef<Imported> inputs);
  Result cast(const Imported &x, mlir::Type to);

  // Formulas (Formulas.cpp).
  /// The same on operands that may have failed, so that formulas nest.
  Result apply(nn::ElementwiseKind kind, llvm::ArrayRef<Result> inputs);
  /// Each element's position along `axis` of a tensor of rank `rank` that has
  /// `extent` there; 1 elsewhere. Known, so it makes no op until it is read.
  Imported positions(int64_t rank, int64_t axis, DimAttr extent) const;
  /// i64 indices that count from the front: x, or x + extent where x < 0.
  Result fromFront(const Imported &x, DimAttr extent);
  /// data[..., indices[...], ...]: one element of data for each index, which
  /// stands at its own place but for `axis` (NumPy's take_along_axis).
  Result takeAlong(const Imported &data, const Imported &indices, int64_t axis);
  /// Component i of index tuples, which stand in the last dim.
  Result indexComponent(const Imported &indices, int64_t i);
  /// The position in the leading dims of the data, seen as one, that index
  /// tuples of length `depth` mean; before it stand `batch` dims of the data
  /// that the indices share.
  Result linearIndex(const Imported &data, const Imported &indices,
                     int64_t batch, int64_t depth);
  /// A border of `value`, a tensor of one element.
  Result pad(const Imported &x, const Imported &value, Dims low, Dims high);

  // Views (Views.cpp).
  Result reshape(const Imported &x, Dims dims);
  Result transpose(const Imported &x, llvm::ArrayRef<int64_t> permutation);
  Result broadcast(const Imported &x, llvm::ArrayRef<DimAttr> dims);
  Result slice(const Imported &x, Dims starts, Dims sizes,
               llvm::ArrayRef<int64_t> steps);
  /// One window along one axis, with step 1.
  Result window(const Imported &x, int64_t axis, DimAttr start, DimAttr size);
  Result concat(llvm::ArrayRef<Imported> inputs, int64_t axis);
  Result unsqueeze(const Imported &x, llvm::ArrayRef<int64_t> axes);
  Result squeeze(const Imported &x, llvm::ArrayRef<int64_t> axes);

  // Others.
  Result gather(const Imported &data, const Imported &indices, int64_t axis);
  Result reduce(nn::ReduceKind kind, const Imported &x,
                llvm::ArrayRef<int64_t> axes, bool keepdims);
  Result contract(const Imported &lhs, const Imported &rhs,
                  llvm::ArrayRef<int64_t> lhsBatch,
                  llvm::ArrayRef<int64_t> rhsBatch,
                  llvm::ArrayRef<int64_t> lhsContracting,
                  llvm::ArrayRef<int64_t> rhsContracting);
  Result softmax(const Imported &x, int64_t axis);

  mlir::LogicalResult checkDims(llvm::ArrayRef<DimAttr> dims);

private:
  std::optional<Imported> fold(nn::ElementwiseKind kind,
                               llvm::ArrayRef<Imported> inputs,
                               mlir::Type element, const Dims &dims);
  std::optional<Imported> foldIntegers(nn::ElementwiseKind kind,
                                       llvm::ArrayRef<Imported> inputs,
                                       mlir::Type element, const Dims &dims);
  std::optional<Imported> foldReals(nn::ElementwiseKind kind,
                                    llvm::ArrayRef<Imported> inputs,
                                    mlir::Type element, const Dims &dims);
  std::optional<Imported> foldAffine(nn::ElementwiseKind kind,
                                     llvm::ArrayRef<Imported> inputs,
                                     mlir::Type element, const Dims &dims);
  std::optional<Imported> simplify(nn::ElementwiseKind kind,
                                   llvm::ArrayRef<Imported> inputs,
                                   const Dims &dims);
  DimAttr foldInteger(nn::ElementwiseKind kind, llvm::ArrayRef<DimAttr> x);
  std::optional<bool> compare(nn::ElementwiseKind kind, DimAttr lowest,
                              DimAttr highest);
  DimAttr lowest(const Affine &form, llvm::ArrayRef<DimAttr> dims);
  DimAttr highest(const Affine &form, llvm::ArrayRef<DimAttr> dims);

  bool spend(size_t elements) const;
  mlir::Value constant(const Imported &x);
  mlir::Value fromIntegers(const Imported &x);
  mlir::Value fromAffine(const Affine &form, const Imported &x);
  mlir::Value weight(const Imported &x);
  mlir::Value asValue(DimAttr dim, mlir::Type element);
  bool runsContiguously(const Affine &form, llvm::ArrayRef<DimAttr> dims,
                        DimAttr &step) const;

  mlir::ModuleOp module;
  mlir::MLIRContext *context;
  /// By their bytes and names: layers that share bytes may train apart.
  llvm::DenseMap<std::pair<mlir::Attribute, mlir::Attribute>, mlir::Value>
      weights;
  llvm::StringSet<> weightNames;
  mlir::Operation *lastLoad = nullptr;
  mutable uint64_t spent = 0;
};

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_OPS_H
