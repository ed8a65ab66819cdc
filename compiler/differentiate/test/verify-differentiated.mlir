// The contract of the stage.
// RUN: attune-opt --verify-differentiated --split-input-file --verify-diagnostics %s

// A module that does not train.
func.func @main(%x: tensor<3xf32>) -> tensor<3xf32> {
  return %x : tensor<3xf32>
}

// -----

// expected-error @+1 {{is left after differentiation}}
func.func @loss(%x: tensor<f32>) -> tensor<f32> {
  return %x : tensor<f32>
}

// -----

nn.weight @w : tensor<3xf32> = dense<1.0> : tensor<3xf32>
// expected-error @+1 {{result 0 updates @w, which is no weight with state of its type}}
func.func @init(%x: tensor<3xf32>) -> (tensor<3xf32> {nn.updates = @w}) {
  return %x : tensor<3xf32>
}

// -----

nn.weight @w trainable state parameter : tensor<3xf32>
// expected-error @+1 {{updates @w twice}}
func.func @init(%x: tensor<3xf32>) -> (tensor<3xf32> {nn.updates = @w}, tensor<3xf32> {nn.updates = @w}) {
  return %x, %x : tensor<3xf32>, tensor<3xf32>
}

// -----

nn.weight @w trainable state parameter : tensor<3xf32>
// expected-error @+1 {{updates @w, a weight of state parameter}}
func.func @grad(%x: tensor<3xf32>) -> (tensor<3xf32> {nn.updates = @w}) {
  return %x : tensor<3xf32>
}

// -----

nn.weight @w trainable state parameter : tensor<3xf32>
nn.weight @w.grad state gradient : tensor<3xf32>
func.func @grad() {
  return
}
// expected-error @+1 {{does not update @w, which has a gradient}}
func.func @apply() {
  return
}
func.func @step() {
  return
}

// -----

nn.weight @w.grad state gradient : tensor<3xf32>
func.func @grad() {
  return
}
func.func @apply() {
  return
}
func.func @step() -> tensor<3xf32> {
  // expected-error @+1 {{reads a gathered gradient in @step}}
  %g = nn.load_weight @w.grad : tensor<3xf32>
  return %g : tensor<3xf32>
}
