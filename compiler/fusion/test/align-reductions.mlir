// Reductions run over trailing dims; single-use producers follow them.
// RUN: attune-opt --align-reductions %s | FileCheck %s
!x = tensor<?x?x8xf32, #nn.shape<[B, S, 8]>>
!m = tensor<?x?x1xf32, #nn.shape<[B, S, 1]>>

// CHECK-LABEL: @pooling
// CHECK-DAG: %[[X:.*]] = nn.transpose %arg0 [0, 2, 1]
// CHECK-DAG: %[[M:.*]] = nn.transpose %arg1 [0, 2, 1]
// CHECK: %[[P:.*]] = nn.elementwise mul %[[X]], %[[M]]
// CHECK: nn.reduce sum %[[P]] axes [2] :
func.func @pooling(%x: !x, %m: !m) -> tensor<?x8xf32, #nn.shape<[B, 8]>> {
  %p = nn.elementwise mul %x, %m : (!x, !m) -> !x
  %r = nn.reduce sum %p axes [1] : (!x) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return %r : tensor<?x8xf32, #nn.shape<[B, 8]>>
}

// CHECK-LABEL: @softmax_first_axis
// CHECK: %[[T:.*]] = nn.transpose %arg0 [1, 2, 0]
// CHECK: %[[S:.*]] = nn.softmax %[[T]] axis 2
// CHECK: nn.transpose %[[S]] [2, 0, 1]
func.func @softmax_first_axis(%x: !x) -> !x {
  %r = nn.softmax %x axis 0 : (!x) -> !x
  return %r : !x
}
