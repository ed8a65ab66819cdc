// The strategy of an attention's gradients, and their parts.
// RUN: attune-opt --choose-attention %s | FileCheck %s --check-prefix=AUTO
// RUN: attune-opt --choose-attention=attention=unfused %s | FileCheck %s --check-prefix=UNFUSED
// RUN: attune-opt --choose-attention=attention=saved %s | FileCheck %s --check-prefix=SAVED
// RUN: attune-opt --choose-attention=frugal=true %s | FileCheck %s --check-prefix=FRUGAL
// RUN: attune-opt --choose-attention=gpu=true %s | FileCheck %s --check-prefix=GPU
!q = tensor<2x4x?x16xf32, #nn.shape<[2, 4, S, 16]>>
!k = tensor<2x2x?x16xf32, #nn.shape<[2, 2, T, 16]>>

// AUTO: reason = "an attention operator of the model; fused: {{.*}}reason = "gradients of an attention; fused: {{.*}} cycles a score

// An attention and its gradients are chosen together.
// AUTO-LABEL: @training
// AUTO: %[[O:.*]], %[[L:.*]] = nn.attention
// AUTO: %[[W:.*]] = nn.broadcast
// The gradient of the bias is that of each score, and summed.
// AUTO: %[[DQ:.*]], %[[DK:.*]], %[[DV:.*]], %[[DW:.*]] = nn.attention_backward {{.*}} output %[[O]], %[[L]] gradient {{.*}} bias %[[W]]
// AUTO: %[[T:.*]] = nn.transpose %[[DW]] [1, 2, 3, 0]
// AUTO: %[[SUM:.*]] = nn.reduce sum %[[T]] axes [3]
// AUTO: return %[[DQ]], %[[DK]], %[[DV]], %[[SUM]]
// UNFUSED-LABEL: @training
// UNFUSED: %[[P:.*]] = nn.softmax
// UNFUSED: nn.contract {{.*}}, %arg2
// The gradient of the weights; its epilogue reads the probabilities that are there.
// UNFUSED: nn.contract {{.*}}, %arg2 batch [0, 1] x [0, 1] contracting [4] x [3]
// UNFUSED: nn.elementwise mul %{{.*}}, %[[P]]
// UNFUSED: nn.contract {{.*}}, %arg1
// Summed over a group's heads.
// UNFUSED: nn.contract {{.*}} contracting [2, 3] x [2, 3]
// UNFUSED: nn.contract {{.*}} contracting [2, 3] x [2, 3]
// UNFUSED-NOT: nn.attention_backward
// On a GPU from the log-sum-exp of the fused forward op.
// GPU: gradients of an attention; unfused: there is no kernel of it for a GPU
// GPU: %{{.*}}, %[[L:.*]] = nn.attention
// GPU: nn.contract
// GPU: %[[LSE:.*]] = nn.reshape %[[L]]
// GPU: nn.elementwise sub %{{.*}}, %[[LSE]]
// GPU: nn.elementwise exp
// GPU-NOT: nn.attention_backward
!l = tensor<2x4x?xf32, #nn.shape<[2, 4, S]>>
!w = tensor<4x?x?xf32, #nn.shape<[4, S, T]>>
func.func @training(%q: !q, %k: !k, %v: !k, %g: !q, %w: !w) -> (!q, !k, !k, !w) {
  %o, %l = nn.attention %q, %k, %v scale 0.25 causal top_left bias %w : (!q, !k, !k, !w) -> (!q, !l)
  %r:4 = nn.attention_backward %q, %k, %v output %o, %l gradient %g scale 0.25 causal top_left bias %w : (!q, !k, !k, !q, !l, !q, !w) -> (!q, !k, !k, !w)
  return %r#0, %r#1, %r#2, %r#3 : !q, !k, !k, !w
}

// Scores are kept for the gradients, which read neither mask nor bias; where a
// band hides half of them they are not.
// SAVED-LABEL: @training
// SAVED: nn.attention_backward
// SAVED-NOT: scores
// SAVED-LABEL: @saved
// SAVED: %[[O:.*]], %[[S:.*]]:2 = nn.attention {{.*}} bias %arg4 key_mask %arg5
// SAVED-SAME: tensor<2x4x?x?xf32, #nn.shape<[2, 4, S, T]>>)
// SAVED: nn.attention_backward %{{.*}} output %[[O]], %[[S]]#0 gradient %arg3 scores %[[S]]#1 scale
// SAVED-NOT: key_mask
// UNFUSED-LABEL: @saved
// UNFUSED-NOT: nn.attention
!m = tensor<2x?xi1, #nn.shape<[2, T]>>
func.func @saved(%q: !q, %k: !k, %v: !k, %g: !q, %w: !w, %m: !m) -> (!q, !k, !k) {
  %o, %l = nn.attention %q, %k, %v scale 0.25 bias %w key_mask %m : (!q, !k, !k, !w, !m) -> (!q, !l)
  %r:3 = nn.attention_backward %q, %k, %v output %o, %l gradient %g scale 0.25 bias %w key_mask %m : (!q, !k, !k, !q, !l, !q, !w, !m) -> (!q, !k, !k)
  return %r#0, %r#1, %r#2 : !q, !k, !k
}

// 50 positions of size 64 are better in parts, which keep the probabilities;
// where activations are to be few nothing is kept.
// AUTO-LABEL: @short
// AUTO-NOT: nn.attention
// FRUGAL: strategy = "fused"
// FRUGAL-LABEL: @short
// FRUGAL: %[[O:.*]], %[[L:.*]] = nn.attention
// FRUGAL: nn.attention_backward {{.*}} output %[[O]], %[[L]] gradient %{{.*}} scale
!x = tensor<8x12x50x64xf32>
func.func @short(%q: !x, %k: !x, %v: !x, %g: !x) -> (!x, !x, !x) {
  %o, %l = nn.attention %q, %k, %v scale 0.125 : (!x, !x, !x) -> (!x, tensor<8x12x50xf32>)
  %r:3 = nn.attention_backward %q, %k, %v output %o, %l gradient %g scale 0.125 : (!x, !x, !x, !x, tensor<8x12x50xf32>, !x) -> (!x, !x, !x)
  return %r#0, %r#1, %r#2 : !x, !x, !x
}
