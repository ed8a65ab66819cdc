// What must not leave the cleanup stage.
// RUN: not attune-opt --verify-clean %s 2>&1 | FileCheck %s
// CHECK: error: 'nn.conv' op must not occur after cleanup
func.func @conv(%x: tensor<1x3x8x8xf32>, %w: tensor<4x3x8x8xf32>) -> tensor<1x4x1x1xf32> {
  %r = nn.conv %x, %w strides [8, 8] dilations [1, 1] pads [0, 0], [0, 0] : (tensor<1x3x8x8xf32>, tensor<4x3x8x8xf32>) -> tensor<1x4x1x1xf32>
  return %r : tensor<1x4x1x1xf32>
}
