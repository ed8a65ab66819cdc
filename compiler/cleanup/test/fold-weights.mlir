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

// A weight that is added to itself again and again: each op is looked at once.
// CHECK-LABEL: @doubled
// CHECK-NEXT: nn.load_weight @folded
// CHECK-NEXT: nn.elementwise mul
func.func @doubled(%x: tensor<4x2xf32>) -> tensor<4x2xf32> {
  %a0 = nn.load_weight @w : tensor<4x2xf32>
  %a1 = nn.elementwise add %a0, %a0 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a2 = nn.elementwise add %a1, %a1 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a3 = nn.elementwise add %a2, %a2 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a4 = nn.elementwise add %a3, %a3 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a5 = nn.elementwise add %a4, %a4 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a6 = nn.elementwise add %a5, %a5 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a7 = nn.elementwise add %a6, %a6 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a8 = nn.elementwise add %a7, %a7 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a9 = nn.elementwise add %a8, %a8 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a10 = nn.elementwise add %a9, %a9 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a11 = nn.elementwise add %a10, %a10 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a12 = nn.elementwise add %a11, %a11 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a13 = nn.elementwise add %a12, %a12 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a14 = nn.elementwise add %a13, %a13 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a15 = nn.elementwise add %a14, %a14 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a16 = nn.elementwise add %a15, %a15 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a17 = nn.elementwise add %a16, %a16 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a18 = nn.elementwise add %a17, %a17 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a19 = nn.elementwise add %a18, %a18 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a20 = nn.elementwise add %a19, %a19 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a21 = nn.elementwise add %a20, %a20 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a22 = nn.elementwise add %a21, %a21 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a23 = nn.elementwise add %a22, %a22 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a24 = nn.elementwise add %a23, %a23 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a25 = nn.elementwise add %a24, %a24 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a26 = nn.elementwise add %a25, %a25 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a27 = nn.elementwise add %a26, %a26 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a28 = nn.elementwise add %a27, %a27 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a29 = nn.elementwise add %a28, %a28 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a30 = nn.elementwise add %a29, %a29 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a31 = nn.elementwise add %a30, %a30 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a32 = nn.elementwise add %a31, %a31 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a33 = nn.elementwise add %a32, %a32 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a34 = nn.elementwise add %a33, %a33 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a35 = nn.elementwise add %a34, %a34 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a36 = nn.elementwise add %a35, %a35 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a37 = nn.elementwise add %a36, %a36 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a38 = nn.elementwise add %a37, %a37 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a39 = nn.elementwise add %a38, %a38 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a40 = nn.elementwise add %a39, %a39 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a41 = nn.elementwise add %a40, %a40 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a42 = nn.elementwise add %a41, %a41 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a43 = nn.elementwise add %a42, %a42 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a44 = nn.elementwise add %a43, %a43 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a45 = nn.elementwise add %a44, %a44 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a46 = nn.elementwise add %a45, %a45 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a47 = nn.elementwise add %a46, %a46 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %a48 = nn.elementwise add %a47, %a47 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  %y = nn.elementwise mul %x, %a48 : (tensor<4x2xf32>, tensor<4x2xf32>) -> tensor<4x2xf32>
  return %y : tensor<4x2xf32>
}
