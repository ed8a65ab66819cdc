// Invariant: attune-opt knows the upstream dialects that attune lowers to, and
// the upstream passes.
// RUN: attune-opt --canonicalize %s | FileCheck %s

// CHECK-LABEL: func.func @fold
//  CHECK-NEXT:   %[[C:.*]] = arith.constant 5 : index
//  CHECK-NEXT:   return %[[C]]
func.func @fold() -> index {
  %a = arith.constant 2 : index
  %b = arith.constant 3 : index
  %c = arith.addi %a, %b : index
  return %c : index
}
