// What is printed parses to the same IR, and dims print in canonical form.
// RUN: attune-opt %s | attune-opt | FileCheck %s
nn.weight @w : tensor<2x2xf32> = dense<[[1.0,2.0],[3.0,4.0]]> : tensor<2x2xf32>
nn.weight @wt trainable : tensor<2x2xf32> init {
  %w = nn.load_weight @w : tensor<2x2xf32>
  %t = nn.transpose %w [1, 0] : (tensor<2x2xf32>) -> tensor<2x2xf32>
  nn.yield %t : tensor<2x2xf32>
}
// CHECK-LABEL: func.func @main(
// CHECK-SAME: #nn.shape<[B, S + "past.len"]>
func.func @main(%x: tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>, %ids: tensor<?x?xi64, #nn.shape<[B, "past.len" + S]>>) -> tensor<?x2xf32, #nn.shape<[B * S, 2]>>
    attributes {nn.symbols = {B = #nn.range<min = 1, max = -1, divisor = 1>}} {
  %w = nn.load_weight @w : tensor<2x2xf32>
  %c = arith.constant dense<1.0> : tensor<f32>
  %y = nn.group contraction (%a = %x, %b = %w) : (tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>, tensor<2x2xf32>) -> tensor<?x?x2xf32, #nn.shape<[B, S, 2]>> {
    %r = nn.contract %a, %b contracting [2] x [0] : (tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>, tensor<2x2xf32>) -> tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>
    nn.yield %r : tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>
  }
  %z = nn.elementwise add %y, %c : (tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>, tensor<f32>) -> tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>
  %n = nn.norm layer %z axis 2 epsilon 1.0e-5 : tensor<?x?x2xf32, #nn.shape<[B, S, 2]>> -> tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>
  %r = nn.reshape %n : (tensor<?x?x2xf32, #nn.shape<[B, S, 2]>>) -> tensor<?x2xf32, #nn.shape<[B * S, 2]>>
  %s = nn.slice %ids starts <[0, S - 1]> sizes <[B, 1]> steps [1, 1] : (tensor<?x?xi64, #nn.shape<[B, "past.len" + S]>>) -> tensor<?x1xi64, #nn.shape<[B, 1]>>
  // CHECK: nn.dim <3 * S + floordiv(S, 2) - 4>
  %d = nn.dim <floordiv(S, 2) + 3 * S - 4> : tensor<i64>
  return %r : tensor<?x2xf32, #nn.shape<[B * S, 2]>>
}

// Training: state, random numbers, losses, what attention needs for both ways.
// CHECK: nn.weight @p trainable state parameter : tensor<65x16xf32>
nn.weight @p trainable state parameter : tensor<65x16xf32>
// CHECK: nn.weight @p.m state optimizer : tensor<65x16xf32>
nn.weight @p.m state optimizer : tensor<65x16xf32>
// CHECK-LABEL: func.func @step(
// CHECK-SAME: nn.updates = @p
func.func @step(%q: tensor<2x4x8x16xf32>, %labels: tensor<8xi64>, %seed: tensor<i64>, %step: tensor<i64>, %first: tensor<i64>)
    -> (tensor<65x16xf32> {nn.updates = @p}) {
  // CHECK: nn.random id 3(
  %u = nn.random id 3 (%seed, %step, %first) : tensor<8x65xf32>
  // CHECK: smoothing {{.*}} ignore -1
  %loss, %lse = nn.cross_entropy %u, %labels smoothing 0.1 ignore -1 : (tensor<8x65xf32>, tensor<8xi64>) -> (tensor<8xf32>, tensor<8xf32>)
  // CHECK: causal top_left dropout {{.*}} id 4(
  %o, %l = nn.attention %q, %q, %q scale 0.25 causal top_left dropout 0.17 id 4 (%seed, %step, %first) : (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<2x4x8x16xf32>, tensor<2x4x8xf32>)
  // CHECK: nn.attention_backward
  %dq, %dk, %dv = nn.attention_backward %q, %q, %q output %o, %l gradient %o scale 0.25 causal top_left dropout 0.17 id 4 (%seed, %step, %first) : (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8xf32>, tensor<2x4x8x16xf32>, tensor<i64>, tensor<i64>, tensor<i64>) -> (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>)
  // CHECK: %[[O:.*]], %[[S:.*]]:2 = nn.attention
  %p, %s:2 = nn.attention %q, %q, %q scale 0.25 : (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>) -> (tensor<2x4x8x16xf32>, tensor<2x4x8xf32>, tensor<2x4x8x8xf32>)
  // CHECK: output %[[O]], %[[S]]#0 gradient %{{.*}} scores %[[S]]#1 scale
  %r:3 = nn.attention_backward %q, %q, %q output %p, %s#0 gradient %p scores %s#1 scale 0.25 : (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x8xf32>) -> (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>)
  // CHECK: nn.barrier %{{.*}} id 1
  %b = nn.barrier %dq id 1 : tensor<2x4x8x16xf32>
  %d = nn.slice %b starts <[0, 0, 0, 0]> sizes <[1, 1, 8, 16]> steps [1, 1, 1, 1] : (tensor<2x4x8x16xf32>) -> tensor<1x1x8x16xf32>
  %e = nn.reshape %d : (tensor<1x1x8x16xf32>) -> tensor<8x16xf32>
  // CHECK: nn.scatter
  %g = nn.scatter %e[%labels] axis 0 : (tensor<8x16xf32>, tensor<8xi64>) -> tensor<65x16xf32>
  return %g : tensor<65x16xf32>
}
