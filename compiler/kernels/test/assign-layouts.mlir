// Views become addresses inside groups; a copy stands only where no strides exist.
// RUN: attune-opt %s --assign-layouts | FileCheck %s

// Splitting heads and merging them again costs no copy: attention stores its result
// with the heads inside, and the contraction reads it as rows.
// CHECK-LABEL: func.func @heads(
// CHECK-SAME: %[[QKV:.*]]: tensor<?x?x192xf32, #nn.shape<[B, S, 192]>>, %[[W:.*]]: tensor<64x64xf32>)
// CHECK-NEXT: %[[O:.*]] = nn.group attention (%{{[a-z0-9]+}} = %[[QKV]]) : {{.*}} -> tensor<?x?x4x16xf32, #nn.shape<[B, S, 4, 16]>> {
// CHECK:   nn.slice
// CHECK:   nn.slice
// CHECK:   %[[A:.*]] = nn.attention
// CHECK:   %[[T:.*]] = nn.transpose %[[A]] [0, 2, 1, 3]
// CHECK:   nn.yield %[[T]]
// CHECK: nn.group contraction (%{{.*}} = %[[O]], %{{.*}} = %[[W]])
// CHECK-NOT: nn.group
// CHECK: return

// A reshape that merges what does not follow in memory, and an output that is a view:
// one copy serves both.
// CHECK-LABEL: func.func @copies(
// CHECK: %[[COPY:.*]] = nn.group map (%[[X:.*]] = %arg0)
// CHECK-NEXT: %[[TX:.*]] = nn.transpose %[[X]] [0, 2, 1, 3]
// CHECK-NEXT: nn.yield %[[TX]]
// CHECK: nn.group map (%{{.*}} = %[[COPY]])
// CHECK: return %{{.*}}, %[[COPY]]

// The transpose stands behind a reshape that adds a dim of 1, as timm writes it.
// CHECK-LABEL: func.func @unit_dim(
// CHECK: nn.group attention {{.*}} -> tensor<1x8x4x16xf32>
// CHECK-NOT: nn.group
// CHECK: nn.reshape
// CHECK-NEXT: return

// k is two dims that do not follow each other, and neither do a softmax's columns.
// CHECK-LABEL: func.func @unreadable(
// CHECK-COUNT-2: nn.group map
// CHECK-NOT: nn.group map
// CHECK: return
#X = #nn.shape<[B, S, 48]>
#H = #nn.shape<[B, S, 4, 16]>
#A = #nn.shape<[B, 4, S, 16]>

func.func @heads(%qkv: tensor<?x?x192xf32, #nn.shape<[B, S, 192]>>, %w: tensor<64x64xf32>) -> tensor<?x?x64xf32, #nn.shape<[B, S, 64]>> {
  %r = nn.reshape %qkv : (tensor<?x?x192xf32, #nn.shape<[B, S, 192]>>) -> tensor<?x?x3x4x16xf32, #nn.shape<[B, S, 3, 4, 16]>>
  %t = nn.transpose %r [2, 0, 3, 1, 4] : (tensor<?x?x3x4x16xf32, #nn.shape<[B, S, 3, 4, 16]>>) -> tensor<3x?x4x?x16xf32, #nn.shape<[3, B, 4, S, 16]>>
  %q0 = nn.slice %t starts <[0, 0, 0, 0, 0]> sizes <[1, B, 4, S, 16]> steps [1, 1, 1, 1, 1] : (tensor<3x?x4x?x16xf32, #nn.shape<[3, B, 4, S, 16]>>) -> tensor<1x?x4x?x16xf32, #nn.shape<[1, B, 4, S, 16]>>
  %q = nn.reshape %q0 : (tensor<1x?x4x?x16xf32, #nn.shape<[1, B, 4, S, 16]>>) -> tensor<?x4x?x16xf32, #A>
  %k0 = nn.slice %t starts <[1, 0, 0, 0, 0]> sizes <[1, B, 4, S, 16]> steps [1, 1, 1, 1, 1] : (tensor<3x?x4x?x16xf32, #nn.shape<[3, B, 4, S, 16]>>) -> tensor<1x?x4x?x16xf32, #nn.shape<[1, B, 4, S, 16]>>
  %k = nn.reshape %k0 : (tensor<1x?x4x?x16xf32, #nn.shape<[1, B, 4, S, 16]>>) -> tensor<?x4x?x16xf32, #A>
  %o = nn.group attention (%a = %q, %b = %k) : (tensor<?x4x?x16xf32, #A>, tensor<?x4x?x16xf32, #A>) -> tensor<?x4x?x16xf32, #A> {
    %v = nn.attention %a, %b, %b scale 0.25 : (tensor<?x4x?x16xf32, #A>, tensor<?x4x?x16xf32, #A>, tensor<?x4x?x16xf32, #A>) -> tensor<?x4x?x16xf32, #A>
    nn.yield %v : tensor<?x4x?x16xf32, #A>
  }
  %ot = nn.transpose %o [0, 2, 1, 3] : (tensor<?x4x?x16xf32, #A>) -> tensor<?x?x4x16xf32, #H>
  %m = nn.reshape %ot : (tensor<?x?x4x16xf32, #H>) -> tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
  %wt = nn.transpose %w [1, 0] : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %y = nn.group contraction (%a = %m, %b = %wt) : (tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>, tensor<64x64xf32>) -> tensor<?x?x64xf32, #nn.shape<[B, S, 64]>> {
    %c = nn.contract %a, %b contracting [2] x [0] : (tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>, tensor<64x64xf32>) -> tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
    nn.yield %c : tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
  }
  return %y : tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
}

func.func @copies(%x: tensor<?x4x?x16xf32, #A>) -> (tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>, tensor<?x?x4x16xf32, #H>) {
  %t = nn.transpose %x [0, 2, 1, 3] : (tensor<?x4x?x16xf32, #A>) -> tensor<?x?x4x16xf32, #H>
  %m = nn.reshape %t : (tensor<?x?x4x16xf32, #H>) -> tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
  %y = nn.group map (%a = %m) : (tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>) -> tensor<?x?x64xf32, #nn.shape<[B, S, 64]>> {
    %c = nn.elementwise exp %a : (tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>) -> tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
    nn.yield %c : tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>
  }
  return %y, %t : tensor<?x?x64xf32, #nn.shape<[B, S, 64]>>, tensor<?x?x4x16xf32, #H>
}

func.func @unit_dim(%q: tensor<1x4x8x16xf32>) -> tensor<8x64xf32> {
  %o = nn.group attention (%a = %q) : (tensor<1x4x8x16xf32>) -> tensor<1x4x8x16xf32> {
    %v = nn.attention %a, %a, %a scale 0.25 : (tensor<1x4x8x16xf32>, tensor<1x4x8x16xf32>, tensor<1x4x8x16xf32>) -> tensor<1x4x8x16xf32>
    nn.yield %v : tensor<1x4x8x16xf32>
  }
  %r = nn.reshape %o : (tensor<1x4x8x16xf32>) -> tensor<1x1x4x8x16xf32>
  %t = nn.transpose %r [0, 1, 3, 2, 4] : (tensor<1x1x4x8x16xf32>) -> tensor<1x1x8x4x16xf32>
  %m = nn.reshape %t : (tensor<1x1x8x4x16xf32>) -> tensor<8x64xf32>
  return %m : tensor<8x64xf32>
}

func.func @unreadable(%x: tensor<4x8x16xf32>, %w: tensor<4x16x32xf32>) -> (tensor<8x32xf32>, tensor<8x1x1xf32>) {
  %t = nn.transpose %x [1, 0, 2] : (tensor<4x8x16xf32>) -> tensor<8x4x16xf32>
  %y = nn.group contraction (%a = %t, %b = %w) : (tensor<8x4x16xf32>, tensor<4x16x32xf32>) -> tensor<8x32xf32> {
    %c = nn.contract %a, %b contracting [1, 2] x [0, 1] : (tensor<8x4x16xf32>, tensor<4x16x32xf32>) -> tensor<8x32xf32>
    nn.yield %c : tensor<8x32xf32>
  }
  %u = nn.transpose %x [1, 2, 0] : (tensor<4x8x16xf32>) -> tensor<8x16x4xf32>
  %m = nn.group row (%a = %u) : (tensor<8x16x4xf32>) -> tensor<8x1x1xf32> {
    %r = nn.reduce max %a axes [1, 2] keepdims : (tensor<8x16x4xf32>) -> tensor<8x1x1xf32>
    nn.yield %r : tensor<8x1x1xf32>
  }
  return %y, %m : tensor<8x32xf32>, tensor<8x1x1xf32>
}

// A barrier is the tensor itself: no kernel and no copy.
// CHECK-LABEL: func.func @barrier
// CHECK-NEXT: nn.group map (%[[X:.*]] = %arg0)
// CHECK-NOT: nn.group
// CHECK: return
func.func @barrier(%x: tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>) -> tensor<?x?x768xf32, #nn.shape<[B, S, 768]>> {
  %b = nn.barrier %x id 0 : tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>
  %o = nn.group map (%0 = %b) : (tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>) -> tensor<?x?x768xf32, #nn.shape<[B, S, 768]>> {
    %a = nn.elementwise tanh %0 : (tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>) -> tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>
    nn.yield %a : tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>
  }
  return %o : tensor<?x?x768xf32, #nn.shape<[B, S, 768]>>
}

// Contracted dims that stand apart: the copy has them side by side, last.
// CHECK-LABEL: func.func @apart(
// CHECK: %[[COPY:.*]] = nn.group map (%[[X:.*]] = %arg1) : {{.*}} -> tensor<8x4x16xf32> {
// CHECK-NEXT: %[[T:.*]] = nn.transpose %[[X]] [1, 0, 2]
// CHECK-NEXT: nn.yield %[[T]]
// CHECK: nn.group contraction (%{{.*}} = %arg0, %[[C:.*]] = %[[COPY]])
// CHECK-NEXT: %[[V:.*]] = nn.transpose %[[C]] [1, 0, 2]
// CHECK-NEXT: nn.contract %{{.*}}, %[[V]]
func.func @apart(%x: tensor<32x4x16xf32>, %y: tensor<4x8x16xf32>) -> tensor<32x8xf32> {
  %z = nn.group contraction (%a = %x, %b = %y) : (tensor<32x4x16xf32>, tensor<4x8x16xf32>) -> tensor<32x8xf32> {
    %c = nn.contract %a, %b contracting [1, 2] x [0, 2] : (tensor<32x4x16xf32>, tensor<4x8x16xf32>) -> tensor<32x8xf32>
    nn.yield %c : tensor<32x8xf32>
  }
  return %z : tensor<32x8xf32>
}
