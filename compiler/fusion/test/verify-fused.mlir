// What breaks the contract of groups.
// RUN: attune-opt --verify-fused --split-input-file --verify-diagnostics %s
func.func @outside(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{computes outside of a group}}
  %r = nn.elementwise neg %x : (tensor<4xf32>) -> tensor<4xf32>
  return %r : tensor<4xf32>
}

// -----

func.func @no_product(%x: tensor<4xf32>) -> tensor<4xf32> {
  // expected-error @+1 {{of kind contraction holds 0 contract, 0 attention, 0 attention_backward and 0 scatter ops}}
  %r = nn.group contraction (%a = %x) : (tensor<4xf32>) -> tensor<4xf32> {
    %b = nn.elementwise neg %a : (tensor<4xf32>) -> tensor<4xf32>
    nn.yield %b : tensor<4xf32>
  }
  return %r : tensor<4xf32>
}

// -----

func.func @view_inside(%x: tensor<4x2xf32>) -> tensor<2x4xf32> {
  %r = nn.group map (%a = %x) : (tensor<4x2xf32>) -> tensor<2x4xf32> {
    // expected-error @+1 {{does not belong into a group}}
    %b = nn.transpose %a [1, 0] : (tensor<4x2xf32>) -> tensor<2x4xf32>
    nn.yield %b : tensor<2x4xf32>
  }
  return %r : tensor<2x4xf32>
}
