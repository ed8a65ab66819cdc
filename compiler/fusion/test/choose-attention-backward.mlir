// The strategy of an attention's gradients, and their parts.
// RUN: attune-opt --choose-attention %s | FileCheck %s --check-prefix=AUTO
// RUN: attune-opt --choose-attention=attention=unfused %s | FileCheck %s --check-prefix=UNFUSED
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
