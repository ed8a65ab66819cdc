// Contractions: panels of frozen weights, rows merged from [B, S], the bias as start
// value, the epilogue behind the loop; one kernel for two equal layers; and a right
// operand that is no weight.
// RUN: attune-opt %s --build-kernels | FileCheck %s

// The columns are padded to whole panels; each weight is packed once.
// CHECK: nn.weight @w.panels16 : tensor<7x64x16xf32> init {
// CHECK:   nn.pad %{{.*}} low <[0, 0]> high <[0, 12]>
// CHECK:   nn.reshape %{{.*}} -> tensor<64x7x16xf32>
// CHECK:   nn.transpose %{{.*}} [1, 0, 2]
// CHECK: nn.weight @w2.panels16 : tensor<7x64x16xf32> init {
// CHECK-NOT: panels16{{.*}} init

// CHECK: tile.kernel contraction @contraction_0(
// CHECK-SAME: %[[A:.*]]: memref<?x64xf32>, %[[W:.*]]: memref<64x100xf32> {tile.panels = #tile.panels<axis = 1, width = 16>},
// CHECK-SAME: %[[BIAS:.*]]: memref<100xf32>, %[[R:.*]]: memref<?x100xf32>, %[[Y:.*]]: memref<?x100xf32>) {
// CHECK: tile.parallel (%[[I:.*]], %[[J:.*]]) in (%{{.*}} by 384, %{{.*}} by 48)
// CHECK:   tile.load %[[BIAS]][%[[J]] by 48]
// CHECK:   %[[START:.*]] = tile.broadcast {{.*}} axes [1]
// CHECK:   %[[SUM:.*]] = tile.for %[[K:.*]] in (%{{.*}} to %{{.*}} by 64) iter(%[[ACC:.*]] = %[[START]])
// CHECK:     tile.load %[[A]][%[[I]] by 384, %[[K]] by 64]
// CHECK:     tile.load %[[W]][%[[K]] by 64, %[[J]] by 48]
// CHECK:     tile.dot %{{.*}}, %{{.*}}, %[[ACC]]
// CHECK-NOT: arith.addf %[[SUM]]
// CHECK:   math.erf
// CHECK:   tile.load %[[R]][%[[I]] by 384, %[[J]] by 48]
// CHECK:   tile.store %{{.*}}, %[[Y]][%[[I]] by 384, %[[J]] by 48]

// The right operand is packed by the workers, so its columns stay while rows change.
// CHECK: tile.kernel contraction @contraction_1(
// CHECK-SAME: memref<?x?x64xf32, strided<[?, 64, 1]>>, %{{.*}}: memref<?x64x?xf32, strided<[?, 1, 64]>>,
// CHECK-SAME: memref<?x?x?xf32, strided<[?, ?, 1]>>) {
// CHECK: tile.parallel (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, %[[S:.*]] by 48, %[[S]] by 384)
// CHECK-NOT: tile.kernel

// What is only packed is not loaded.
// CHECK-LABEL: func.func @main
// CHECK-NOT: nn.load_weight @w :
// CHECK: nn.launch contraction @contraction_0(%arg0, %{{.*}}, %{{.*}}, %arg1)
// CHECK-SAME: integers <[B * S, B * S, B * S]> grid <3 * floordiv(B * S + 383, 384)> grain <1>
// CHECK-SAME: flops <13100 * B * S> bytes <1056 * B * S + 26000> in_place [3]
// CHECK: nn.launch contraction @contraction_0(
// CHECK: nn.launch contraction @contraction_1(
// CHECK-SAME: integers <[B, S, 64 * S, B, S, 64 * S, B, S, S, S * S, S]>
#XS = #nn.shape<[B, S, 64]>
nn.weight @w : tensor<64x100xf32> = dense<1.0> : tensor<64x100xf32>
nn.weight @w2 : tensor<64x100xf32> = dense<2.0> : tensor<64x100xf32>
nn.weight @b : tensor<100xf32> = dense<1.0> : tensor<100xf32>

func.func @main(%x: tensor<?x?x64xf32, #XS>, %r: tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> (tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>, tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>, tensor<?x?x?xf32, #nn.shape<[B, S, S]>>) {
  %w = nn.load_weight @w : tensor<64x100xf32>
  %w2 = nn.load_weight @w2 : tensor<64x100xf32>
  %b = nn.load_weight @b : tensor<100xf32>
  %y = nn.group contraction (%xi = %x, %wi = %w, %bi = %b, %ri = %r) : (tensor<?x?x64xf32, #XS>, tensor<64x100xf32>, tensor<100xf32>, tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>> {
    %c = nn.contract %xi, %wi contracting [2] x [0] : (tensor<?x?x64xf32, #XS>, tensor<64x100xf32>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    %a = nn.elementwise add %bi, %c : (tensor<100xf32>, tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    %g = nn.elementwise gelu_erf %a : (tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    %o = nn.elementwise add %g, %ri : (tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>, tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    nn.yield %o : tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
  }
  %y2 = nn.group contraction (%xi = %x, %wi = %w2, %bi = %b, %ri = %y) : (tensor<?x?x64xf32, #XS>, tensor<64x100xf32>, tensor<100xf32>, tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>> {
    %c = nn.contract %xi, %wi contracting [2] x [0] : (tensor<?x?x64xf32, #XS>, tensor<64x100xf32>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    %a = nn.elementwise add %c, %bi : (tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>, tensor<100xf32>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    %g = nn.elementwise gelu_erf %a : (tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    %o = nn.elementwise add %g, %ri : (tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>, tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>) -> tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
    nn.yield %o : tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>
  }
  %q = nn.group contraction (%xi = %x) : (tensor<?x?x64xf32, #XS>) -> tensor<?x?x?xf32, #nn.shape<[B, S, S]>> {
    %c = nn.contract %xi, %xi batch [0] x [0] contracting [2] x [2] : (tensor<?x?x64xf32, #XS>, tensor<?x?x64xf32, #XS>) -> tensor<?x?x?xf32, #nn.shape<[B, S, S]>>
    nn.yield %c : tensor<?x?x?xf32, #nn.shape<[B, S, S]>>
  }
  return %y, %y2, %q : tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>, tensor<?x?x100xf32, #nn.shape<[B, S, 100]>>, tensor<?x?x?xf32, #nn.shape<[B, S, S]>>
}
