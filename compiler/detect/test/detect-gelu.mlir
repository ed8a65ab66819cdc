// Activations in the factorizations that exporters write.
// RUN: attune-opt --detect-gelu --allow-unregistered-dialect %s | FileCheck %s
!t = tensor<4x64xf32>
!s = tensor<f32>

// (x * (erf(x / sqrt 2) + 1)) * 0.5
// CHECK-LABEL: @erf_outer_half
// CHECK: nn.elementwise gelu_erf %arg0
func.func @erf_outer_half(%x: !t) -> !t {
  %r2 = arith.constant dense<1.41421354> : !s
  %one = arith.constant dense<1.0> : !s
  %half = arith.constant dense<0.5> : !s
  %a = nn.elementwise div %x, %r2 : (!t, !s) -> !t
  %b = nn.elementwise erf %a : (!t) -> !t
  %c = nn.elementwise add %one, %b : (!s, !t) -> !t
  %d = nn.elementwise mul %x, %c : (!t, !t) -> !t
  %e = nn.elementwise mul %d, %half : (!t, !s) -> !t
  return %e : !t
}

// x * (0.5 * (erf(x * 0.7071) + 1))
// CHECK-LABEL: @erf_inner_half
// CHECK: nn.elementwise gelu_erf %arg0
func.func @erf_inner_half(%x: !t) -> !t {
  %k = arith.constant dense<0.707106769> : !s
  %one = arith.constant dense<1.0> : !s
  %half = arith.constant dense<0.5> : !s
  %a = nn.elementwise mul %k, %x : (!s, !t) -> !t
  %b = nn.elementwise erf %a : (!t) -> !t
  %c = nn.elementwise add %b, %one : (!t, !s) -> !t
  %d = nn.elementwise mul %half, %c : (!s, !t) -> !t
  %e = nn.elementwise mul %d, %x : (!t, !t) -> !t
  return %e : !t
}

// (x * 0.5) * (tanh(k * (x + x^3 * 0.044715)) + 1)
// CHECK-LABEL: @tanh_power
// CHECK: nn.elementwise gelu_tanh %arg0
func.func @tanh_power(%x: !t) -> !t {
  %half = arith.constant dense<0.5> : !s
  %three = arith.constant dense<3.0> : !s
  %c = arith.constant dense<0.0447149985> : !s
  %k = arith.constant dense<0.797884583> : !s
  %one = arith.constant dense<1.0> : !s
  %h = nn.elementwise mul %x, %half : (!t, !s) -> !t
  %p = nn.elementwise pow %x, %three : (!t, !s) -> !t
  %q = nn.elementwise mul %p, %c : (!t, !s) -> !t
  %s = nn.elementwise add %x, %q : (!t, !t) -> !t
  %u = nn.elementwise mul %s, %k : (!t, !s) -> !t
  %t = nn.elementwise tanh %u : (!t) -> !t
  %v = nn.elementwise add %t, %one : (!t, !s) -> !t
  %r = nn.elementwise mul %h, %v : (!t, !t) -> !t
  return %r : !t
}

// x * sigmoid(2 k x (1 + 0.044715 x^2)), with the sigmoid written out
// CHECK-LABEL: @tanh_as_sigmoid
// CHECK: nn.elementwise gelu_tanh %arg0
func.func @tanh_as_sigmoid(%x: !t) -> !t {
  %c = arith.constant dense<0.044715> : !s
  %k = arith.constant dense<1.5957691> : !s
  %one = arith.constant dense<1.0> : !s
  %x2 = nn.elementwise mul %x, %x : (!t, !t) -> !t
  %a = nn.elementwise mul %x2, %c : (!t, !s) -> !t
  %b = nn.elementwise add %one, %a : (!s, !t) -> !t
  %d = nn.elementwise mul %x, %b : (!t, !t) -> !t
  %u = nn.elementwise mul %k, %d : (!s, !t) -> !t
  %n = nn.elementwise neg %u : (!t) -> !t
  %e = nn.elementwise exp %n : (!t) -> !t
  %f = nn.elementwise add %e, %one : (!t, !s) -> !t
  %g = nn.elementwise div %one, %f : (!s, !t) -> !t
  %r = nn.elementwise mul %x, %g : (!t, !t) -> !t
  return %r : !t
}

// CHECK-LABEL: @silu
// CHECK: nn.elementwise silu %arg0
func.func @silu(%x: !t) -> !t {
  %g = nn.elementwise sigmoid %x : (!t) -> !t
  %r = nn.elementwise mul %g, %x : (!t, !t) -> !t
  return %r : !t
}

// Not GELU: another constant, another input.
// CHECK-LABEL: @lookalikes
// CHECK-NOT: gelu
func.func @lookalikes(%x: !t, %y: !t) -> (!t, !t) {
  %k = arith.constant dense<0.8> : !s
  %k2 = arith.constant dense<0.707106769> : !s
  %one = arith.constant dense<1.0> : !s
  %half = arith.constant dense<0.5> : !s
  %a = nn.elementwise mul %x, %k : (!t, !s) -> !t
  %b = nn.elementwise erf %a : (!t) -> !t
  %c = nn.elementwise add %b, %one : (!t, !s) -> !t
  %d = nn.elementwise mul %half, %c : (!s, !t) -> !t
  %e = nn.elementwise mul %d, %x : (!t, !t) -> !t
  %f = nn.elementwise mul %y, %k2 : (!t, !s) -> !t
  %g = nn.elementwise erf %f : (!t) -> !t
  %h = nn.elementwise add %g, %one : (!t, !s) -> !t
  %i = nn.elementwise mul %half, %h : (!s, !t) -> !t
  %j = nn.elementwise mul %i, %x : (!t, !t) -> !t
  return %e, %j : !t, !t
}
