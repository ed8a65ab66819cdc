// Each root tensor gets one buffer: the caller's, the package's, or the arena's.
// RUN: attune-opt %s --plan-buffers | FileCheck %s

nn.weight @w : tensor<4xf32> = dense<1.0> : tensor<4xf32>

// CHECK: plan.program @main symbols {B = #nn.range<min = 1, max = -1, divisor = 1>} {
// CHECK: [[X:%.+]] = plan.input "x" f32 dims <[B, 4]>
// CHECK: [[Y:%.+]] = plan.result bytes <16 * B>
// CHECK: [[W:%.+]] = plan.weight @w bytes 16
// CHECK: [[T:%.+]] = plan.allocate bytes <16 * B>
// CHECK: plan.launch @k row ins([[X]], [[W]]) at <[8, 0]> outs([[T]]) at <[0]>
// A dying input's memory is taken over where the launch allows it.
// CHECK-NOT: plan.allocate
// CHECK: plan.launch @k row ins([[T]], [[W]]) at <[0, 0]> outs([[T]]) at <[0]>
// What may be empty (rows from the second on, of one) starts at the end at most.
// CHECK: plan.launch @k row ins([[T]], [[W]]) at <[min(24, 16 * B), 0]> outs([[Y]]) at <[0]>
// CHECK: plan.output "y" [[Y]] f32 dims <[4 * B]>
// CHECK: plan.output "z" [[X]] f32 dims <[B, 4]>
func.func @main(%x: tensor<?x4xf32, #nn.shape<[B, 4]>> {nn.name = "x"})
    -> (tensor<?xf32, #nn.shape<[4 * B]>> {nn.name = "y"}, tensor<?x4xf32, #nn.shape<[B, 4]>> {nn.name = "z"})
    attributes {nn.symbols = {B = #nn.range<min = 1, max = -1, divisor = 1>}} {
  %w = nn.load_weight @w : tensor<4xf32>
  %a = nn.launch row @k(%x, %w) layouts [#nn.layout<offset = <2>, strides = <[4, 1]>>, #nn.layout<offset = <0>, strides = <[1]>>] -> [#nn.layout<offset = <0>, strides = <[4, 1]>>] integers <[B]> grid <B> grain <1> scratch <0> flops <B> bytes <B> : (tensor<?x4xf32, #nn.shape<[B, 4]>>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<[B, 4]>>
  %b = nn.launch row @k(%a, %w) layouts [#nn.layout<offset = <0>, strides = <[4, 1]>>, #nn.layout<offset = <0>, strides = <[1]>>] -> [#nn.layout<offset = <0>, strides = <[4, 1]>>] integers <[B]> grid <B> grain <1> scratch <0> flops <B> bytes <B> in_place [0] : (tensor<?x4xf32, #nn.shape<[B, 4]>>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<[B, 4]>>
  %c = nn.launch row @k(%b, %w) layouts [#nn.layout<offset = <6>, strides = <[4, 1]>>, #nn.layout<offset = <0>, strides = <[1]>>] -> [#nn.layout<offset = <0>, strides = <[4, 1]>>] integers <[B]> grid <B> grain <1> scratch <0> flops <B> bytes <B> : (tensor<?x4xf32, #nn.shape<[B, 4]>>, tensor<4xf32>) -> tensor<?x4xf32, #nn.shape<[B, 4]>>
  %r = nn.reshape %c : (tensor<?x4xf32, #nn.shape<[B, 4]>>) -> tensor<?xf32, #nn.shape<[4 * B]>>
  return %r, %x : tensor<?xf32, #nn.shape<[4 * B]>>, tensor<?x4xf32, #nn.shape<[B, 4]>>
}

// What a function gives to the state is written there once nothing wants the old
// value: by a launch that reads it in place, or at the end by a copy.
nn.weight @p trainable state parameter : tensor<4xf32>
nn.weight @q trainable state parameter : tensor<4xf32>
nn.weight @r trainable state parameter : tensor<2x2xf32>

// CHECK: plan.program @step symbols {} {
// CHECK-DAG: [[P:%.+]] = plan.state @p bytes 16
// CHECK-DAG: [[Q:%.+]] = plan.state @q bytes 16
// CHECK-DAG: [[R:%.+]] = plan.state @r bytes 16
// CHECK: plan.launch @k row ins([[P]]) at <[0]> outs([[P]]) at <[0]>
// CHECK: [[A:%.+]] = plan.allocate bytes <16>
// CHECK: plan.launch @k row ins([[Q]]) at <[0]> outs([[A]]) at <[0]>
// CHECK: plan.launch @k row ins([[Q]]) at <[0]> outs([[R]]) at <[0]>
// CHECK: plan.copy [[A]] to [[Q]] bytes <16>
// CHECK-NOT: plan.copy
// CHECK: plan.output "loss" [[P]] f32 dims <[4]>
// CHECK-NOT: plan.output
func.func @step() -> (tensor<4xf32> {nn.updates = @p}, tensor<4xf32> {nn.updates = @q}, tensor<2x2xf32> {nn.updates = @r}, tensor<4xf32> {nn.name = "loss"}) {
  %p = nn.load_weight @p : tensor<4xf32>
  %q = nn.load_weight @q : tensor<4xf32>
  %a = nn.launch row @k(%p) layouts [#nn.layout<offset = <0>, strides = <[1]>>] -> [#nn.layout<offset = <0>, strides = <[1]>>] integers <[]> grid <1> grain <1> scratch <0> flops <1> bytes <1> in_place [0] : (tensor<4xf32>) -> tensor<4xf32>
  %b = nn.launch row @k(%q) layouts [#nn.layout<offset = <0>, strides = <[1]>>] -> [#nn.layout<offset = <0>, strides = <[1]>>] integers <[]> grid <1> grain <1> scratch <0> flops <1> bytes <1> in_place [0] : (tensor<4xf32>) -> tensor<4xf32>
  %c = nn.launch row @k(%q) layouts [#nn.layout<offset = <0>, strides = <[1]>>] -> [#nn.layout<offset = <0>, strides = <[1]>>] integers <[]> grid <1> grain <1> scratch <0> flops <1> bytes <1> : (tensor<4xf32>) -> tensor<4xf32>
  %d = nn.reshape %c : (tensor<4xf32>) -> tensor<2x2xf32>
  return %a, %b, %d, %a : tensor<4xf32>, tensor<4xf32>, tensor<2x2xf32>, tensor<4xf32>
}
