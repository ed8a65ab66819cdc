//===- LowerKernels.h - tile kernels into the LLVM dialect ------*- C++ -*-===//
//
// The two steps between a tile.kernel and LLVM IR: kernels become functions of
// scf, vector, arith and LLVM pointers (one lowering per family), then
// everything becomes the LLVM dialect. Both are passes, so that attune-opt can
// show them.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cpu/CodeVersion.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/Pass/Pass.h"

namespace attune::tile {
class KernelOp;
} // namespace attune::tile

namespace attune::target::cpu {

/// Bytes of scratch per worker that the CPU needs for a kernel, as a map from
/// its value slots; a null map: none. compiler/kernels puts it on the kernel
/// (KernelOp::setScratch). The same for every code version. Fails with an error
/// on a kernel whose form the CPU does not know, or that computes with types
/// for which `version` has no code.
llvm::FailureOr<mlir::AffineMap> scratchBytes(tile::KernelOp kernel,
                                              CodeVersion version);

std::unique_ptr<mlir::Pass> createLowerKernelsPass(CodeVersion version);
std::unique_ptr<mlir::Pass> createLowerMathPass(CodeVersion version);

/// Both passes and the upstream conversions, for a module of kernels.
void buildLoweringPipeline(mlir::OpPassManager &passes, CodeVersion version);

/// Registers `lower-kernels-cpu`, `lower-math-cpu` and the pipeline
/// `cpu-to-llvm`, each with the option `version=x86-64-v3`.
void registerPasses();

} // namespace attune::target::cpu
