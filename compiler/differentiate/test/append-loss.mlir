// A model that only computes gets a loss.
// RUN: attune-opt --append-loss="loss=cross_entropy output=logits smoothing=0.1 trainable=w.*,head settings=optimizer=sgd,clip=1.0" %s | FileCheck %s
// RUN: attune-opt --append-loss="loss=mse output=logits" %s | FileCheck %s --check-prefix=MSE
// RUN: attune-opt --append-loss %s | FileCheck %s --check-prefix=NONE
// RUN: attune-opt --append-loss="loss=mse output=logits" %s 2>&1 | FileCheck %s --check-prefix=MASK
// RUN: not attune-opt --append-loss="loss=mse" %s 2>&1 | FileCheck %s --check-prefix=WHICH
// RUN: not attune-opt --append-loss="loss=mse output=y" %s 2>&1 | FileCheck %s --check-prefix=UNKNOWN
// RUN: not attune-opt --append-loss="loss=hinge" %s 2>&1 | FileCheck %s --check-prefix=LOSS
// RUN: not attune-opt --append-loss="loss=mse output=ids" %s 2>&1 | FileCheck %s --check-prefix=TYPE
// RUN: not attune-opt --append-loss="loss=mse output=logits trainable=w.,w.[" %s 2>&1 | FileCheck %s --check-prefix=GLOB
// RUN: not attune-opt --append-loss="loss=mse output=logits trainable=other" %s 2>&1 | FileCheck %s --check-prefix=UNUSED
// RUN: not attune-opt --append-loss="loss=mse output=logits settings=clip" %s 2>&1 | FileCheck %s --check-prefix=SETTING

// RUN: not attune-opt --append-loss="settings=clip=1" %s 2>&1 | FileCheck %s --check-prefix=NOLOSS
// RUN: sed 's/@main/@loss/' %s | attune-opt --append-loss="trainable=w.* settings=clip=1.5,optimizer=sgd" | FileCheck %s --check-prefix=CHANGE

// RUN: not attune-opt --append-loss="smoothing=0.1" %s 2>&1 | FileCheck %s --check-prefix=UNASKED
// RUN: not attune-opt --append-loss="loss=mse output=logits smoothing=0.1" %s 2>&1 | FileCheck %s --check-prefix=SMOOTHED
// RUN: not attune-opt --append-loss="loss=mse output=logits settings=optimizer=sgd,beta1=0.5" %s 2>&1 | FileCheck %s --check-prefix=OTHER

// UNASKED: error: takes an output, smoothing or ignored label of a loss only with --loss
// SMOOTHED: error: has no labels of classes that could be smoothed or ignored: the loss is mse
// OTHER: error: sgd has no 'beta1'; remove it or choose the other
// NOLOSS: error: has no loss to be trained by, and none is asked for
// CHANGE: module attributes {nn.training = {clip = 1.500000e+00 : f64, optimizer = "sgd", trainable = ["w.*"]}}
// NONE-NOT: trainable
// NONE-NOT: @loss
// WHICH: error: a loss reads one output, name it: logits, ids
// MASK: warning: masks and tables of positions are not trained: 'hidden'
// UNKNOWN: error: has no output 'y', but logits, ids
// LOSS: error: expects a loss of cross_entropy or mse, found 'hinge'
// TYPE: error: output 'ids' is to be floats for a loss, found 'tensor<2xi64>'
// GLOB: error: trainable 'w.['
// UNUSED: error: trainable 'other' names no trainable weight
// SETTING: error: setting 'clip' is to be name=value

// What is trained: float weights that the output is made of.
// CHECK: nn.training = {clip = 1.000000e+00 : f64, optimizer = "sgd"}
// CHECK: nn.weight @w.1 trainable : tensor<4x5xf32>
// CHECK: nn.weight @frozen : tensor<4xf32>
// CHECK: nn.weight @unread : tensor<4xf32>
// MSE: nn.weight @w.1 trainable : tensor<4x5xf32>
// MSE: nn.weight @frozen trainable : tensor<4xf32>
// MSE: nn.weight @unread : tensor<4xf32>
// MSE: nn.weight @hidden : tensor<5xf32>
nn.weight @w.1 : tensor<4x5xf32> = dense<1.0> : tensor<4x5xf32>
nn.weight @frozen : tensor<4xf32> = dense<1.0> : tensor<4xf32>
nn.weight @unread : tensor<4xf32> = dense<1.0> : tensor<4xf32>
nn.weight @hidden : tensor<5xf32> = dense<[0.0, 1.0, 0xFF800000, 0.0, 0.0]> : tensor<5xf32>
nn.weight @head : tensor<5xf32> = dense<1.0> : tensor<5xf32>

// CHECK-LABEL: func.func @main(
// CHECK-SAME: -> (tensor<?x5xf32, #{{.*}}> {nn.name = "logits"}, tensor<2xi64> {nn.name = "ids"})
// CHECK-LABEL: func.func @loss(
// CHECK-SAME: {nn.name = "x"}, %[[LABELS:.*]]: tensor<?xi64, #{{.*}}> {nn.name = "labels"}, %{{.*}}: tensor<i64> {nn.name = "seed"}, %{{.*}}: tensor<i64> {nn.name = "step"}, %{{.*}}: tensor<i64> {nn.name = "first"}) -> (tensor<f32> {nn.name = "loss"})
// CHECK: nn.cross_entropy %{{.*}}, %[[LABELS]] smoothing 1.000000e-01
// CHECK: nn.elementwise div
// CHECK: return %{{.*}} : tensor<f32>
// CHECK-LABEL: func.func @eval(
// CHECK-SAME: {nn.name = "labels"}) -> (tensor<f32> {nn.name = "loss"}, tensor<f32> {nn.name = "count"}, tensor<f32> {nn.name = "correct"})
// CHECK: nn.cross_entropy %{{[^ ]*}}, %{{[^ ]*}} : 
// MSE-LABEL: func.func @loss(
// MSE-SAME: %[[T:[^ ]*]]: tensor<?x5xf32, #{{.*}}> {nn.name = "labels"}
// MSE: nn.elementwise sub %{{.*}}, %[[T]]
// MSE: nn.dim <5 * B>
// MSE-LABEL: func.func @eval(
// MSE-SAME: -> (tensor<f32> {nn.name = "loss"}, tensor<f32> {nn.name = "count"})
#b4 = #nn.shape<[B, 4]>
#b5 = #nn.shape<[B, 5]>
func.func @main(%x: tensor<?x4xf32, #b4> {nn.name = "x"}) -> (tensor<?x5xf32, #b5> {nn.name = "logits"}, tensor<2xi64> {nn.name = "ids"}) {
  %w = nn.load_weight @w.1 : tensor<4x5xf32>
  %f = nn.load_weight @frozen : tensor<4xf32>
  %h = nn.load_weight @head : tensor<5xf32>
  %ids = arith.constant dense<1> : tensor<2xi64>
  %s = nn.elementwise mul %x, %f : (tensor<?x4xf32, #b4>, tensor<4xf32>) -> tensor<?x4xf32, #b4>
  %y = nn.contract %s, %w contracting [1] x [0] : (tensor<?x4xf32, #b4>, tensor<4x5xf32>) -> tensor<?x5xf32, #b5>
  %n = nn.load_weight @hidden : tensor<5xf32>
  %m = nn.elementwise add %y, %n : (tensor<?x5xf32, #b5>, tensor<5xf32>) -> tensor<?x5xf32, #b5>
  %z = nn.elementwise add %m, %h : (tensor<?x5xf32, #b5>, tensor<5xf32>) -> tensor<?x5xf32, #b5>
  return %z, %ids : tensor<?x5xf32, #b5>, tensor<2xi64>
}
