// Forward values are computed again instead of kept.
// RUN: attune-opt --recompute=rule=gelu %s | FileCheck %s --check-prefix=GELU
// RUN: attune-opt --recompute=rule=gelu+norm %s | FileCheck %s --check-prefix=NORM
// RUN: attune-opt --recompute %s | FileCheck %s --check-prefix=NONE
// RUN: attune-opt --recompute=fraction=0.5 --cse %s | FileCheck %s --check-prefix=HALF
// RUN: attune-opt --recompute=fraction=0.01 %s 2>&1 | FileCheck %s --check-prefix=LEAST
// RUN: not attune-opt --recompute=rule=all %s 2>&1 | FileCheck %s --check-prefix=RULE
// RUN: not attune-opt --recompute=fraction=0 %s 2>&1 | FileCheck %s --check-prefix=FRACTION

// RULE: error: expects to recompute none, gelu or gelu+norm, found 'all'
// FRACTION: error: expects an activation memory above 0 and at most 1, found 0
// NONE-NOT: nn.barrier

// The activation is computed again from what it read, just before the product
// that reads it; the forward one is left to the forward pass.
// GELU-LABEL: func.func @grad
// GELU: %[[N:[^,]*]], %{{.*}} = nn.norm
// GELU: %[[X:.*]] = nn.contract
// GELU: %[[Y:.*]] = nn.elementwise gelu_erf %[[X]]
// GELU: nn.contract %[[Y]]
// GELU: %[[B:.*]] = nn.barrier %[[X]] id 0
// GELU-NEXT: %[[Z:.*]] = nn.elementwise gelu_erf %[[B]]
// GELU-NEXT: nn.contract %[[Z]]
// GELU: nn.elementwise mul %{{.*}}, %[[B]]
// GELU: nn.contract %[[N]]
// NORM-LABEL: func.func @grad
// NORM: %[[X:[^:]*]]: tensor<8x16xf32> {nn.name = "x"}
// NORM: nn.norm
// NORM: %[[B:.*]] = nn.barrier %[[X]]
// NORM-NEXT: %[[N:[^,]*]], %{{.*}} = nn.norm rms %[[B]]
// NORM-NEXT: nn.contract %[[N]]

// Kept are 8 x 16 of the norm, 8 of its rstd, 8 x 64 of the product and of the
// activation: half of it without the activation, which costs least for what it
// takes. CSE merges nothing.
// HALF: nn.elementwise gelu_erf
// HALF: nn.barrier
// HALF: nn.elementwise gelu_erf
// Even the product comes back, from the input; then nothing is kept.
// LEAST-NOT: warning
// LEAST: nn.barrier
nn.weight @g trainable state parameter : tensor<16xf32>
nn.weight @w trainable state parameter : tensor<16x64xf32>
nn.weight @v trainable state parameter : tensor<64x16xf32>
nn.weight @w.grad state gradient : tensor<16x64xf32>
nn.weight @v.grad state gradient : tensor<64x16xf32>
func.func @grad(%x: tensor<8x16xf32> {nn.name = "x"}, %dz: tensor<8x16xf32> {nn.name = "t"})
    -> (tensor<f32> {nn.name = "loss"}, tensor<64x16xf32> {nn.updates = @v.grad}, tensor<16x64xf32> {nn.updates = @w.grad}) {
  %g = nn.load_weight @g : tensor<16xf32>
  %w = nn.load_weight @w : tensor<16x64xf32>
  %v = nn.load_weight @v : tensor<64x16xf32>
  %n, %rstd = nn.norm rms %x axis 1 epsilon 1.0e-5 scale %g : tensor<16xf32> : tensor<8x16xf32> -> tensor<8x16xf32> rstd tensor<8xf32>
  %a = nn.contract %n, %w contracting [1] x [0] : (tensor<8x16xf32>, tensor<16x64xf32>) -> tensor<8x64xf32>
  %h = nn.elementwise gelu_erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %z = nn.contract %h, %v contracting [1] x [0] : (tensor<8x64xf32>, tensor<64x16xf32>) -> tensor<8x16xf32>
  %l = nn.reduce sum %z axes [0, 1] : (tensor<8x16xf32>) -> tensor<f32>
  %dv = nn.contract %h, %dz contracting [0] x [0] : (tensor<8x64xf32>, tensor<8x16xf32>) -> tensor<64x16xf32>
  %dh = nn.contract %dz, %v contracting [1] x [1] : (tensor<8x16xf32>, tensor<64x16xf32>) -> tensor<8x64xf32>
  %da = nn.elementwise mul %dh, %a : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %dw = nn.contract %n, %da contracting [0] x [0] : (tensor<8x16xf32>, tensor<8x64xf32>) -> tensor<16x64xf32>
  return %l, %dv, %dw : tensor<f32>, tensor<64x16xf32>, tensor<16x64xf32>
}
