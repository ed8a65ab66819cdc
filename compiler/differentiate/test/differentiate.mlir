// A loss becomes its gradients.
// RUN: attune-opt --differentiate --simplify --split-input-file %s | FileCheck %s

// Products stay products: one forward, one for each weight, one to pass the
// first layer. Nothing forward is computed twice. Those of a product of tf32 are
// of tf32.
// CHECK: nn.weight @w1 trainable state parameter : tensor<4x8xf32>
// CHECK: nn.weight @w1.grad state gradient : tensor<4x8xf32>
// CHECK: nn.weight @b1.grad state gradient : tensor<8xf32>
// CHECK: nn.weight @w2.grad state gradient : tensor<8x2xf32>
// CHECK-NOT: @loss
// CHECK-LABEL: func.func @grad(
// CHECK-SAME: %[[X:.*]]: tensor<?x4xf32, #[[B4:.*]]> {nn.name = "x"}
// CHECK-SAME: %[[SCALE:[^ ]*]]: tensor<f32> {nn.name = "scale"})
// CHECK-SAME: -> (tensor<f32> {nn.name = "loss"}, tensor<4x8xf32> {nn.updates = @w1.grad}, tensor<8xf32> {nn.updates = @b1.grad}, tensor<8x2xf32> {nn.updates = @w2.grad})
// CHECK-DAG: %[[W1:.*]] = nn.load_weight @w1
// CHECK-DAG: %[[W2:.*]] = nn.load_weight @w2
// CHECK: nn.contract %[[X]], %[[W1]] contracting [1] x [0] :
// CHECK: %[[H:.*]] = nn.elementwise relu
// CHECK: %[[Y:.*]] = nn.contract %[[H]], %[[W2]] contracting [1] x [0] tf32 :
// CHECK: %[[LOSS:.*]] = nn.reduce sum
// CHECK: %[[DY:.*]] = nn.elementwise mul
// CHECK: %[[DH:.*]] = nn.contract %[[DY]], %[[W2]] contracting [1] x [1] tf32 :
// CHECK: %[[DW2:.*]] = nn.contract %[[H]], %[[DY]] contracting [0] x [0] tf32 :
// CHECK: %[[ON:.*]] = nn.elementwise greater %[[H]]
// CHECK: %[[DA:.*]] = nn.elementwise select %[[ON]], %[[DH]]
// CHECK: %[[DB:.*]] = nn.reduce sum %[[DA]] axes [0]
// CHECK: %[[DW1:.*]] = nn.contract %[[X]], %[[DA]] contracting [0] x [0] :
// CHECK-NOT: nn.contract
// CHECK: %[[G1:.*]] = nn.load_weight @w1.grad
// CHECK: %[[S1:.*]] = nn.elementwise add %[[G1]], %[[DW1]]
// CHECK: %[[S2:.*]] = nn.elementwise add %{{.*}}, %[[DB]]
// CHECK: %[[S3:.*]] = nn.elementwise add %{{.*}}, %[[DW2]]
// CHECK: return %[[LOSS]], %[[S1]], %[[S2]], %[[S3]]
#b4 = #nn.shape<[B, 4]>
#b8 = #nn.shape<[B, 8]>
#b2 = #nn.shape<[B, 2]>
nn.weight @w1 trainable : tensor<4x8xf32>
nn.weight @b1 trainable : tensor<8xf32>
nn.weight @w2 trainable : tensor<8x2xf32>
func.func @loss(%x: tensor<?x4xf32, #b4> {nn.name = "x"}, %t: tensor<?x2xf32, #b2> {nn.name = "labels"},
    %seed: tensor<i64> {nn.name = "seed"}, %step: tensor<i64> {nn.name = "step"},
    %first: tensor<i64> {nn.name = "first"}) -> (tensor<f32> {nn.name = "loss"}) {
  %w1 = nn.load_weight @w1 : tensor<4x8xf32>
  %b1 = nn.load_weight @b1 : tensor<8xf32>
  %w2 = nn.load_weight @w2 : tensor<8x2xf32>
  %a0 = nn.contract %x, %w1 contracting [1] x [0] : (tensor<?x4xf32, #b4>, tensor<4x8xf32>) -> tensor<?x8xf32, #b8>
  %a = nn.elementwise add %a0, %b1 : (tensor<?x8xf32, #b8>, tensor<8xf32>) -> tensor<?x8xf32, #b8>
  %h = nn.elementwise relu %a : (tensor<?x8xf32, #b8>) -> tensor<?x8xf32, #b8>
  %y = nn.contract %h, %w2 contracting [1] x [0] tf32 : (tensor<?x8xf32, #b8>, tensor<8x2xf32>) -> tensor<?x2xf32, #b2>
  %p = nn.elementwise mul %y, %t : (tensor<?x2xf32, #b2>, tensor<?x2xf32, #b2>) -> tensor<?x2xf32, #b2>
  %l = nn.reduce sum %p axes [0, 1] : (tensor<?x2xf32, #b2>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// A low-rank pair beside a frozen product and under a frozen head: four products
// forward, the head's dX, one dX and two dW of the pair; no frozen dW. What is left out and has a value is a constant again; without a
// value it stays what @init makes.
// CHECK: nn.weight @layer.w : tensor<4x4xf32> =
// CHECK: nn.weight @layer.a trainable state parameter : tensor<4x1xf32>
// CHECK: nn.weight @layer.b trainable state parameter : tensor<1x4xf32>
// CHECK: nn.weight @head trainable state parameter : tensor<4x4xf32>
// CHECK-NOT: @head.grad
// CHECK-LABEL: func.func @grad(
// CHECK-SAME: {nn.updates = @layer.a.grad}, tensor<1x4xf32> {nn.updates = @layer.b.grad})
// CHECK-COUNT-8: nn.contract
// CHECK-NOT: nn.contract
module attributes {nn.training = {trainable = ["layer.[ab]"]}} {
  nn.weight @layer.w trainable : tensor<4x4xf32> = dense<1.0> : tensor<4x4xf32>
  nn.weight @layer.a trainable : tensor<4x1xf32>
  nn.weight @layer.b trainable : tensor<1x4xf32>
  nn.weight @head trainable : tensor<4x4xf32>
  func.func @loss(%x: tensor<2x4xf32> {nn.name = "x"},
      %seed: tensor<i64> {nn.name = "seed"}, %step: tensor<i64> {nn.name = "step"},
      %first: tensor<i64> {nn.name = "first"}) -> (tensor<f32> {nn.name = "loss"}) {
    %w = nn.load_weight @layer.w : tensor<4x4xf32>
    %a = nn.load_weight @layer.a : tensor<4x1xf32>
    %b = nn.load_weight @layer.b : tensor<1x4xf32>
    %h = nn.load_weight @head : tensor<4x4xf32>
    %y = nn.contract %x, %w contracting [1] x [0] : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
    %p = nn.contract %x, %a contracting [1] x [0] : (tensor<2x4xf32>, tensor<4x1xf32>) -> tensor<2x1xf32>
    %q = nn.contract %p, %b contracting [1] x [0] : (tensor<2x1xf32>, tensor<1x4xf32>) -> tensor<2x4xf32>
    %s = nn.elementwise add %y, %q : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
    %z = nn.contract %s, %h contracting [1] x [0] : (tensor<2x4xf32>, tensor<4x4xf32>) -> tensor<2x4xf32>
    %e = nn.elementwise exp %z : (tensor<2x4xf32>) -> tensor<2x4xf32>
    %l = nn.reduce mean %e axes [0, 1] : (tensor<2x4xf32>) -> tensor<f32>
    return %l : tensor<f32>
  }
}

// -----

// Attention and norm give what their backward passes read.
// CHECK-LABEL: func.func @grad(
// CHECK: %[[N:.*]], %[[MEAN:.*]], %[[RSTD:.*]] = nn.norm layer
// CHECK: %[[O:.*]], %[[LSE:.*]] = nn.attention %[[Q:[^ ,]*]], %[[K:[^ ,]*]], %[[V:[^ ,]*]] scale 5.000000e-01 causal top_left dropout 1.000000e-01 id 7(%[[S0:[^ ,]*]], %[[S1:[^ ,]*]], %[[S2:[^ ,)]*]])
// CHECK: nn.attention_backward %[[Q]], %[[K]], %[[V]] output %[[O]], %[[LSE]] gradient %{{.*}} scale 5.000000e-01 causal top_left dropout 1.000000e-01 id 7(%[[S0]], %[[S1]], %[[S2]])
#x = #nn.shape<[1, 2, S, 4]>
!x = tensor<1x2x?x4xf32, #x>
nn.weight @g trainable : tensor<4xf32>
func.func @loss(%x: !x {nn.name = "x"},
    %seed: tensor<i64> {nn.name = "seed"}, %step: tensor<i64> {nn.name = "step"},
    %first: tensor<i64> {nn.name = "first"}) -> (tensor<f32> {nn.name = "loss"}) {
  %g = nn.load_weight @g : tensor<4xf32>
  %n = nn.norm layer %x axis 3 epsilon 1.0e-5 scale %g : tensor<4xf32> : !x -> !x
  %o = nn.attention %n, %n, %x scale 0.5 causal top_left dropout 0.1 id 7 (%seed, %step, %first) : (!x, !x, !x, tensor<i64>, tensor<i64>, tensor<i64>) -> !x
  %l = nn.reduce sum %o axes [0, 1, 2, 3] : (!x) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// No loss: nothing changes.
// CHECK-LABEL: func.func @main(
// CHECK-NEXT: nn.load_weight @w
// CHECK-NOT: @grad
nn.weight @w trainable : tensor<4xf32>
func.func @main() -> tensor<4xf32> {
  %w = nn.load_weight @w : tensor<4xf32>
  return %w : tensor<4xf32>
}

// -----

// Without a loss nothing is trained: what has a value is a constant, the rest is
// what @init makes of it.
// CHECK: nn.weight @made trainable state parameter : tensor<4xf32>
// CHECK: nn.weight @given : tensor<4xf32> = dense
nn.weight @made trainable : tensor<4xf32>
nn.weight @given trainable : tensor<4xf32> = dense<2.0> : tensor<4xf32>
func.func @init(%seed: tensor<i64> {nn.name = "seed"}) -> (tensor<4xf32> {nn.updates = @made}) {
  %u = nn.random id 0 (%seed, %seed, %seed) : tensor<4xf32>
  return %u : tensor<4xf32>
}
func.func @main(%x: tensor<4xf32>) -> tensor<4xf32> {
  %a = nn.load_weight @made : tensor<4xf32>
  %b = nn.load_weight @given : tensor<4xf32>
  %y = nn.elementwise mul %x, %a : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %z = nn.elementwise add %y, %b : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  return %z : tensor<4xf32>
}
