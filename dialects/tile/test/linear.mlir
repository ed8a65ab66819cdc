// The form of a contraction kernel: y = gelu(x W + b) + r, with run-time rows,
// static weights in panels, and the epilogue as ordinary ops after the k loop.
// RUN: attune-opt %s | attune-opt | FileCheck %s

// CHECK-LABEL: tile.kernel contraction @linear
// CHECK-SAME:    {tile.panels = #tile.panels<axis = 1, width = 16>}
tile.kernel contraction @linear(
    %a: memref<?x768xf32, strided<[?, 1]>>,
    %w: memref<768x3072xf32> {tile.panels = #tile.panels<axis = 1, width = 16>},
    %bias: memref<3072xf32>, %residual: memref<?x3072xf32, strided<[?, 1]>>,
    %c: memref<?x3072xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %c768 = arith.constant 768 : index
  %c3072 = arith.constant 3072 : index
  %rows = memref.dim %a, %c0 : memref<?x768xf32, strided<[?, 1]>>
  tile.parallel (%i, %j) in (%rows by 192, %c3072 by 48) {
    // The accumulator starts as the bias, so adding it costs nothing.
    %b = tile.load %bias[%j by 48] : memref<3072xf32> -> tensor<48xf32>
    %start = tile.broadcast %b axes [1] : tensor<48xf32> -> tensor<192x48xf32>
    %sum = tile.for %k in (%c0 to %c768 by 768) iter(%acc = %start) : tensor<192x48xf32> {
      %x = tile.load %a[%i by 192, %k by 768] : memref<?x768xf32, strided<[?, 1]>> -> tensor<192x768xf32>
      %y = tile.load %w[%k by 768, %j by 48] : memref<768x3072xf32> -> tensor<768x48xf32>
      %d = tile.dot %x, %y, %acc : tensor<192x768xf32>, tensor<768x48xf32> -> tensor<192x48xf32>
      tile.yield %d : tensor<192x48xf32>
    }
    // gelu(s) = s / 2 * (1 + erf(s / sqrt(2)))
    %rsqrt2 = arith.constant dense<0.707106769> : tensor<192x48xf32>
    %half = arith.constant dense<0.5> : tensor<192x48xf32>
    %one = arith.constant dense<1.0> : tensor<192x48xf32>
    %z = arith.mulf %sum, %rsqrt2 : tensor<192x48xf32>
    %erf = math.erf %z : tensor<192x48xf32>
    %erf1 = arith.addf %erf, %one : tensor<192x48xf32>
    %h = arith.mulf %sum, %half : tensor<192x48xf32>
    %gelu = arith.mulf %h, %erf1 : tensor<192x48xf32>
    %r = tile.load %residual[%i by 192, %j by 48] : memref<?x3072xf32, strided<[?, 1]>> -> tensor<192x48xf32>
    %out = arith.addf %gelu, %r : tensor<192x48xf32>
    tile.store %out, %c[%i by 192, %j by 48] : tensor<192x48xf32> -> memref<?x3072xf32, strided<[?, 1]>>
  }
}

// Batched, both operands activations, the right one transposed (Q K^T), a
// run-time number of columns; scratch for one packed column block per worker.
// CHECK-LABEL: tile.kernel contraction @scores
// CHECK-SAME:    schedule({scratch = #{{.*}}})
tile.kernel contraction @scores(
    %q: memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>,
    %k: memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>,
    %s: memref<?x12x?x?xf32, strided<[?, ?, ?, 1]>>)
    schedule({scratch = affine_map<(d0, d1, d2, d3, d4, d5, d6, d7, d8, d9, d10, d11, d12, d13, d14, d15) -> (15360)>}) {
  %c0 = arith.constant 0 : index
  %c2 = arith.constant 2 : index
  %c12 = arith.constant 12 : index
  %c64 = arith.constant 64 : index
  %batch = memref.dim %q, %c0 : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
  %rows = memref.dim %q, %c2 : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
  %cols = memref.dim %k, %c2 : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
  tile.parallel (%b, %h, %j, %i) in (%batch, %c12, %cols by 48, %rows by 192) {
    %zero = arith.constant dense<0.0> : tensor<192x48xf32>
    %sum = tile.for %d in (%c0 to %c64 by 64) iter(%acc = %zero) : tensor<192x48xf32> {
      %x = tile.load %q[%b, %h, %i by 192, %d by 64] : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>> -> tensor<192x64xf32>
      %y = tile.load %k[%b, %h, %j by 48, %d by 64] : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>> -> tensor<48x64xf32>
      %p = tile.dot %x, %y, %acc trans_rhs : tensor<192x64xf32>, tensor<48x64xf32> -> tensor<192x48xf32>
      tile.yield %p : tensor<192x48xf32>
    }
    %scale = arith.constant dense<0.125> : tensor<192x48xf32>
    %out = arith.mulf %sum, %scale : tensor<192x48xf32>
    tile.store %out, %s[%b, %h, %i by 192, %j by 48] : tensor<192x48xf32> -> memref<?x12x?x?xf32, strided<[?, ?, ?, 1]>>
  }
}
