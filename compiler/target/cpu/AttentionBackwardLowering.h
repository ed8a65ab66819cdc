//===- AttentionBackwardLowering.h - gradients of attention -----*- C++ -*-===//
#pragma once
#include "compiler/target/common/AttentionBackward.h"
#include "compiler/target/cpu/Scratch.h"

namespace attune::target::cpu {

using common::AttentionBackward;

/// The parts of a kernel that the CPU has code for: of f32, with keys in whole
/// panels. Reports what does not fit.
llvm::FailureOr<AttentionBackward>
matchAttentionBackward(tile::KernelOp kernel);

/// Scratch sections, in floats: none grows with a length. D and DV are rounded
/// up to 16, keys and rows are those of a block.
struct AttentionBackwardScratch {
  ScratchLayout layout;
  unsigned keys;           ///< K^T in panels [keys / 16][D][16]
  unsigned values;         ///< V^T in panels [keys / 16][DV][16]
  unsigned keyRows;        ///< K in panels [D / 16][keys][16]
  unsigned keySums;        ///< dK [keys][D]
  unsigned valueSums;      ///< dV [keys][DV]
  unsigned queries;        ///< Q [rows][D]
  unsigned gradients;      ///< dO [rows][DV]
  unsigned queryPanels;    ///< Q in panels [D / 16][rows][16]
  unsigned gradientPanels; ///< dO in panels [DV / 16][rows][16]
  unsigned scores;         ///< S, then P [rows][keys]
  unsigned slopes;         ///< dP, then dS [rows][keys]
  unsigned means;          ///< rowsum(dO * O) [rows]
  unsigned rowSums;        ///< dQ of a tile of rows [row tile][D]

  AttentionBackwardScratch(tile::KernelOp kernel,
                           const AttentionBackward &parts);
};

/// Lowers the kernel into a function at the emitter's insertion point.
llvm::LogicalResult lowerAttentionBackward(tile::KernelOp kernel,
                                           Emitter &emit);

} // namespace attune::target::cpu
