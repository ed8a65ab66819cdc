// Row and map kernels: how many passes, what rests in scratch between them, and
// which lines are asked for ahead.
// RUN: attune-opt %s --lower-kernels-cpu=version=x86-64-v3 | FileCheck %s

// A softmax down the columns. The first pass keeps what it walked across rows
// for, the second puts its terms in the same place: one section of scratch, and
// one for each of the two sums. It asks for the results' lines and for the next
// item's, four vectors of each.
// CHECK-LABEL: func.func @columns(
// CHECK: scf.for {{.*}} step %{{c64[^ ]*}}
// CHECK: llvm.load {{.*}} -> vector<16xf32>
// CHECK-NOT: math.exp2
// CHECK-NOT: prefetch
// CHECK: llvm.store {{.*}} : vector<16xf32>
// CHECK: scf.for
// CHECK: math.exp2
// CHECK-COUNT-2: llvm.intr.prefetch{{.*}}hint = 2
// CHECK: math.exp2
// CHECK-COUNT-2: llvm.intr.prefetch{{.*}}hint = 2
// CHECK: math.exp2
// CHECK-COUNT-2: llvm.intr.prefetch{{.*}}hint = 2
// CHECK: math.exp2
// CHECK-COUNT-2: llvm.intr.prefetch{{.*}}hint = 2
// CHECK: arith.divf
// CHECK-NOT: math.exp2
// CHECK-NOT: prefetch
// CHECK: return
tile.kernel row @columns(%x: memref<?x128xf32>, %y: memref<?x128xf32>)
    schedule({scratch = affine_map<(m, n) -> (m * 256 + 512)>}) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x128xf32>
  %c128 = arith.constant 128 : index
  tile.parallel (%l) in (%c128 by 64) {
    %j = tile.range %c0 to %n : !tile.span<?>
    %a = tile.load %x[%j by ?, %l by 64] : memref<?x128xf32> -> tensor<?x64xf32>
    %m = tile.reduce maxnum %a axis 0 over(%j : !tile.span<?>) : tensor<?x64xf32> -> tensor<64xf32>
    %mb = tile.broadcast %m axes [1] over(%j : !tile.span<?>) : tensor<64xf32> -> tensor<?x64xf32>
    %s = arith.subf %a, %mb : tensor<?x64xf32>
    %e = math.exp2 %s : tensor<?x64xf32>
    %sum = tile.reduce sum %e axis 0 over(%j : !tile.span<?>) : tensor<?x64xf32> -> tensor<64xf32>
    %one = arith.constant dense<1.0> : tensor<64xf32>
    %inv = arith.divf %one, %sum : tensor<64xf32>
    %ib = tile.broadcast %inv axes [1] over(%j : !tile.span<?>) : tensor<64xf32> -> tensor<?x64xf32>
    %p = arith.mulf %e, %ib : tensor<?x64xf32>
    tile.store %p, %y[%j by ?, %l by 64] : tensor<?x64xf32> -> memref<?x128xf32>
  }
}

// Deviations of a row from its mean: the pass over squares, the last that
// reduces, asks for the row's result and the next row, not for the scale that
// all rows share.
// CHECK-LABEL: func.func @rows(
// CHECK-NOT: prefetch
// CHECK: scf.for
// CHECK: scf.for {{.*}} step %{{c64[^ ]*}}
// CHECK-NOT: prefetch
// CHECK: scf.for {{.*}} step %{{c64[^ ]*}}
// CHECK-COUNT-8: llvm.intr.prefetch{{.*}}hint = 3
// CHECK-NOT: prefetch
// CHECK: scf.yield
tile.kernel row @rows(%x: memref<?x256xf32>, %g: memref<256xf32>, %y: memref<?x256xf32>) {
  %c0 = arith.constant 0 : index
  %c256 = arith.constant 256 : index
  %n = memref.dim %x, %c0 : memref<?x256xf32>
  tile.parallel (%i) in (%n) {
    %j = tile.range %c0 to %c256 : !tile.span<256>
    %a = tile.load %x[%i, %j by 256] : memref<?x256xf32> -> tensor<256xf32>
    %s = tile.reduce sum %a axis 0 : tensor<256xf32> -> tensor<f32>
    %count = arith.constant dense<256.0> : tensor<f32>
    %mean = arith.divf %s, %count : tensor<f32>
    %mb = tile.broadcast %mean : tensor<f32> -> tensor<256xf32>
    %d = arith.subf %a, %mb : tensor<256xf32>
    %sq = arith.mulf %d, %d : tensor<256xf32>
    %v = tile.reduce sum %sq axis 0 : tensor<256xf32> -> tensor<f32>
    %vb = tile.broadcast %v : tensor<f32> -> tensor<256xf32>
    %w = tile.load %g[%j by 256] : memref<256xf32> -> tensor<256xf32>
    %r0 = arith.mulf %d, %vb : tensor<256xf32>
    %r = arith.mulf %r0, %w : tensor<256xf32>
    tile.store %r, %y[%i, %j by 256] : tensor<256xf32> -> memref<?x256xf32>
  }
}

// A transposed copy asks for a line of each row on both sides: 32 for a whole
// tile, none for what is left.
// CHECK-LABEL: func.func @turned(
// CHECK-COUNT-32: llvm.intr.prefetch{{.*}}hint = 2
// CHECK-NOT: prefetch
// CHECK: return
tile.kernel map @turned(%x: memref<?x?xf32, strided<[1, ?]>>, %y: memref<?x?xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %m = memref.dim %y, %c0 : memref<?x?xf32, strided<[?, 1]>>
  %n = memref.dim %y, %c1 : memref<?x?xf32, strided<[?, 1]>>
  tile.parallel (%i, %j) in (%m by 16, %n by 256) {
    %a = tile.load %x[%i by 16, %j by 256] : memref<?x?xf32, strided<[1, ?]>> -> tensor<16x256xf32>
    tile.store %a, %y[%i by 16, %j by 256] : tensor<16x256xf32> -> memref<?x?xf32, strided<[?, 1]>>
  }
}
