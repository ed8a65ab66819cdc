// Frozen weights as panels: derived weights that the package writer computes
// once.
//
// Enters: a constant right operand of a contraction, [depth, columns] seen
// through a view. Leaves: the symbol of a derived nn.weight whose init region
// says how its bytes follow from the original's. It is here, and not in
// target/package, because the form of the bytes is what a kernel's argument
// promises (tile.panels).
#pragma once

#include "dialects/nn/NN.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/StringMap.h"

namespace attune::kernels {

class WeightPacker {
public:
  explicit WeightPacker(mlir::ModuleOp module)
      : module(module), symbols(module) {}

  /// The weight that `root` loads, if its value may be rearranged ahead of
  /// time.
  nn::WeightOp frozenWeight(mlir::Value root);

  /// `value` is a leaf of a group (a block argument or a chain of views of one)
  /// that reads `weight`; `permutation` brings its dims in the order [depth...,
  /// columns...], of which the first `depthDims` are the depth. Returns, at
  /// `builder`, the tensor of the panels [ceil(columns / width)][depth][width];
  /// columns beyond the last are zero. Made once for each weight and view.
  mlir::Value packPanels(mlir::OpBuilder &builder, nn::WeightOp weight,
                         mlir::Value value, llvm::ArrayRef<int64_t> permutation,
                         unsigned depthDims, int64_t width);

private:
  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  /// Text of the init region -> derived weight.
  llvm::StringMap<nn::WeightOp> derived;
};

} // namespace attune::kernels
