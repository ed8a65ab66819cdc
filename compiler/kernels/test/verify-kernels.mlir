// A launch must fit its kernel.
// RUN: attune-opt %s -split-input-file -verify-diagnostics --verify-kernels

tile.kernel map @copy(%x: memref<?x8xf32, strided<[?, 1]>>, %y: memref<?x8xf32>) {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?x8xf32, strided<[?, 1]>>
  tile.parallel (%i) in (%n) {
  }
}

// What fits gives no error.
func.func @fits(%x: tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?xf32, #nn.shape<[8 * B]>> {
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <8>, strides = <[16, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16, B]> grid <B> grain <1> scratch <0> flops <0> bytes <0> : (tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  %r = nn.reshape %y : (tensor<?x8xf32, #nn.shape<[B, 8]>>) -> tensor<?xf32, #nn.shape<[8 * B]>>
  return %r : tensor<?xf32, #nn.shape<[8 * B]>>
}

func.func @integers(%x: tensor<?x16xf32, #nn.shape<[B, 16]>>) {
  // expected-error @+1 {{passes 2 integers to 3 value slots}}
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <0>, strides = <[16, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16]> grid <B> grain <1> scratch <0> flops <0> bytes <0> : (tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return
}

func.func @strides(%x: tensor<?x16xf32, #nn.shape<[B, 16]>>) {
  // expected-error @+1 {{does not fit 'memref<?x8xf32, strided<[?, 1]>>' under the integers}}
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <0>, strides = <[8, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16, B]> grid <B> grain <1> scratch <0> flops <0> bytes <0> : (tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return
}

func.func @outside(%x: tensor<?x16xf32, #nn.shape<[B, 16]>>) {
  // expected-error @+1 {{argument 0 may leave its root, which has 16 * B elements: positions from 9 to 16 * B}}
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <9>, strides = <[16, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16, B]> grid <B> grain <1> scratch <0> flops <0> bytes <0> : (tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return
}

func.func @elements(%x: tensor<?x16xi32, #nn.shape<[B, 16]>>) {
  // expected-error @+1 {{argument 0: expected elements of type 'f32', found 'i32'}}
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <0>, strides = <[16, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16, B]> grid <B> grain <1> scratch <0> flops <0> bytes <0> : (tensor<?x16xi32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return
}

func.func @family(%x: tensor<?x16xf32, #nn.shape<[B, 16]>>) {
  // expected-error @+1 {{is of kind row, its kernel of family map}}
  %y = nn.launch row @copy(%x) layouts [#nn.layout<offset = <0>, strides = <[16, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16, B]> grid <B> grain <1> scratch <0> flops <0> bytes <0> : (tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return
}

func.func @missing(%x: tensor<?x16xf32, #nn.shape<[B, 16]>>) {
  // expected-error @+1 {{names @none, which is no tile.kernel}}
  %y = nn.launch map @none(%x) layouts [#nn.layout<offset = <0>, strides = <[16, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16, B]> grid <B> grain <1> scratch <0> flops <0> bytes <0> : (tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return
}

func.func @scratch(%x: tensor<?x16xf32, #nn.shape<[B, 16]>>) {
  // expected-error @+1 {{gives 64 bytes of scratch, its kernel needs 0}}
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <0>, strides = <[16, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[B, 16, B]> grid <B> grain <1> scratch <64> flops <0> bytes <0> : (tensor<?x16xf32, #nn.shape<[B, 16]>>) -> tensor<?x8xf32, #nn.shape<[B, 8]>>
  return
}

func.func @view(%x: tensor<8x16xf32>) -> tensor<16x8xf32> {
  // expected-error @+1 {{is left after kernels were made}}
  %t = nn.transpose %x [1, 0] : (tensor<8x16xf32>) -> tensor<16x8xf32>
  // expected-error @+1 {{output 0 is no root tensor}}
  return %t : tensor<16x8xf32>
}

// A window of run-time length: inside as long as its length is bounded.
func.func @bounded(%x: tensor<256x8xf32>) attributes {nn.symbols = {S = #nn.range<min = 1, max = 256, divisor = 1>}} {
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <0>, strides = <[8, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[S, 8, S]> grid <S> grain <1> scratch <0> flops <0> bytes <0> : (tensor<256x8xf32>) -> tensor<?x8xf32, #nn.shape<[S, 8]>>
  return
}

func.func @unbounded(%x: tensor<256x8xf32>) {
  // expected-error @+1 {{argument 0 may leave its root, which has 2048 elements: positions from 0 to 8 * S - 1; bounds of the symbols}}
  %y = nn.launch map @copy(%x) layouts [#nn.layout<offset = <0>, strides = <[8, 1]>>] -> [#nn.layout<offset = <0>, strides = <[8, 1]>>] integers <[S, 8, S]> grid <S> grain <1> scratch <0> flops <0> bytes <0> : (tensor<256x8xf32>) -> tensor<?x8xf32, #nn.shape<[S, 8]>>
  return
}
