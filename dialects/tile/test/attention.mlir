// The form of an attention kernel with everything it can carry: grouped heads,
// scale, softcap, additive bias, key padding, key lengths, a causal band, the
// log-sum-exp, and a V of another head size.
// RUN: attune-opt %s | attune-opt | FileCheck %s

// CHECK-LABEL: tile.kernel attention @attention
tile.kernel attention @attention(
    %Q: memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>,
    %K: memref<?x4x?x64xf32, strided<[?, ?, ?, 1]>>,
    %V: memref<?x4x?x80xf32, strided<[?, ?, ?, 1]>>,
    // Broadcast over heads: stride 0.
    %bias: memref<?x12x?x?xf32, strided<[?, 0, ?, 1]>>,
    %padding: memref<?x?xi8, strided<[?, 1]>>,
    %lengths: memref<?xi32>,
    %O: memref<?x12x?x80xf32, strided<[?, ?, ?, 1]>>,
    %LSE: memref<?x12x?xf32>,
    %diagonal: index) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %c64 = arith.constant 64 : index
  %c80 = arith.constant 80 : index
  %batch = memref.dim %Q, %c0 : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
  %queries = memref.dim %Q, %c2 : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
  // Query head = kv head * 3 + group.
  tile.parallel (%b, %hk, %g, %i) in (%batch, %c4, %c3, %queries by 48) {
    %h0 = arith.muli %hk, %c3 : index
    %h = arith.addi %h0, %g : index
    %d = tile.range %c0 to %c64 : !tile.span<64>
    %dv = tile.range %c0 to %c80 : !tile.span<80>
    %q = tile.load %Q[%b, %h, %i by 48, %d by 64] : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>> -> tensor<48x64xf32>
    %n32 = memref.load %lengths[%b] : memref<?xi32>
    %n = arith.index_cast %n32 : i32 to index
    %m0 = arith.constant dense<0xFF800000> : tensor<48xf32>
    %l0 = arith.constant dense<0.0> : tensor<48xf32>
    %o0 = arith.constant dense<0.0> : tensor<48x80xf32>
    // CHECK: tile.for %{{.*}} in (%{{.*}} to %{{.*}} by 256) visible(%{{.*}} : !tile.span<48> upper %{{.*}}) iter(
    %m, %l, %o = tile.for %j in (%c0 to %n by 256) visible(%i : !tile.span<48> upper %diagonal)
        iter(%mi = %m0, %li = %l0, %oi = %o0) : tensor<48xf32>, tensor<48xf32>, tensor<48x80xf32> {
      %k = tile.load %K[%b, %hk, %j by 256, %d by 64] : memref<?x4x?x64xf32, strided<[?, ?, ?, 1]>> -> tensor<256x64xf32>
      %zero = arith.constant dense<0.0> : tensor<48x256xf32>
      %s = tile.dot %q, %k, %zero trans_rhs : tensor<48x64xf32>, tensor<256x64xf32> -> tensor<48x256xf32>

      // The fragment between the dots: softcap (30), bias, padding; base 2.
      %inner = arith.constant dense<0.00416666688> : tensor<48x256xf32>  // scale / cap
      %cap2 = arith.constant dense<43.2808495> : tensor<48x256xf32>      // cap * log2(e)
      %s1 = arith.mulf %s, %inner : tensor<48x256xf32>
      %s2 = math.tanh %s1 : tensor<48x256xf32>
      %s3 = arith.mulf %s2, %cap2 : tensor<48x256xf32>

      // A finite mask value stays finite after the factor log2(e); -inf excludes.
      %bb = tile.load %bias[%b, %h, %i by 48, %j by 256] : memref<?x12x?x?xf32, strided<[?, 0, ?, 1]>> -> tensor<48x256xf32>
      %log2e = arith.constant dense<1.44269502> : tensor<48x256xf32>
      %least = arith.constant dense<-1.0e+38> : tensor<48x256xf32>
      %hidden = arith.constant dense<0xFF800000> : tensor<48x256xf32>
      %bf = arith.maximumf %bb, %least : tensor<48x256xf32>
      %b2 = arith.mulf %bf, %log2e : tensor<48x256xf32>
      %s4 = arith.addf %s3, %b2 : tensor<48x256xf32>
      %out = arith.cmpf oeq, %bb, %hidden : tensor<48x256xf32>
      %s5 = arith.select %out, %hidden, %s4 : tensor<48x256xi1>, tensor<48x256xf32>

      // One byte per key: zero excludes it from every row.
      %pk = tile.load %padding[%b, %j by 256] : memref<?x?xi8, strided<[?, 1]>> -> tensor<256xi8>
      %pb = tile.broadcast %pk axes [1] : tensor<256xi8> -> tensor<48x256xi8>
      %zero8 = arith.constant dense<0> : tensor<48x256xi8>
      %keep = arith.cmpi ne, %pb, %zero8 : tensor<48x256xi8>
      %s6 = arith.select %keep, %s5, %hidden : tensor<48x256xi1>, tensor<48x256xf32>

      // CHECK: tile.band %{{.*}}, %{{.*}}, %{{.*}} upper %{{.*}} : tensor<48x256xf32>, !tile.span<48>, !tile.span<256>
      %s7 = tile.band %s6, %i, %j upper %diagonal : tensor<48x256xf32>, !tile.span<48>, !tile.span<256>
      %p, %alpha, %m1, %l1 = tile.softmax_step %s7, %mi, %li : tensor<48x256xf32>, tensor<48xf32>
      %v = tile.load %V[%b, %hk, %j by 256, %dv by 80] : memref<?x4x?x80xf32, strided<[?, ?, ?, 1]>> -> tensor<256x80xf32>
      %ab = tile.broadcast %alpha axes [0] : tensor<48xf32> -> tensor<48x80xf32>
      %oa = arith.mulf %oi, %ab : tensor<48x80xf32>
      %o1 = tile.dot %p, %v, %oa : tensor<48x256xf32>, tensor<256x80xf32> -> tensor<48x80xf32>
      tile.yield %m1, %l1, %o1 : tensor<48xf32>, tensor<48xf32>, tensor<48x80xf32>
    }
    %inverse, %lse = tile.softmax_finish %m, %l : tensor<48xf32>
    %ib = tile.broadcast %inverse axes [0] : tensor<48xf32> -> tensor<48x80xf32>
    %r = arith.mulf %o, %ib : tensor<48x80xf32>
    tile.store %r, %O[%b, %h, %i by 48, %dv by 80] : tensor<48x80xf32> -> memref<?x12x?x80xf32, strided<[?, ?, ?, 1]>>
    tile.store %lse, %LSE[%b, %h, %i by 48] : tensor<48xf32> -> memref<?x12x?xf32>
  }
}
