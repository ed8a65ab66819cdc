// The form of a row kernel: a work item is a block of rows; a row is one block of
// the row's whole extent, and how it is cut into vectors is the target's business.
// RUN: attune-opt %s | attune-opt | FileCheck %s

// CHECK-LABEL: tile.kernel row @layer_norm
tile.kernel row @layer_norm(%x: memref<?x768xf32, strided<[?, 1]>>, %gamma: memref<768xf32>,
                            %beta: memref<768xf32>, %y: memref<?x768xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %c768 = arith.constant 768 : index
  %rows = memref.dim %x, %c0 : memref<?x768xf32, strided<[?, 1]>>
  tile.parallel (%i) in (%rows) {
    %j = tile.range %c0 to %c768 : !tile.span<768>
    %a = tile.load %x[%i, %j by 768] : memref<?x768xf32, strided<[?, 1]>> -> tensor<768xf32>
    %n = arith.constant dense<768.0> : tensor<f32>
    %eps = arith.constant dense<1.0e-5> : tensor<f32>
    %sum = tile.reduce sum %a axis 0 : tensor<768xf32> -> tensor<f32>
    %mean = arith.divf %sum, %n : tensor<f32>
    %mb = tile.broadcast %mean : tensor<f32> -> tensor<768xf32>
    %centred = arith.subf %a, %mb : tensor<768xf32>
    %sq = arith.mulf %centred, %centred : tensor<768xf32>
    %sqs = tile.reduce sum %sq axis 0 : tensor<768xf32> -> tensor<f32>
    %var = arith.divf %sqs, %n : tensor<f32>
    %vare = arith.addf %var, %eps : tensor<f32>
    %inv = math.rsqrt %vare : tensor<f32>
    // CHECK: tile.broadcast %{{.*}} : tensor<f32> -> tensor<768xf32>
    %ib = tile.broadcast %inv : tensor<f32> -> tensor<768xf32>
    %norm = arith.mulf %centred, %ib : tensor<768xf32>
    %g = tile.load %gamma[%j by 768] : memref<768xf32> -> tensor<768xf32>
    %b = tile.load %beta[%j by 768] : memref<768xf32> -> tensor<768xf32>
    %ng = arith.mulf %norm, %g : tensor<768xf32>
    %r = arith.addf %ng, %b : tensor<768xf32>
    tile.store %r, %y[%i, %j by 768] : tensor<768xf32> -> memref<?x768xf32, strided<[?, 1]>>
  }
}

// A softmax over rows of run-time length.
// CHECK-LABEL: tile.kernel row @softmax
tile.kernel row @softmax(%x: memref<?x?xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %rows = memref.dim %x, %c0 : memref<?x?xf32, strided<[?, 1]>>
  %cols = memref.dim %x, %c1 : memref<?x?xf32, strided<[?, 1]>>
  tile.parallel (%i) in (%rows) {
    %j = tile.range %c0 to %cols : !tile.span<?>
    %a = tile.load %x[%i, %j by ?] : memref<?x?xf32, strided<[?, 1]>> -> tensor<?xf32>
    %m = tile.reduce max %a axis 0 : tensor<?xf32> -> tensor<f32>
    %mb = tile.broadcast %m over(%j : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %s = arith.subf %a, %mb : tensor<?xf32>
    %e = math.exp %s : tensor<?xf32>
    %sum = tile.reduce sum %e axis 0 : tensor<?xf32> -> tensor<f32>
    // CHECK: tile.broadcast %{{.*}} over(%{{.*}} : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %sb = tile.broadcast %sum over(%j : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %p = arith.divf %e, %sb : tensor<?xf32>
    tile.store %p, %x[%i, %j by ?] : tensor<?xf32> -> memref<?x?xf32, strided<[?, 1]>>
  }
}
