// One shape for each meaning.
// RUN: attune-opt --simplify %s | FileCheck %s
#b = #nn.shape<[B]>
#bs = #nn.shape<[B, S]>
#s = #nn.shape<[S]>
#bs64 = #nn.shape<[B, S, 64]>
#flat64 = #nn.shape<[B * S, 64]>
#flat32 = #nn.shape<[B * S, 32]>
#bs32 = #nn.shape<[B, S, 32]>
#b11s = #nn.shape<[B, 1, 1, S]>
#bss = #nn.shape<[B, 1, S, S]>
#bhsd = #nn.shape<[B, 4, S, 16]>
#bhds = #nn.shape<[B, 4, 16, S]>
#bhss = #nn.shape<[B, 4, S, S]>
#msd = #nn.shape<[4 * B, S, 16]>
#mds = #nn.shape<[4 * B, 16, S]>

// CHECK-LABEL: @identities(
// CHECK-SAME: %[[X:.*]]: tensor<8xf32>
// CHECK-NEXT: return %[[X]]
func.func @identities(%x: tensor<8xf32>) -> tensor<8xf32> {
  %zero = arith.constant dense<0.0> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<1xf32>
  %true = arith.constant dense<true> : tensor<i1>
  %a = nn.elementwise add %zero, %x : (tensor<f32>, tensor<8xf32>) -> tensor<8xf32>
  %b = nn.elementwise mul %a, %one : (tensor<8xf32>, tensor<1xf32>) -> tensor<8xf32>
  %c = nn.elementwise cast %b to f32 : (tensor<8xf32>) -> tensor<8xf32>
  %d = nn.elementwise select %true, %c, %zero : (tensor<i1>, tensor<8xf32>, tensor<f32>) -> tensor<8xf32>
  return %d : tensor<8xf32>
}

// [B, S, 64] -> [B * S, 64] -> product, bias -> [B, S, 32]: no reshape is left.
// CHECK-LABEL: @flattened_linear
// CHECK-NOT: nn.reshape
// CHECK: nn.contract %{{.*}} contracting [2] x [0]
// CHECK-NEXT: nn.elementwise add
// CHECK-NEXT: return
func.func @flattened_linear(%x: tensor<?x?x64xf32, #bs64>, %w: tensor<64x32xf32>, %b: tensor<32xf32>) -> tensor<?x?x32xf32, #bs32> {
  %f = nn.reshape %x : (tensor<?x?x64xf32, #bs64>) -> tensor<?x64xf32, #flat64>
  %y = nn.contract %f, %w contracting [1] x [0] : (tensor<?x64xf32, #flat64>, tensor<64x32xf32>) -> tensor<?x32xf32, #flat32>
  %z = nn.elementwise add %b, %y : (tensor<32xf32>, tensor<?x32xf32, #flat32>) -> tensor<?x32xf32, #flat32>
  %r = nn.reshape %z : (tensor<?x32xf32, #flat32>) -> tensor<?x?x32xf32, #bs32>
  return %r : tensor<?x?x32xf32, #bs32>
}

// K transposed through three dims, as one exporter writes it, is no transpose.
// CHECK-LABEL: @key_transpose
// CHECK-NEXT: %[[S:.*]] = nn.contract %arg0, %arg1 batch [0, 1] x [0, 1] contracting [3] x [3]
// CHECK-NEXT: return %[[S]]
func.func @key_transpose(%q: tensor<?x4x?x16xf32, #bhsd>, %k: tensor<?x4x?x16xf32, #bhsd>) -> tensor<?x4x?x?xf32, #bhss> {
  %a = nn.reshape %k : (tensor<?x4x?x16xf32, #bhsd>) -> tensor<?x?x16xf32, #msd>
  %b = nn.transpose %a [0, 2, 1] : (tensor<?x?x16xf32, #msd>) -> tensor<?x16x?xf32, #mds>
  %c = nn.reshape %b : (tensor<?x16x?xf32, #mds>) -> tensor<?x4x16x?xf32, #bhds>
  %s = nn.contract %q, %c batch [0, 1] x [0, 1] contracting [3] x [2] : (tensor<?x4x?x16xf32, #bhsd>, tensor<?x4x16x?xf32, #bhds>) -> tensor<?x4x?x?xf32, #bhss>
  return %s : tensor<?x4x?x?xf32, #bhss>
}

// Products over merged (B * H) are products over B and H.
// CHECK-LABEL: @merged_heads
// CHECK-NOT: nn.reshape
// CHECK: nn.contract %arg0, %arg1 batch [0, 1] x [0, 1]
// CHECK-NEXT: return
func.func @merged_heads(%q: tensor<?x4x?x16xf32, #bhsd>, %k: tensor<?x4x?x16xf32, #bhsd>) -> tensor<?x4x?x?xf32, #bhss> {
  %a = nn.reshape %q : (tensor<?x4x?x16xf32, #bhsd>) -> tensor<?x?x16xf32, #msd>
  %b = nn.reshape %k : (tensor<?x4x?x16xf32, #bhsd>) -> tensor<?x?x16xf32, #msd>
  %s = nn.contract %a, %b batch [0] x [0] contracting [2] x [2] : (tensor<?x?x16xf32, #msd>, tensor<?x?x16xf32, #msd>) -> tensor<?x?x?xf32, #nn.shape<[4 * B, S, S]>>
  %r = nn.reshape %s : (tensor<?x?x?xf32, #nn.shape<[4 * B, S, S]>>) -> tensor<?x4x?x?xf32, #bhss>
  return %r : tensor<?x4x?x?xf32, #bhss>
}

// m[b * S + j], positions made of iotas, is m[b, j]; `q >= 0` always holds; the
// mask shrinks to what it depends on.
// CHECK-LABEL: @padding_mask(
// CHECK-SAME: %[[M:[a-z0-9]*]]:
// CHECK-NOT: nn.gather
// CHECK-NOT: nn.iota
// CHECK: %[[R:.*]] = nn.elementwise select %[[M]], {{.*}} -> tensor<?x?xf32
// CHECK-NEXT: nn.reshape %[[R]] : {{.*}}<[B, 1, 1, S]>>
// CHECK-NEXT: nn.broadcast
// CHECK-NEXT: return
func.func @padding_mask(%m: tensor<?x?xi1, #bs>) -> tensor<?x1x?x?xf32, #bss> {
  %zero = arith.constant dense<0> : tensor<i64>
  %true = arith.constant dense<true> : tensor<i1>
  %zerof = arith.constant dense<0.0> : tensor<f32>
  %min = arith.constant dense<-3.40282347E+38> : tensor<f32>
  %n = nn.dim <S> : tensor<i64>
  %b = nn.iota axis 0 : tensor<?xi64, #b>
  %b4 = nn.reshape %b : (tensor<?xi64, #b>) -> tensor<?x1x1x1xi64, #nn.shape<[B, 1, 1, 1]>>
  %k = nn.iota axis 0 : tensor<?xi64, #s>
  %k4 = nn.reshape %k : (tensor<?xi64, #s>) -> tensor<1x1x1x?xi64, #nn.shape<[1, 1, 1, S]>>
  %q4 = nn.reshape %k : (tensor<?xi64, #s>) -> tensor<1x1x?x1xi64, #nn.shape<[1, 1, S, 1]>>
  %row = nn.elementwise mul %b4, %n : (tensor<?x1x1x1xi64, #nn.shape<[B, 1, 1, 1]>>, tensor<i64>) -> tensor<?x1x1x1xi64, #nn.shape<[B, 1, 1, 1]>>
  %at = nn.elementwise add %k4, %row : (tensor<1x1x1x?xi64, #nn.shape<[1, 1, 1, S]>>, tensor<?x1x1x1xi64, #nn.shape<[B, 1, 1, 1]>>) -> tensor<?x1x1x?xi64, #b11s>
  %flat = nn.reshape %m : (tensor<?x?xi1, #bs>) -> tensor<?xi1, #nn.shape<[B * S]>>
  %pad = nn.gather %flat[%at] axis 0 : (tensor<?xi1, #nn.shape<[B * S]>>, tensor<?x1x1x?xi64, #b11s>) -> tensor<?x1x1x?xi1, #b11s>
  %ge = nn.elementwise greater_equal %q4, %zero : (tensor<1x1x?x1xi64, #nn.shape<[1, 1, S, 1]>>, tensor<i64>) -> tensor<1x1x?x1xi1, #nn.shape<[1, 1, S, 1]>>
  %a = nn.elementwise and %true, %ge : (tensor<i1>, tensor<1x1x?x1xi1, #nn.shape<[1, 1, S, 1]>>) -> tensor<1x1x?x1xi1, #nn.shape<[1, 1, S, 1]>>
  %both = nn.elementwise and %a, %pad : (tensor<1x1x?x1xi1, #nn.shape<[1, 1, S, 1]>>, tensor<?x1x1x?xi1, #b11s>) -> tensor<?x1x?x?xi1, #bss>
  %f = nn.elementwise select %both, %zerof, %min : (tensor<?x1x?x?xi1, #bss>, tensor<f32>, tensor<f32>) -> tensor<?x1x?x?xf32, #bss>
  return %f : tensor<?x1x?x?xf32, #bss>
}

// Unbind of [3, B, H, S, D]: a constant index is a slice.
// CHECK-LABEL: @unbind
// CHECK-NOT: nn.gather
// CHECK: nn.slice %arg0 starts <[1, 0, 0, 0, 0]>
func.func @unbind(%x: tensor<3x?x4x?x16xf32, #nn.shape<[3, B, 4, S, 16]>>) -> tensor<?x4x?x16xf32, #bhsd> {
  %one = arith.constant dense<1> : tensor<i64>
  %r = nn.gather %x[%one] axis 0 : (tensor<3x?x4x?x16xf32, #nn.shape<[3, B, 4, S, 16]>>, tensor<i64>) -> tensor<?x4x?x16xf32, #bhsd>
  return %r : tensor<?x4x?x16xf32, #bhsd>
}

// A gather at positions that depend on data stays.
// CHECK-LABEL: @embedding
// CHECK: nn.gather
func.func @embedding(%t: tensor<100x64xf32>, %ids: tensor<?x?xi64, #bs>) -> tensor<?x?x64xf32, #bs64> {
  %r = nn.gather %t[%ids] axis 0 : (tensor<100x64xf32>, tensor<?x?xi64, #bs>) -> tensor<?x?x64xf32, #bs64>
  return %r : tensor<?x?x64xf32, #bs64>
}


// A boolean that was made a number and a boolean again is the comparison.
// CHECK-LABEL: func.func @truth_as_numbers
// CHECK: %[[C:.+]] = nn.elementwise greater_equal
// CHECK-NOT: select
// CHECK: return %[[C]]
func.func @truth_as_numbers(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xi1> {
  %one = arith.constant dense<1.0> : tensor<f32>
  %zero = arith.constant dense<0.0> : tensor<f32>
  %c = nn.elementwise greater_equal %x, %y : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>
  %s = nn.elementwise select %c, %one, %zero : (tensor<4xi1>, tensor<f32>, tensor<f32>) -> tensor<4xf32>
  %b = nn.elementwise cast %s to i1 : (tensor<4xf32>) -> tensor<4xi1>
  return %b : tensor<4xi1>
}

// A mask for each window of a folded batch is added before the fold.
// CHECK-LABEL: func.func @window_mask
// CHECK: nn.elementwise add %{{.+}}, %{{.+}} : (tensor<?x2x9x9xf32, #nn.shape<[4 * B, 2, 9, 9]>>, tensor<?x1x9x9xf32, #nn.shape<[4 * B, 1, 9, 9]>>)
// CHECK-NEXT: nn.softmax %{{.+}} axis 3
func.func @window_mask(%s: tensor<?x2x9x9xf32, #nn.shape<[4 * B, 2, 9, 9]>>, %m: tensor<1x4x1x9x9xf32>) -> tensor<?x2x9x9xf32, #nn.shape<[4 * B, 2, 9, 9]>> {
  %r = nn.reshape %s : (tensor<?x2x9x9xf32, #nn.shape<[4 * B, 2, 9, 9]>>) -> tensor<?x4x2x9x9xf32, #nn.shape<[B, 4, 2, 9, 9]>>
  %a = nn.elementwise add %r, %m : (tensor<?x4x2x9x9xf32, #nn.shape<[B, 4, 2, 9, 9]>>, tensor<1x4x1x9x9xf32>) -> tensor<?x4x2x9x9xf32, #nn.shape<[B, 4, 2, 9, 9]>>
  %p = nn.softmax %a axis 4 : (tensor<?x4x2x9x9xf32, #nn.shape<[B, 4, 2, 9, 9]>>) -> tensor<?x4x2x9x9xf32, #nn.shape<[B, 4, 2, 9, 9]>>
  %o = nn.reshape %p : (tensor<?x4x2x9x9xf32, #nn.shape<[B, 4, 2, 9, 9]>>) -> tensor<?x2x9x9xf32, #nn.shape<[4 * B, 2, 9, 9]>>
  return %o : tensor<?x2x9x9xf32, #nn.shape<[4 * B, 2, 9, 9]>>
}

// A mask of merged heads stays with them: both operands of the sum would be
// reshapes then, and sinking one would make the other.
// CHECK-LABEL: func.func @mask_of_merged_heads
// CHECK: %[[MERGED:.+]] = nn.reshape
// CHECK: nn.elementwise add %[[MERGED]]
func.func @mask_of_merged_heads(%s: tensor<2x2x2x4x6xf32>, %m: tensor<2x4x4x6xf32>) -> tensor<2x4x4x6xf32> {
  %r = nn.reshape %s : (tensor<2x2x2x4x6xf32>) -> tensor<2x4x4x6xf32>
  %a = nn.elementwise add %r, %m : (tensor<2x4x4x6xf32>, tensor<2x4x4x6xf32>) -> tensor<2x4x4x6xf32>
  %p = nn.softmax %a axis 3 : (tensor<2x4x4x6xf32>) -> tensor<2x4x4x6xf32>
  return %p : tensor<2x4x4x6xf32>
}

// The gradients of neighbouring slices: one concat, whatever the order.
// CHECK-LABEL: @neighbouring_pads(
// CHECK-SAME: %[[A:.*]]: tensor<4x2xf32>, %[[B:.*]]: tensor<4x3xf32>, %[[C:.*]]: tensor<4x1xf32>
// CHECK: %[[R:.*]] = nn.concat %[[A]], %[[B]], %[[C]] axis 1
// CHECK-NEXT: return %[[R]]
func.func @neighbouring_pads(%a: tensor<4x2xf32>, %b: tensor<4x3xf32>, %c: tensor<4x1xf32>) -> tensor<4x6xf32> {
  %z = arith.constant dense<0.0> : tensor<f32>
  %pc = nn.pad %c, %z low <[0, 5]> high <[0, 0]> : (tensor<4x1xf32>, tensor<f32>) -> tensor<4x6xf32>
  %pb = nn.pad %b, %z low <[0, 2]> high <[0, 1]> : (tensor<4x3xf32>, tensor<f32>) -> tensor<4x6xf32>
  %pa = nn.pad %a, %z low <[0, 0]> high <[0, 4]> : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x6xf32>
  %s = nn.elementwise add %pc, %pb : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %r = nn.elementwise add %s, %pa : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r : tensor<4x6xf32>
}

// Windows with a gap, that overlap, or with another border, stay.
// CHECK-LABEL: @other_pads(
// CHECK-COUNT-4: nn.pad
// CHECK-NOT: nn.concat
func.func @other_pads(%a: tensor<4x2xf32>) -> (tensor<4x6xf32>, tensor<4x6xf32>) {
  %z = arith.constant dense<0.0> : tensor<f32>
  %one = arith.constant dense<1.0> : tensor<f32>
  %p0 = nn.pad %a, %z low <[0, 0]> high <[0, 4]> : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x6xf32>
  %p3 = nn.pad %a, %z low <[0, 3]> high <[0, 1]> : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x6xf32>
  %p1 = nn.pad %a, %z low <[0, 1]> high <[0, 3]> : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x6xf32>
  %q3 = nn.pad %a, %one low <[0, 3]> high <[0, 1]> : (tensor<4x2xf32>, tensor<f32>) -> tensor<4x6xf32>
  %r = nn.elementwise add %p0, %p3 : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  %s = nn.elementwise add %p1, %q3 : (tensor<4x6xf32>, tensor<4x6xf32>) -> tensor<4x6xf32>
  return %r, %s : tensor<4x6xf32>, tensor<4x6xf32>
}

// The gradient of a projection of heads: samples and positions are summed over
// together, so the transpose that would part them stays a view.
// CHECK-LABEL: @summed_dims_stay_together(
// CHECK: %[[T:.*]] = nn.transpose %{{.*}} [0, 2, 1, 3]
// CHECK: nn.contract %[[T]], %{{.*}} contracting [0, 1] x [0, 1]
func.func @summed_dims_stay_together(%x: tensor<2x4x8x16xf32>, %dy: tensor<2x8x64xf32>) -> tensor<64x64xf32> {
  %t = nn.transpose %x [0, 2, 1, 3] : (tensor<2x4x8x16xf32>) -> tensor<2x8x4x16xf32>
  %r = nn.reshape %t : (tensor<2x8x4x16xf32>) -> tensor<2x8x64xf32>
  %w = nn.contract %r, %dy contracting [0, 1] x [0, 1] : (tensor<2x8x64xf32>, tensor<2x8x64xf32>) -> tensor<64x64xf32>
  return %w : tensor<64x64xf32>
}
