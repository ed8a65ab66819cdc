// The onnx dialect prints what it parses: domains, absent inputs, subgraphs.
// RUN: attune-opt %s | attune-opt | FileCheck %s
// CHECK-LABEL: func.func @main
func.func @main(%x: tensor<?x4xf32> {nn.name = "x", onnx.dims = ["batch", ""]}, %c: tensor<i1>) -> none {
  // CHECK: onnx.node "Constant" 1 initializer() {value = dense<1.000000e+00> : tensor<4xf32>} : () -> tensor<4xf32>
  %w = onnx.node "Constant" 1 initializer () {value = dense<1.0> : tensor<4xf32>} : () -> tensor<4xf32>
  // CHECK: onnx.node "Clip" 13(%{{.*}}, %{{.*}}) absent [1] {} : (tensor<?x4xf32>, tensor<4xf32>) -> none
  %y = onnx.node "Clip" 13 (%x, %w) absent [1] {} : (tensor<?x4xf32>, tensor<4xf32>) -> none
  // CHECK: onnx.node "FusedMatMul" of "com.microsoft" 1(%{{.*}}) {alpha = 2.000000e+00 : f32} : (none) -> none
  %z = onnx.node "FusedMatMul" of "com.microsoft" 1 (%y) {alpha = 2.0 : f32} : (none) -> none
  // CHECK: onnx.node "If" 16(%{{.*}}) {} : (tensor<i1>) -> none bodies ["then_branch", "else_branch"]  {
  // CHECK: onnx.yield %{{.*}} : none
  %r = onnx.node "If" 16 (%c) {} : (tensor<i1>) -> none bodies ["then_branch", "else_branch"] {
    onnx.yield %z : none
  }, {
    onnx.yield %y : none
  }
  return %r : none
}
