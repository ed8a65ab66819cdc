//===- LowerKernels.h - tile kernels into the LLVM and NVVM dialects ------===//
//
// Enters: a module of tile.kernel ops. Leaves: the same module with one
// llvm.func of kind nvvm.kernel for each, which carries what a launch must know
// (kThreadsAttr, kSharedAttr, kItemsAttr of KernelFrame.h).
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/Machine.h"
#include "dialects/tile/Tile.h"
#include "mlir/Pass/Pass.h"
#include "mlir/Pass/PassManager.h"

namespace attune::target::cuda {

/// An error that names the node if there is no code for the kernel, so that a
/// model is refused before code is made.
llvm::LogicalResult checkKernel(tile::KernelOp kernel);

/// tile -> scf, vector and NVVM.
std::unique_ptr<mlir::Pass> createLowerKernelsPass(const Machine &machine);
/// math ops that have no instruction -> arithmetic.
std::unique_ptr<mlir::Pass> createLowerMathPass();

/// All the way to the LLVM dialect.
void buildLoweringPipeline(mlir::OpPassManager &passes, const Machine &machine);

/// For attune-opt: lower-kernels-cuda, lower-math-cuda, cuda-to-llvm.
void registerPasses();

} // namespace attune::target::cuda
