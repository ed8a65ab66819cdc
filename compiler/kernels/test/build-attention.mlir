// Attention with all it can carry: views of the query and of the result as strides,
// grouped heads, softcap, bias, key mask, a band; then the plain one.
// RUN: attune-opt %s --split-input-file --build-kernels | FileCheck %s

// CHECK: tile.kernel attention @attention_0(
// CHECK-SAME: %[[Q:.*]]: memref<?x12x?x64xf32, strided<[?, 64, 768, 1]>>, %[[K:.*]]: memref<?x4x?x64xf32, strided<[?, ?, 64, 1]>>,
// CHECK-SAME: %[[V:.*]]: memref<?x4x?x80xf32, strided<[?, ?, 80, 1]>>,
// The bias is the same for all heads, the mask for all heads and rows.
// CHECK-SAME: %[[BIAS:.*]]: memref<?x?x?xf32, strided<[?, ?, 1]>>, %[[MASK:.*]]: memref<?x?xi1, strided<[?, 1]>>,
// CHECK-SAME: %[[O:.*]]: memref<?x12x?x80xf32, strided<[?, 80, 960, 1]>>, %[[UP:.*]]: index, %[[LOW:.*]]: index)
// CHECK: tile.parallel (%[[B:.*]], %[[HK:.*]], %[[G:.*]], %[[I:.*]]) in (%{{.*}}, %c4, %c3, %{{.*}} by 48)
// CHECK:   %[[H:.*]] = arith.addi %{{.*}}, %[[G]]
// CHECK:   tile.load %[[Q]][%[[B]], %[[H]], %[[I]] by 48, %{{.*}} by 64]
// CHECK:   tile.for %[[J:.*]] in (%c0 to %{{.*}} by 224) visible(%[[I]] : !tile.span<48> lower %[[LOW]] upper %[[UP]])
// CHECK:     tile.load %[[K]][%[[B]], %[[HK]], %[[J]] by 224, %{{.*}} by 64]
// CHECK:     tile.dot {{.*}} trans_rhs
// scale / cap, then cap * log2(e)
// CHECK:     arith.constant dense<0.00416666688>
// CHECK:     math.tanh
// CHECK:     arith.constant dense<43.2808495>
// CHECK:     tile.load %[[BIAS]][%[[B]], %[[I]] by 48, %[[J]] by 224]
// CHECK:     tile.load %[[MASK]][%[[B]], %[[J]] by 224]
// CHECK:     tile.band {{.*}} lower %[[LOW]] upper %[[UP]]
// CHECK:     tile.softmax_step
// CHECK:   tile.softmax_finish
// CHECK:   tile.store %{{.*}}, %[[O]][%[[B]], %[[H]], %[[I]] by 48, %{{.*}} by 80]

// CHECK: nn.launch attention @attention_0(
// CHECK-SAME: -1 * S + T, -1 * S + T - 127]> grid <12 * B * floordiv(S + 47, 48)>

// 197 keys are one block; without a band no trip may be left out.
// CHECK: tile.kernel attention @attention_1(
// CHECK-SAME: %[[LSE:[a-z0-9]+]]: memref<?x12x197xf32>)
// CHECK: tile.parallel {{.*}} in (%{{.*}}, %c12, %c1, %c197 by 42)
// CHECK:   tile.for %{{.*}} in (%c0 to %c197 by 208) iter(
// CHECK-NOT: math.tanh
// CHECK:   tile.band %{{[^ ]*}}, %{{[^ ]*}}, %{{[^ ]*}} : tensor
// CHECK:   tile.store %{{.*}}, %[[LSE]][
#Q = #nn.shape<[B, 12, S, 64]>
#K = #nn.shape<[B, 4, T, 64]>
#V = #nn.shape<[B, 4, T, 80]>
#O = #nn.shape<[B, S, 12, 80]>

func.func @main(%x: tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>, %k: tensor<?x4x?x64xf32, #K>, %v: tensor<?x4x?x80xf32, #V>, %bias: tensor<?x1x?x?xf32, #nn.shape<[B, 1, S, T]>>, %mask: tensor<?x?xi1, #nn.shape<[B, T]>>) -> tensor<?x?x12x80xf32, #O> {
  %o = nn.group attention (%xi = %x, %ki = %k, %vi = %v, %bi = %bias, %mi = %mask) : (tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>, tensor<?x4x?x64xf32, #K>, tensor<?x4x?x80xf32, #V>, tensor<?x1x?x?xf32, #nn.shape<[B, 1, S, T]>>, tensor<?x?xi1, #nn.shape<[B, T]>>) -> tensor<?x?x12x80xf32, #O> {
    %h = nn.reshape %xi : (tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>) -> tensor<?x?x12x64xf32, #nn.shape<[B, S, 12, 64]>>
    %q = nn.transpose %h [0, 2, 1, 3] : (tensor<?x?x12x64xf32, #nn.shape<[B, S, 12, 64]>>) -> tensor<?x12x?x64xf32, #Q>
    %a = nn.attention %q, %ki, %vi scale 0.125 causal bottom_right window 128 softcap 30.0 bias %bi key_mask %mi : (tensor<?x12x?x64xf32, #Q>, tensor<?x4x?x64xf32, #K>, tensor<?x4x?x80xf32, #V>, tensor<?x1x?x?xf32, #nn.shape<[B, 1, S, T]>>, tensor<?x?xi1, #nn.shape<[B, T]>>) -> tensor<?x12x?x80xf32, #nn.shape<[B, 12, S, 80]>>
    %t = nn.transpose %a [0, 2, 1, 3] : (tensor<?x12x?x80xf32, #nn.shape<[B, 12, S, 80]>>) -> tensor<?x?x12x80xf32, #O>
    nn.yield %t : tensor<?x?x12x80xf32, #O>
  }
  return %o : tensor<?x?x12x80xf32, #O>
}

func.func @plain(%q: tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>) -> tensor<?x12x197xf32, #nn.shape<[B, 12, 197]>> {
  %o:2 = nn.group attention (%x = %q) : (tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>) -> (tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>, tensor<?x12x197xf32, #nn.shape<[B, 12, 197]>>) {
    %a, %lse = nn.attention %x, %x, %x scale 0.125 : (tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>, tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>, tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>) -> (tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>, tensor<?x12x197xf32, #nn.shape<[B, 12, 197]>>)
    nn.yield %a, %lse : tensor<?x12x197x64xf32, #nn.shape<[B, 12, 197, 64]>>, tensor<?x12x197xf32, #nn.shape<[B, 12, 197]>>
  }
  return %o#1 : tensor<?x12x197xf32, #nn.shape<[B, 12, 197]>>
}

// -----

// What dropout leaves is multiplied with the values; the sum of a row is that of
// all weights. The numbers are those of nn.random of shape [B, H, S, T].
// CHECK: tile.kernel attention @attention_0
// CHECK-SAME: %[[ID:[a-z0-9]*]]: i64
// CHECK: %[[SEED:.*]] = memref.load %{{.*}}[] : memref<i64>
// CHECK: %[[STEP:.*]] = memref.load
// CHECK: %[[FIRST:.*]] = memref.load
// CHECK: %[[BASE:.*]] = arith.muli %[[FIRST]]
// CHECK: %[[P:[a-z0-9_]+]], %{{.*}} = tile.softmax_step
// CHECK: tile.random %[[ID]](%[[SEED]], %[[STEP]]) at %[[BASE]][%{{.*}}, %{{.*}}, %{{.*}} by 42, %{{.*}} by 48] strides[%{{.*}}, %{{.*}}, %c40, %c1]
// CHECK: %[[KEPT:.*]] = arith.mulf %[[P]]
// CHECK: tile.dot %[[KEPT]]
!q = tensor<2x3x40x32xf32>
func.func @main(%q: !q, %seed: tensor<i64>, %step: tensor<i64>, %first: tensor<i64>) -> !q {
  %r = nn.group attention (%a = %q, %b = %seed, %c = %step, %d = %first) : (!q, tensor<i64>, tensor<i64>, tensor<i64>) -> !q {
    %s = nn.attention %a, %a, %a scale 0.25 dropout 0.1 id 4 (%b, %c, %d) : (!q, !q, !q, tensor<i64>, tensor<i64>, tensor<i64>) -> !q
    nn.yield %s : !q
  }
  return %r : !q
}

// -----

// Scores that the gradients read are stored as they go into the softmax, in
// units of e.
// CHECK: tile.kernel attention @attention_0
// CHECK: %[[S:.*]] = tile.band
// CHECK: %[[LN2:.*]] = arith.constant dense<0.693147
// CHECK: %[[SAVED:.*]] = arith.mulf %[[S]], %[[LN2]]
// CHECK: tile.store %[[SAVED]]
// CHECK: tile.softmax_step %[[S]], %{{.*}}, %{{.*}} exact :
!q = tensor<2x3x40x32xf32>
!l = tensor<2x3x40xf32>
!s = tensor<2x3x40x40xf32>
func.func @main(%q: !q) -> (!q, !l, !s) {
  %r:3 = nn.group attention (%a = %q) : (!q) -> (!q, !l, !s) {
    %o, %t:2 = nn.attention %a, %a, %a scale 0.25 : (!q, !q, !q) -> (!q, !l, !s)
    nn.yield %o, %t#0, %t#1 : !q, !l, !s
  }
  return %r#0, %r#1, %r#2 : !q, !l, !s
}
