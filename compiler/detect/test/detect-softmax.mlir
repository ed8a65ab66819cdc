// Softmax from exp and sum, with and without the maximum.
// RUN: attune-opt --detect-softmax %s | FileCheck %s
!x = tensor<2x4x8xf32>
!m = tensor<2x4x1xf32>

// CHECK-LABEL: @with_max
// CHECK: nn.softmax %arg0 axis 2
func.func @with_max(%x: !x) -> !x {
  %m = nn.reduce max %x axes [2] keepdims : (!x) -> !m
  %c = nn.elementwise sub %x, %m : (!x, !m) -> !x
  %e = nn.elementwise exp %c : (!x) -> !x
  %s = nn.reduce sum %e axes [2] keepdims : (!x) -> !m
  %r = nn.elementwise div %e, %s : (!x, !m) -> !x
  return %r : !x
}

// CHECK-LABEL: @reciprocal
// CHECK: nn.softmax %arg0 axis 2
func.func @reciprocal(%x: !x) -> !x {
  %e = nn.elementwise exp %x : (!x) -> !x
  %s = nn.reduce sum %e axes [2] keepdims : (!x) -> !m
  %i = nn.elementwise reciprocal %s : (!m) -> !m
  %r = nn.elementwise mul %i, %e : (!m, !x) -> !x
  return %r : !x
}

// The sum runs over another tensor.
// CHECK-LABEL: @not_a_softmax
// CHECK-NOT: nn.softmax
func.func @not_a_softmax(%x: !x, %y: !x) -> !x {
  %e = nn.elementwise exp %x : (!x) -> !x
  %f = nn.elementwise exp %y : (!x) -> !x
  %s = nn.reduce sum %f axes [2] keepdims : (!x) -> !m
  %r = nn.elementwise div %e, %s : (!x, !m) -> !x
  return %r : !x
}
