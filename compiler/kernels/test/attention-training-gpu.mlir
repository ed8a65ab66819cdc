// What of an attention in training has no kernel for a GPU is an error that says
// so (auto does not get there: its parts are chosen instead).
// RUN: not attune-opt %s --split-input-file --build-kernels=target=sm_80 --plan-scratch=target=sm_80 2>&1 | FileCheck %s

// CHECK: error: fused gradients of attention are not supported on CUDA
!q = tensor<2x1x64x32xf32>
!l = tensor<2x1x64xf32>
func.func @main(%q: !q, %o: !q, %l: !l, %g: !q) -> !q {
  %r = nn.group attention_backward (%a = %q, %d = %o, %e = %l, %f = %g) : (!q, !q, !l, !q) -> !q {
    %s:3 = nn.attention_backward %a, %a, %a output %d, %e gradient %f scale 0.25 : (!q, !q, !q, !q, !l, !q) -> (!q, !q, !q)
    nn.yield %s#0 : !q
  }
  return %r : !q
}

// -----

// CHECK: error: {{.*}}dropout is not supported on CUDA
!q = tensor<2x1x64x32xf32>
func.func @main(%q: !q, %seed: tensor<i64>) -> !q {
  %r = nn.group attention (%a = %q, %b = %seed) : (!q, tensor<i64>) -> !q {
    %s = nn.attention %a, %a, %a scale 0.25 dropout 0.1 id 4 (%b, %b, %b) : (!q, !q, !q, tensor<i64>, tensor<i64>, tensor<i64>) -> !q
    nn.yield %s : !q
  }
  return %r : !q
}
