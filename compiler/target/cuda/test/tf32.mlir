// A dot of tf32 is one product of rounded operands, where one of f32 is three of what its
// parts are cut to, and adds the sum outside.
// RUN: attune-opt --cuda-to-llvm %s | FileCheck %s

// CHECK-LABEL: llvm.func @rounded(
// The main loop multiplies fragments that the round before has loaded.
// CHECK-COUNT-16: nvvm.convert.float.to.tf32
// CHECK-COUNT-2: nvvm.mma.sync
// The rest: one of the left operand, two of the right.
// CHECK-COUNT-4: nvvm.convert.float.to.tf32 %{{.*}} {rnd = #nvvm.fp_rnd_mode<rna>}
// CHECK: %[[B0:.*]] = nvvm.convert.float.to.tf32
// CHECK: %[[B1:.*]] = nvvm.convert.float.to.tf32
// CHECK: %[[B2:.*]] = nvvm.convert.float.to.tf32
// CHECK: %[[B3:.*]] = nvvm.convert.float.to.tf32
// CHECK: nvvm.mma.sync A[{{.*}}] B[%[[B0]], %[[B1]]] {{.*}} shape = #nvvm.shape<m = 16, n = 8, k = 8>
// CHECK: nvvm.mma.sync A[{{.*}}] B[%[[B2]], %[[B3]]]
// CHECK-NOT: nvvm.mma.sync
// CHECK-LABEL: llvm.func @split(
// CHECK-NOT: nvvm.convert.float.to.tf32
// CHECK-COUNT-12: nvvm.mma.sync
// CHECK-NOT: nvvm.mma.sync
tile.kernel contraction @rounded(%a: memref<?x8xf32>, %b: memref<8x16xf32>, %c: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %a, %c0 : memref<?x8xf32>
  %columns = arith.constant 16 : index
  %depth = arith.constant 8 : index
  tile.parallel (%i, %j) in (%rows by 16, %columns by 16) {
    %start = arith.constant dense<0.0> : tensor<16x16xf32>
    %sum = tile.for %d in (%c0 to %depth by 8) iter(%acc = %start) : tensor<16x16xf32> {
      %x = tile.load %a[%i by 16, %d by 8] : memref<?x8xf32> -> tensor<16x8xf32>
      %y = tile.load %b[%d by 8, %j by 16] : memref<8x16xf32> -> tensor<8x16xf32>
      %p = tile.dot %x, %y, %acc tf32 : tensor<16x8xf32>, tensor<8x16xf32> -> tensor<16x16xf32>
      tile.yield %p : tensor<16x16xf32>
    }
    tile.store %sum, %c[%i by 16, %j by 16] : tensor<16x16xf32> -> memref<?x16xf32>
  }
}

tile.kernel contraction @split(%a: memref<?x8xf32>, %b: memref<8x16xf32>, %c: memref<?x16xf32>) {
  %c0 = arith.constant 0 : index
  %rows = memref.dim %a, %c0 : memref<?x8xf32>
  %columns = arith.constant 16 : index
  %depth = arith.constant 8 : index
  tile.parallel (%i, %j) in (%rows by 16, %columns by 16) {
    %start = arith.constant dense<0.0> : tensor<16x16xf32>
    %sum = tile.for %d in (%c0 to %depth by 8) iter(%acc = %start) : tensor<16x16xf32> {
      %x = tile.load %a[%i by 16, %d by 8] : memref<?x8xf32> -> tensor<16x8xf32>
      %y = tile.load %b[%d by 8, %j by 16] : memref<8x16xf32> -> tensor<8x16xf32>
      %p = tile.dot %x, %y, %acc : tensor<16x8xf32>, tensor<8x16xf32> -> tensor<16x16xf32>
      tile.yield %p : tensor<16x16xf32>
    }
    tile.store %sum, %c[%i by 16, %j by 16] : tensor<16x16xf32> -> memref<?x16xf32>
  }
}
