// Every op prints in the form in which it is read.
// RUN: attune-opt %s | attune-opt | FileCheck %s

// CHECK-LABEL: tile.kernel map @blocks(
// CHECK-SAME:    %{{.*}}: memref<?x?xf32, strided<[?, 1]>>, %{{.*}}: memref<?xi64>, %{{.*}}: index, %{{.*}}: f32)
tile.kernel map @blocks(%x: memref<?x?xf32, strided<[?, 1]>>, %ids: memref<?xi64>,
                        %rows: index, %scale: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %cols = memref.dim %x, %c1 : memref<?x?xf32, strided<[?, 1]>>
  // CHECK: tile.parallel (%[[R:.*]], %[[I:.*]]) in (%{{.*}}, %{{.*}} by 8) {
  tile.parallel (%r, %i) in (%rows, %cols by 8) {
    // CHECK: tile.range %{{.*}} to %{{.*}} : !tile.span<?>
    %all = tile.range %c0 to %cols : !tile.span<?>
    // CHECK: tile.bounds %[[I]] : !tile.span<8>
    %start, %count = tile.bounds %i : !tile.span<8>
    // CHECK: tile.load %{{.*}}[%[[R]], %[[I]] by 8] fill(1.000000e+00 : f32) : memref<?x?xf32, strided<[?, 1]>> -> tensor<8xf32>
    %a = tile.load %x[%r, %i by 8] fill(1.0 : f32) : memref<?x?xf32, strided<[?, 1]>> -> tensor<8xf32>
    // CHECK: tile.load %{{.*}}[%[[R]], %{{.*}} by ?] : memref<?x?xf32, strided<[?, 1]>> -> tensor<?xf32>
    %row = tile.load %x[%r, %all by ?] : memref<?x?xf32, strided<[?, 1]>> -> tensor<?xf32>
    // Gather: the row is an index that was loaded.
    %id64 = memref.load %ids[%r] : memref<?xi64>
    %id = arith.index_cast %id64 : i64 to index
    %g = tile.load %x[%id, %i by 8] : memref<?x?xf32, strided<[?, 1]>> -> tensor<8xf32>
    // CHECK: %[[IDS:.*]] = tile.iota %[[I]] : !tile.span<8> -> tensor<8xi64>
    %each = tile.iota %i : !tile.span<8> -> tensor<8xi64>
    // CHECK: tile.gather %{{.*}}[%[[R]], %[[IDS]]] : memref<?x?xf32, strided<[?, 1]>>, index, tensor<8xi64> -> tensor<8xf32>
    %ge = tile.gather %x[%r, %each] : memref<?x?xf32, strided<[?, 1]>>, index, tensor<8xi64> -> tensor<8xf32>
    %word = arith.index_cast %r : index to i64
    // CHECK: tile.random %{{.*}}(%{{.*}}, %{{.*}}) at %{{.*}}[%[[R]], %[[I]] by 8] strides[%{{.*}}, %{{.*}}] : tensor<8xf32>
    %u = tile.random %word(%word, %word) at %word[%r, %i by 8] strides[%cols, %c1] : tensor<8xf32>
    // CHECK: tile.random %{{.*}}(%{{.*}}, %{{.*}}) at %{{.*}}[] strides[] : tensor<f32>
    %u0 = tile.random %word(%word, %word) at %word[] strides[] : tensor<f32>
    // CHECK: tile.reduce sum %{{.*}} axis 0 over(%{{.*}} : !tile.span<8>) : tensor<8xf32> -> tensor<f32>
    %s = tile.reduce sum %a axis 0 over(%i : !tile.span<8>) : tensor<8xf32> -> tensor<f32>
    // CHECK: tile.reduce max %{{.*}} axis 0 : tensor<?xf32> -> tensor<f32>
    %m = tile.reduce max %row axis 0 : tensor<?xf32> -> tensor<f32>
    // CHECK: tile.reduce maxnum %{{.*}} axis 0 : tensor<?xf32> -> tensor<f32>
    %mn = tile.reduce maxnum %row axis 0 : tensor<?xf32> -> tensor<f32>
    // CHECK: tile.broadcast %{{.*}} over(%{{.*}} : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %mb = tile.broadcast %m over(%all : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    // CHECK: tile.broadcast %{{.*}} : f32 -> tensor<8xf32>
    %sc = tile.broadcast %scale : f32 -> tensor<8xf32>
    // CHECK: tile.iota %[[I]] : !tile.span<8> -> tensor<8xi32>
    %pos = tile.iota %i : !tile.span<8> -> tensor<8xi32>
    // CHECK: tile.broadcast %{{.*}} axes [1] : tensor<8xf32> -> tensor<4x8xf32>
    %b = tile.broadcast %a axes [1] : tensor<8xf32> -> tensor<4x8xf32>
    // CHECK: tile.transpose %{{.*}} [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
    %t = tile.transpose %b [1, 0] : tensor<4x8xf32> -> tensor<8x4xf32>
    %acc = arith.constant dense<0.0> : tensor<8x8xf32>
    // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} : tensor<8x4xf32>, tensor<4x8xf32> -> tensor<8x8xf32>
    %d = tile.dot %t, %b, %acc : tensor<8x4xf32>, tensor<4x8xf32> -> tensor<8x8xf32>
    // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} trans_lhs trans_rhs : tensor<4x8xf32>, tensor<8x4xf32> -> tensor<8x8xf32>
    %dt = tile.dot %b, %t, %acc trans_lhs trans_rhs : tensor<4x8xf32>, tensor<8x4xf32> -> tensor<8x8xf32>
    // CHECK: tile.dot %{{.*}}, %{{.*}}, %{{.*}} trans_rhs tf32 : tensor<8x4xf32>, tensor<8x4xf32> -> tensor<8x8xf32>
    %dr = tile.dot %t, %t, %acc trans_rhs tf32 : tensor<8x4xf32>, tensor<8x4xf32> -> tensor<8x8xf32>
    // CHECK: tile.store %{{.*}}, %{{.*}}[%[[R]], %[[I]] by 8] : tensor<8xf32> -> memref<?x?xf32, strided<[?, 1]>>
    tile.store %g, %x[%r, %i by 8] : tensor<8xf32> -> memref<?x?xf32, strided<[?, 1]>>
  }
}

// A loop without carried values needs no terminator.
// CHECK-LABEL: tile.kernel row @loops
tile.kernel row @loops(%x: memref<64x64xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  tile.parallel (%i) in (%n by 16) {
    // CHECK: tile.for %[[J:.*]] in (%{{.*}} to %{{.*}} by 32) visible(%{{.*}} : !tile.span<16> lower %{{.*}} upper %{{.*}}) {
    tile.for %j in (%c0 to %c64 by 32) visible(%i : !tile.span<16> lower %c0 upper %n) {
      %a = tile.load %x[%i by 16, %j by 32] : memref<64x64xf32> -> tensor<16x32xf32>
      // CHECK: tile.band %{{.*}}, %{{.*}}, %[[J]] lower %{{.*}} upper %{{.*}} : tensor<16x32xf32>, !tile.span<16>, !tile.span<32>
      %b = tile.band %a, %i, %j lower %c0 upper %n : tensor<16x32xf32>, !tile.span<16>, !tile.span<32>
      tile.store %b, %x[%i by 16, %j by 32] : tensor<16x32xf32> -> memref<64x64xf32>
    }
    %m0 = arith.constant dense<0xFF800000> : tensor<16xf32>
    %l0 = arith.constant dense<0.0> : tensor<16xf32>
    // CHECK: %{{.*}}:2 = tile.for %{{.*}} in (%{{.*}} to %{{.*}} by 32) iter(%{{.*}} = %{{.*}}, %{{.*}} = %{{.*}}) : tensor<16xf32>, tensor<16xf32> {
    %m, %l = tile.for %j in (%c0 to %c64 by 32) iter(%mi = %m0, %li = %l0) : tensor<16xf32>, tensor<16xf32> {
      %s = tile.load %x[%i by 16, %j by 32] : memref<64x64xf32> -> tensor<16x32xf32>
      // CHECK: tile.softmax_step %{{.*}}, %{{.*}}, %{{.*}} exact : tensor<16x32xf32>, tensor<16xf32>
      tile.softmax_step %s, %mi, %li exact : tensor<16x32xf32>, tensor<16xf32>
      // CHECK: tile.softmax_step %{{.*}}, %{{.*}}, %{{.*}} : tensor<16x32xf32>, tensor<16xf32>
      %p, %alpha, %m1, %l1 = tile.softmax_step %s, %mi, %li : tensor<16x32xf32>, tensor<16xf32>
      tile.yield %m1, %l1 : tensor<16xf32>, tensor<16xf32>
    }
    // CHECK: tile.softmax_finish %{{.*}}, %{{.*}} : tensor<16xf32>
    %inverse, %lse = tile.softmax_finish %m, %l : tensor<16xf32>
  }
}

// CHECK-LABEL: tile.kernel scatter @sums
tile.kernel scatter @sums(%u: memref<1x?x64xf32>, %ids: memref<?xi64>, %d: memref<1x100x64xf32>) {
  %c1 = arith.constant 1 : index
  %c64 = arith.constant 64 : index
  %c100 = arith.constant 100 : index
  tile.parallel (%p, %x, %c) in (%c1, %c100 by 50, %c64 by 32) {
    // CHECK: tile.scatter %{{.*}}, %{{.*}}, %{{.*}}[%{{.*}}, %{{.*}} by 50, %{{.*}} by 32] : memref<1x?x64xf32>, memref<?xi64>, memref<1x100x64xf32>
    tile.scatter %u, %ids, %d[%p, %x by 50, %c by 32] : memref<1x?x64xf32>, memref<?xi64>, memref<1x100x64xf32>
  }
}
