// Small constants are evaluated; weights are not looked into.
// RUN: attune-opt --fold-constants %s | FileCheck %s
nn.weight @w : tensor<2xf32> = dense<[1.0, 2.0]> : tensor<2xf32>

// 1 / sqrt(16), as exporters compute a scale from a shape.
// CHECK-LABEL: @scale
// CHECK-NEXT: %[[C:.*]] = arith.constant dense<2.500000e-01> : tensor<f32>
// CHECK-NEXT: return %[[C]]
func.func @scale() -> tensor<f32> {
  %d = nn.dim <16> : tensor<i64>
  %f = nn.elementwise cast %d to f32 : (tensor<i64>) -> tensor<f32>
  %s = nn.elementwise sqrt %f : (tensor<f32>) -> tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %r = nn.elementwise div %one, %s : (tensor<f32>, tensor<f32>) -> tensor<f32>
  return %r : tensor<f32>
}

// A dim that is not known stays.
// CHECK-LABEL: @symbol
// CHECK: nn.dim <S>
func.func @symbol(%x: tensor<?xf32, #nn.shape<[S]>>) -> tensor<i64> {
  %d = nn.dim <S> : tensor<i64>
  return %d : tensor<i64>
}

// CHECK-LABEL: @weight
// CHECK: nn.elementwise neg
func.func @weight() -> tensor<2xf32> {
  %w = nn.load_weight @w : tensor<2xf32>
  %r = nn.elementwise neg %w : (tensor<2xf32>) -> tensor<2xf32>
  return %r : tensor<2xf32>
}
