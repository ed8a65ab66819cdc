// The CPU packs a right operand that is no weight, and keeps partial sums between blocks
// of k: bytes that follow from the launch's integers.
// RUN: attune-opt %s --build-kernels --plan-scratch --verify-kernels | FileCheck %s

// CHECK: tile.kernel contraction @contraction_0({{.*}} schedule({scratch = #map{{.*}}})
// CHECK: nn.launch contraction @contraction_0(
// CHECK-SAME: scratch <{{[^>]*}}T
func.func @main(%p: tensor<?x?xf32, #nn.shape<[S, T]>>, %v: tensor<?x64xf32, #nn.shape<[T, 64]>>) -> tensor<?x64xf32, #nn.shape<[S, 64]>> {
  %y = nn.group contraction (%a = %p, %b = %v) : (tensor<?x?xf32, #nn.shape<[S, T]>>, tensor<?x64xf32, #nn.shape<[T, 64]>>) -> tensor<?x64xf32, #nn.shape<[S, 64]>> {
    %c = nn.contract %a, %b contracting [1] x [0] : (tensor<?x?xf32, #nn.shape<[S, T]>>, tensor<?x64xf32, #nn.shape<[T, 64]>>) -> tensor<?x64xf32, #nn.shape<[S, 64]>>
    nn.yield %c : tensor<?x64xf32, #nn.shape<[S, 64]>>
  }
  return %y : tensor<?x64xf32, #nn.shape<[S, 64]>>
}
