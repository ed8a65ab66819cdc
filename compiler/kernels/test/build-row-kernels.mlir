// Row groups: rows are work items, columns are whole blocks.
// RUN: attune-opt %s --build-kernels | FileCheck %s

// Batch and sequence merge into rows; the variance is that of the centred row.
// CHECK: tile.kernel row @row_0(%[[X:.*]]: memref<?x768xf32>, %[[G:.*]]: memref<768xf32>, %[[S:.*]]: memref<?x768xf32>, %[[Y:.*]]: memref<?x768xf32>)
// CHECK: tile.parallel (%[[I:.*]]) in (%{{.*}}) {
// CHECK:   %[[J:.*]] = tile.range %{{.*}} to %{{.*}} : !tile.span<768>
// CHECK:   %[[ADD:.*]] = arith.addf
// CHECK:   tile.store %[[ADD]], %[[S]][%[[I]], %[[J]] by 768]
// CHECK:   tile.reduce{{ +}}sum %[[ADD]] axis 0
// CHECK:   %[[C:.*]] = arith.subf %[[ADD]]
// CHECK:   %[[SQ:.*]] = arith.mulf %[[C]], %[[C]]
// CHECK:   tile.reduce{{ +}}sum %[[SQ]] axis 0
// CHECK:   math.rsqrt
// CHECK:   tile.load %[[G]][%[[J]] by 768]
// CHECK:   tile.store %{{.*}}, %[[Y]]
// CHECK-LABEL: func.func @norm
// CHECK: integers <[B * S, B * S, B * S]> grid <B * S> grain <21> {{.*}} in_place [0, -1]

// A broadcast mask is read where it does not move: heads and queries merge. A row
// of nothing but -inf is not normalised.
// CHECK: tile.kernel row @row_1(%[[M:.*]]: memref<?x?xi1, strided<[?, 1]>>, %[[X:.*]]: memref<?x?x?xf32, strided<[?, ?, 1]>>,
// CHECK: tile.parallel (%[[B:.*]], %[[R:.*]]) in
// CHECK:   tile.load %[[M]][%[[B]], %[[J:.*]] by ?]
// CHECK:   tile.load %[[X]][%[[B]], %[[R]], %[[J]] by ?]
// CHECK:   arith.select
// CHECK:   %[[MAX:.*]] = tile.reduce{{ +}}maxnum
// CHECK:   arith.cmpf oeq, %[[MAX]]
// CHECK:   math.exp2 %{{.*}} fastmath<afn>
// CHECK:   %[[SUM:.*]] = tile.reduce{{ +}}sum
// CHECK:   arith.cmpf oeq, %[[SUM]]
// CHECK-LABEL: func.func @softmax
// CHECK: grid <4 * B * S> grain <max(floordiv(16384, max(T, 1)), 1)>

// Vectors run along the last axis, which is not reduced.
// CHECK: tile.kernel row @row_2(
// CHECK: tile.parallel (%{{.*}}, %[[L:.*]]) in (%{{.*}}, %{{.*}} by 64) {
// CHECK:   %[[BLOCK:.*]] = tile.load {{.*}} -> tensor<?x64xf32>
// CHECK:   tile.reduce{{ +}}sum %[[BLOCK]] axis 0 {{.*}} -> tensor<64xf32>
// CHECK-LABEL: func.func @pool
#X = #nn.shape<[B, S, 768]>
#P = #nn.shape<[B, 4, S, T]>

func.func @norm(%x: tensor<?x?x768xf32, #X>, %g: tensor<768xf32>) -> (tensor<?x?x768xf32, #X>, tensor<?x?x768xf32, #X>) {
  %o:2 = nn.group row (%0 = %x, %1 = %g) : (tensor<?x?x768xf32, #X>, tensor<768xf32>) -> (tensor<?x?x768xf32, #X>, tensor<?x?x768xf32, #X>) {
    %s = nn.elementwise add %0, %0 : (tensor<?x?x768xf32, #X>, tensor<?x?x768xf32, #X>) -> tensor<?x?x768xf32, #X>
    %n = nn.norm layer %s axis 2 epsilon 1.0e-5 scale %1 : tensor<768xf32> : tensor<?x?x768xf32, #X> -> tensor<?x?x768xf32, #X>
    nn.yield %s, %n : tensor<?x?x768xf32, #X>, tensor<?x?x768xf32, #X>
  }
  return %o#0, %o#1 : tensor<?x?x768xf32, #X>, tensor<?x?x768xf32, #X>
}

func.func @softmax(%x: tensor<?x4x?x?xf32, #P>, %m: tensor<?x1x1x?xi1, #nn.shape<[B, 1, 1, T]>>) -> tensor<?x4x?x?xf32, #P> {
  %o = nn.group row (%0 = %x, %1 = %m) : (tensor<?x4x?x?xf32, #P>, tensor<?x1x1x?xi1, #nn.shape<[B, 1, 1, T]>>) -> tensor<?x4x?x?xf32, #P> {
    %h = arith.constant dense<0xFF800000> : tensor<f32>
    %s = nn.elementwise select %1, %0, %h : (tensor<?x1x1x?xi1, #nn.shape<[B, 1, 1, T]>>, tensor<?x4x?x?xf32, #P>, tensor<f32>) -> tensor<?x4x?x?xf32, #P>
    %p = nn.softmax %s axis 3 : (tensor<?x4x?x?xf32, #P>) -> tensor<?x4x?x?xf32, #P>
    nn.yield %p : tensor<?x4x?x?xf32, #P>
  }
  return %o : tensor<?x4x?x?xf32, #P>
}

func.func @pool(%x: tensor<?x?x768xf32, #X>) -> tensor<?x768xf32, #nn.shape<[B, 768]>> {
  %o = nn.group row (%0 = %x) : (tensor<?x?x768xf32, #X>) -> tensor<?x768xf32, #nn.shape<[B, 768]>> {
    %n = nn.reduce mean %0 axes [1] : (tensor<?x?x768xf32, #X>) -> tensor<?x768xf32, #nn.shape<[B, 768]>>
    nn.yield %n : tensor<?x768xf32, #nn.shape<[B, 768]>>
  }
  return %o : tensor<?x768xf32, #nn.shape<[B, 768]>>
}
