// Narrow operands: dots of f16 into f32, everything between in f32, narrowed for the
// second dot and at the store; blocks of a GPU, where weights are not packed.
// RUN: attune-opt %s --build-kernels=target=sm_80 | FileCheck %s

// Scores, softmax and sums are f32; the bias comes in f32.
// CHECK: tile.kernel attention @attention_0(%{{.*}}: memref<?x12x?x64xf16{{.*}}>, %{{.*}}: memref<?x12x?x64xf16{{.*}}>, %{{.*}}: memref<?x12x?x64xf16{{.*}}>, %[[BIAS:.*]]: memref<?x?xf32{{.*}}>, %[[O:.*]]: memref<?x12x?x64xf16{{.*}}>)
// CHECK: tile.parallel {{.*}} by 128)
// CHECK:   tile.for {{.*}} by 64) iter({{.*}}) : tensor<128xf32>, tensor<128xf32>, tensor<128x64xf32>
// CHECK:     tile.dot {{.*}} trans_rhs : tensor<128x64xf16>, tensor<64x64xf16> -> tensor<128x64xf32>
// CHECK:     tile.load %[[BIAS]]{{.*}} -> tensor<128x64xf32>
// CHECK:     %[[P:.*]], %{{.*}}, %{{.*}}, %{{.*}} = tile.softmax_step {{.*}} : tensor<128x64xf32>, tensor<128xf32>
// CHECK:     %[[P16:.*]] = arith.truncf %[[P]] : tensor<128x64xf32> to tensor<128x64xf16>
// CHECK:     tile.dot %[[P16]], {{.*}} : tensor<128x64xf16>, tensor<64x64xf16> -> tensor<128x64xf32>
// CHECK:   %[[R:.*]] = arith.mulf
// CHECK:   %[[R16:.*]] = arith.truncf %[[R]] : tensor<128x64xf32> to tensor<128x64xf16>
// CHECK:   tile.store %[[R16]], %[[O]]

// A result of f32 is stored as it is, a bias of f16 is widened. 10 queries are a block
// for four warps, 40 keys one of three tiles.
// CHECK: tile.kernel attention @attention_1(
// CHECK: tile.parallel {{.*}} by 64)
// CHECK:   tile.for {{.*}} by 48) iter(
// CHECK:     arith.extf %{{.*}} : tensor<64x48xbf16> to tensor<64x48xf32>
// CHECK:   tile.store {{.*}} : tensor<64x48xf32> -> memref<1x1x10x48xf32

// The bias of the layer is the sum's start, the cast the last of the epilogue.
// CHECK: tile.kernel contraction @contraction_0(%{{.*}}: memref<?x64xf16>, %{{.*}}: memref<64x100xf16>, %[[B:.*]]: memref<100xf32>, %[[Y:.*]]: memref<?x100xf16>)
// CHECK:   %[[S:.*]] = tile.load %[[B]]
// CHECK:   tile.broadcast %[[S]]
// CHECK:   %[[SUM:.*]] = tile.for
// CHECK:     tile.dot {{.*}} : tensor<64x32xf16>, tensor<32x128xf16> -> tensor<64x128xf32>
// CHECK:   math.erf {{.*}} : tensor<64x128xf32>
// CHECK:   %[[N:.*]] = arith.truncf %{{.*}} : tensor<64x128xf32> to tensor<64x128xf16>
// CHECK:   tile.store %[[N]], %[[Y]]

// A product of f16 without `accumulate` is summed in f32 and rounded once, before the
// bias: it is no start then.
// CHECK: tile.kernel contraction @contraction_1(
// CHECK:   arith.constant dense<0.000000e+00> : tensor<64x128xf32>
// CHECK:   tile.dot {{.*}} -> tensor<64x128xf32>
// CHECK:   arith.truncf
// CHECK:   tile.load %{{.*}} : memref<100xf16> -> tensor<128xf16>
// CHECK-LABEL: func.func @main
// CHECK-NOT: panels

#XS = #nn.shape<[S, 64]>
#YS = #nn.shape<[S, 100]>
#QS = #nn.shape<[B, 12, S, 64]>
!x = tensor<?x64xf16, #XS>
!y = tensor<?x100xf32, #YS>
!y16 = tensor<?x100xf16, #YS>
!q = tensor<?x12x?x64xf16, #QS>
!m = tensor<?x?xf32, #nn.shape<[S, S]>>
nn.weight @w : tensor<64x100xf16> = dense<1.0> : tensor<64x100xf16>
nn.weight @b : tensor<100xf32> = dense<1.0> : tensor<100xf32>
nn.weight @b16 : tensor<100xf16> = dense<1.0> : tensor<100xf16>

func.func @main(%q: !q, %m: !m, %s: tensor<1x1x10x48xbf16>, %k: tensor<1x1x40x48xbf16>, %n: tensor<10x40xbf16>, %x: !x) -> (!q, tensor<1x1x10x48xf32>, !y16, !y16) {
  %w = nn.load_weight @w : tensor<64x100xf16>
  %b = nn.load_weight @b : tensor<100xf32>
  %b16 = nn.load_weight @b16 : tensor<100xf16>
  %o = nn.group attention (%qi = %q, %mi = %m) : (!q, !m) -> !q {
    %a = nn.attention %qi, %qi, %qi scale 0.125 bias %mi : (!q, !q, !q, !m) -> !q
    nn.yield %a : !q
  }
  %p = nn.group attention (%si = %s, %ki = %k, %ni = %n) : (tensor<1x1x10x48xbf16>, tensor<1x1x40x48xbf16>, tensor<10x40xbf16>) -> tensor<1x1x10x48xf32> {
    %a = nn.attention %si, %ki, %ki scale 0.125 bias %ni : (tensor<1x1x10x48xbf16>, tensor<1x1x40x48xbf16>, tensor<1x1x40x48xbf16>, tensor<10x40xbf16>) -> tensor<1x1x10x48xf32>
    nn.yield %a : tensor<1x1x10x48xf32>
  }
  %y = nn.group contraction (%xi = %x, %wi = %w, %bi = %b) : (!x, tensor<64x100xf16>, tensor<100xf32>) -> !y16 {
    %c = nn.contract %xi, %wi contracting [1] x [0] accumulate f32 : (!x, tensor<64x100xf16>) -> !y
    %a = nn.elementwise add %bi, %c : (tensor<100xf32>, !y) -> !y
    %g = nn.elementwise gelu_erf %a : (!y) -> !y
    %n16 = nn.elementwise cast %g to f16 : (!y) -> !y16
    nn.yield %n16 : !y16
  }
  %z = nn.group contraction (%xi = %x, %wi = %w, %bi = %b16) : (!x, tensor<64x100xf16>, tensor<100xf16>) -> !y16 {
    %c = nn.contract %xi, %wi contracting [1] x [0] : (!x, tensor<64x100xf16>) -> !y16
    %a = nn.elementwise add %bi, %c : (tensor<100xf16>, !y16) -> !y16
    nn.yield %a : !y16
  }
  return %o, %p, %y, %z : !q, tensor<1x1x10x48xf32>, !y16, !y16
}
