// Norms from their parts.
// RUN: attune-opt --detect-norm %s | FileCheck %s
!x = tensor<?x8x64xf32, #nn.shape<[B, 8, 64]>>
!m = tensor<?x8x1xf32, #nn.shape<[B, 8, 1]>>
!p = tensor<64xf32>
!s = tensor<f32>

// CHECK-LABEL: @layer
// CHECK-NEXT: %[[R:.*]] = nn.norm layer %arg0 axis 2 epsilon 9.99{{.*}}E-6 scale %arg1 : tensor<64xf32> bias %arg2 : tensor<64xf32>
// CHECK-NEXT: return %[[R]]
func.func @layer(%x: !x, %g: !p, %b: !p) -> !x {
  %two = arith.constant dense<2.0> : !s
  %eps = arith.constant dense<1.0e-5> : !s
  %m = nn.reduce mean %x axes [2] keepdims : (!x) -> !m
  %c = nn.elementwise sub %x, %m : (!x, !m) -> !x
  %q = nn.elementwise pow %c, %two : (!x, !s) -> !x
  %v = nn.reduce mean %q axes [2] keepdims : (!x) -> !m
  %e = nn.elementwise add %eps, %v : (!s, !m) -> !m
  %r = nn.elementwise sqrt %e : (!m) -> !m
  %d = nn.elementwise div %c, %r : (!x, !m) -> !x
  %f = nn.elementwise mul %g, %d : (!p, !x) -> !x
  %h = nn.elementwise add %f, %b : (!x, !p) -> !x
  return %h : !x
}

// x * rsqrt(sum x^2 / 64 + eps) * g
// CHECK-LABEL: @rms
// CHECK-NEXT: %[[R:.*]] = nn.norm rms %arg0 axis 2 {{.*}} scale %arg1
// CHECK-NEXT: return %[[R]]
func.func @rms(%x: !x, %g: !p) -> !x {
  %n = arith.constant dense<64.0> : !s
  %eps = arith.constant dense<1.0e-6> : !s
  %q = nn.elementwise mul %x, %x : (!x, !x) -> !x
  %t = nn.reduce sum %q axes [2] keepdims : (!x) -> !m
  %v = nn.elementwise div %t, %n : (!m, !s) -> !m
  %e = nn.elementwise add %v, %eps : (!m, !s) -> !m
  %r = nn.elementwise rsqrt %e : (!m) -> !m
  %d = nn.elementwise mul %r, %x : (!m, !x) -> !x
  %f = nn.elementwise mul %d, %g : (!x, !p) -> !x
  return %f : !x
}

// The deviation is of another tensor than the mean: no norm.
// CHECK-LABEL: @not_a_norm
// CHECK-NOT: nn.norm layer
func.func @not_a_norm(%x: !x, %y: !x) -> !x {
  %eps = arith.constant dense<1.0e-5> : !s
  %m = nn.reduce mean %x axes [2] keepdims : (!x) -> !m
  %c = nn.elementwise sub %y, %m : (!x, !m) -> !x
  %q = nn.elementwise mul %x, %x : (!x, !x) -> !x
  %v = nn.reduce mean %q axes [2] keepdims : (!x) -> !m
  %e = nn.elementwise add %v, %eps : (!m, !s) -> !m
  %r = nn.elementwise sqrt %e : (!m) -> !m
  %d = nn.elementwise div %c, %r : (!x, !m) -> !x
  return %d : !x
}
