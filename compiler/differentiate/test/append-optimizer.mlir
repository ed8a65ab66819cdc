// Gradients become new weights.
// RUN: attune-opt --append-optimizer --simplify --split-input-file %s | FileCheck %s

// CHECK: nn.weight @w trainable state parameter : tensor<2x3xf32>
// CHECK-DAG: nn.weight @w.m state optimizer : tensor<2x3xf32>
// CHECK-DAG: nn.weight @w.v state optimizer : tensor<2x3xf32>
// CHECK-NOT: @w.ema

// @step has no scale and reads no gradient: %x is what it updates by.
// CHECK-LABEL: func.func @step(
// CHECK-SAME: %[[X:.*]]: tensor<2x3xf32> {nn.name = "x"}, %[[STEP:.*]]: tensor<i64> {nn.name = "step"}, %[[LR:.*]]: tensor<f32> {nn.name = "lr"})
// CHECK-SAME: -> (tensor<f32> {nn.name = "loss"}, tensor<f32> {nn.name = "grad_norm"}, tensor<2x3xf32> {nn.updates = @w}, tensor<2x3xf32> {nn.updates = @w.m}, tensor<2x3xf32> {nn.updates = @w.v})
// CHECK-NOT: w.grad
// CHECK: nn.elementwise mul %[[X]], %[[X]]
// CHECK-NOT: w.grad
// CHECK: return

// CHECK-LABEL: func.func @apply(
// CHECK-SAME: %[[LR:.*]]: tensor<f32> {nn.name = "lr"}, %[[STEP:.*]]: tensor<i64> {nn.name = "step"})
// CHECK-SAME: -> (tensor<f32> {nn.name = "grad_norm"}, tensor<2x3xf32> {nn.updates = @w}, tensor<2x3xf32> {nn.updates = @w.m}, tensor<2x3xf32> {nn.updates = @w.v}, tensor<2x3xf32> {nn.updates = @w.grad})
// CHECK-DAG: %[[ZERO:.*]] = arith.constant dense<0.000000e+00> : tensor<2x3xf32>
// CHECK-DAG: %[[G:.*]] = nn.load_weight @w.grad
// CHECK: %[[SQUARES:.*]] = nn.elementwise mul %[[G]], %[[G]]
// CHECK: %[[ROWS:.*]] = nn.reduce sum %[[SQUARES]] axes [1] : (tensor<2x3xf32>) -> tensor<2xf32>
// CHECK: %[[SUM:.*]] = nn.reduce sum %[[ROWS]] axes [0]
// CHECK: %[[NORM:.*]] = nn.elementwise sqrt %[[SUM]]
// CHECK: nn.elementwise cast %[[STEP]] to f32
// CHECK: return %[[NORM]], %{{.*}}, %{{.*}}, %{{.*}}, %[[ZERO]]
nn.weight @w trainable state parameter : tensor<2x3xf32>
nn.weight @w.grad state gradient : tensor<2x3xf32>
func.func @grad(%x: tensor<2x3xf32> {nn.name = "x"}, %step: tensor<i64> {nn.name = "step"}, %scale: tensor<f32> {nn.name = "scale"})
    -> (tensor<f32> {nn.name = "loss"}, tensor<2x3xf32> {nn.updates = @w.grad}) {
  %old = nn.load_weight @w.grad : tensor<2x3xf32>
  %g = nn.elementwise mul %x, %scale : (tensor<2x3xf32>, tensor<f32>) -> tensor<2x3xf32>
  %new = nn.elementwise add %old, %g : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x3xf32>
  %l = nn.reduce sum %x axes [0, 1] : (tensor<2x3xf32>) -> tensor<f32>
  return %l, %new : tensor<f32>, tensor<2x3xf32>
}

// -----

// SGD without momentum has no state; an average begins as the weight does. What
// was found in @grad was found in @step.
// CHECK: nn.ledger = [{fired = true, function = "main", {{[^}]*}}}, {fired = true, function = "grad", {{[^}]*}}}, {fired = true, function = "step", {{[^}]*}}}]
// CHECK-NOT: state optimizer
// CHECK: nn.weight @b.ema state average : tensor<3xf32> = dense<1.000000e+00>
// CHECK-NOT: state optimizer
// CHECK-LABEL: func.func @init
// CHECK-SAME: (tensor<3xf32> {nn.updates = @b}, tensor<3xf32> {nn.updates = @b.ema})
// CHECK: return %[[V:.*]], %[[V]]
// CHECK-LABEL: func.func @apply
// CHECK-SAME: {nn.updates = @b}, tensor<3xf32> {nn.updates = @b.ema}, tensor<3xf32> {nn.updates = @b.grad})
// CHECK: nn.elementwise min
module attributes {
    nn.ledger = [{fired = true, function = "main", name = "n", reason = "r", subject = "norm"},
                 {fired = true, function = "grad", name = "n", reason = "r", subject = "norm"}],
    nn.training = {optimizer = "sgd", clip = 1.0, ema = 0.99}} {
  nn.weight @b trainable state parameter : tensor<3xf32> = dense<1.0> : tensor<3xf32>
  nn.weight @b.grad state gradient : tensor<3xf32>
  func.func @init(%v: tensor<3xf32>) -> (tensor<3xf32> {nn.updates = @b}) {
    return %v : tensor<3xf32>
  }
  func.func @grad(%x: tensor<3xf32> {nn.name = "x"}, %step: tensor<i64> {nn.name = "step"}, %scale: tensor<f32> {nn.name = "scale"})
      -> (tensor<3xf32> {nn.updates = @b.grad}) {
    return %x : tensor<3xf32>
  }
}

// -----

// Nothing to train: nothing changes.
// CHECK-LABEL: func.func @main
// CHECK-NOT: @apply
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// -----

// What @eval counts is an entry point of its own, which reads the labels alone.
// CHECK-LABEL: func.func @count(
// CHECK-SAME: %[[LABELS:.*]]: tensor<4xi64> {nn.name = "labels"}) -> (tensor<f32> {nn.name = "count"})
// CHECK-NOT: nn.reduce sum %{{.*}} : (tensor<4x3xf32>)
// CHECK: return
nn.weight @w trainable state parameter : tensor<3xf32>
nn.weight @w.grad state gradient : tensor<3xf32>
func.func @eval(%x: tensor<4x3xf32> {nn.name = "x"}, %labels: tensor<4xi64> {nn.name = "labels"})
    -> (tensor<f32> {nn.name = "loss"}, tensor<f32> {nn.name = "count"}) {
  %l = nn.reduce sum %x axes [0, 1] : (tensor<4x3xf32>) -> tensor<f32>
  %f = nn.elementwise cast %labels to f32 : (tensor<4xi64>) -> tensor<4xf32>
  %c = nn.reduce sum %f axes [0] : (tensor<4xf32>) -> tensor<f32>
  return %l, %c : tensor<f32>, tensor<f32>
}
func.func @grad(%x: tensor<4x3xf32> {nn.name = "x"}, %labels: tensor<4xi64> {nn.name = "labels"}, %step: tensor<i64> {nn.name = "step"}, %scale: tensor<f32> {nn.name = "scale"})
    -> (tensor<f32> {nn.name = "loss"}, tensor<3xf32> {nn.updates = @w.grad}) {
  %old = nn.load_weight @w.grad : tensor<3xf32>
  %l = nn.reduce sum %x axes [0, 1] : (tensor<4x3xf32>) -> tensor<f32>
  return %l, %old : tensor<f32>, tensor<3xf32>
}

// -----

// Where all batches count alike there is none.
// CHECK-NOT: @count
// CHECK: func.func @apply
nn.weight @w trainable state parameter : tensor<3xf32>
nn.weight @w.grad state gradient : tensor<3xf32>
func.func @eval(%x: tensor<4x3xf32> {nn.name = "x"}) -> (tensor<f32> {nn.name = "loss"}, tensor<f32> {nn.name = "count"}) {
  %l = nn.reduce sum %x axes [0, 1] : (tensor<4x3xf32>) -> tensor<f32>
  %c = arith.constant dense<12.0> : tensor<f32>
  return %l, %c : tensor<f32>, tensor<f32>
}
func.func @grad(%x: tensor<4x3xf32> {nn.name = "x"}, %step: tensor<i64> {nn.name = "step"}, %scale: tensor<f32> {nn.name = "scale"})
    -> (tensor<f32> {nn.name = "loss"}, tensor<3xf32> {nn.updates = @w.grad}) {
  %old = nn.load_weight @w.grad : tensor<3xf32>
  %l = nn.reduce sum %x axes [0, 1] : (tensor<4x3xf32>) -> tensor<f32>
  return %l, %old : tensor<f32>, tensor<3xf32>
}
