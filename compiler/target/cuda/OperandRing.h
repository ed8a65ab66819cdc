//===- OperandRing.h - one operand on its way to the warps ------*- C++ -*-===//
//
// The stages of one operand of a contraction in shared memory: filled in whole
// or in part, at any place along k; and, where whole stages can be copied in
// chunks, by running pointers, which costs an addition for each chunk.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "compiler/target/cuda/ContractionPlan.h"
#include "compiler/target/cuda/KernelFrame.h"

namespace attune::target::cuda {

class OperandRing {
public:
  using Value = mlir::Value;
  using Values = Emitter::Values;

  /// `outer` is the span of the operand that is not k; `size` its block.
  OperandRing(KernelFrame &frame, const Contraction &parts,
              const ContractionPlan &plan, tile::LoadOp load, Value outer,
              DepthAlong along, int64_t size);

  /// Fills a stage with what stands from `k` on, zero beyond the end of k.
  void fill(Value stage, Value k);

  /// Whether `copy` may be used, on stages that another one follows: an i1,
  /// constant where it is known here.
  Value canCopy() const { return hasWholeChunks; }
  /// What `copy` takes for the stage at `k`.
  Values pointersAt(Value k) const;
  /// Copies part number `part` of `parts` of a stage that is whole along k.
  void copy(Value stage, mlir::ValueRange pointers, int64_t part,
            int64_t parts);
  /// Those of the next stage.
  Values advance(mlir::ValueRange pointers) const;

  SharedTile tile;
  const DepthAlong along;

private:
  struct Place {
    Value row, chunk; ///< in the tile
  };
  int64_t copies() const;
  Place placeOf(int64_t copy) const;
  bool isRegular() const;
  Value pointerAt(int64_t copy, Value k) const;
  Value pointerOf(int64_t copy, mlir::ValueRange pointers) const;

  Emitter &emit;
  int64_t threads, depth;
  Value start;                    ///< at the first k
  Value outerStride, depthStride; ///< in elements
  Value outerCount, depthCount;
  Value isCopied;       ///< by asynchronous copies
  Value hasWholeChunks; ///< of which none is cut, but at the end of k
  bool mayEndInside;    ///< `outer` may end inside a block
};

} // namespace attune::target::cuda
