//===- ContractionLowering.h - GEMM kernels ---------------------*- C++ -*-===//
#pragma once
#include "compiler/target/common/Contraction.h"
#include "compiler/target/cpu/Scratch.h"

namespace attune::target::cpu {

using common::Contraction;

/// The parts of a kernel that the CPU has code for: of f32, with columns in
/// whole panels. Reports what does not fit.
llvm::FailureOr<Contraction> matchContraction(tile::KernelOp kernel);

/// Panels of a block of columns.
int64_t blockPanels(const Contraction &parts);

/// Scratch sections of a contraction.
struct ContractionScratch {
  ScratchLayout layout;
  std::optional<unsigned>
      sums; ///< partial sums between k blocks: [rows][columns]
  std::optional<unsigned> panels; ///< the packed right operand
  std::optional<unsigned> groups; ///< the packed left operand

  ContractionScratch(tile::KernelOp kernel, const Contraction &parts);
};

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerContraction(tile::KernelOp kernel, Emitter &emit);

} // namespace attune::target::cpu
