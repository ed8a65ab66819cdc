// Reductions run over trailing dims; single-use producers follow them.
// RUN: attune-opt --align-reductions %s | FileCheck %s
!x = tensor<?x?x8xf32, #nn.shape<[B, S, 8]>>
!m = tensor<?x?x1xf32, #nn.shape<[B, S, 1]>>

// CHECK-LABEL: @pooling
// CHECK-DAG: %[[X:.*]] = nn.transpose %arg0 [0, 2, 1]
// CHECK-DAG: %[[M:.*]] = nn.transpose %arg1 [0, 2, 1]
// CHECK: %[[P:.*]] = nn.elementwise mul %[[X]], %[[M]]
// CHECK: nn.reduce sum %[[P]] axes [2] :
func.func @pooling(%x: !x, %m: !m) -> tensor<?x8xf32, #nn.shape<[B, 8]>> {
  %p = nn.elementwise mul %x, %m : (!x, !m) -> !x
  %r = nn.reduce sum %p axes [1] : (!x) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return %r : tensor<?x8xf32, #nn.shape<[B, 8]>>
}

// CHECK-LABEL: @softmax_first_axis
// CHECK: %[[T:.*]] = nn.transpose %arg0 [1, 2, 0]
// CHECK: %[[S:.*]] = nn.softmax %[[T]] axis 2
// CHECK: nn.transpose %[[S]] [2, 0, 1]
func.func @softmax_first_axis(%x: !x) -> !x {
  %r = nn.softmax %x axis 0 : (!x) -> !x
  return %r : !x
}

// What normalises a row is computed again down the columns: its value would be
// stored for no other reader.
// CHECK-LABEL: @gradient_of_scale
// CHECK-DAG: %[[X:.*]] = nn.transpose %arg0 [1, 0]
// CHECK-DAG: %[[DY:.*]] = nn.transpose %arg2 [1, 0]
// CHECK-DAG: %[[N:.*]] = nn.elementwise mul %[[X]],
// CHECK: %[[P:.*]] = nn.elementwise mul %[[DY]], %[[N]]
// CHECK: nn.reduce sum %[[P]] axes [1]
func.func @gradient_of_scale(%x: tensor<?x8xf32, #nn.shape<[N, 8]>>, %r: tensor<?x1xf32, #nn.shape<[N, 1]>>, %dy: tensor<?x8xf32, #nn.shape<[N, 8]>>) -> (tensor<8xf32>, tensor<?x8xf32, #nn.shape<[N, 8]>>) {
  %n = nn.elementwise mul %x, %r : (tensor<?x8xf32, #nn.shape<[N, 8]>>, tensor<?x1xf32, #nn.shape<[N, 1]>>) -> tensor<?x8xf32, #nn.shape<[N, 8]>>
  %p = nn.elementwise mul %dy, %n : (tensor<?x8xf32, #nn.shape<[N, 8]>>, tensor<?x8xf32, #nn.shape<[N, 8]>>) -> tensor<?x8xf32, #nn.shape<[N, 8]>>
  %s = nn.reduce sum %p axes [0] : (tensor<?x8xf32, #nn.shape<[N, 8]>>) -> tensor<8xf32>
  return %s, %n : tensor<8xf32>, tensor<?x8xf32, #nn.shape<[N, 8]>>
}

// A norm over all parameters: rows for all threads, then their sums.
// CHECK-LABEL: @whole
// CHECK: %[[R:.*]] = nn.reduce sum %arg0 axes [1] : (tensor<1000x768xf32>) -> tensor<1000xf32>
// CHECK: nn.reduce sum %[[R]] axes [0] : (tensor<1000xf32>) -> tensor<f32>
func.func @whole(%x: tensor<1000x768xf32>) -> tensor<f32> {
  %s = nn.reduce sum %x axes [0, 1] : (tensor<1000x768xf32>) -> tensor<f32>
  return %s : tensor<f32>
}

// CHECK-LABEL: @small_whole
// CHECK: nn.reduce sum %arg0 axes [0, 1]
func.func @small_whole(%x: tensor<10x768xf32>) -> tensor<f32> {
  %s = nn.reduce sum %x axes [0, 1] : (tensor<10x768xf32>) -> tensor<f32>
  return %s : tensor<f32>
}

// As simplify leaves it: the transpose below the product that only it reads.
// CHECK-LABEL: @transposed_product
// CHECK: nn.transpose %arg0 [1, 0]
// CHECK: %[[P:.*]] = nn.elementwise mul
// CHECK: nn.reduce sum %[[P]] axes [1]
func.func @transposed_product(%x: tensor<9x8xf32>) -> tensor<8xf32> {
  %p = nn.elementwise mul %x, %x : (tensor<9x8xf32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  %t = nn.transpose %p [1, 0] : (tensor<9x8xf32>) -> tensor<8x9xf32>
  %s = nn.reduce sum %t axes [1] : (tensor<8x9xf32>) -> tensor<8xf32>
  return %s : tensor<8xf32>
}

// A square reads one tensor, so it is computed again rather than read.
// CHECK-LABEL: @transposed_square
// CHECK: %[[T:.*]] = nn.transpose %arg0 [1, 0]
// CHECK: %[[Q:.*]] = nn.elementwise mul
// CHECK-SAME: tensor<8x9xf32>
// CHECK: nn.reduce sum %[[Q]] axes [1]
func.func @transposed_square(%x: tensor<9x8xf32>) -> (tensor<8xf32>, tensor<9x8xf32>) {
  %q = nn.elementwise mul %x, %x : (tensor<9x8xf32>, tensor<9x8xf32>) -> tensor<9x8xf32>
  %t = nn.transpose %q [1, 0] : (tensor<9x8xf32>) -> tensor<8x9xf32>
  %s = nn.reduce sum %t axes [1] : (tensor<8x9xf32>) -> tensor<8xf32>
  return %s, %q : tensor<8xf32>, tensor<9x8xf32>
}
