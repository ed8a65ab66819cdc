// The form of a kernel of attention's gradients with everything it can carry:
// grouped heads, scale, softcap, bias and its gradient, key padding, a causal
// band, and a V of another head size.
// RUN: attune-opt %s | attune-opt | FileCheck %s

!q = memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
!k = memref<?x4x?x64xf32, strided<[?, ?, ?, 1]>>
!v = memref<?x4x?x80xf32, strided<[?, ?, ?, 1]>>
!o = memref<?x12x?x80xf32, strided<[?, ?, ?, 1]>>
!s = memref<?x12x?x?xf32, strided<[?, ?, ?, 1]>>

// CHECK-LABEL: tile.kernel attention_backward @gradients
tile.kernel attention_backward @gradients(%Q: !q, %K: !k, %V: !v, %O: !o,
    %LSE: memref<?x12x?xf32>, %DO: !o, %bias: !s, %padding: memref<?x?xi1>,
    %DQ: !q, %DK: !k, %DV: !v, %DB: !s, %diagonal: index, %back: index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %c80 = arith.constant 80 : index
  %batch = memref.dim %Q, %c0 : !q
  %queries = memref.dim %Q, %c2 : !q
  %keys = memref.dim %K, %c2 : !k
  // One work item owns all sums of a kv head.
  tile.parallel (%b, %hk) in (%batch, %c4) {
    %d = tile.range %c0 to %c64 : !tile.span<64>
    %dv = tile.range %c0 to %c80 : !tile.span<80>
    %h0 = arith.muli %hk, %c3 : index
    tile.for %g in (%c0 to %c3 by 1) {
      %g0, %gn = tile.bounds %g : !tile.span<1>
      %h = arith.addi %h0, %g0 : index
      tile.for %i in (%c0 to %queries by 48) {
        %none = arith.constant dense<0.0> : tensor<48x64xf32>
        tile.store %none, %DQ[%b, %h, %i by 48, %d by 64] : tensor<48x64xf32> -> !q
      }
    }
    tile.for %j in (%c0 to %keys by 128) {
      %k = tile.load %K[%b, %hk, %j by 128, %d by 64] : !k -> tensor<128x64xf32>
      %v = tile.load %V[%b, %hk, %j by 128, %dv by 80] : !v -> tensor<128x80xf32>
      %dk0 = arith.constant dense<0.0> : tensor<128x64xf32>
      %dv0 = arith.constant dense<0.0> : tensor<128x80xf32>
      %dkg, %dvg = tile.for %g in (%c0 to %c3 by 1) iter(%dkh = %dk0, %dvh = %dv0) : tensor<128x64xf32>, tensor<128x80xf32> {
        %g0, %gn = tile.bounds %g : !tile.span<1>
        %h = arith.addi %h0, %g0 : index
        // Queries that see any key of the block: -upper <= i - j <= -lower.
        // CHECK: tile.for %{{.*}} in (%{{.*}} to %{{.*}} by 48) visible(%{{.*}} : !tile.span<128> lower %{{.*}}) iter(
        %dki, %dvi = tile.for %i in (%c0 to %queries by 48) visible(%j : !tile.span<128> lower %back)
            iter(%dkc = %dkh, %dvc = %dvh) : tensor<128x64xf32>, tensor<128x80xf32> {
          %q = tile.load %Q[%b, %h, %i by 48, %d by 64] : !q -> tensor<48x64xf32>
          %do = tile.load %DO[%b, %h, %i by 48, %dv by 80] : !o -> tensor<48x80xf32>
          %o = tile.load %O[%b, %h, %i by 48, %dv by 80] : !o -> tensor<48x80xf32>
          %lse = tile.load %LSE[%b, %h, %i by 48] : memref<?x12x?xf32> -> tensor<48xf32>
          %zero = arith.constant dense<0.0> : tensor<48x128xf32>
          %s = tile.dot %q, %k, %zero trans_rhs : tensor<48x64xf32>, tensor<128x64xf32> -> tensor<48x128xf32>

          // The scores of the forward kernel: softcap (30), bias, padding; base 2.
          %inner = arith.constant dense<0.00416666688> : tensor<48x128xf32>
          %cap2 = arith.constant dense<43.2808495> : tensor<48x128xf32>
          %s1 = arith.mulf %s, %inner : tensor<48x128xf32>
          %s2 = math.tanh %s1 : tensor<48x128xf32>
          %s3 = arith.mulf %s2, %cap2 : tensor<48x128xf32>
          %bb = tile.load %bias[%b, %h, %i by 48, %j by 128] : !s -> tensor<48x128xf32>
          %log2e = arith.constant dense<1.44269502> : tensor<48x128xf32>
          %b2 = arith.mulf %bb, %log2e : tensor<48x128xf32>
          %s4 = arith.addf %s3, %b2 : tensor<48x128xf32>
          %hidden = arith.constant dense<0xFF800000> : tensor<48x128xf32>
          %pk = tile.load %padding[%b, %j by 128] : memref<?x?xi1> -> tensor<128xi1>
          %keep = tile.broadcast %pk axes [1] : tensor<128xi1> -> tensor<48x128xi1>
          %s5 = arith.select %keep, %s4, %hidden : tensor<48x128xi1>, tensor<48x128xf32>
          %s6 = tile.band %s5, %i, %j upper %diagonal : tensor<48x128xf32>, !tile.span<48>, !tile.span<128>

          // P = exp(S - lse), dP = dO V^T, dS = P (dP - rowsum(dO * O)).
          %unit = arith.constant dense<1.44269502> : tensor<48xf32>
          %offset = arith.mulf %lse, %unit : tensor<48xf32>
          %ob = tile.broadcast %offset axes [0] : tensor<48xf32> -> tensor<48x128xf32>
          %e = arith.subf %s6, %ob : tensor<48x128xf32>
          %p = math.exp2 %e fastmath<afn> : tensor<48x128xf32>
          %dp = tile.dot %do, %v, %zero trans_rhs : tensor<48x80xf32>, tensor<128x80xf32> -> tensor<48x128xf32>
          %oo = arith.mulf %do, %o : tensor<48x80xf32>
          %mean = tile.reduce sum %oo axis 1 : tensor<48x80xf32> -> tensor<48xf32>
          %mb = tile.broadcast %mean axes [0] : tensor<48xf32> -> tensor<48x128xf32>
          %c = arith.subf %dp, %mb : tensor<48x128xf32>
          %ds = arith.mulf %p, %c : tensor<48x128xf32>
          tile.store %ds, %DB[%b, %h, %i by 48, %j by 128] : tensor<48x128xf32> -> !s
          %one = arith.constant dense<1.0> : tensor<48x128xf32>
          %sq = arith.mulf %s2, %s2 : tensor<48x128xf32>
          %slope = arith.subf %one, %sq : tensor<48x128xf32>
          %dx = arith.mulf %ds, %slope : tensor<48x128xf32>

          %dqz = arith.constant dense<0.0> : tensor<48x64xf32>
          %dq = tile.dot %dx, %k, %dqz : tensor<48x128xf32>, tensor<128x64xf32> -> tensor<48x64xf32>
          %scale = arith.constant dense<0.125> : tensor<48x64xf32>
          %dqs = arith.mulf %dq, %scale : tensor<48x64xf32>
          // CHECK: tile.accumulate %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}}, %{{.*}} by 48, %{{.*}} by 64] : tensor<48x64xf32> -> memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
          tile.accumulate %dqs, %DQ[%b, %h, %i by 48, %d by 64] : tensor<48x64xf32> -> !q
          %dk1 = tile.dot %dx, %q, %dkc trans_lhs : tensor<48x128xf32>, tensor<48x64xf32> -> tensor<128x64xf32>
          %dv1 = tile.dot %p, %do, %dvc trans_lhs : tensor<48x128xf32>, tensor<48x80xf32> -> tensor<128x80xf32>
          tile.yield %dk1, %dv1 : tensor<128x64xf32>, tensor<128x80xf32>
        }
        tile.yield %dki, %dvi : tensor<128x64xf32>, tensor<128x80xf32>
      }
      %ks = arith.constant dense<0.125> : tensor<128x64xf32>
      %dks = arith.mulf %dkg, %ks : tensor<128x64xf32>
      tile.store %dks, %DK[%b, %hk, %j by 128, %d by 64] : tensor<128x64xf32> -> !k
      tile.store %dvg, %DV[%b, %hk, %j by 128, %dv by 80] : tensor<128x80xf32> -> !v
    }
  }
}
