// A kernel that does not have the form of its family is refused by name.
// RUN: attune-opt %s --split-input-file --verify-diagnostics --lower-kernels-cpu

// expected-error @+1 {{expected one loop over k that carries one block}}
tile.kernel contraction @no_loop(%a: memref<16x16xf32>) {
  %n = arith.constant 16 : index
  tile.parallel (%i) in (%n by 16) {
  }
}

// -----

tile.kernel contraction @columns(%a: memref<16x16xf32>, %b: memref<16x8xf32>, %c: memref<16x8xf32>) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  tile.parallel (%i, %j) in (%c16 by 16, %c8 by 8) {
    %zero = arith.constant dense<0.0> : tensor<16x8xf32>
    %sum = tile.for %k in (%c0 to %c16 by 16) iter(%acc = %zero) : tensor<16x8xf32> {
      %x = tile.load %a[%i by 16, %k by 16] : memref<16x16xf32> -> tensor<16x16xf32>
      %y = tile.load %b[%k by 16, %j by 8] : memref<16x8xf32> -> tensor<16x8xf32>
      // expected-error @+1 {{expected static blocks with columns in multiples of 16}}
      %d = tile.dot %x, %y, %acc : tensor<16x16xf32>, tensor<16x8xf32> -> tensor<16x8xf32>
      tile.yield %d : tensor<16x8xf32>
    }
    tile.store %sum, %c[%i by 16, %j by 8] : tensor<16x8xf32> -> memref<16x8xf32>
  }
}

// -----

// expected-error @+1 {{schedule declares scratch none, its code needs () -> }}
tile.kernel contraction @scratch(%a: memref<16x16xf32>, %b: memref<16x16xf32>, %c: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %c16 = arith.constant 16 : index
  tile.parallel (%i, %j) in (%c16 by 16, %c16 by 16) {
    %zero = arith.constant dense<0.0> : tensor<16x16xf32>
    %sum = tile.for %k in (%c0 to %c16 by 16) iter(%acc = %zero) : tensor<16x16xf32> {
      %x = tile.load %a[%i by 16, %k by 16] : memref<16x16xf32> -> tensor<16x16xf32>
      %y = tile.load %b[%k by 16, %j by 16] : memref<16x16xf32> -> tensor<16x16xf32>
      %d = tile.dot %x, %y, %acc : tensor<16x16xf32>, tensor<16x16xf32> -> tensor<16x16xf32>
      tile.yield %d : tensor<16x16xf32>
    }
    tile.store %sum, %c[%i by 16, %j by 16] : tensor<16x16xf32> -> memref<16x16xf32>
  }
}

// -----

// expected-error @+1 {{expected a loop over keys}}
tile.kernel attention @no_keys(%a: memref<16x16xf32>) {
  %n = arith.constant 16 : index
  tile.parallel (%i) in (%n by 16) {
  }
}

// -----

tile.kernel attention @no_softmax(%a: memref<16x16xf32>) {
  %c0 = arith.constant 0 : index
  %n = arith.constant 16 : index
  tile.parallel (%i) in (%n by 16) {
    // expected-error @+1 {{expected a softmax step in the loop over keys}}
    tile.for %j in (%c0 to %n by 16) {
    }
  }
}
