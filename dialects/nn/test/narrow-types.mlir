// Products and attention of narrow operands: a sum in a wider type is the result's type.
// tf32 is no type in memory: operands and result are f32.
// RUN: attune-opt %s --split-input-file --verify-diagnostics | FileCheck %s

// CHECK-LABEL: @narrow
func.func @narrow(%x: tensor<4x8xf16>, %y: tensor<4x8xbf16>, %q: tensor<1x1x4x8xf16>, %m: tensor<4x4xf32>) -> tensor<4x4xf32> {
  // CHECK: accumulate f32 : (tensor<4x8xf16>, tensor<4x8xf16>) -> tensor<4x4xf32>
  %a = nn.contract %x, %x contracting [1] x [1] accumulate f32 : (tensor<4x8xf16>, tensor<4x8xf16>) -> tensor<4x4xf32>
  // Without it the result is rounded.
  // CHECK: : (tensor<4x8xbf16>, tensor<4x8xbf16>) -> tensor<4x4xbf16>
  %b = nn.contract %y, %y contracting [1] x [1] : (tensor<4x8xbf16>, tensor<4x8xbf16>) -> tensor<4x4xbf16>
  // CHECK: nn.attention {{.*}} -> tensor<1x1x4x8xf16>
  %o = nn.attention %q, %q, %q scale 1.0 bias %m : (tensor<1x1x4x8xf16>, tensor<1x1x4x8xf16>, tensor<1x1x4x8xf16>, tensor<4x4xf32>) -> tensor<1x1x4x8xf16>
  // CHECK: nn.attention {{.*}} -> (tensor<1x1x4x8xf32>, tensor<1x1x4xf32>)
  %p, %lse = nn.attention %q, %q, %q scale 1.0 : (tensor<1x1x4x8xf16>, tensor<1x1x4x8xf16>, tensor<1x1x4x8xf16>) -> (tensor<1x1x4x8xf32>, tensor<1x1x4xf32>)
  return %a : tensor<4x4xf32>
}

// -----

func.func @narrower_sum(%x: tensor<4x8xf32>) -> tensor<4x4xf16> {
  // expected-error @+1 {{expects to accumulate in the operands' type or in a wider float, found 'f16' for 'f32'}}
  %a = nn.contract %x, %x contracting [1] x [1] accumulate f16 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf16>
  return %a : tensor<4x4xf16>
}

// -----

func.func @integer_sum(%x: tensor<4x8xf32>) -> tensor<4x4xi32> {
  // expected-error @+1 {{expects to accumulate in the operands' type or in a wider float, found 'i32' for 'f32'}}
  %a = nn.contract %x, %x contracting [1] x [1] accumulate i32 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xi32>
  return %a : tensor<4x4xi32>
}

// -----

func.func @narrow_result(%x: tensor<4x8xf16>) -> tensor<4x4xf16> {
  // expected-error @+2 {{inferred type(s) 'tensor<4x4xf32>' are incompatible with return type(s) of operation 'tensor<4x4xf16>'}}
  // expected-error @+1 {{failed to infer returned types}}
  %a = nn.contract %x, %x contracting [1] x [1] accumulate f32 : (tensor<4x8xf16>, tensor<4x8xf16>) -> tensor<4x4xf16>
  return %a : tensor<4x4xf16>
}

// -----

func.func @mixed_operands(%q: tensor<1x1x4x8xf16>, %k: tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf16> {
  // expected-error @+1 {{expects query, key and value of one element type, found 'f16' and 'f32'}}
  %o = nn.attention %q, %k, %q scale 1.0 : (tensor<1x1x4x8xf16>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf16>) -> tensor<1x1x4x8xf16>
  return %o : tensor<1x1x4x8xf16>
}

// -----

func.func @rounded_twice(%q: tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf16> {
  // expected-error @+1 {{expects results and bias of the operands' type 'f32', or f32 beside f16 and bf16, found 'f16'}}
  %o = nn.attention %q, %q, %q scale 1.0 : (tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf16>
  return %o : tensor<1x1x4x8xf16>
}

// -----

func.func @half_hidden(%q: tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32> {
  // expected-error @+1 {{expects no scores beside causal, window or softcap}}
  %o, %l, %s = nn.attention %q, %q, %q scale 1.0 causal top_left : (tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> (tensor<1x1x4x8xf32>, tensor<1x1x4xf32>, tensor<1x1x4x4xf32>)
  return %o : tensor<1x1x4x8xf32>
}

// -----

func.func @other_scores(%q: tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32> {
  // expected-error @+1 {{scores}}
  %o, %l, %s = nn.attention %q, %q, %q scale 1.0 : (tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> (tensor<1x1x4x8xf32>, tensor<1x1x4xf32>, tensor<1x1x4x5xf32>)
  return %o : tensor<1x1x4x8xf32>
}

// -----

// CHECK-LABEL: @rounded
func.func @rounded(%x: tensor<4x8xf32>, %q: tensor<1x1x4x8xf32>) -> tensor<4x4xf32> {
  // CHECK: nn.contract %arg0, %arg0 contracting [1] x [1] tf32 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32>
  %a = nn.contract %x, %x contracting [1] x [1] tf32 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32>
  // CHECK: nn.attention {{.*}} scale 1.000000e+00 causal top_left tf32 :
  %o = nn.attention %q, %q, %q scale 1.0 causal top_left tf32 : (tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>, tensor<1x1x4x8xf32>) -> tensor<1x1x4x8xf32>
  return %a : tensor<4x4xf32>
}

// -----

func.func @rounded_half(%x: tensor<4x8xf16>) -> tensor<4x4xf16> {
  // expected-error @+1 {{expects operands of f32 for tf32, found 'f16'}}
  %a = nn.contract %x, %x contracting [1] x [1] tf32 : (tensor<4x8xf16>, tensor<4x8xf16>) -> tensor<4x4xf16>
  return %a : tensor<4x4xf16>
}

// -----

func.func @rounded_half_attention(%q: tensor<1x1x4x8xf16>) -> tensor<1x1x4x8xf16> {
  // expected-error @+1 {{expects operands of f32 for tf32, found 'f16'}}
  %o = nn.attention %q, %q, %q scale 1.0 tf32 : (tensor<1x1x4x8xf16>, tensor<1x1x4x8xf16>, tensor<1x1x4x8xf16>) -> tensor<1x1x4x8xf16>
  return %o : tensor<1x1x4x8xf16>
}
