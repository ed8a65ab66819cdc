// Queries, keys and values of one tensor by one product; whatever else reads
// them, and weights that may change, stay apart.
// RUN: attune-opt %s --merge-projections --split-input-file | FileCheck %s

// CHECK-DAG: nn.weight @q.merged : tensor<64x192xf32> init {
// CHECK-DAG: nn.weight @bq.merged : tensor<192xf32> init {
// CHECK-DAG: nn.concat {{.*}} axis 1 : (tensor<64x64xf32>, tensor<64x64xf32>, tensor<64x64xf32>)
// CHECK-LABEL: func.func @self
// CHECK: %[[W:.*]] = nn.load_weight @q.merged
// CHECK: %[[P:.*]] = nn.contract %arg0, %[[W]] contracting [2] x [0]
// CHECK: %[[B:.*]] = nn.load_weight @bq.merged
// CHECK: %[[S:.*]] = nn.elementwise add %[[P]], %[[B]]
// CHECK: %[[Q:.*]] = nn.slice %[[S]] starts <[0, 0, 0]> sizes <[B, S, 64]>
// CHECK: %[[K:.*]] = nn.slice %[[S]] starts <[0, 0, 64]> sizes <[B, S, 64]>
// CHECK: %[[V:.*]] = nn.slice %[[S]] starts <[0, 0, 128]> sizes <[B, S, 64]>
// CHECK: nn.reshape %[[Q]]
// CHECK: nn.reshape %[[K]]
// CHECK: nn.reshape %[[V]]
!x = tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
!s = tensor<?x?x4x16xf32, #nn.shape<[B, S, 4, 16]>>
!h = tensor<?x4x?x16xf32, #nn.shape<[B, 4, S, 16]>>
!w = tensor<64x64xf32>
nn.weight @q : !w = dense<1.0> : !w
nn.weight @k : !w = dense<2.0> : !w
nn.weight @v : !w = dense<3.0> : !w
nn.weight @bq : tensor<64xf32> = dense<1.0> : tensor<64xf32>
nn.weight @bk : tensor<64xf32> = dense<2.0> : tensor<64xf32>
nn.weight @bv : tensor<64xf32> = dense<3.0> : tensor<64xf32>
func.func @self(%x: !x) -> !h {
  %wq = nn.load_weight @q : !w
  %wk = nn.load_weight @k : !w
  %wv = nn.load_weight @v : !w
  %bq = nn.load_weight @bq : tensor<64xf32>
  %bk = nn.load_weight @bk : tensor<64xf32>
  %bv = nn.load_weight @bv : tensor<64xf32>
  %q0 = nn.contract %x, %wq contracting [2] x [0] : (!x, !w) -> !x
  %q1 = nn.elementwise add %q0, %bq : (!x, tensor<64xf32>) -> !x
  %q2 = nn.reshape %q1 : (!x) -> !s
  %q = nn.transpose %q2 [0, 2, 1, 3] : (!s) -> !h
  %k0 = nn.contract %x, %wk contracting [2] x [0] : (!x, !w) -> !x
  %k1 = nn.elementwise add %bk, %k0 : (tensor<64xf32>, !x) -> !x
  %k2 = nn.reshape %k1 : (!x) -> !s
  %k = nn.transpose %k2 [0, 2, 1, 3] : (!s) -> !h
  %v0 = nn.contract %x, %wv contracting [2] x [0] : (!x, !w) -> !x
  %v1 = nn.elementwise add %v0, %bv : (!x, tensor<64xf32>) -> !x
  %v2 = nn.reshape %v1 : (!x) -> !s
  %v = nn.transpose %v2 [0, 2, 1, 3] : (!s) -> !h
  %o = nn.attention %q, %k, %v scale 0.25 : (!h, !h, !h) -> !h
  return %o : !h
}

// -----

// Keys and values of another tensor than the queries, their weights stored
// transposed; fewer heads than queries.
// CHECK-DAG: nn.weight @k.merged : tensor<64x64xf32> init {
// CHECK-LABEL: func.func @cross
// CHECK: nn.contract %arg0, %{{.*}} contracting [2] x [0]
// CHECK: %[[P:.*]] = nn.contract %arg1, %{{.*}} contracting [2] x [1]
// CHECK: nn.slice %[[P]] starts <[0, 0, 0]> sizes <[B, T, 32]>
// CHECK: nn.slice %[[P]] starts <[0, 0, 32]> sizes <[B, T, 32]>
// CHECK-NOT: nn.contract
!x = tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
!y = tensor<?x?x64xf32, #nn.shape<[B, T, 64]>>
!p = tensor<?x?x32xf32, #nn.shape<[B, T, 32]>>
!s = tensor<?x?x4x16xf32, #nn.shape<[B, S, 4, 16]>>
!t = tensor<?x?x2x16xf32, #nn.shape<[B, T, 2, 16]>>
!h = tensor<?x4x?x16xf32, #nn.shape<[B, 4, S, 16]>>
!g = tensor<?x2x?x16xf32, #nn.shape<[B, 2, T, 16]>>
!w = tensor<64x64xf32>
!u = tensor<32x64xf32>
nn.weight @q : !w = dense<1.0> : !w
nn.weight @k : !u = dense<2.0> : !u
nn.weight @v : !u = dense<3.0> : !u
func.func @cross(%x: !x, %y: !y) -> !h {
  %wq = nn.load_weight @q : !w
  %wk = nn.load_weight @k : !u
  %wv = nn.load_weight @v : !u
  %q0 = nn.contract %x, %wq contracting [2] x [0] : (!x, !w) -> !x
  %q2 = nn.reshape %q0 : (!x) -> !s
  %q = nn.transpose %q2 [0, 2, 1, 3] : (!s) -> !h
  %k0 = nn.contract %y, %wk contracting [2] x [1] : (!y, !u) -> !p
  %k2 = nn.reshape %k0 : (!p) -> !t
  %k = nn.transpose %k2 [0, 2, 1, 3] : (!t) -> !g
  %v0 = nn.contract %y, %wv contracting [2] x [1] : (!y, !u) -> !p
  %v2 = nn.reshape %v0 : (!p) -> !t
  %v = nn.transpose %v2 [0, 2, 1, 3] : (!t) -> !g
  %o = nn.attention %q, %k, %v scale 0.25 : (!h, !g, !g) -> !h
  return %o : !h
}

// -----

// Queries that are scaled, keys whose weight may change: nothing is left to
// merge the values with.
// CHECK-NOT: merged
// CHECK-LABEL: func.func @apart
!x = tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
!s = tensor<?x?x4x16xf32, #nn.shape<[B, S, 4, 16]>>
!h = tensor<?x4x?x16xf32, #nn.shape<[B, 4, S, 16]>>
!w = tensor<64x64xf32>
nn.weight @q : !w = dense<1.0> : !w
nn.weight @k trainable : !w = dense<2.0> : !w
nn.weight @v : !w = dense<3.0> : !w
func.func @apart(%x: !x, %factor: tensor<f32>) -> !h {
  %wq = nn.load_weight @q : !w
  %wk = nn.load_weight @k : !w
  %wv = nn.load_weight @v : !w
  %q0 = nn.contract %x, %wq contracting [2] x [0] : (!x, !w) -> !x
  %q1 = nn.elementwise mul %q0, %factor : (!x, tensor<f32>) -> !x
  %q2 = nn.reshape %q1 : (!x) -> !s
  %q = nn.transpose %q2 [0, 2, 1, 3] : (!s) -> !h
  %k0 = nn.contract %x, %wk contracting [2] x [0] : (!x, !w) -> !x
  %k2 = nn.reshape %k0 : (!x) -> !s
  %k = nn.transpose %k2 [0, 2, 1, 3] : (!s) -> !h
  %v0 = nn.contract %x, %wv contracting [2] x [0] : (!x, !w) -> !x
  %v2 = nn.reshape %v0 : (!x) -> !s
  %v = nn.transpose %v2 [0, 2, 1, 3] : (!s) -> !h
  %o = nn.attention %q, %k, %v scale 0.25 : (!h, !h, !h) -> !h
  return %o : !h
}
