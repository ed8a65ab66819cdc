// Cross entropy becomes reductions, and these one row group without a result
// of the size of the logits.
// RUN: attune-opt --decompose-losses %s | FileCheck %s
// RUN: attune-opt --fusion %s | FileCheck %s --check-prefix=GROUP
!x = tensor<?x65xf32, #nn.shape<[N, 65]>>
!l = tensor<?xi64, #nn.shape<[N]>>
!r = tensor<?xf32, #nn.shape<[N]>>

// CHECK-LABEL: @loss
// CHECK: %[[MAX:.*]] = nn.reduce max %arg0 axes [1] keepdims
// CHECK: nn.elementwise exp
// CHECK: nn.elementwise log
// CHECK: nn.iota axis 1 : tensor<1x65xi32>
// CHECK-NOT: nn.reduce mean
// CHECK-NOT: nn.cross_entropy

// GROUP-LABEL: @loss
// GROUP: nn.group row
// GROUP: nn.iota
// GROUP: nn.yield {{.*}} : tensor<?x1xf32, #nn.shape<[N, 1]>>, tensor<?x1xf32, #nn.shape<[N, 1]>>
// GROUP-NOT: nn.group
// GROUP: return
func.func @loss(%x: !x, %l: !l) -> (!r, !r) {
  %loss, %lse = nn.cross_entropy %x, %l : (!x, !l) -> (!r, !r)
  return %loss, %lse : !r, !r
}

// Without a row of its own a class that is ignored costs two more ops a row.
// CHECK-LABEL: @smoothed
// CHECK-DAG: nn.reduce mean %arg0
// CHECK-DAG: arith.constant dense<0.899999{{.*}}> : tensor<f32>
// CHECK: nn.elementwise equal {{.*}} -> tensor<?x1xi1
// CHECK: nn.elementwise not

// GROUP-LABEL: @smoothed
// GROUP: nn.group row
// GROUP-NOT: nn.group
// GROUP: return
func.func @smoothed(%x: !x, %l: !l) -> (!r, !r) {
  %loss, %lse = nn.cross_entropy %x, %l smoothing 0.1 ignore 3 : (!x, !l) -> (!r, !r)
  return %loss, %lse : !r, !r
}

// The gradient reads what the loss does and joins it: the logits are read from
// memory once, and the gradient may lie where they lay.
// GROUP-LABEL: @with_gradient
// GROUP: nn.group row
// GROUP: nn.yield
// GROUP-SAME: tensor<?x65xf32
// GROUP-NOT: nn.group
// GROUP: return
func.func @with_gradient(%x: !x, %l: !l, %g: tensor<f32>) -> (!r, !x) {
  %loss, %lse = nn.cross_entropy %x, %l : (!x, !l) -> (!r, !r)
  %zero = arith.constant dense<0.0> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %row = nn.reshape %lse : (!r) -> tensor<?x1xf32, #nn.shape<[N, 1]>>
  %label = nn.reshape %l : (!l) -> tensor<?x1xi64, #nn.shape<[N, 1]>>
  %s = nn.elementwise sub %x, %row : (!x, tensor<?x1xf32, #nn.shape<[N, 1]>>) -> !x
  %p = nn.elementwise exp %s : (!x) -> !x
  %i = nn.iota axis 1 : tensor<1x65xi64>
  %e = nn.elementwise equal %i, %label : (tensor<1x65xi64>, tensor<?x1xi64, #nn.shape<[N, 1]>>) -> tensor<?x65xi1, #nn.shape<[N, 65]>>
  %t = nn.elementwise select %e, %one, %zero : (tensor<?x65xi1, #nn.shape<[N, 65]>>, tensor<f32>, tensor<f32>) -> !x
  %d = nn.elementwise sub %p, %t : (!x, !x) -> !x
  %r = nn.elementwise mul %d, %g : (!x, tensor<f32>) -> !x
  return %loss, %r : !r, !x
}
