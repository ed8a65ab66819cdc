//===- SoftmaxOps.cpp - verifiers of band and softmax ---------------------===//
#include "dialects/tile/Tile.h"

using namespace mlir;
using namespace attune::tile;

LogicalResult BandOp::verify() {
  auto scores = dyn_cast<RankedTensorType>(getScores().getType());
  if (!scores || scores.getRank() != 2 ||
      scores.getDimSize(0) != getRows().getType().getSize() ||
      scores.getDimSize(1) != getColumns().getType().getSize())
    return emitOpError("expected scores of the sizes of the row and the column "
                       "span, got ")
           << getScores().getType();
  return success();
}

LogicalResult SoftmaxStepOp::verify() {
  auto scores = dyn_cast<RankedTensorType>(getScores().getType());
  auto max = dyn_cast<RankedTensorType>(getMax().getType());
  if (!scores || !max || scores.getRank() != 2 || max.getRank() != 1 ||
      scores.getDimSize(0) != max.getDimSize(0))
    return emitOpError(
        "expected rank-2 scores and one maximum and sum per row");
  return success();
}
