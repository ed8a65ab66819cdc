// What is computed from frozen weights alone becomes a derived weight.
// RUN: attune-opt --fold-weights %s | FileCheck %s
// Constants of an init region stay in it.
// RUN: attune-opt --fold-weights --simplify %s | FileCheck %s --check-prefix=ISOLATED
nn.weight @w : tensor<4x2xf32> = dense<1.0> : tensor<4x2xf32>
nn.weight @t trainable : tensor<4x2xf32> = dense<1.0> : tensor<4x2xf32>

// CHECK: nn.weight @folded.sum : tensor<2x4xf32> init {
// CHECK-NEXT: nn.load_weight @w
// CHECK-NEXT: nn.transpose
// CHECK-NEXT: nn.elementwise exp
// CHECK-NEXT: arith.constant
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: nn.yield

// ISOLATED: nn.weight @folded.sum : tensor<2x4xf32> init {
// ISOLATED: arith.constant dense<2.000000e+00>
// ISOLATED: nn.yield

// One derived weight for the whole expression; the view after it stays a view.
// CHECK-LABEL: @derived
// CHECK-NEXT: %[[W:.*]] = nn.load_weight @folded.sum
// CHECK-NEXT: %[[V:.*]] = nn.reshape %[[W]]
// CHECK-NEXT: nn.elementwise mul %arg0, %[[V]]
func.func @derived(%x: tensor<8xf32>) -> tensor<8xf32> {
  %w = nn.load_weight @w : tensor<4x2xf32>
  %t = nn.transpose %w [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>
  %e = nn.elementwise exp %t : (tensor<2x4xf32>) -> tensor<2x4xf32>
  %two = arith.constant dense<2.0> : tensor<f32>
  %s = nn.elementwise add %e, %two : (tensor<2x4xf32>, tensor<f32>) -> tensor<2x4xf32> loc("sum")
  %v = nn.reshape %s : (tensor<2x4xf32>) -> tensor<8xf32>
  %r = nn.elementwise mul %x, %v : (tensor<8xf32>, tensor<8xf32>) -> tensor<8xf32>
  return %r : tensor<8xf32>
}

// A view of a weight is no computation, and a trainable weight may change.
// CHECK-LABEL: @not_derived
// CHECK: nn.load_weight @w
// CHECK: nn.load_weight @t
// CHECK: nn.elementwise exp
func.func @not_derived() -> (tensor<2x4xf32>, tensor<4x2xf32>) {
  %w = nn.load_weight @w : tensor<4x2xf32>
  %v = nn.transpose %w [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>
  %t = nn.load_weight @t : tensor<4x2xf32>
  %e = nn.elementwise exp %t : (tensor<4x2xf32>) -> tensor<4x2xf32>
  return %v, %e : tensor<2x4xf32>, tensor<4x2xf32>
}
