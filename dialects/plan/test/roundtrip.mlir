// What is printed parses to the same program.
// RUN: attune-opt %s | attune-opt | FileCheck %s

// CHECK: plan.program @main symbols {B = #nn.range<min = 1, max = -1, divisor = 1>} {
plan.program @main symbols {B = #nn.range<min = 1, max = -1, divisor = 1>} {
  // CHECK: [[X:%.+]] = plan.input "x" f32 dims <[B, 64]>
  %x = plan.input "x" f32 dims <[B, 64]>
  %w = plan.weight @w bytes 256
  // CHECK: [[Y:%.+]] = plan.result bytes <256 * B>
  %y = plan.result bytes <B * 256>
  %t = plan.allocate bytes <B * 4>
  // CHECK: plan.launch @k row ins([[X]], {{%.+}}) at <[0, 0]> outs([[Y]]) at <[0]> integers <[B]>
  plan.launch @k row ins(%x, %w) at <[0, 0]> outs(%y) at <[0]> integers <[B]> grid <B> grain <1> scratch <0> flops <B * 64> bytes <B * 512>
  // Kernels to choose from.
  // CHECK: plan.launch @k map {{.*}} bytes <64 * B> or [@k1, @k2] grids <[B, 2 * B]> costs <[7, B, 2 * B]>
  plan.launch @k map ins(%t) at <[0]> outs(%y) at <[0]> integers <[]> grid <1> grain <1> scratch <0> flops <0> bytes <B * 64> or [@k1, @k2] grids <[B, B * 2]> costs <[7, B, B * 2]>
  // CHECK: plan.output "y" [[Y]] f32 dims <[B, 64]>
  plan.output "y" %y f32 dims <[B, 64]>
}
