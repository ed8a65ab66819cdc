// What a bias hides becomes causal, a window or a key mask; the rest stays.
// RUN: attune-opt --simplify --detect-masks --simplify %s | FileCheck %s
#s = #nn.shape<[S]>
!q = tensor<?x4x?x16xf32, #nn.shape<[B, 4, S, 16]>>
!i = tensor<?xi64, #nn.shape<[S]>>
!row = tensor<?x1xi64, #nn.shape<[S, 1]>>
!ss = tensor<?x?xi1, #nn.shape<[S, S]>>
!fss = tensor<?x?xf32, #nn.shape<[S, S]>>
!m = tensor<?x?xi1, #nn.shape<[B, S]>>
!m4 = tensor<?x1x1x?xi1, #nn.shape<[B, 1, 1, S]>>
!b4 = tensor<?x1x1x?xf32, #nn.shape<[B, 1, 1, S]>>
!bss = tensor<?x1x?x?xi1, #nn.shape<[B, 1, S, S]>>
!fbss = tensor<?x1x?x?xf32, #nn.shape<[B, 1, S, S]>>
!s = tensor<f32>

// where(j <= i, 0, lowest): each row sees its diagonal, so it is causal.
// CHECK-LABEL: @causal_finite
// CHECK: nn.attention %arg0, %arg0, %arg0 scale 2.500000e-01 causal top_left :
func.func @causal_finite(%x: !q) -> !q {
  %zero = arith.constant dense<0.0> : !s
  %min = arith.constant dense<-3.40282347E+38> : !s
  %j = nn.iota axis 0 : !i
  %i = nn.reshape %j : (!i) -> !row
  %c = nn.elementwise less_equal %j, %i : (!i, !row) -> !ss
  %f = nn.elementwise select %c, %zero, %min : (!ss, !s, !s) -> !fss
  %r = nn.attention %x, %x, %x scale 0.25 bias %f : (!q, !q, !q, !fss) -> !q
  return %r : !q
}

// where(not (j > i) and m[b, j], 0, -inf): causal and a key mask.
// CHECK-LABEL: @causal_and_padding
// CHECK: nn.attention %arg0, %arg0, %arg0 scale 2.500000e-01 causal top_left key_mask %arg1
// CHECK-NEXT: return
func.func @causal_and_padding(%x: !q, %m: !m) -> !q {
  %zero = arith.constant dense<0.0> : !s
  %inf = arith.constant dense<0xFF800000> : !s
  %j = nn.iota axis 0 : !i
  %i = nn.reshape %j : (!i) -> !row
  %c = nn.elementwise greater %j, %i : (!i, !row) -> !ss
  %n = nn.elementwise not %c : (!ss) -> !ss
  %k = nn.reshape %m : (!m) -> !m4
  %a = nn.elementwise and %n, %k : (!ss, !m4) -> !bss
  %f = nn.elementwise select %a, %zero, %inf : (!bss, !s, !s) -> !fbss
  %r = nn.attention %x, %x, %x scale 0.25 bias %f : (!q, !q, !q, !fbss) -> !q
  return %r : !q
}

// The same with the lowest finite value: a row that sees nothing averages V.
// CHECK-LABEL: @causal_and_padding_finite
// CHECK: %[[A:.*]] = nn.attention %arg0, %arg0, %arg0 scale 2.500000e-01 causal top_left key_mask %arg1
// CHECK-DAG: %[[F:.*]] = nn.reduce min {{.*}} axes [1] keepdims
// CHECK-DAG: %[[V:.*]] = nn.reduce mean %arg0 axes [2] keepdims
// CHECK-DAG: %[[C:.*]] = nn.elementwise greater_equal
// CHECK: nn.elementwise select %[[C]], %[[A]], %[[V]]
func.func @causal_and_padding_finite(%x: !q, %m: !m) -> !q {
  %zero = arith.constant dense<0.0> : !s
  %min = arith.constant dense<-3.40282347E+38> : !s
  %j = nn.iota axis 0 : !i
  %i = nn.reshape %j : (!i) -> !row
  %c = nn.elementwise less_equal %j, %i : (!i, !row) -> !ss
  %k = nn.reshape %m : (!m) -> !m4
  %a = nn.elementwise and %k, %c : (!m4, !ss) -> !bss
  %f = nn.elementwise select %a, %zero, %min : (!bss, !s, !s) -> !fbss
  %r = nn.attention %x, %x, %x scale 0.25 bias %f : (!q, !q, !q, !fbss) -> !q
  return %r : !q
}

// Padding alone with a finite value stays additive, one row for each sequence.
// CHECK-LABEL: @padding_finite
// CHECK: nn.attention {{.*}} scale 2.500000e-01 bias %{{.*}} : ({{.*}}, tensor<?x1x1x?xf32
func.func @padding_finite(%x: !q, %m: !m) -> !q {
  %zero = arith.constant dense<0.0> : !s
  %min = arith.constant dense<-10000.0> : !s
  %true = arith.constant dense<true> : tensor<i1>
  %k = nn.reshape %m : (!m) -> !m4
  %all = nn.broadcast %true : (tensor<i1>) -> !ss
  %a = nn.elementwise and %all, %k : (!ss, !m4) -> !bss
  %f = nn.elementwise select %a, %zero, %min : (!bss, !s, !s) -> !fbss
  %r = nn.attention %x, %x, %x scale 0.25 bias %f : (!q, !q, !q, !fbss) -> !q
  return %r : !q
}

// A slice of a constant triangle.
nn.weight @tril : tensor<1x1x4x4xi1> = dense<[[[[true,false,false,false],[true,true,false,false],[true,true,true,false],[true,true,true,true]]]]> : tensor<1x1x4x4xi1>
// CHECK-LABEL: @table
// CHECK: nn.attention %arg0, %arg0, %arg0 scale 2.500000e-01 causal top_left :
func.func @table(%x: !q) -> !q {
  %zero = arith.constant dense<0.0> : !s
  %inf = arith.constant dense<0xFF800000> : !s
  %t = nn.load_weight @tril : tensor<1x1x4x4xi1>
  %c = nn.slice %t starts <[0, 0, 0, 0]> sizes <[1, 1, S, S]> steps [1, 1, 1, 1] : (tensor<1x1x4x4xi1>) -> tensor<1x1x?x?xi1, #nn.shape<[1, 1, S, S]>>
  %f = nn.elementwise select %c, %zero, %inf : (tensor<1x1x?x?xi1, #nn.shape<[1, 1, S, S]>>, !s, !s) -> tensor<1x1x?x?xf32, #nn.shape<[1, 1, S, S]>>
  %r = nn.attention %x, %x, %x scale 0.25 bias %f : (!q, !q, !q, tensor<1x1x?x?xf32, #nn.shape<[1, 1, S, S]>>) -> !q
  return %r : !q
}

// Cached decoding: j <= i + P, T = P + S is bottom_right; a window with it.
!kp = tensor<?x4x?x16xf32, #nn.shape<[B, 4, P + S, 16]>>
!ip = tensor<?xi64, #nn.shape<[P + S]>>
!sp = tensor<?x?xi1, #nn.shape<[S, P + S]>>
!fsp = tensor<?x?xf32, #nn.shape<[S, P + S]>>
// CHECK-LABEL: @cached_window
// CHECK: nn.attention %arg0, %arg1, %arg1 scale 2.500000e-01 causal bottom_right window 8 :
func.func @cached_window(%x: !q, %k: !kp) -> !q {
  %zero = arith.constant dense<0.0> : !s
  %inf = arith.constant dense<0xFF800000> : !s
  %w = arith.constant dense<8> : tensor<i64>
  %p = nn.dim <P> : tensor<i64>
  %j = nn.iota axis 0 : !ip
  %i0 = nn.iota axis 0 : !row
  %i = nn.elementwise add %i0, %p : (!row, tensor<i64>) -> !row
  %c = nn.elementwise less_equal %j, %i : (!ip, !row) -> !sp
  %d = nn.elementwise sub %i, %j : (!row, !ip) -> tensor<?x?xi64, #nn.shape<[S, P + S]>>
  %n = nn.elementwise less %d, %w : (tensor<?x?xi64, #nn.shape<[S, P + S]>>, tensor<i64>) -> !sp
  %a = nn.elementwise and %c, %n : (!sp, !sp) -> !sp
  %f = nn.elementwise select %a, %zero, %inf : (!sp, !s, !s) -> !fsp
  %r = nn.attention %x, %k, %k scale 0.25 bias %f : (!q, !kp, !kp, !fsp) -> !q
  return %r : !q
}

// A mask that depends on queries and keys stays a bias; so does a finite causal
// mask beside padding that is added on its own.
// CHECK-LABEL: @others
// CHECK: nn.attention {{.*}} scale 2.500000e-01 bias
// CHECK-NOT: causal
func.func @others(%x: !q, %m: !bss, %pad: !b4) -> (!q, !q) {
  %zero = arith.constant dense<0.0> : !s
  %inf = arith.constant dense<0xFF800000> : !s
  %min = arith.constant dense<-3.40282347E+38> : !s
  %f = nn.elementwise select %m, %zero, %inf : (!bss, !s, !s) -> !fbss
  %r = nn.attention %x, %x, %x scale 0.25 bias %f : (!q, !q, !q, !fbss) -> !q
  %j = nn.iota axis 0 : !i
  %i = nn.reshape %j : (!i) -> !row
  %c = nn.elementwise less_equal %j, %i : (!i, !row) -> !ss
  %g = nn.elementwise select %c, %zero, %min : (!ss, !s, !s) -> !fss
  %b = nn.elementwise add %g, %pad : (!fss, !b4) -> !fbss
  %t = nn.attention %x, %x, %x scale 0.25 bias %b : (!q, !q, !q, !fbss) -> !q
  return %r, %t : !q, !q
}
