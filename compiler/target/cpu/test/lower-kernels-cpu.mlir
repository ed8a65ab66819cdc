// The function around a kernel: slots, the loop over work items, a register tile
// of accumulators carried by the loop over k; and nothing of math left.
// RUN: attune-opt %s --lower-kernels-cpu=version=x86-64-v3 | FileCheck %s
// RUN: attune-opt %s --cpu-to-llvm=version=x86-64-v3 | FileCheck %s --check-prefix=LLVM

// CHECK-LABEL: func.func @linear(
//  CHECK-SAME: %{{.*}}: !llvm.ptr {llvm.noalias}, %{{.*}}: i64, %[[BEGIN:.*]]: i64, %[[END:.*]]: i64)
//       CHECK: scf.for %{{.*}} = %[[BEGIN]] to %[[END]]
// Six rows of one panel, two steps of k.
//       CHECK: scf.for {{.*}} -> (vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>, vector<16xf32>)
// CHECK-COUNT-12: llvm.intr.fma
//       CHECK: scf.yield
// The epilogue runs on the accumulators.
//       CHECK: math.erf %{{.*}} : vector<16xf32>

// LLVM-LABEL: llvm.func @linear
//   LLVM-NOT: math.
//   LLVM-NOT: llvm.call
//   LLVM-NOT: llvm.alloca
tile.kernel contraction @linear(
    %a: memref<?x64xf32, strided<[?, 1]>>,
    %w: memref<64x96xf32> {tile.panels = #tile.panels<axis = 1, width = 16>},
    %c: memref<?x96xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %c64 = arith.constant 64 : index
  %c96 = arith.constant 96 : index
  %m = memref.dim %a, %c0 : memref<?x64xf32, strided<[?, 1]>>
  tile.parallel (%i, %j) in (%m by 192, %c96 by 48) {
    %zero = arith.constant dense<0.0> : tensor<192x48xf32>
    %sum = tile.for %k in (%c0 to %c64 by 64) iter(%acc = %zero) : tensor<192x48xf32> {
      %x = tile.load %a[%i by 192, %k by 64] : memref<?x64xf32, strided<[?, 1]>> -> tensor<192x64xf32>
      %y = tile.load %w[%k by 64, %j by 48] : memref<64x96xf32> -> tensor<64x48xf32>
      %d = tile.dot %x, %y, %acc : tensor<192x64xf32>, tensor<64x48xf32> -> tensor<192x48xf32>
      tile.yield %d : tensor<192x48xf32>
    }
    %e = math.erf %sum : tensor<192x48xf32>
    tile.store %e, %c[%i by 192, %j by 48] : tensor<192x48xf32> -> memref<?x96xf32, strided<[?, 1]>>
  }
}
