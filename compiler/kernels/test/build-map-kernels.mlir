// Map groups: axes merge, lanes run along the results, views are strides.
// RUN: attune-opt %s --build-kernels | FileCheck %s
#X = #nn.shape<[B, S, 768]>
#H = #nn.shape<[B, S, 12, 64]>
#T = #nn.shape<[B, 12, S, 64]>

// Everything of one tensor is one axis.
// CHECK: tile.kernel map @map_0(%[[X:.*]]: memref<?xf32>, %[[Y:.*]]: memref<?xf32>)
// CHECK: tile.parallel (%[[I:.*]]) in (%{{.*}} by 2048) {
// CHECK:   %[[B:.*]] = tile.load %[[X]][%[[I]] by 2048]
// CHECK:   %[[T:.*]] = math.tanh %[[B]]
// CHECK:   tile.store %[[T]], %[[Y]][%[[I]] by 2048]
// CHECK-LABEL: func.func @chain
// CHECK: integers <[768 * B * S, 768 * B * S]> grid <floordiv(768 * B * S + 2047, 2048)> {{.*}} in_place [0]
func.func @chain(%x: tensor<?x?x768xf32, #X>) -> tensor<?x?x768xf32, #X> {
  %o = nn.group map (%0 = %x) : (tensor<?x?x768xf32, #X>) -> tensor<?x?x768xf32, #X> {
    %a = nn.elementwise tanh %0 : (tensor<?x?x768xf32, #X>) -> tensor<?x?x768xf32, #X>
    nn.yield %a : tensor<?x?x768xf32, #X>
  }
  return %o : tensor<?x?x768xf32, #X>
}


// One index for each row: negative ones count from the end, all are kept inside.
// CHECK: tile.kernel map @map_1(%[[I:.*]]: memref<?xi64>, %[[T:.*]]: memref<1000x768xf32>, %{{.*}}: memref<?x768xf32>)
// CHECK: tile.parallel (%[[R:.*]], %[[L:.*]]) in (%{{.*}}, %{{.*}} by 768) {
// CHECK:   memref.load %[[I]][%[[R]]]
// CHECK:   arith.minsi
// CHECK:   arith.maxsi
// CHECK:   %[[ROW:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK:   tile.load %[[T]][%[[ROW]], %[[L]] by 768]
func.func @embed(%t: tensor<1000x768xf32>, %i: tensor<?x?xi64, #nn.shape<[B, S]>>) -> tensor<?x?x768xf32, #X> {
  %o = nn.group map (%0 = %t, %1 = %i) : (tensor<1000x768xf32>, tensor<?x?xi64, #nn.shape<[B, S]>>) -> tensor<?x?x768xf32, #X> {
    %a = nn.gather %0[%1] axis 0 : (tensor<1000x768xf32>, tensor<?x?xi64, #nn.shape<[B, S]>>) -> tensor<?x?x768xf32, #X>
    nn.yield %a : tensor<?x?x768xf32, #X>
  }
  return %o : tensor<?x?x768xf32, #X>
}


// Lanes are few, so an item has rows of them: the heads, which lie side by side
// in what is read.
// CHECK: tile.kernel map @map_2(
// CHECK: in (%{{.*}}, %{{.*}} by 12, %{{.*}}, %{{.*}} by 64) {
// CHECK:   tile.load {{.*}} -> tensor<12x64xf32>
func.func @heads(%x: tensor<?x?x12x64xf32, #H>) -> tensor<?x12x?x64xf32, #T> {
  %o = nn.group map (%0 = %x) : (tensor<?x?x12x64xf32, #H>) -> tensor<?x12x?x64xf32, #T> {
    %a = nn.transpose %0 [0, 2, 1, 3] : (tensor<?x?x12x64xf32, #H>) -> tensor<?x12x?x64xf32, #T>
    nn.yield %a : tensor<?x12x?x64xf32, #T>
  }
  return %o : tensor<?x12x?x64xf32, #T>
}


// Read along one axis and written along the other: items span both.
// CHECK: tile.kernel map @map_3(%{{.*}}: memref<3072x768xf32, strided<[1, 3072]>>, %{{.*}}: memref<3072x768xf32>)
// CHECK: in (%{{.*}} by 16, %{{.*}} by 256) {
func.func @turn(%x: tensor<768x3072xf32>) -> tensor<3072x768xf32> {
  %o = nn.group map (%0 = %x) : (tensor<768x3072xf32>) -> tensor<3072x768xf32> {
    %a = nn.transpose %0 [1, 0] : (tensor<768x3072xf32>) -> tensor<3072x768xf32>
    nn.yield %a : tensor<3072x768xf32>
  }
  return %o : tensor<3072x768xf32>
}


// The joined axis and what lies inside it are one run; each piece gives the part of
// the item that lies in it.
// CHECK: tile.kernel map @map_4(%[[X:.*]]: memref<?x768xf32>, %[[Y:.*]]: memref<?x150528xf32>, %[[Z:.*]]: memref<?x151296xf32>)
// CHECK: tile.parallel (%[[B:.*]], %[[L:.*]]) in (%{{.*}}, %{{.*}} by 2048) {
// CHECK:   tile.bounds %[[L]]
// CHECK:   %[[P:.*]] = tile.load %[[X]][%[[B]], %{{.*}} by ?]
// CHECK:   tile.store %[[P]], %[[Z]][%[[B]], %{{.*}} by ?]
// CHECK:   %[[Q:.*]] = tile.load %[[Y]][%[[B]], %{{.*}} by ?]
// CHECK:   tile.store %[[Q]], %[[Z]][%[[B]], %{{.*}} by ?]
func.func @concat(%x: tensor<?x1x768xf32, #nn.shape<[B, 1, 768]>>, %y: tensor<?x196x768xf32, #nn.shape<[B, 196, 768]>>) -> tensor<?x197x768xf32, #nn.shape<[B, 197, 768]>> {
  %o = nn.group map (%0 = %x, %1 = %y) : (tensor<?x1x768xf32, #nn.shape<[B, 1, 768]>>, tensor<?x196x768xf32, #nn.shape<[B, 196, 768]>>) -> tensor<?x197x768xf32, #nn.shape<[B, 197, 768]>> {
    %a = nn.concat %0, %1 axis 1 : (tensor<?x1x768xf32, #nn.shape<[B, 1, 768]>>, tensor<?x196x768xf32, #nn.shape<[B, 196, 768]>>) -> tensor<?x197x768xf32, #nn.shape<[B, 197, 768]>>
    nn.yield %a : tensor<?x197x768xf32, #nn.shape<[B, 197, 768]>>
  }
  return %o : tensor<?x197x768xf32, #nn.shape<[B, 197, 768]>>
}


// More heads than a machine follows streams: rows are those of the result.
// CHECK: tile.kernel map @map_5(
// CHECK: in (%{{.*}}, %{{.*}}, %{{.*}} by 32, %{{.*}} by 64) {
func.func @many_heads(%x: tensor<?x?x24x64xf32, #nn.shape<[B, S, 24, 64]>>) -> tensor<?x24x?x64xf32, #nn.shape<[B, 24, S, 64]>> {
  %o = nn.group map (%0 = %x) : (tensor<?x?x24x64xf32, #nn.shape<[B, S, 24, 64]>>) -> tensor<?x24x?x64xf32, #nn.shape<[B, 24, S, 64]>> {
    %a = nn.transpose %0 [0, 2, 1, 3] : (tensor<?x?x24x64xf32, #nn.shape<[B, S, 24, 64]>>) -> tensor<?x24x?x64xf32, #nn.shape<[B, 24, S, 64]>>
    nn.yield %a : tensor<?x24x?x64xf32, #nn.shape<[B, 24, S, 64]>>
  }
  return %o : tensor<?x24x?x64xf32, #nn.shape<[B, 24, S, 64]>>
}

// An optimizer: three results, each in the place of the weight that it updates,
// whatever the order in which the group reads them.
// CHECK-LABEL: func.func @update
// CHECK: %[[W:.*]] = nn.load_weight @w
// CHECK: %[[M:.*]] = nn.load_weight @m
// CHECK: %[[V:.*]] = nn.load_weight @v
// CHECK: nn.launch map @{{.*}}(%[[W]], %[[M]], %arg0, %[[V]])
// CHECK-SAME: in_place [0, 1, 3]
nn.weight @w trainable state parameter : tensor<64x16xf32>
nn.weight @m state optimizer : tensor<64x16xf32>
nn.weight @v state optimizer : tensor<64x16xf32>
func.func @update(%g: tensor<64x16xf32>) -> (tensor<64x16xf32> {nn.updates = @w}, tensor<64x16xf32> {nn.updates = @m}, tensor<64x16xf32> {nn.updates = @v}) {
  %w = nn.load_weight @w : tensor<64x16xf32>
  %m = nn.load_weight @m : tensor<64x16xf32>
  %v = nn.load_weight @v : tensor<64x16xf32>
  %o:3 = nn.group map (%0 = %m, %1 = %g, %2 = %v, %3 = %w) : (tensor<64x16xf32>, tensor<64x16xf32>, tensor<64x16xf32>, tensor<64x16xf32>) -> (tensor<64x16xf32>, tensor<64x16xf32>, tensor<64x16xf32>) {
    %a = nn.elementwise add %0, %1 : (tensor<64x16xf32>, tensor<64x16xf32>) -> tensor<64x16xf32>
    %b = nn.elementwise add %2, %1 : (tensor<64x16xf32>, tensor<64x16xf32>) -> tensor<64x16xf32>
    %c = nn.elementwise div %a, %b : (tensor<64x16xf32>, tensor<64x16xf32>) -> tensor<64x16xf32>
    %d = nn.elementwise sub %3, %c : (tensor<64x16xf32>, tensor<64x16xf32>) -> tensor<64x16xf32>
    nn.yield %d, %a, %b : tensor<64x16xf32>, tensor<64x16xf32>, tensor<64x16xf32>
  }
  return %o#0, %o#1, %o#2 : tensor<64x16xf32>, tensor<64x16xf32>, tensor<64x16xf32>
}

// Random numbers by position, which count from the first sample; what merges
// in memory is one axis. Groups that differ in the id share a kernel.
// CHECK: tile.kernel map @{{.*}}(%[[S:.*]]: memref<i64>, %[[T:.*]]: memref<i64>, %[[F:.*]]: memref<i64>
// CHECK-SAME: %[[ID:[a-z0-9]*]]: i64
// CHECK: tile.parallel (%[[I:.*]]) in (%{{.*}} by 2048) {
// CHECK:   %[[N:.*]] = memref.load %[[F]][]
// CHECK:   %[[E:.*]] = arith.muli %[[N]],
// CHECK:   tile.random %[[ID]](%{{.*}}, %{{.*}}) at %[[E]][%[[I]] by 2048] strides[%{{.*}}] : tensor<2048xf32>
// CHECK-NOT: tile.random
// CHECK-LABEL: func.func @random
// CHECK: nn.launch map @[[K:.*]](%
// CHECK-SAME: integers <[{{.*}}, 5]>
// CHECK: nn.launch map @[[K]](%
// CHECK-SAME: integers <[{{.*}}, 7]>
func.func @random(%s: tensor<i64>, %t: tensor<i64>, %f: tensor<i64>, %x: tensor<?x?x768xf32, #X>) -> (tensor<?x?x768xf32, #X>, tensor<?x?x768xf32, #X>) {
  %o = nn.group map (%0 = %s, %1 = %t, %2 = %f) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?x?x768xf32, #X> {
    %u = nn.random id 5 (%0, %1, %2) : tensor<?x?x768xf32, #X>
    nn.yield %u : tensor<?x?x768xf32, #X>
  }
  %p = nn.group map (%0 = %s, %1 = %t, %2 = %f) : (tensor<i64>, tensor<i64>, tensor<i64>) -> tensor<?x?x768xf32, #X> {
    %u = nn.random id 7 (%0, %1, %2) : tensor<?x?x768xf32, #X>
    nn.yield %u : tensor<?x?x768xf32, #X>
  }
  return %o, %p : tensor<?x?x768xf32, #X>, tensor<?x?x768xf32, #X>
}
