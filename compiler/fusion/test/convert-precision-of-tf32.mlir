// What a model asks of products of f32 is nothing for narrow operands.
// RUN: attune-opt --convert-precision=precision=f16 %s | FileCheck %s
// CHECK-LABEL: func.func @rounded
// CHECK-NOT: tf32
// CHECK: accumulate f32
// CHECK-NOT: tf32
// CHECK: nn.attention
// CHECK-NOT: tf32
// CHECK: return
func.func @rounded(%x: tensor<4x8xf32>, %y: tensor<8x4xf32>, %q: tensor<1x1x4x8xf32>) -> (tensor<4x4xf32>, tensor<1x1x4x8xf32>) {
  %a = nn.contract %x, %y contracting [1] x [0] tf32 : (tensor<4x8xf32>, tensor<8x4xf32>) -> tensor<4x4xf32>
  %o = nn.attention %q, %q, %q scale 1.0 tf32 : (tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32>
  return %a, %o : tensor<4x4xf32>, tensor<1x1x4x8xf32>
}
