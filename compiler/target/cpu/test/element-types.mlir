// What the CPU has no code for is refused by the name of the node, once for each kernel,
// before code is made. f16 is stored and converted from x86-64-v3 on.
// RUN: not attune-opt %s --split-input-file --kernels=target=x86-64-v3 2>&1 | FileCheck %s
// RUN: not attune-opt %s --split-input-file --kernels=target=x86-64-v2 2>&1 | FileCheck %s --check-prefix=V2

// CHECK: error: loc("proj"): contraction of 'f16' is not supported on the CPU
// CHECK-NOT: error:
// CHECK: error: loc("self"): attention of 'bf16' is not supported on the CPU
// CHECK-NOT: error:
// CHECK: error: loc("rounded"): contraction of 'tf32' is not supported on the CPU
// CHECK-NOT: error:
// CHECK: error: loc("narrow"): bf16 is not supported on the CPU
// CHECK-NOT: error:
// V2: error: loc("proj"): contraction of 'f16' is not supported on the CPU
// V2: error: loc("self"): attention of 'bf16' is not supported on the CPU
// V2: error: loc("rounded"): contraction of 'tf32' is not supported on the CPU
// V2: error: loc("narrow"): bf16 is not supported on the CPU
// V2-NOT: error:
// V2: error: loc("half"): f16 is not supported on x86-64-v2, which has no instruction to convert it
// V2-NOT: error:
func.func @main(%x: tensor<4x8xf16>) -> tensor<4x4xf32> {
  %y = nn.group contraction (%a = %x) : (tensor<4x8xf16>) -> tensor<4x4xf32> {
    %c = nn.contract %a, %a contracting [1] x [1] accumulate f32 : (tensor<4x8xf16>, tensor<4x8xf16>) -> tensor<4x4xf32>
    nn.yield %c : tensor<4x4xf32>
  } loc("proj")
  return %y : tensor<4x4xf32>
}

// -----

func.func @main(%q: tensor<1x1x4x8xbf16>) -> tensor<1x1x4x8xbf16> {
  %y = nn.group attention (%a = %q) : (tensor<1x1x4x8xbf16>) -> tensor<1x1x4x8xbf16> {
    %c = nn.attention %a, %a, %a scale 1.0 : (tensor<1x1x4x8xbf16>, tensor<1x1x4x8xbf16>, tensor<1x1x4x8xbf16>) -> tensor<1x1x4x8xbf16>
    nn.yield %c : tensor<1x1x4x8xbf16>
  } loc("self")
  return %y : tensor<1x1x4x8xbf16>
}

// -----

func.func @main(%x: tensor<4x8xf32>) -> tensor<4x4xf32> {
  %y = nn.group contraction (%a = %x) : (tensor<4x8xf32>) -> tensor<4x4xf32> {
    %c = nn.contract %a, %a contracting [1] x [1] tf32 : (tensor<4x8xf32>, tensor<4x8xf32>) -> tensor<4x4xf32>
    nn.yield %c : tensor<4x4xf32>
  } loc("rounded")
  return %y : tensor<4x4xf32>
}

// -----

func.func @main(%x: tensor<4x8xf32>) -> tensor<4x8xbf16> {
  %y = nn.group map (%a = %x) : (tensor<4x8xf32>) -> tensor<4x8xbf16> {
    %c = nn.elementwise cast %a to bf16 : (tensor<4x8xf32>) -> tensor<4x8xbf16>
    nn.yield %c : tensor<4x8xbf16>
  } loc("narrow")
  return %y : tensor<4x8xbf16>
}

// -----

func.func @main(%x: tensor<4x8xf16>) -> tensor<4x8xf16> {
  %y = nn.group map (%a = %x) : (tensor<4x8xf16>) -> tensor<4x8xf16> {
    %c = nn.elementwise exp %a : (tensor<4x8xf16>) -> tensor<4x8xf16>
    nn.yield %c : tensor<4x8xf16>
  } loc("half")
  return %y : tensor<4x8xf16>
}

// -----

// A copy moves bytes.
func.func @main(%x: tensor<4x8xf16>) -> tensor<8x4xf16> {
  %y = nn.group map (%a = %x) : (tensor<4x8xf16>) -> tensor<8x4xf16> {
    %c = nn.transpose %a [1, 0] : (tensor<4x8xf16>) -> tensor<8x4xf16>
    nn.yield %c : tensor<8x4xf16>
  } loc("copy")
  return %y : tensor<8x4xf16>
}
