// Weights of a file that no layer has for parameters are not trained, unless
// they are named.
// RUN: attune-opt --append-loss="loss=mse output=y" %s 2>&1 | FileCheck %s
// RUN: attune-opt --append-loss="loss=mse output=y trainable=*,mask,table,constant" %s 2>/dev/null | FileCheck %s --check-prefix=NAMED
// RUN: attune-opt --append-loss="loss=mse output=y trainable=!w" %s 2>/dev/null | FileCheck %s --check-prefix=NOT
// RUN: attune-opt --append-loss="loss=mse output=y trainable=w*,!w" %s 2>/dev/null | FileCheck %s --check-prefix=NOT
// RUN: not attune-opt --append-loss="loss=mse output=y trainable=!nothing" %s 2>&1 | FileCheck %s --check-prefix=UNUSED

// CHECK: warning: masks and tables of positions are not trained: 'mask', 'cosines', 'sines', 'table'
// CHECK: warning: no layer has these for parameters, so they are not trained: 't'; name one by --trainable, beside '*' for the others, to train it
// UNUSED: error: trainable '!nothing' names no trainable weight
module attributes {nn.left_out = ["t"]} {
// CHECK: nn.weight @w trainable :
// CHECK: nn.weight @w2 trainable :
// CHECK: nn.weight @mask :
// CHECK: nn.weight @cosines :
// CHECK: nn.weight @sines :
// CHECK: nn.weight @table :
// NAMED: nn.weight @mask trainable :
// NAMED: nn.weight @cosines :
// NAMED: nn.weight @sines :
// NAMED: nn.weight @table trainable :
// NAMED: nn.weight @constant trainable :
// NOT: nn.weight @w :
// NOT: nn.weight @w2 trainable :
nn.weight @w : tensor<2x4xf32> = dense<0.5> : tensor<2x4xf32>
nn.weight @w2 : tensor<2x4xf32> = dense<0.0> : tensor<2x4xf32>
nn.weight @mask : tensor<2x4xf32> = dense<[[0.0, -100.0, 0.0, 0.0], [0.0, 0.0, -100.0, 0.0]]> : tensor<2x4xf32>
nn.weight @cosines : tensor<2x4xf32> = dense<[[1.0, 1.0, 0.6, 1.0], [0.0, 0.8, 0.6, 1.0]]> : tensor<2x4xf32>
nn.weight @sines : tensor<2x4xf32> = dense<[[0.0, 0.0, 0.8, 0.0], [-1.0, 0.6, 0.8, 0.0]]> : tensor<2x4xf32>
nn.weight @table : tensor<2x4xf32> = dense<[[0.0, 1.0, 0.6, 0.8], [1.0, 0.0, 0.8, -0.6]]> : tensor<2x4xf32>
// CHECK: nn.weight @scale trainable :
// CHECK: nn.weight @shift trainable :
nn.weight @scale : tensor<2x4xf32> = dense<1.0> : tensor<2x4xf32>
nn.weight @shift : tensor<2x4xf32> = dense<0.0> : tensor<2x4xf32>
// CHECK: nn.weight @constant :
nn.weight @constant : tensor<2x4xf32> = dense<3.0> : tensor<2x4xf32> {nn.constant}

func.func @main(%x: tensor<2x4xf32> {nn.name = "x"}) -> (tensor<2x4xf32> {nn.name = "y"}) {
  %w = nn.load_weight @w : tensor<2x4xf32>
  %w2 = nn.load_weight @w2 : tensor<2x4xf32>
  %mask = nn.load_weight @mask : tensor<2x4xf32>
  %cosines = nn.load_weight @cosines : tensor<2x4xf32>
  %sines = nn.load_weight @sines : tensor<2x4xf32>
  %table = nn.load_weight @table : tensor<2x4xf32>
  %constant = nn.load_weight @constant : tensor<2x4xf32>
  %0 = nn.elementwise add %x, %w : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = nn.elementwise add %0, %w2 : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %2 = nn.elementwise add %1, %mask : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %3 = nn.elementwise mul %2, %cosines : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %4 = nn.elementwise mul %3, %sines : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %5 = nn.elementwise add %4, %table : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %6 = nn.elementwise add %5, %constant : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %scale = nn.load_weight @scale : tensor<2x4xf32>
  %shift = nn.load_weight @shift : tensor<2x4xf32>
  %7 = nn.elementwise mul %6, %scale : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  %8 = nn.elementwise add %7, %shift : (tensor<2x4xf32>, tensor<2x4xf32>) -> tensor<2x4xf32>
  return %8 : tensor<2x4xf32>
}
}
