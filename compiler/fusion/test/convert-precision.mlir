// What is narrowed, where, and what stays f32. Then the groups that take the casts in.
// RUN: attune-opt --convert-precision=precision=f16 %s | FileCheck %s
// RUN: attune-opt --convert-precision=precision=bf16 %s | FileCheck %s --check-prefix=BF16
// RUN: attune-opt --convert-precision %s | FileCheck %s --check-prefix=F32
// RUN: attune-opt --convert-precision=precision=tf32 %s | FileCheck %s --check-prefix=TF32
// RUN: attune-opt "--fusion=precision=tf32 attention=unfused" %s | FileCheck %s --check-prefix=PARTS
// RUN: attune-opt --fusion=precision=f16 %s | FileCheck %s --check-prefix=GROUPS
// RUN: attune-opt "--fusion=precision=f16 attention=unfused" %s | FileCheck %s --check-prefix=UNFUSED
// RUN: not attune-opt --convert-precision=precision=int8 %s 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: --precision takes f32, tf32, f16 or bf16, found 'int8'
// BF16: accumulate f32 : (tensor<?x64xbf16
// F32-NOT: to f16
// F32-NOT: accumulate
// F32-NOT: tf32
// Nothing is cast for tf32: it is f32 in memory, and the products say that they round it.
// TF32-NOT: cast
// TF32-LABEL: @weights(
// TF32-COUNT-3: nn.contract {{.*}} contracting [1] x [0] tf32 : (tensor<?x64xf32
// TF32-LABEL: @attention(
// TF32: nn.attention {{.*}} bias %{{.*}} tf32 : {{.*}} -> tensor<1x4x?x16xf32
// TF32-LABEL: @exceptions(
// TF32-NOT: tf32
// TF32: nn.elementwise cast
// TF32-NEXT: nn.contract {{.*}} tf32
// PARTS-LABEL: @attention(
// PARTS: nn.contract {{.*}} tf32 : {{.*}} -> tensor<1x4x?x?xf32
// PARTS: nn.softmax {{.*}} -> tensor<1x4x?x?xf32
// PARTS: nn.contract {{.*}} tf32 : {{.*}} -> tensor<1x4x?x16xf32
!x = tensor<?x64xf32, #nn.shape<[S, 64]>>
!h = tensor<?x256xf32, #nn.shape<[S, 256]>>

// A frozen weight is narrowed when the package is written, once for both its readers,
// and beside the f32 that a gather reads. A trainable one stays an op.
// CHECK: nn.weight @shared : tensor<64x64xf32>
// CHECK: nn.weight @shared.f16 : tensor<64x64xf16> init {
// CHECK-NEXT: %[[W:.*]] = nn.load_weight @shared : tensor<64x64xf32>
// CHECK-NEXT: %[[N:.*]] = nn.elementwise cast %[[W]] to f16
// CHECK-NEXT: nn.yield %[[N]]
// CHECK-NOT: nn.weight @shared.f16_
// CHECK: nn.weight @trained trainable
// CHECK-NOT: nn.weight @trained.f16
nn.weight @shared : tensor<64x64xf32> = dense<1.0> : tensor<64x64xf32>
nn.weight @trained trainable : tensor<64x64xf32> = dense<1.0> : tensor<64x64xf32>
nn.weight @up : tensor<64x256xf32> = dense<1.0> : tensor<64x256xf32>
nn.weight @down : tensor<256x64xf32> = dense<1.0> : tensor<256x64xf32>
nn.weight @gain : tensor<64xf32> = dense<1.0> : tensor<64xf32>

// CHECK-LABEL: @weights(
// CHECK-SAME: %[[X:.*]]: tensor<?x64xf32
// CHECK: %[[X16:.*]] = nn.elementwise cast %[[X]] to f16
// CHECK: %[[T:.*]] = nn.load_weight @trained
// CHECK: %[[T16:.*]] = nn.elementwise cast %[[T]] to f16
// CHECK: %[[S:.*]] = nn.load_weight @shared : tensor<64x64xf32>
// CHECK: %[[S16:.*]] = nn.load_weight @shared.f16 : tensor<64x64xf16>
// The view is made again, of the narrow weight.
// CHECK: %[[V:.*]] = nn.transpose %[[S16]] [1, 0] : (tensor<64x64xf16>) -> tensor<64x64xf16>
// CHECK: nn.gather %[[S]][
// CHECK: %[[A:.*]] = nn.contract %[[X16]], %[[S16]] contracting [1] x [0] accumulate f32 : (tensor<?x64xf16, {{.*}}>, tensor<64x64xf16>) -> tensor<?x64xf32
// CHECK: %[[A16:.*]] = nn.elementwise cast %[[A]] to f16
// CHECK: nn.contract %[[A16]], %[[V]]
// CHECK: nn.contract %{{.*}}, %[[T16]]
func.func @weights(%x: !x, %i: tensor<?xi64, #nn.shape<[S]>>) -> (!x, !x) {
  %t = nn.load_weight @trained : tensor<64x64xf32>
  %s = nn.load_weight @shared : tensor<64x64xf32>
  %v = nn.transpose %s [1, 0] : (tensor<64x64xf32>) -> tensor<64x64xf32>
  %e = nn.gather %s[%i] axis 0 : (tensor<64x64xf32>, tensor<?xi64, #nn.shape<[S]>>) -> !x
  %a = nn.contract %x, %s contracting [1] x [0] : (!x, tensor<64x64xf32>) -> !x
  %b = nn.contract %a, %v contracting [1] x [0] : (!x, tensor<64x64xf32>) -> !x
  %c = nn.contract %b, %t contracting [1] x [0] : (!x, tensor<64x64xf32>) -> !x
  return %c, %e : !x, !x
}

// A block of a model: the norm and the GELU have no other reader than a product and
// store f16; the sum of the residual stream is f32 and has f16 beside it where the
// next product reads it.
// GROUPS-LABEL: @block(
// GROUPS: nn.group row {{.*}} -> tensor<?x64xf16, {{.*}}> {
// GROUPS:   nn.norm {{.*}} -> tensor<?x64xf32
// GROUPS:   nn.elementwise cast
// GROUPS: nn.group contraction {{.*}} tensor<64x256xf16>{{.*}} -> tensor<?x256xf16, {{.*}}> {
// GROUPS:   nn.contract {{.*}} accumulate f32
// GROUPS:   nn.elementwise gelu_erf {{.*}} -> tensor<?x256xf32
// GROUPS:   nn.elementwise cast
// GROUPS: nn.group contraction {{.*}} -> (tensor<?x64xf16, {{.*}}>, tensor<?x64xf32, {{.*}}>) {
// GROUPS:   nn.elementwise add {{.*}} -> tensor<?x64xf32
// GROUPS:   nn.elementwise cast
// GROUPS: nn.group contraction {{.*}} -> tensor<?x256xf32
// GROUPS-NOT: nn.group
// GROUPS: return
func.func @block(%x: !x) -> (!x, !h) {
  %g = nn.load_weight @gain : tensor<64xf32>
  %u = nn.load_weight @up : tensor<64x256xf32>
  %d = nn.load_weight @down : tensor<256x64xf32>
  %n = nn.norm layer %x axis 1 epsilon 1.0e-5 scale %g : tensor<64xf32> : !x -> !x
  %a = nn.contract %n, %u contracting [1] x [0] : (!x, tensor<64x256xf32>) -> !h
  %b = nn.elementwise gelu_erf %a : (!h) -> !h
  %c = nn.contract %b, %d contracting [1] x [0] : (!h, tensor<256x64xf32>) -> !x
  %r = nn.elementwise add %c, %x : (!x, !x) -> !x
  %o = nn.contract %r, %u contracting [1] x [0] : (!x, tensor<64x256xf32>) -> !h
  return %r, %o : !x, !h
}

!q = tensor<1x4x?x16xf32, #nn.shape<[1, 4, S, 16]>>
!m = tensor<1x1x?x?xf32, #nn.shape<[1, 1, S, S]>>
// Attention reads and gives f16; the bias keeps values that f16 has not. The cast stands
// before the views, so that the product stores it; three slices of it are one cast.
// CHECK-LABEL: @attention(
// CHECK: %[[P:.*]] = nn.contract
// CHECK: %[[P16:.*]] = nn.elementwise cast %[[P]] to f16
// CHECK: nn.slice %[[P16]] starts <[0, 0]>
// CHECK: nn.slice %[[P16]] starts <[0, 64]>
// CHECK: nn.slice %[[P16]] starts <[0, 128]>
// CHECK-NOT: cast
// CHECK: %[[O:.*]] = nn.attention {{.*}} bias %{{.*}} : ({{.*}}xf16, {{.*}}xf16, {{.*}}xf16, {{.*}}, tensor<1x1x?x?xf32, {{.*}}>) -> tensor<1x4x?x16xf16
// CHECK-NOT: cast
// CHECK: nn.contract
// GROUPS-LABEL: @attention(
// GROUPS: nn.group contraction {{.*}} -> tensor<?x192xf16, {{.*}}> {
// GROUPS: nn.group attention
// Unfused: scores and softmax are f32, the probabilities are stored as f16.
// UNFUSED-LABEL: @attention(
// UNFUSED: nn.group contraction {{.*}} -> tensor<1x4x?x?xf32
// UNFUSED: nn.group row {{.*}} -> tensor<1x4x?x?xf16
// UNFUSED:   nn.softmax {{.*}} -> tensor<1x4x?x?xf32
// UNFUSED: nn.group contraction {{.*}} -> tensor<1x4x?x16xf16
nn.weight @qkv : tensor<64x192xf32> = dense<1.0> : tensor<64x192xf32>
func.func @attention(%x: !x, %m: !m) -> !x {
  %w = nn.load_weight @qkv : tensor<64x192xf32>
  %p = nn.contract %x, %w contracting [1] x [0] : (!x, tensor<64x192xf32>) -> tensor<?x192xf32, #nn.shape<[S, 192]>>
  %q0 = nn.slice %p starts <[0, 0]> sizes <[S, 64]> steps [1, 1] : (tensor<?x192xf32, #nn.shape<[S, 192]>>) -> !x
  %q1 = nn.reshape %q0 : (!x) -> tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>
  %q = nn.transpose %q1 [0, 2, 1, 3] : (tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>) -> !q
  %k0 = nn.slice %p starts <[0, 64]> sizes <[S, 64]> steps [1, 1] : (tensor<?x192xf32, #nn.shape<[S, 192]>>) -> !x
  %k1 = nn.reshape %k0 : (!x) -> tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>
  %k = nn.transpose %k1 [0, 2, 1, 3] : (tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>) -> !q
  %v0 = nn.slice %p starts <[0, 128]> sizes <[S, 64]> steps [1, 1] : (tensor<?x192xf32, #nn.shape<[S, 192]>>) -> !x
  %v1 = nn.reshape %v0 : (!x) -> tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>
  %v = nn.transpose %v1 [0, 2, 1, 3] : (tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>) -> !q
  %o = nn.attention %q, %k, %v scale 0.25 bias %m : (!q, !q, !q, !m) -> !q
  %t = nn.transpose %o [0, 2, 1, 3] : (!q) -> tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>
  %y = nn.reshape %t : (tensor<1x?x4x16xf32, #nn.shape<[1, S, 4, 16]>>) -> !x
  %s = nn.load_weight @shared : tensor<64x64xf32>
  %r = nn.contract %y, %s contracting [1] x [0] : (!x, tensor<64x64xf32>) -> !x
  return %r : !x
}

// An attention that is also read as f32 gives f16, which its reader widens; one that is
// an output gives f32.
// CHECK-LABEL: @attention_results(
// CHECK: %[[O:.*]] = nn.attention {{.*}} -> tensor<1x4x?x16xf16
// CHECK: %[[WIDE:.*]] = nn.elementwise cast %[[O]] to f32
// CHECK: nn.contract %[[O]], %[[O]]
// CHECK: nn.elementwise add %[[WIDE]]
// CHECK: nn.attention {{.*}} -> tensor<1x4x?x16xf32
func.func @attention_results(%q: !q) -> (tensor<1x4x?x?xf32, #nn.shape<[1, 4, S, S]>>, !q, !q) {
  %o = nn.attention %q, %q, %q scale 0.25 : (!q, !q, !q) -> !q
  %s = nn.contract %o, %o batch [0, 1] x [0, 1] contracting [3] x [3] : (!q, !q) -> tensor<1x4x?x?xf32, #nn.shape<[1, 4, S, S]>>
  %a = nn.elementwise add %o, %q : (!q, !q) -> !q
  %p = nn.attention %q, %q, %q scale 0.5 : (!q, !q, !q) -> !q
  return %s, %a, %p : tensor<1x4x?x?xf32, #nn.shape<[1, 4, S, S]>>, !q, !q
}

// What a product with a weight stores for readers behind views is narrow, as autocast has
// it, if they can widen it in their groups: here a reduction. Where an output is among
// them, the group has both.
// CHECK-LABEL: @projections(
// CHECK: %[[P:.*]] = nn.contract
// CHECK: %[[P16:.*]] = nn.elementwise cast %[[P]] to f16
// CHECK: %[[V16:.*]] = nn.reshape %[[P16]]
// CHECK: %[[WIDE:.*]] = nn.elementwise cast %[[V16]] to f32
// CHECK: nn.reduce mean %[[WIDE]]
// CHECK: nn.attention %[[V16]], %[[V16]], %[[V16]]
// GROUPS-LABEL: @projections(
// GROUPS: nn.group contraction {{.*}} -> tensor<?x64xf16
// GROUPS: nn.group row {{.*}}xf16{{.*}} -> tensor<1x?x16xf32, {{.*}}> {
// GROUPS-NEXT: nn.elementwise cast
// GROUPS-NEXT: nn.reduce
func.func @projections(%x: !x) -> (tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>, !q) {
  %s = nn.load_weight @shared : tensor<64x64xf32>
  %p = nn.contract %x, %s contracting [1] x [0] : (!x, tensor<64x64xf32>) -> !x
  %v = nn.reshape %p : (!x) -> !q
  %m = nn.reduce mean %v axes [1] keepdims : (!q) -> tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>
  %o = nn.attention %v, %v, %v scale 0.25 : (!q, !q, !q) -> !q
  return %m, %o : tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>, !q
}
// A residual is in the sum: it stays f32 beside what the product reads.
// CHECK-LABEL: @residual(
// CHECK: %[[R:.*]] = nn.elementwise add
// CHECK: %[[R16:.*]] = nn.elementwise cast %[[R]] to f16
// CHECK: %[[WIDE:.*]] = nn.reshape %[[R]] : {{.*}} -> tensor<1x4x?x16xf32
// CHECK: %[[V16:.*]] = nn.reshape %[[R16]]
// CHECK: nn.reduce mean %[[WIDE]]
func.func @residual(%x: !x) -> (tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>, !q) {
  %s = nn.load_weight @shared : tensor<64x64xf32>
  %c = nn.contract %x, %s contracting [1] x [0] : (!x, tensor<64x64xf32>) -> !x
  %p = nn.elementwise add %c, %x : (!x, !x) -> !x
  %v = nn.reshape %p : (!x) -> !q
  %m = nn.reduce mean %v axes [1] keepdims : (!q) -> tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>
  %o = nn.attention %v, %v, %v scale 0.25 : (!q, !q, !q) -> !q
  return %m, %o : tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>, !q
}
// CHECK-LABEL: @projections_given(
// CHECK: %[[P:.*]] = nn.contract
// CHECK: %[[V:.*]] = nn.reshape %[[P]] : {{.*}} -> tensor<1x4x?x16xf32
// CHECK: nn.reduce mean %[[V]]
// CHECK: return %{{.*}}, %{{.*}}, %[[V]]
func.func @projections_given(%x: !x) -> (tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>, !q, !q) {
  %s = nn.load_weight @shared : tensor<64x64xf32>
  %p = nn.contract %x, %s contracting [1] x [0] : (!x, tensor<64x64xf32>) -> !x
  %v = nn.reshape %p : (!x) -> !q
  %m = nn.reduce mean %v axes [1] keepdims : (!q) -> tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>
  %o = nn.attention %v, %v, %v scale 0.25 : (!q, !q, !q) -> !q
  return %m, %o, %v : tensor<1x1x?x16xf32, #nn.shape<[1, 1, S, 16]>>, !q, !q
}

// The cast of an input takes in the views and the copy that they would need: the last
// reshape, which merges what is not side by side before, is a view of its result.
// CHECK-LABEL: @patches(
// CHECK: %[[R:.*]] = nn.reshape %arg0 : (tensor<8x8xf32>)
// CHECK: %[[T:.*]] = nn.transpose %[[R]]
// CHECK: %[[C:.*]] = nn.elementwise cast %[[T]] to f16
// CHECK: %[[P:.*]] = nn.reshape %[[C]] : (tensor<2x2x4x4xf16>) -> tensor<2x2x16xf16>
// CHECK: nn.contract %[[P]]
func.func @patches(%x: tensor<8x8xf32>) -> tensor<2x2x8xf32> {
  %w = arith.constant dense<0.5> : tensor<16x8xf32>
  %r = nn.reshape %x : (tensor<8x8xf32>) -> tensor<2x4x2x4xf32>
  %t = nn.transpose %r [0, 2, 1, 3] : (tensor<2x4x2x4xf32>) -> tensor<2x2x4x4xf32>
  %p = nn.reshape %t : (tensor<2x2x4x4xf32>) -> tensor<2x2x16xf32>
  %y = nn.contract %p, %w contracting [2] x [0] : (tensor<2x2x16xf32>, tensor<16x8xf32>) -> tensor<2x2x8xf32>
  return %y : tensor<2x2x8xf32>
}

// A concat that only products read joins narrow tensors; one that is an output too is
// joined once, in f32. A pad likewise.
// CHECK-LABEL: @moves(
// CHECK: %[[X:.*]] = nn.elementwise cast %arg0 to f16
// CHECK: %[[Y:.*]] = nn.elementwise cast %arg1 to f16
// CHECK: %[[P:.*]] = nn.pad %[[Y]], %{{.*}} -> tensor<65x64xf16>
// CHECK: %[[C:.*]] = nn.concat %[[X]], %[[P]] axis 0 : {{.*}} -> tensor<66x64xf16>
// CHECK: %[[K:.*]] = nn.concat %arg0, %arg1 axis 0 : {{.*}} -> tensor<65x64xf32>
// CHECK: %[[K16:.*]] = nn.elementwise cast %[[K]] to f16
// CHECK: nn.contract %[[C]], %[[K16]]
// CHECK: return %{{.*}}, %[[K]]
func.func @moves(%x: tensor<1x64xf32>, %y: tensor<64x64xf32>) -> (tensor<66x65xf32>, tensor<65x64xf32>) {
  %z = arith.constant dense<0.0> : tensor<f32>
  %p = nn.pad %y, %z low <[0, 0]> high <[1, 0]> : (tensor<64x64xf32>, tensor<f32>) -> tensor<65x64xf32>
  %c = nn.concat %x, %p axis 0 : (tensor<1x64xf32>, tensor<65x64xf32>) -> tensor<66x64xf32>
  %k = nn.concat %x, %y axis 0 : (tensor<1x64xf32>, tensor<64x64xf32>) -> tensor<65x64xf32>
  %r = nn.contract %c, %k contracting [1] x [1] : (tensor<66x64xf32>, tensor<65x64xf32>) -> tensor<66x65xf32>
  return %r, %k : tensor<66x65xf32>, tensor<65x64xf32>
}

// Nothing is summed in an outer product, and positions times frequencies need their
// digits. A model's own types stay, and a value that was widened goes back for nothing.
// CHECK-LABEL: @exceptions(
// CHECK: nn.contract %arg0, %arg1 contracting [1] x [0] : (tensor<32x1xf32>, tensor<1x8xf32>)
// CHECK: nn.contract %arg2, %arg2 contracting [1] x [1] : (tensor<4x8xf64>, tensor<4x8xf64>)
// CHECK: nn.contract %arg3, %arg3 contracting [1] x [1] accumulate f32 : (tensor<4x8xf16>, tensor<4x8xf16>) -> tensor<4x4xf32>
func.func @exceptions(%f: tensor<32x1xf32>, %p: tensor<1x8xf32>, %d: tensor<4x8xf64>, %n: tensor<4x8xf16>) -> (tensor<32x8xf32>, tensor<4x4xf64>, tensor<4x4xf32>) {
  %a = nn.contract %f, %p contracting [1] x [0] : (tensor<32x1xf32>, tensor<1x8xf32>) -> tensor<32x8xf32>
  %b = nn.contract %d, %d contracting [1] x [1] : (tensor<4x8xf64>, tensor<4x8xf64>) -> tensor<4x4xf64>
  %w = nn.elementwise cast %n to f32 : (tensor<4x8xf16>) -> tensor<4x8xf32>
  %c = nn.contract %w, %w contracting [1] x [1] : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32>
  return %a, %b, %c : tensor<32x8xf32>, tensor<4x4xf64>, tensor<4x4xf32>
}
