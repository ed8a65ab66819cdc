// Scatter groups: cut by what is written.
// RUN: attune-opt %s --build-kernels | FileCheck %s
// RUN: attune-opt %s --build-kernels=target=sm_80 | FileCheck %s --check-prefix=GPU

// A table that fits a cache: columns, all rows.
// CHECK: tile.kernel scatter @scatter_0(%[[U:.*]]: memref<1x?x128xf32{{.*}}>, %[[I:.*]]: memref<?xi64>, %[[D:.*]]: memref<1x65x128xf32{{.*}}>)
// CHECK: tile.parallel (%[[P:.*]], %[[X:.*]], %[[C:.*]]) in (%{{.*}}, %{{.*}} by 65, %{{.*}} by 64) {
// CHECK:   tile.scatter %[[U]], %[[I]], %[[D]][%[[P]], %[[X]] by 65, %[[C]] by 64]
// GPU: tile.parallel (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, %{{.*}} by 1, %{{.*}} by 128) {
func.func @small(%u: tensor<?x?x128xf32, #nn.shape<[B, S, 128]>>, %i: tensor<?x?xi64, #nn.shape<[B, S]>>) -> tensor<65x128xf32> {
  %o = nn.group scatter (%0 = %u, %1 = %i) : (tensor<?x?x128xf32, #nn.shape<[B, S, 128]>>, tensor<?x?xi64, #nn.shape<[B, S]>>) -> tensor<65x128xf32> {
    %s = nn.scatter %0[%1] axis 0 : (tensor<?x?x128xf32, #nn.shape<[B, S, 128]>>, tensor<?x?xi64, #nn.shape<[B, S]>>) -> tensor<65x128xf32>
    nn.yield %s : tensor<65x128xf32>
  }
  return %o : tensor<65x128xf32>
}

// A large one: rows, whole.
// CHECK: tile.kernel scatter @scatter_1
// CHECK: tile.parallel (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, %{{.*}} by 682, %{{.*}} by 768) {
// GPU: tile.parallel (%{{.*}}, %{{.*}}, %{{.*}}) in (%{{.*}}, %{{.*}} by 16, %{{.*}} by 768) {
func.func @large(%u: tensor<?x768xf32, #nn.shape<[N, 768]>>, %i: tensor<?xi32, #nn.shape<[N]>>) -> tensor<50257x768xf32> {
  %o = nn.group scatter (%0 = %u, %1 = %i) : (tensor<?x768xf32, #nn.shape<[N, 768]>>, tensor<?xi32, #nn.shape<[N]>>) -> tensor<50257x768xf32> {
    %s = nn.scatter %0[%1] axis 0 : (tensor<?x768xf32, #nn.shape<[N, 768]>>, tensor<?xi32, #nn.shape<[N]>>) -> tensor<50257x768xf32>
    nn.yield %s : tensor<50257x768xf32>
  }
  return %o : tensor<50257x768xf32>
}
