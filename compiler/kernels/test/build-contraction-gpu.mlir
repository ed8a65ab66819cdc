// Contractions for a GPU: weights as they are, blocks by extents and type, rows
// outermost; sums of half precision in f32.
// RUN: attune-opt %s --build-kernels=target=sm_80 | FileCheck %s

// Run-time rows are many, but k is short: a lower block, of which more are
// resident. Few rows have kernels of their own, with the same arguments.
// CHECK: tile.kernel contraction @contraction_0(
// CHECK-SAME: memref<?x64xf16>, %{{.*}}: memref<64x512xf16>, %{{.*}}: memref<?x512xf16>) {
// CHECK: tile.parallel (%{{.*}}, %{{.*}}) in (%{{.*}} by 64, %{{.*}} by 128)
// CHECK:   tile.for %{{.*}} by 32) iter(%{{.*}}) : tensor<64x128xf32>
// CHECK:   arith.truncf
// CHECK: tile.kernel contraction @[[FEW:.*]](
// CHECK-SAME: memref<?x64xf16>, %{{.*}}: memref<64x512xf16>, %{{.*}}: memref<?x512xf16>) {
// CHECK: tile.parallel (%{{.*}}, %{{.*}}) in (%{{.*}} by 16, %{{.*}} by 64)
// Few rows that are known: a block of no more, a long stage, and no choice.
// CHECK: tile.kernel contraction @[[KNOWN:.*]](%{{.*}}: memref<5x64xf16>
// CHECK: tile.parallel (%{{.*}}, %{{.*}}) in (%{{.*}} by 16, %{{.*}} by 64)
// CHECK:   tile.for %{{.*}} by 64) iter(%{{.*}}) : tensor<16x64xf32>
// The same in f32: half as many k in as many bytes.
// CHECK: tile.kernel contraction @[[F32:.*]](%{{.*}}: memref<?x64xf32>
// CHECK:   tile.for %{{.*}} by 16) iter(%{{.*}}) : tensor<64x128xf32>
// CHECK-NOT: tf32
// As tf32 it is another kernel of the same memory.
// CHECK: tile.kernel contraction
// CHECK: tile.dot {{.*}} tf32 : tensor<64x16xf32>, tensor<16x128xf32> -> tensor<64x128xf32>
// CHECK-LABEL: func.func @main
// CHECK-NOT: panels
// CHECK: nn.launch contraction @contraction_0({{.*}} or [@[[FEW]]
// CHECK-SAME: grids <[8 * floordiv(B + 15, 16)
// CHECK: nn.launch contraction @[[KNOWN]](
// CHECK-NOT: {{ or \[}}
// CHECK: nn.launch contraction @[[F32]](
// CHECK-NOT: @[[F32]](
#X = #nn.shape<[B, 64]>
#Y = #nn.shape<[B, 512]>
nn.weight @w : tensor<64x512xf16> = dense<1.0> : tensor<64x512xf16>
nn.weight @v : tensor<64x512xf32> = dense<1.0> : tensor<64x512xf32>

func.func @main(%x: tensor<?x64xf16, #X>, %one: tensor<5x64xf16>, %z: tensor<?x64xf32, #X>) -> (tensor<?x512xf16, #Y>, tensor<5x512xf16>, tensor<?x512xf32, #Y>, tensor<?x512xf32, #Y>) {
  %w = nn.load_weight @w : tensor<64x512xf16>
  %v = nn.load_weight @v : tensor<64x512xf32>
  %many = nn.group contraction (%a = %x, %b = %w) : (tensor<?x64xf16, #X>, tensor<64x512xf16>) -> tensor<?x512xf16, #Y> {
    %c = nn.contract %a, %b contracting [1] x [0] : (tensor<?x64xf16, #X>, tensor<64x512xf16>) -> tensor<?x512xf16, #Y>
    nn.yield %c : tensor<?x512xf16, #Y>
  }
  %few = nn.group contraction (%a = %one, %b = %w) : (tensor<5x64xf16>, tensor<64x512xf16>) -> tensor<5x512xf16> {
    %c = nn.contract %a, %b contracting [1] x [0] : (tensor<5x64xf16>, tensor<64x512xf16>) -> tensor<5x512xf16>
    nn.yield %c : tensor<5x512xf16>
  }
  %wide = nn.group contraction (%a = %z, %b = %v) : (tensor<?x64xf32, #X>, tensor<64x512xf32>) -> tensor<?x512xf32, #Y> {
    %c = nn.contract %a, %b contracting [1] x [0] : (tensor<?x64xf32, #X>, tensor<64x512xf32>) -> tensor<?x512xf32, #Y>
    nn.yield %c : tensor<?x512xf32, #Y>
  }
  %rounded = nn.group contraction (%a = %z, %b = %v) : (tensor<?x64xf32, #X>, tensor<64x512xf32>) -> tensor<?x512xf32, #Y> {
    %c = nn.contract %a, %b contracting [1] x [0] tf32 : (tensor<?x64xf32, #X>, tensor<64x512xf32>) -> tensor<?x512xf32, #Y>
    nn.yield %c : tensor<?x512xf32, #Y>
  }
  return %many, %few, %wide, %rounded : tensor<?x512xf16, #Y>, tensor<5x512xf16>, tensor<?x512xf32, #Y>, tensor<?x512xf32, #Y>
}
