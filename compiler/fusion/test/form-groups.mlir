// Which ops one kernel computes.
// RUN: attune-opt --form-groups --verify-fused %s | FileCheck %s
// RUN: attune-opt --form-groups=fuse=false --verify-fused %s | FileCheck %s --check-prefix=ALONE
!x = tensor<?x8x64xf32, #nn.shape<[B, 8, 64]>>
!ids = tensor<?x8xi64, #nn.shape<[B, 8]>>
!w = tensor<64x64xf32>
!p = tensor<64xf32>
!s = tensor<f32>

// Bias, activation and residual ride on the product; the norm follows.
// CHECK-LABEL: @block
// CHECK: %[[Y:.*]] = nn.group contraction (%[[A:.*]] = %arg0, %[[W:.*]] = %arg1, %{{.*}} = %arg2) :
// CHECK-NEXT: nn.contract
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: nn.elementwise gelu_erf
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: nn.yield
// CHECK: nn.group row
// CHECK-NEXT: nn.norm layer
// ALONE-LABEL: @block
// ALONE-COUNT-5: nn.group
// ALONE: return
func.func @block(%x: !x, %w: !w, %b: !p, %g: !p) -> !x {
  %y = nn.contract %x, %w contracting [2] x [0] : (!x, !w) -> !x
  %z = nn.elementwise add %b, %y : (!p, !x) -> !x
  %a = nn.elementwise gelu_erf %z : (!x) -> !x
  %r = nn.elementwise add %a, %x : (!x, !x) -> !x
  %n = nn.norm layer %r axis 2 epsilon 1.0e-5 scale %g : !p bias %b : !p : !x -> !x
  return %n : !x
}

// The residual sum is read again: a second result, not a second computation.
// CHECK-LABEL: @sum_is_read_again
// CHECK: %[[R:.*]]:2 = nn.group row
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: nn.norm
// CHECK-NEXT: nn.yield
// CHECK: return %[[R]]#0, %[[R]]#1
func.func @sum_is_read_again(%x: !x, %y: !x) -> (!x, !x) {
  %r = nn.elementwise add %x, %y : (!x, !x) -> !x
  %n = nn.norm layer %r axis 2 epsilon 1.0e-5 : !x -> !x
  return %n, %r : !x, !x
}

// The sum depends on the product through the norm: it must not join its group.
// CHECK-LABEL: @no_cycle
// CHECK: nn.group contraction
// CHECK-NEXT: nn.contract
// CHECK-NEXT: nn.yield
// CHECK: nn.group row
// CHECK-NEXT: nn.norm
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: nn.yield
func.func @no_cycle(%x: !x, %w: !w) -> !x {
  %y = nn.contract %x, %w contracting [2] x [0] : (!x, !w) -> !x
  %n = nn.norm layer %y axis 2 epsilon 1.0e-5 : !x -> !x
  %s = nn.elementwise add %y, %n : (!x, !x) -> !x
  return %s : !x
}

// Embeddings: gathers are loads of their sum.
// CHECK-LABEL: @embedding
// CHECK: nn.group map
// CHECK-NEXT: nn.gather
// CHECK-NEXT: nn.gather
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: nn.yield
// CHECK: nn.group row
func.func @embedding(%t: tensor<100x64xf32>, %u: tensor<2x64xf32>, %i: !ids, %j: !ids) -> !x {
  %a = nn.gather %t[%i] axis 0 : (tensor<100x64xf32>, !ids) -> !x
  %b = nn.gather %u[%j] axis 0 : (tensor<2x64xf32>, !ids) -> !x
  %s = nn.elementwise add %a, %b : (!x, !x) -> !x
  %n = nn.norm layer %s axis 2 epsilon 1.0e-5 : !x -> !x
  return %n : !x
}

// A mask of positions is computed where it is used, literals too; the softmax of
// unfused attention is one row group.
// CHECK-LABEL: @masked_softmax
// CHECK: nn.group row (%{{.*}} = %arg0) :
// CHECK-DAG: nn.iota
// CHECK-DAG: nn.elementwise less_equal
// CHECK-DAG: arith.constant dense<0xFF800000>
// CHECK: nn.elementwise select
// CHECK: nn.softmax
// CHECK-NOT: nn.group
func.func @masked_softmax(%s: tensor<4x8x8xf32>) -> tensor<4x8x8xf32> {
  %inf = arith.constant dense<0xFF800000> : !s
  %i = nn.iota axis 0 : tensor<8x1xi64>
  %j = nn.iota axis 0 : tensor<8xi64>
  %c = nn.elementwise less_equal %j, %i : (tensor<8xi64>, tensor<8x1xi64>) -> tensor<8x8xi1>
  %m = nn.elementwise select %c, %s, %inf : (tensor<8x8xi1>, tensor<4x8x8xf32>, !s) -> tensor<4x8x8xf32>
  %p = nn.softmax %m axis 2 : (tensor<4x8x8xf32>) -> tensor<4x8x8xf32>
  return %p : tensor<4x8x8xf32>
}

// Views stay outside; a chain between them is one map.
// CHECK-LABEL: @map
// CHECK: nn.group map
// CHECK-NEXT: nn.elementwise exp
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: nn.yield
// CHECK: nn.transpose
func.func @map(%x: !x, %y: !x) -> tensor<8x?x64xf32, #nn.shape<[8, B, 64]>> {
  %e = nn.elementwise exp %x : (!x) -> !x
  %s = nn.elementwise add %e, %y : (!x, !x) -> !x
  %t = nn.transpose %s [1, 0, 2] : (!x) -> tensor<8x?x64xf32, #nn.shape<[8, B, 64]>>
  return %t : tensor<8x?x64xf32, #nn.shape<[8, B, 64]>>
}

// A product reads both operands from memory, a literal too.
// CHECK-LABEL: func.func @product_with_a_literal
// CHECK: %[[W:.+]] = arith.constant dense<1.000000e+00> : tensor<4x4xf32>
// CHECK: nn.group contraction (%{{.+}} = %{{.+}}, %{{.+}} = %[[W]])
func.func @product_with_a_literal(%x: tensor<3x4xf32>) -> tensor<3x4xf32> {
  %w = arith.constant dense<1.0> : tensor<4x4xf32>
  %y = nn.contract %x, %w contracting [1] x [0] : (tensor<3x4xf32>, tensor<4x4xf32>) -> tensor<3x4xf32>
  return %y : tensor<3x4xf32>
}

// What a copy takes along has an end: positions that are multiplied by themselves
// again and again are no literal, and each product is made once.
// CHECK-LABEL: func.func @positions_without_end
// CHECK: nn.iota
// CHECK-COUNT-48: nn.elementwise mul
// CHECK-NEXT: nn.elementwise add
func.func @positions_without_end(%x: tensor<8xi64>) -> tensor<8xi64> {
  %a0 = nn.iota axis 0 : tensor<8xi64>
  %a1 = nn.elementwise mul %a0, %a0 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a2 = nn.elementwise mul %a1, %a1 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a3 = nn.elementwise mul %a2, %a2 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a4 = nn.elementwise mul %a3, %a3 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a5 = nn.elementwise mul %a4, %a4 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a6 = nn.elementwise mul %a5, %a5 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a7 = nn.elementwise mul %a6, %a6 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a8 = nn.elementwise mul %a7, %a7 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a9 = nn.elementwise mul %a8, %a8 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a10 = nn.elementwise mul %a9, %a9 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a11 = nn.elementwise mul %a10, %a10 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a12 = nn.elementwise mul %a11, %a11 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a13 = nn.elementwise mul %a12, %a12 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a14 = nn.elementwise mul %a13, %a13 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a15 = nn.elementwise mul %a14, %a14 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a16 = nn.elementwise mul %a15, %a15 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a17 = nn.elementwise mul %a16, %a16 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a18 = nn.elementwise mul %a17, %a17 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a19 = nn.elementwise mul %a18, %a18 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a20 = nn.elementwise mul %a19, %a19 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a21 = nn.elementwise mul %a20, %a20 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a22 = nn.elementwise mul %a21, %a21 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a23 = nn.elementwise mul %a22, %a22 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a24 = nn.elementwise mul %a23, %a23 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a25 = nn.elementwise mul %a24, %a24 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a26 = nn.elementwise mul %a25, %a25 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a27 = nn.elementwise mul %a26, %a26 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a28 = nn.elementwise mul %a27, %a27 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a29 = nn.elementwise mul %a28, %a28 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a30 = nn.elementwise mul %a29, %a29 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a31 = nn.elementwise mul %a30, %a30 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a32 = nn.elementwise mul %a31, %a31 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a33 = nn.elementwise mul %a32, %a32 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a34 = nn.elementwise mul %a33, %a33 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a35 = nn.elementwise mul %a34, %a34 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a36 = nn.elementwise mul %a35, %a35 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a37 = nn.elementwise mul %a36, %a36 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a38 = nn.elementwise mul %a37, %a37 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a39 = nn.elementwise mul %a38, %a38 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a40 = nn.elementwise mul %a39, %a39 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a41 = nn.elementwise mul %a40, %a40 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a42 = nn.elementwise mul %a41, %a41 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a43 = nn.elementwise mul %a42, %a42 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a44 = nn.elementwise mul %a43, %a43 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a45 = nn.elementwise mul %a44, %a44 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a46 = nn.elementwise mul %a45, %a45 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a47 = nn.elementwise mul %a46, %a46 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %a48 = nn.elementwise mul %a47, %a47 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  %y = nn.elementwise add %x, %a48 : (tensor<8xi64>, tensor<8xi64>) -> tensor<8xi64>
  return %y : tensor<8xi64>
}

// Random numbers are made where they are read: by the dropout before a norm and
// again by its gradient, from seed, step and first.
// CHECK-LABEL: @dropout
// CHECK: nn.group row (
// CHECK: nn.random id 3(
// CHECK: nn.norm
// CHECK: nn.group map (
// CHECK: nn.random id 3(
// CHECK-NOT: nn.group
// CHECK: return
func.func @dropout(%x: tensor<4x64xf32>, %r: tensor<4x64xf32>, %dy: tensor<4x64xf32>, %seed: tensor<i64>, %step: tensor<i64>, %first: tensor<i64>) -> (tensor<4x64xf32>, tensor<4x64xf32>) {
  %p = arith.constant dense<0.5> : tensor<f32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %two = arith.constant dense<2.0> : tensor<f32>
  %u = nn.random id 3 (%seed, %step, %first) : tensor<4x64xf32>
  %k = nn.elementwise greater_equal %u, %p : (tensor<4x64xf32>, tensor<f32>) -> tensor<4x64xi1>
  %z = nn.elementwise select %k, %two, %zero : (tensor<4x64xi1>, tensor<f32>, tensor<f32>) -> tensor<4x64xf32>
  %d = nn.elementwise mul %x, %z : (tensor<4x64xf32>, tensor<4x64xf32>) -> tensor<4x64xf32>
  %s = nn.elementwise add %d, %r : (tensor<4x64xf32>, tensor<4x64xf32>) -> tensor<4x64xf32>
  %n = nn.norm layer %s axis 1 epsilon 1.0e-5 : tensor<4x64xf32> -> tensor<4x64xf32>
  %dx = nn.elementwise mul %dy, %z : (tensor<4x64xf32>, tensor<4x64xf32>) -> tensor<4x64xf32>
  return %n, %dx : tensor<4x64xf32>, tensor<4x64xf32>
}

// What is computed a second time behind a barrier does not join the product
// that computes it the first time.
// CHECK-LABEL: @again
// CHECK: %[[P:.*]]:2 = nn.group contraction
// CHECK-COUNT-1: nn.elementwise gelu_erf
// CHECK: nn.barrier %[[P]]#1 id 1
// CHECK: nn.group map
// CHECK: nn.elementwise gelu_erf
func.func @again(%x: tensor<4x64xf32>, %w: tensor<64x64xf32>, %dy: tensor<4x64xf32>) -> (tensor<4x64xf32>, tensor<4x64xf32>) {
  %p = nn.contract %x, %w contracting [1] x [0] : (tensor<4x64xf32>, tensor<64x64xf32>) -> tensor<4x64xf32>
  %y = nn.elementwise gelu_erf %p : (tensor<4x64xf32>) -> tensor<4x64xf32>
  %b = nn.barrier %p id 1 : tensor<4x64xf32>
  %y2 = nn.elementwise gelu_erf %b : (tensor<4x64xf32>) -> tensor<4x64xf32>
  %g = nn.elementwise mul %y2, %dy : (tensor<4x64xf32>, tensor<4x64xf32>) -> tensor<4x64xf32>
  return %y, %g : tensor<4x64xf32>, tensor<4x64xf32>
}

// The gradients of a norm's scale and bias: one walk down the columns of what
// both read.
// CHECK-LABEL: @siblings
// CHECK: nn.group row
// CHECK: nn.reduce sum
// CHECK: nn.reduce sum
// CHECK-NOT: nn.group
// CHECK: return
func.func @siblings(%dy: tensor<8x64xf32>, %n: tensor<8x64xf32>) -> (tensor<8xf32>, tensor<8xf32>) {
  %p = nn.elementwise mul %dy, %n : (tensor<8x64xf32>, tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.reduce sum %p axes [1] : (tensor<8x64xf32>) -> tensor<8xf32>
  %b = nn.reduce sum %dy axes [1] : (tensor<8x64xf32>) -> tensor<8xf32>
  return %s, %b : tensor<8xf32>, tensor<8xf32>
}

// An optimizer's three updates are one map.
// CHECK-LABEL: @adamw
// CHECK: nn.group map
// CHECK: nn.yield %{{.*}}, %{{.*}}, %{{.*}} :
// CHECK-NOT: nn.group
// CHECK: return
func.func @adamw(%w: tensor<100x8xf32>, %m: tensor<100x8xf32>, %v: tensor<100x8xf32>, %g: tensor<100x8xf32>, %rate: tensor<f32>) -> (tensor<100x8xf32>, tensor<100x8xf32>, tensor<100x8xf32>) {
  %b1 = arith.constant dense<0.9> : tensor<f32>
  %a1 = arith.constant dense<0.1> : tensor<f32>
  %e = arith.constant dense<1.0e-8> : tensor<f32>
  %m1 = nn.elementwise mul %m, %b1 : (tensor<100x8xf32>, tensor<f32>) -> tensor<100x8xf32>
  %g1 = nn.elementwise mul %g, %a1 : (tensor<100x8xf32>, tensor<f32>) -> tensor<100x8xf32>
  %mn = nn.elementwise add %m1, %g1 : (tensor<100x8xf32>, tensor<100x8xf32>) -> tensor<100x8xf32>
  %v1 = nn.elementwise mul %v, %b1 : (tensor<100x8xf32>, tensor<f32>) -> tensor<100x8xf32>
  %g2 = nn.elementwise mul %g1, %g : (tensor<100x8xf32>, tensor<100x8xf32>) -> tensor<100x8xf32>
  %vn = nn.elementwise add %v1, %g2 : (tensor<100x8xf32>, tensor<100x8xf32>) -> tensor<100x8xf32>
  %q = nn.elementwise sqrt %vn : (tensor<100x8xf32>) -> tensor<100x8xf32>
  %d = nn.elementwise add %q, %e : (tensor<100x8xf32>, tensor<f32>) -> tensor<100x8xf32>
  %u = nn.elementwise div %mn, %d : (tensor<100x8xf32>, tensor<100x8xf32>) -> tensor<100x8xf32>
  %r = nn.elementwise mul %u, %rate : (tensor<100x8xf32>, tensor<f32>) -> tensor<100x8xf32>
  %wn = nn.elementwise sub %w, %r : (tensor<100x8xf32>, tensor<100x8xf32>) -> tensor<100x8xf32>
  return %wn, %mn, %vn : tensor<100x8xf32>, tensor<100x8xf32>, tensor<100x8xf32>
}

// A scatter stands alone.
// CHECK-LABEL: @scatter
// CHECK: nn.group map
// CHECK: nn.group scatter
// CHECK-NEXT: nn.scatter
// CHECK-NEXT: nn.yield
// CHECK: nn.group map
func.func @scatter(%u: tensor<8x64xf32>, %i: tensor<8xi64>) -> tensor<65x64xf32> {
  %a = nn.elementwise exp %u : (tensor<8x64xf32>) -> tensor<8x64xf32>
  %s = nn.scatter %a[%i] axis 0 : (tensor<8x64xf32>, tensor<8xi64>) -> tensor<65x64xf32>
  %b = nn.elementwise exp %s : (tensor<65x64xf32>) -> tensor<65x64xf32>
  return %b : tensor<65x64xf32>
}

// A gradient that is added to is part of the product that makes it.
// CHECK-LABEL: @accumulate
// CHECK: nn.group contraction
// CHECK: nn.elementwise add
// CHECK-NOT: nn.group
// CHECK: return
nn.weight @g state gradient : tensor<8x16xf32>
func.func @accumulate(%x: tensor<4x8xf32>, %dy: tensor<4x16xf32>) -> (tensor<8x16xf32> {nn.updates = @g}) {
  %d = nn.contract %x, %dy contracting [0] x [0] : (tensor<4x8xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  %g = nn.load_weight @g : tensor<8x16xf32>
  %s = nn.elementwise add %g, %d : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %s : tensor<8x16xf32>
}

// An optimizer is a map, and the gradient is stored once: not its square too.
// CHECK-LABEL: @optimize
// CHECK: nn.group contraction
// CHECK-NOT: nn.elementwise
// CHECK: nn.yield
// CHECK: nn.group row
// CHECK: nn.elementwise mul
// CHECK: nn.reduce sum
// CHECK: nn.group map
// CHECK: nn.yield %{{.*}}, %{{.*}} :
// CHECK-NOT: nn.group
// CHECK: return
nn.weight @w trainable state parameter : tensor<8x16xf32>
nn.weight @w.m state optimizer : tensor<8x16xf32>
func.func @optimize(%x: tensor<4x8xf32>, %dy: tensor<4x16xf32>) -> (tensor<8xf32>, tensor<8x16xf32> {nn.updates = @w}, tensor<8x16xf32> {nn.updates = @w.m}) {
  %d = nn.contract %x, %dy contracting [0] x [0] : (tensor<4x8xf32>, tensor<4x16xf32>) -> tensor<8x16xf32>
  %q = nn.elementwise mul %d, %d : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %n = nn.reduce sum %q axes [1] : (tensor<8x16xf32>) -> tensor<8xf32>
  %w = nn.load_weight @w : tensor<8x16xf32>
  %m = nn.load_weight @w.m : tensor<8x16xf32>
  %m1 = nn.elementwise add %m, %d : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  %w1 = nn.elementwise sub %w, %m1 : (tensor<8x16xf32>, tensor<8x16xf32>) -> tensor<8x16xf32>
  return %n, %w1, %m1 : tensor<8xf32>, tensor<8x16xf32>, tensor<8x16xf32>
}

// A product stands behind its operands, not behind what is done to it at the
// end: there it would hold them until then. Nor does it wait for a sum with
// what is made much later.
// CHECK-LABEL: @place
// CHECK: nn.group contraction
// CHECK-NEXT: nn.contract
// CHECK-NEXT: nn.elementwise mul
// CHECK: nn.group contraction
// CHECK-NEXT: nn.contract
// CHECK-NEXT: nn.yield
// CHECK: nn.group row
// CHECK: nn.group scatter
// CHECK: nn.group map
// CHECK-NEXT: nn.elementwise add
func.func @place(%x: tensor<4x8xf32>, %dy: tensor<4x8xf32>, %i: tensor<4xi64>) -> (tensor<8x8xf32>, tensor<8x8xf32>) {
  %d = nn.contract %x, %dy contracting [0] x [0] : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  %t = nn.contract %dy, %x contracting [0] x [0] : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<8x8xf32>
  %n = nn.norm rms %dy axis 1 epsilon 1.0e-5 : tensor<4x8xf32> -> tensor<4x8xf32>
  %s = nn.scatter %n[%i] axis 0 : (tensor<4x8xf32>, tensor<4xi64>) -> tensor<8x8xf32>
  %q = nn.elementwise mul %d, %d : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  %g = nn.elementwise add %s, %t : (tensor<8x8xf32>, tensor<8x8xf32>) -> tensor<8x8xf32>
  return %q, %g : tensor<8x8xf32>, tensor<8x8xf32>
}
