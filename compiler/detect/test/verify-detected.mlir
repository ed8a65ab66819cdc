// A product over a softmax that nothing explains.
// RUN: not attune-opt --verify-detected %s 2>&1 | FileCheck %s
// RUN: attune-opt --detect %s
// CHECK: error: 'nn.contract' op sums over a softmax, and no ledger entry says why
func.func @silent(%s: tensor<2x8x8xf32>, %v: tensor<2x8x16xf32>) -> tensor<2x8x16xf32> {
  %p = nn.softmax %s axis 2 : (tensor<2x8x8xf32>) -> tensor<2x8x8xf32>
  %o = nn.contract %p, %v batch [0] x [0] contracting [2] x [1] : (tensor<2x8x8xf32>, tensor<2x8x16xf32>) -> tensor<2x8x16xf32>
  return %o : tensor<2x8x16xf32>
}
