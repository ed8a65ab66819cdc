// A share of the activations that cannot be had is a warning, once for both functions: what is
// computed again lies beside what it is computed from.
// RUN: attune-opt --recompute=fraction=0.1 %s 2>&1 | FileCheck %s
// CHECK: warning: a step needs {{[0-9.]+}}% of the activations, not 10.00%: computing more of them again would need no less
// CHECK-NOT: warning
nn.weight @w trainable state parameter : tensor<16x64xf32>
nn.weight @w.grad state gradient : tensor<16x64xf32>
func.func @grad(%x: tensor<8x16xf32> {nn.name = "x"}) -> (tensor<f32> {nn.name = "loss"}, tensor<16x64xf32> {nn.updates = @w.grad}) {
  %w = nn.load_weight @w : tensor<16x64xf32>
  %a = nn.contract %x, %w contracting [1] x [0] : (tensor<8x16xf32>, tensor<16x64xf32>) -> tensor<8x64xf32>
  %h = nn.elementwise gelu_erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %l = nn.reduce sum %h axes [0, 1] : (tensor<8x64xf32>) -> tensor<f32>
  %d = nn.elementwise mul %h, %a : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %g = nn.contract %x, %d contracting [0] x [0] : (tensor<8x16xf32>, tensor<8x64xf32>) -> tensor<16x64xf32>
  return %l, %g : tensor<f32>, tensor<16x64xf32>
}
func.func @step(%x: tensor<8x16xf32> {nn.name = "x"}) -> (tensor<f32> {nn.name = "loss"}, tensor<16x64xf32> {nn.updates = @w}) {
  %w = nn.load_weight @w : tensor<16x64xf32>
  %a = nn.contract %x, %w contracting [1] x [0] : (tensor<8x16xf32>, tensor<16x64xf32>) -> tensor<8x64xf32>
  %h = nn.elementwise gelu_erf %a : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %l = nn.reduce sum %h axes [0, 1] : (tensor<8x64xf32>) -> tensor<f32>
  %d = nn.elementwise mul %h, %a : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %g = nn.contract %x, %d contracting [0] x [0] : (tensor<8x16xf32>, tensor<8x64xf32>) -> tensor<16x64xf32>
  return %l, %g : tensor<f32>, tensor<16x64xf32>
}
