// What keeps a loss from being differentiated is said, all of it at once.
// RUN: attune-opt --differentiate --split-input-file --verify-diagnostics %s

nn.weight @conv1 trainable : tensor<1x1x1x1xf32>
nn.weight @conv2 trainable : tensor<1x1x1x1xf32>
func.func @loss(%x: tensor<1x1x2x2xf32>, %seed: tensor<i64> {nn.name = "seed"},
    %step: tensor<i64> {nn.name = "step"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<f32> {
  %w1 = nn.load_weight @conv1 : tensor<1x1x1x1xf32>
  %w2 = nn.load_weight @conv2 : tensor<1x1x1x1xf32>
  // expected-error @+1 {{'nn.conv' op has no derivative, but the gradient of weight @conv1 needs it}}
  %a = nn.conv %x, %w1 strides [1, 1] dilations [1, 1] pads [0, 0], [0, 0] : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  // expected-error @+1 {{'nn.conv' op has no derivative, but the gradient of weight @conv1, weight @conv2 needs it}}
  %b = nn.conv %a, %w2 strides [1, 1] dilations [1, 1] pads [0, 0], [0, 0] : (tensor<1x1x2x2xf32>, tensor<1x1x1x1xf32>) -> tensor<1x1x2x2xf32>
  %l = nn.reduce sum %b axes [0, 1, 2, 3] : (tensor<1x1x2x2xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// expected-error @+1 {{weight @unread is trainable but gets no gradient: the loss does not depend on it; if that is meant, leave it out by a '!unread' in 'trainable'}}
nn.weight @unread trainable : tensor<4xf32>
// expected-error @+1 {{weight @cut is trainable but gets no gradient: the derivative is zero at node 'quantise'; if that is meant, leave it out by a '!cut'}}
nn.weight @cut trainable : tensor<4xf32>
nn.weight @w trainable : tensor<4xf32>
func.func @loss(%seed: tensor<i64> {nn.name = "seed"},
    %step: tensor<i64> {nn.name = "step"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<f32> {
  %c = nn.load_weight @cut : tensor<4xf32>
  %w = nn.load_weight @w : tensor<4xf32>
  %r = nn.elementwise round %c : (tensor<4xf32>) -> tensor<4xf32> loc("quantise")
  %m = nn.elementwise mul %r, %w : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
  %l = nn.reduce sum %m axes [0] : (tensor<4xf32>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

// expected-error @+4 {{training: 'optimizer' is to be adamw or sgd, found 'adam'}}
// expected-error @+3 {{training: 'beta1' is to be a number from 0 to below 1, found 1.5}}
// expected-error @+2 {{training: 'clip' is to be a number above 0, found 0}}
// expected-error @+1 {{training: there is no 'lr'}}
module attributes {nn.training = {optimizer = "adam", beta1 = 1.5, clip = 0.0, lr = 0.1}} {
  nn.weight @w trainable : tensor<f32>
  func.func @loss(%seed: tensor<i64> {nn.name = "seed"},
      %step: tensor<i64> {nn.name = "step"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<f32> {
    %w = nn.load_weight @w : tensor<f32>
    return %w : tensor<f32>
  }
}

// -----

// expected-error @+2 {{trainable 'encoder.*' names no trainable weight}}
// expected-error @+1 {{trainable 'decoder.*' names no trainable weight}}
module attributes {nn.training = {trainable = ["encoder.*", "w", "decoder.*"]}} {
  nn.weight @w trainable : tensor<f32>
  func.func @loss(%seed: tensor<i64> {nn.name = "seed"},
      %step: tensor<i64> {nn.name = "step"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<f32> {
    %w = nn.load_weight @w : tensor<f32>
    return %w : tensor<f32>
  }
}

// -----

// expected-error @+1 {{weight @half is trained, which takes f32, found 'f16'}}
nn.weight @half trainable : tensor<f16>
// expected-error @+1 {{weight @table is trained, which takes f32, found 'i64'}}
nn.weight @table trainable : tensor<i64>
func.func @loss(%seed: tensor<i64> {nn.name = "seed"},
    %step: tensor<i64> {nn.name = "step"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<f32> {
  %w = nn.load_weight @half : tensor<f16>
  %l = nn.elementwise cast %w to f32 : (tensor<f16>) -> tensor<f32>
  return %l : tensor<f32>
}

// -----

nn.weight @w trainable : tensor<f32>
// expected-error @+1 {{@loss is to have an argument 'step', a tensor<i64>}}
func.func @loss(%seed: tensor<i64> {nn.name = "seed"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<f32> {
  %w = nn.load_weight @w : tensor<f32>
  return %w : tensor<f32>
}

// -----

nn.weight @w trainable : tensor<4xf32>
// expected-error @+1 {{@loss is to give one float scalar, the mean loss}}
func.func @loss(%seed: tensor<i64> {nn.name = "seed"},
    %step: tensor<i64> {nn.name = "step"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<4xf32> {
  %w = nn.load_weight @w : tensor<4xf32>
  return %w : tensor<4xf32>
}

// -----

// expected-error @+1 {{@w.grad is the name of another weight, but training @w needs it}}
nn.weight @w trainable : tensor<f32>
nn.weight @w.grad : tensor<f32> = dense<1.0> : tensor<f32>
func.func @loss(%seed: tensor<i64> {nn.name = "seed"},
    %step: tensor<i64> {nn.name = "step"}, %first: tensor<i64> {nn.name = "first"}) -> tensor<f32> {
  %w = nn.load_weight @w : tensor<f32>
  return %w : tensor<f32>
}
