// Convolutions become products; patches are views where stride equals kernel.
// RUN: attune-opt --convert-conv %s | FileCheck %s
// RUN: not attune-opt --convert-conv=max-positions=4 %s 2>&1 | FileCheck %s --check-prefix=LIMIT

// Patch embedding: no copy of the image by slices.
// CHECK-LABEL: @patches
// CHECK-NOT: nn.concat
// CHECK: nn.reshape %{{.*}} -> tensor<?x3x4x8x4x8xf32, #nn.shape<[B, 3, 4, 8, 4, 8]>>
// CHECK: nn.transpose %{{.*}} [0, 2, 4, 1, 3, 5]
// CHECK: nn.contract %{{.*}} contracting [3] x [1]
// CHECK-SAME: (tensor<?x4x4x192xf32, {{.*}}>, tensor<64x192xf32>)
func.func @patches(%x: tensor<?x3x32x32xf32, #nn.shape<[B, 3, 32, 32]>>, %w: tensor<64x3x8x8xf32>) -> tensor<?x64x4x4xf32, #nn.shape<[B, 64, 4, 4]>> {
  %r = nn.conv %x, %w strides [8, 8] dilations [1, 1] pads [0, 0], [0, 0] : (tensor<?x3x32x32xf32, #nn.shape<[B, 3, 32, 32]>>, tensor<64x3x8x8xf32>) -> tensor<?x64x4x4xf32, #nn.shape<[B, 64, 4, 4]>>
  return %r : tensor<?x64x4x4xf32, #nn.shape<[B, 64, 4, 4]>>
}

// Overlapping windows, padding, dilation, groups.
// LIMIT: error: 'nn.conv' op has a kernel of 9 positions, at most 4 are supported
// CHECK-LABEL: @general
// CHECK: nn.pad
// CHECK-COUNT-9: nn.slice
// CHECK: nn.concat
// CHECK: nn.contract %{{.*}} batch [3] x [0] contracting [4] x [2]
func.func @general(%x: tensor<2x4x9x9xf32>, %w: tensor<6x2x3x3xf32>) -> tensor<2x6x4x4xf32> {
  %r = nn.conv %x, %w strides [2, 2] dilations [2, 2] pads [1, 1], [1, 1] groups 2 : (tensor<2x4x9x9xf32>, tensor<6x2x3x3xf32>) -> tensor<2x6x4x4xf32>
  return %r : tensor<2x6x4x4xf32>
}
