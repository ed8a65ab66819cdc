// Attention in the ways exporters write it, and what only looks like it.
// RUN: attune-opt --simplify --detect-attention %s --remarks-filter='ledger' --remark-format=emitRemark 2>%t.remarks | FileCheck %s
// RUN: FileCheck %s --check-prefix=WHY < %t.remarks
#bhsd = #nn.shape<[B, 4, S, 16]>
#bshd = #nn.shape<[B, S, 4, 16]>
!h = tensor<?x4x?x16xf32, #bhsd>
!x = tensor<?x?x4x16xf32, #bshd>
!p = tensor<?x4x?x?xf32, #nn.shape<[B, 4, S, S]>>
!s = tensor<f32>

// Scale by division, padding mask added first; heads are views of [B, S, H * D].
// CHECK-LABEL: @divided_scale
// CHECK: %[[Q:.*]] = nn.transpose %arg0 [0, 2, 1, 3]
// CHECK: nn.attention %[[Q]], {{.*}} scale 2.500000e-01 bias %arg3
// CHECK-NOT: nn.softmax
// WHY-DAG: remark: {{.*}}attention{{.*}}Remark="out: softmax between two products"
func.func @divided_scale(%q: !x, %k: !x, %v: !x, %m: tensor<?x1x1x?xf32, #nn.shape<[B, 1, 1, S]>>) -> !h {
  %c = arith.constant dense<4.0> : !s
  %qh = nn.transpose %q [0, 2, 1, 3] : (!x) -> !h
  %kt = nn.transpose %k [0, 2, 3, 1] : (!x) -> tensor<?x4x16x?xf32, #nn.shape<[B, 4, 16, S]>>
  %vh = nn.transpose %v [0, 2, 1, 3] : (!x) -> !h
  %s = nn.contract %qh, %kt batch [0, 1] x [0, 1] contracting [3] x [2] : (!h, tensor<?x4x16x?xf32, #nn.shape<[B, 4, 16, S]>>) -> !p
  %d = nn.elementwise div %s, %c : (!p, !s) -> !p
  %b = nn.elementwise add %m, %d : (tensor<?x1x1x?xf32, #nn.shape<[B, 1, 1, S]>>, !p) -> !p
  %p = nn.softmax %b axis 3 : (!p) -> !p
  %o = nn.contract %p, %vh batch [0, 1] x [0, 1] contracting [3] x [2] : (!p, !h) -> !h loc("out")
  return %o : !h
}

// sqrt(scale) on both sides, the guard of a hidden row after the softmax.
// CHECK-LABEL: @scale_on_both
// CHECK: nn.attention %arg0, %{{.*}}, %arg2 scale 2.500000e-01 :
func.func @scale_on_both(%q: !h, %k: !h, %v: !h) -> !h {
  %c = arith.constant dense<0.5> : tensor<1xf32>
  %zero = arith.constant dense<0.0> : !s
  %qs = nn.elementwise mul %q, %c : (!h, tensor<1xf32>) -> !h
  %kt = nn.transpose %k [0, 1, 3, 2] : (!h) -> tensor<?x4x16x?xf32, #nn.shape<[B, 4, 16, S]>>
  %ks = nn.elementwise mul %c, %kt : (tensor<1xf32>, tensor<?x4x16x?xf32, #nn.shape<[B, 4, 16, S]>>) -> tensor<?x4x16x?xf32, #nn.shape<[B, 4, 16, S]>>
  %s = nn.contract %qs, %ks batch [0, 1] x [0, 1] contracting [3] x [2] : (!h, tensor<?x4x16x?xf32, #nn.shape<[B, 4, 16, S]>>) -> !p
  %p = nn.softmax %s axis 3 : (!p) -> !p
  %n = nn.elementwise is_nan %p : (!p) -> tensor<?x4x?x?xi1, #nn.shape<[B, 4, S, S]>>
  %w = nn.elementwise select %n, %zero, %p : (tensor<?x4x?x?xi1, #nn.shape<[B, 4, S, S]>>, !s, !p) -> !p
  %o = nn.contract %w, %v batch [0, 1] x [0, 1] contracting [3] x [2] : (!p, !h) -> !h
  return %o : !h
}

// Softcap, and repeated key and value heads (query head h reads h / 2).
// CHECK-LABEL: @softcap_grouped
// CHECK: nn.attention %arg0, %arg1, %arg2 scale 1.000000e+00 softcap 3.200000e+01 : (tensor<2x4x8x16xf32>, tensor<2x2x8x16xf32>, tensor<2x2x8x16xf32>)
func.func @softcap_grouped(%q: tensor<2x4x8x16xf32>, %k: tensor<2x2x8x16xf32>, %v: tensor<2x2x8x16xf32>) -> tensor<2x4x8x16xf32> {
  %cap = arith.constant dense<32.0> : !s
  %inv = arith.constant dense<0.03125> : !s
  %k1 = nn.reshape %k : (tensor<2x2x8x16xf32>) -> tensor<2x2x1x8x16xf32>
  %k2 = nn.broadcast %k1 : (tensor<2x2x1x8x16xf32>) -> tensor<2x2x2x8x16xf32>
  %k3 = nn.reshape %k2 : (tensor<2x2x2x8x16xf32>) -> tensor<2x4x8x16xf32>
  %v1 = nn.reshape %v : (tensor<2x2x8x16xf32>) -> tensor<2x2x1x8x16xf32>
  %v2 = nn.broadcast %v1 : (tensor<2x2x1x8x16xf32>) -> tensor<2x2x2x8x16xf32>
  %v3 = nn.reshape %v2 : (tensor<2x2x2x8x16xf32>) -> tensor<2x4x8x16xf32>
  %s = nn.contract %q, %k3 batch [0, 1] x [0, 1] contracting [3] x [3] : (tensor<2x4x8x16xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x8xf32>
  %a = nn.elementwise mul %s, %inv : (tensor<2x4x8x8xf32>, !s) -> tensor<2x4x8x8xf32>
  %t = nn.elementwise tanh %a : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %b = nn.elementwise mul %cap, %t : (!s, tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %p = nn.softmax %b axis 3 : (tensor<2x4x8x8xf32>) -> tensor<2x4x8x8xf32>
  %o = nn.contract %p, %v3 batch [0, 1] x [0, 1] contracting [3] x [2] : (tensor<2x4x8x8xf32>, tensor<2x4x8x16xf32>) -> tensor<2x4x8x16xf32>
  return %o : tensor<2x4x8x16xf32>
}

// Heads merged into the batch, cross lengths, values of another size, no heads.
// CHECK-LABEL: @three_dims
// CHECK: nn.attention %{{.*}} scale 1.000000e+00 : (tensor<6x1x8x16xf32>, tensor<6x1x5x16xf32>, tensor<6x1x5x32xf32>) -> tensor<6x1x8x32xf32>
func.func @three_dims(%q: tensor<6x8x16xf32>, %k: tensor<6x5x16xf32>, %v: tensor<6x5x32xf32>) -> tensor<6x8x32xf32> {
  %s = nn.contract %q, %k batch [0] x [0] contracting [2] x [2] : (tensor<6x8x16xf32>, tensor<6x5x16xf32>) -> tensor<6x8x5xf32>
  %p = nn.softmax %s axis 2 : (tensor<6x8x5xf32>) -> tensor<6x8x5xf32>
  %o = nn.contract %p, %v batch [0] x [0] contracting [2] x [1] : (tensor<6x8x5xf32>, tensor<6x5x32xf32>) -> tensor<6x8x32xf32>
  return %o : tensor<6x8x32xf32>
}

// The product sums over the queries, not over the keys.
// CHECK-LABEL: @wrong_axis
// CHECK: nn.softmax
// CHECK-NOT: nn.attention
// WHY-DAG: Remark="wrong: the product wrong does not sum over the softmax axis"
func.func @wrong_axis(%q: tensor<2x8x16xf32>, %k: tensor<2x8x16xf32>, %v: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  %s = nn.contract %q, %k batch [0] x [0] contracting [2] x [2] : (tensor<2x8x16xf32>, tensor<2x8x16xf32>) -> tensor<2x8x8xf32>
  %p = nn.softmax %s axis 2 : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %o = nn.contract %p, %v batch [0] x [0] contracting [1] x [1] : (tensor<2x8x8xf32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32> loc("wrong")
  return %o : tensor<2x8x16xf32>
}

// The probabilities are an output of the model.
// CHECK-LABEL: @probabilities_used
// CHECK: nn.softmax
// CHECK-NOT: nn.attention
// WHY-DAG: Remark="shared: the probabilities of probs are used elsewhere"
func.func @probabilities_used(%q: tensor<2x8x16xf32>, %k: tensor<2x8x16xf32>, %v: tensor<2x8x16xf32>) -> (tensor<2x8x16xf32>, tensor<2x8x8xf32>) {
  %s = nn.contract %q, %k batch [0] x [0] contracting [2] x [2] : (tensor<2x8x16xf32>, tensor<2x8x16xf32>) -> tensor<2x8x8xf32>
  %p = nn.softmax %s axis 2 : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32> loc("probs")
  %o = nn.contract %p, %v batch [0] x [0] contracting [2] x [1] : (tensor<2x8x8xf32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32> loc("shared")
  return %o, %p : tensor<2x8x16xf32>, tensor<2x8x8xf32>
}

// Attention pooling: no product of queries and keys.
// CHECK-LABEL: @no_queries
// CHECK-NOT: nn.attention
// WHY-DAG: Remark="pool: no product of queries and keys above an input"
func.func @no_queries(%s: tensor<2x8x8xf32>, %v: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  %p = nn.softmax %s axis 2 : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %o = nn.contract %p, %v batch [0] x [0] contracting [2] x [1] : (tensor<2x8x8xf32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32> loc("pool")
  return %o : tensor<2x8x16xf32>
}

// A nonlinear function of the scores.
// CHECK-LABEL: @squared_scores
// CHECK-NOT: nn.attention
// WHY-DAG: Remark="squared: {{.*}} abs
func.func @squared_scores(%q: tensor<2x8x16xf32>, %k: tensor<2x8x16xf32>, %v: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  %s = nn.contract %q, %k batch [0] x [0] contracting [2] x [2] : (tensor<2x8x16xf32>, tensor<2x8x16xf32>) -> tensor<2x8x8xf32>
  %a = nn.elementwise abs %s : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32> loc("abs")
  %p = nn.softmax %a axis 2 : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %o = nn.contract %p, %v batch [0] x [0] contracting [2] x [1] : (tensor<2x8x8xf32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32> loc("squared")
  return %o : tensor<2x8x16xf32>
}

// Scores in one precision, values in another: attention has one type.
// CHECK-LABEL: @mixed_types
// CHECK-NOT: nn.attention
// WHY-DAG: Remark="mixed: the scores are f32 and the result is f16"
func.func @mixed_types(%q: tensor<2x8x16xf32>, %k: tensor<2x8x16xf32>, %v: tensor<2x8x16xf16>) -> tensor<2x8x16xf16> {
  %s = nn.contract %q, %k batch [0] x [0] contracting [2] x [2] : (tensor<2x8x16xf32>, tensor<2x8x16xf32>) -> tensor<2x8x8xf32>
  %p = nn.softmax %s axis 2 : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %h = nn.elementwise cast %p to f16 : (tensor<2x8x8xf32>) -> tensor<2x8x8xf16>
  %o = nn.contract %h, %v batch [0] x [0] contracting [2] x [1] : (tensor<2x8x8xf16>, tensor<2x8x16xf16>) -> tensor<2x8x16xf16> loc("mixed")
  return %o : tensor<2x8x16xf16>
}
