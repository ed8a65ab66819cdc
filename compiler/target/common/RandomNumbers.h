//===- RandomNumbers.h - the numbers of nn.random ---------------*- C++ -*-===//
#pragma once
#include "compiler/target/common/Emitter.h"

namespace attune::target::common {

/// What all numbers of one nn.random have in common.
struct RandomStream {
  mlir::Value seed, step, id; ///< i64
};

/// The uniform f32 in [0, 1) of element `position` (i64); if there is a
/// `stride`, those of a vector's lanes, which stand so far apart.
mlir::Value uniformNumbers(Emitter &emit, const RandomStream &stream,
                           mlir::Value position, mlir::Value stride);

} // namespace attune::target::common
