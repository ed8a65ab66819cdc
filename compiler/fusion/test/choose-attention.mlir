// The strategy of each attention, and the parts of an unfused one.
// RUN: attune-opt --choose-attention %s | FileCheck %s --check-prefix=AUTO
// RUN: attune-opt --choose-attention=attention=unfused %s | FileCheck %s --check-prefix=UNFUSED
// RUN: not attune-opt --choose-attention=attention=fast %s 2>&1 | FileCheck %s --check-prefix=WRONG
// WRONG: --attention takes auto, fused, saved or unfused, found 'fast'
!q = tensor<2x4x?x16xf32, #nn.shape<[2, 4, S, 16]>>
!k = tensor<2x2x?x16xf32, #nn.shape<[2, 2, T, 16]>>
!m = tensor<2x?xi1, #nn.shape<[2, T]>>

// The ledger says what was chosen and why.
// AUTO: nn.ledger = [{{.*}}reason = "{{[^"]*}}fused: {{.*}} cycles a score{{.*}}strategy = "fused"
// AUTO-SAME: reason = "{{[^"]*}}unfused: head size 512 is over 256{{.*}}strategy = "unfused"
// AUTO-LABEL: @masked
// AUTO: nn.attention
// UNFUSED-LABEL: @masked
// Grouped queries are rows of one product over two key heads.
// UNFUSED: nn.contract %{{.*}}, %arg1 batch [0, 1] x [0, 1] contracting [4] x [3]
// UNFUSED: nn.elementwise mul
// UNFUSED: nn.elementwise tanh
// Causal from the bottom right: j <= i + (T - S), then the window, then keys.
// UNFUSED: nn.dim <{{.*}}T{{.*}}>
// UNFUSED: nn.elementwise less_equal
// UNFUSED: nn.elementwise select
// UNFUSED: nn.elementwise less
// UNFUSED: nn.elementwise select
// UNFUSED: nn.elementwise select
// UNFUSED: nn.softmax {{.*}} axis 3
// UNFUSED: nn.contract %{{.*}}, %arg2 batch [0, 1] x [0, 1] contracting [4] x [2]
// UNFUSED-NOT: nn.attention
func.func @masked(%q: !q, %k: !k, %v: !k, %m: !m) -> !q {
  %r = nn.attention %q, %k, %v scale 0.25 causal bottom_right window 8 softcap 30.0 key_mask %m : (!q, !k, !k, !m) -> !q
  return %r : !q
}

// AUTO-LABEL: @wide_heads
// AUTO-NOT: nn.attention
func.func @wide_heads(%q: tensor<1x1x4x512xf32>) -> tensor<1x1x4x512xf32> {
  %r = nn.attention %q, %q, %q scale 0.25 : (tensor<1x1x4x512xf32>, tensor<1x1x4x512xf32>, tensor<1x1x4x512xf32>) -> tensor<1x1x4x512xf32>
  return %r : tensor<1x1x4x512xf32>
}
