//===- AttentionLowering.h - flash attention kernels ------------*- C++ -*-===//
#pragma once
#include "compiler/target/common/Attention.h"
#include "compiler/target/cpu/Scratch.h"

namespace attune::target::cpu {

using common::Attention;

/// The parts of a kernel that the CPU has code for: of f32, with keys in whole
/// panels. Reports what does not fit.
llvm::FailureOr<Attention> matchAttention(tile::KernelOp kernel);

/// Scratch sections, in floats. D and DV are rounded up to 16.
struct AttentionScratch {
  ScratchLayout layout;
  unsigned keys;    ///< panels [keys / 16][D][16]
  unsigned values;  ///< panels [DV / 16][keys][16]
  unsigned queries; ///< [rows][D]
  unsigned scores;  ///< [row tile][keys of a block]
  unsigned alpha;   ///< [row tile]
  unsigned max;     ///< [rows]
  unsigned sum;     ///< [rows][16]: per lane, added up at the end
  unsigned out;     ///< [rows][DV]

  AttentionScratch(tile::KernelOp kernel, const Attention &parts);
};

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerAttention(tile::KernelOp kernel, Emitter &emit);

} // namespace attune::target::cpu
