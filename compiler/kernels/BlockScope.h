// Elementwise ops of a group on blocks.
//
// Enters: a body whose elementwise ops run at one set of positions. Leaves:
// blocks. Contraction epilogues use it; what a family computes itself (the dot)
// is bound first.
#pragma once

#include "compiler/kernels/KernelBuilder.h"

namespace attune::kernels {

class BlockScope {
public:
  /// Values become blocks over the spans among `positions`.
  BlockScope(KernelBuilder &builder, mlir::ValueRange positions)
      : builder(builder), positions(positions) {}

  /// States how a leaf is read.
  void bindOperand(mlir::Value leaf, const Operand &operand) {
    operands[leaf] = operand;
  }
  void bind(mlir::Value value, mlir::Value block) { blocks[value] = block; }

  /// The block of a value of the group's body: bound, loaded (once), a splat
  /// constant, or elementwise ops of such. Fails with an error at the op.
  mlir::FailureOr<mlir::Value> get(mlir::Value value);

private:
  mlir::FailureOr<mlir::Value> compute(mlir::Operation *op);

  KernelBuilder &builder;
  llvm::SmallVector<mlir::Value> positions;
  llvm::DenseMap<mlir::Value, Operand> operands;
  llvm::DenseMap<mlir::Value, mlir::Value> blocks;
};

} // namespace attune::kernels
