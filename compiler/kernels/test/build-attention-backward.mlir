// The gradients of attention with grouped heads, softcap, bias, key mask and a
// band; then those of the values alone, and those of the bias.
// RUN: attune-opt %s --split-input-file --build-kernels | FileCheck %s

// CHECK: tile.kernel attention_backward @attention_backward_0(
// CHECK-SAME: %[[UP:[a-z0-9]+]]: index, %[[LOW:[a-z0-9]+]]: index, %[[BACK:[a-z0-9]+]]: index, %[[FORTH:[a-z0-9]+]]: index)
// One work item for each kv head.
// CHECK: tile.parallel (%[[B:.*]], %[[HK:.*]]) in (%{{.*}}, %c2)
// The gradient of queries is zero, then added to.
// CHECK:   tile.for %{{.*}} in (%c0 to %c3 by 1)
// CHECK:     tile.for %{{.*}} in (%c0 to %{{.*}} by 48)
// CHECK:       tile.store %{{.*}} : tensor<48x32xf32>
// CHECK:   tile.for %[[J:.*]] in (%c0 to %{{.*}} by {{[0-9]+}})
// CHECK:     tile.for %[[G:.*]] in (%c0 to %c3 by 1) iter(
// Queries that see a key of the block, from the other side.
// CHECK:       tile.for %[[I:.*]] in (%c0 to %{{.*}} by 48) visible(%[[J]] : !tile.span<{{[0-9]+}}> lower %[[BACK]] upper %[[FORTH]])
// CHECK:         tile.dot {{.*}} trans_rhs
// CHECK:         math.tanh
// CHECK:         tile.band {{.*}}, %[[I]], %[[J]] lower %[[LOW]] upper %[[UP]]
// CHECK:         math.exp2 {{.*}}<afn>
// CHECK:         tile.dot {{.*}} trans_rhs
// CHECK:         tile.reduce sum
// CHECK:         tile.accumulate
// CHECK:         tile.dot {{.*}} trans_lhs
// CHECK:         tile.dot {{.*}} trans_lhs
// CHECK:     tile.store {{.*}}x32xf32>
// CHECK:     tile.store {{.*}}x48xf32>
// CHECK: nn.launch attention_backward @attention_backward_0(
// CHECK-SAME: grid <2 * B>
!q = tensor<?x6x?x32xf32, #nn.shape<[B, 6, S, 32]>>
!k = tensor<?x2x?x32xf32, #nn.shape<[B, 2, T, 32]>>
!v = tensor<?x2x?x48xf32, #nn.shape<[B, 2, T, 48]>>
!o = tensor<?x6x?x48xf32, #nn.shape<[B, 6, S, 48]>>
!l = tensor<?x6x?xf32, #nn.shape<[B, 6, S]>>
!w = tensor<?x?xf32, #nn.shape<[S, T]>>
!m = tensor<?x?xi1, #nn.shape<[B, T]>>
func.func @main(%q: !q, %k: !k, %v: !v, %o: !o, %l: !l, %g: !o, %w: !w, %m: !m) -> (!q, !k, !v) {
  %r:3 = nn.group attention_backward (%a = %q, %b = %k, %c = %v, %d = %o, %e = %l, %f = %g, %h = %w, %i = %m) : (!q, !k, !v, !o, !l, !o, !w, !m) -> (!q, !k, !v) {
    %s:3 = nn.attention_backward %a, %b, %c output %d, %e gradient %f scale 0.25 causal bottom_right window 9 softcap 2.0 bias %h key_mask %i : (!q, !k, !v, !o, !l, !o, !w, !m) -> (!q, !k, !v)
    nn.yield %s#0, %s#1, %s#2 : !q, !k, !v
  }
  return %r#0, %r#1, %r#2 : !q, !k, !v
}

// -----

// Values alone: no dot for the others, nothing to clear; without a band no trip
// may be left out.
// CHECK: tile.kernel attention_backward
// CHECK-NOT: tile.accumulate
// CHECK: tile.for %{{.*}} in (%c0 to %c40 by 48)
// CHECK-NEXT: tile.load
// CHECK-COUNT-3: tile.dot
// CHECK-NOT: tile.dot
!q = tensor<2x1x40x32xf32>
!l = tensor<2x1x40xf32>
func.func @main(%q: !q, %o: !q, %l: !l, %g: !q) -> !q {
  %r = nn.group attention_backward (%a = %q, %d = %o, %e = %l, %f = %g) : (!q, !q, !l, !q) -> !q {
    %s:3 = nn.attention_backward %a, %a, %a output %d, %e gradient %f scale 0.25 : (!q, !q, !q, !q, !l, !q) -> (!q, !q, !q)
    nn.yield %s#2 : !q
  }
  return %r : !q
}

// -----

// What the band hides has a gradient too: no trip is left out.
// CHECK: tile.kernel attention_backward
// CHECK-NOT: visible
// CHECK: tile.band
// CHECK: tile.store {{.*}} -> memref<2x1x40x40xf32,
!q = tensor<2x1x40x32xf32>
!l = tensor<2x1x40xf32>
!w = tensor<2x1x40x40xf32>
func.func @main(%q: !q, %o: !q, %l: !l, %g: !q, %w: !w) -> !w {
  %r = nn.group attention_backward (%a = %q, %d = %o, %e = %l, %f = %g, %h = %w) : (!q, !q, !l, !q, !w) -> !w {
    %s:4 = nn.attention_backward %a, %a, %a output %d, %e gradient %f scale 0.25 causal top_left bias %h : (!q, !q, !q, !q, !l, !q, !w) -> (!q, !q, !q, !w)
    nn.yield %s#3 : !w
  }
  return %r : !w
}

// -----

// Saved scores are a load where a dot was; the mask is in them, and is not read.
// CHECK: tile.kernel attention_backward @attention_backward_0(
// CHECK:         %[[S:.*]] = tile.load %arg6[
// CHECK-NOT:     tile.dot
// CHECK:         %[[E:.*]] = arith.mulf %[[S]], %{{.*}}
// CHECK:         tile.band %[[E]]
// CHECK:         math.exp2
// CHECK:         tile.dot {{.*}} trans_rhs
// CHECK-NOT:     trans_rhs
!q = tensor<?x6x?x32xf32, #nn.shape<[B, 6, S, 32]>>
!k = tensor<?x6x?x32xf32, #nn.shape<[B, 6, T, 32]>>
!l = tensor<?x6x?xf32, #nn.shape<[B, 6, S]>>
!s = tensor<?x6x?x?xf32, #nn.shape<[B, 6, S, T]>>
func.func @main(%q: !q, %k: !k, %v: !k, %o: !q, %l: !l, %g: !q, %s: !s) -> (!q, !k, !k) {
  %r:3 = nn.group attention_backward (%a = %q, %b = %k, %c = %v, %d = %o, %e = %l, %f = %g, %h = %s) : (!q, !k, !k, !q, !l, !q, !s) -> (!q, !k, !k) {
    %t:3 = nn.attention_backward %a, %b, %c output %d, %e gradient %f scores %h scale 0.25 : (!q, !k, !k, !q, !l, !q, !s) -> (!q, !k, !k)
    nn.yield %t#0, %t#1, %t#2 : !q, !k, !k
  }
  return %r#0, %r#1, %r#2 : !q, !k, !k
}
