// Every check of the dialect refuses what it names.
// RUN: attune-opt %s --split-input-file --verify-diagnostics

// expected-error @+1 {{argument 0: expected a strided memref with offset 0}}
tile.kernel map @offset(%x: memref<4xf32, strided<[1], offset: 8>>) {
  %n = arith.constant 4 : index
  tile.parallel (%i) in (%n) {
  }
}

// -----

// expected-error @+1 {{argument 0: expected a memref or a scalar}}
tile.kernel map @argument(%x: tensor<4xf32>) {
  %n = arith.constant 4 : index
  tile.parallel (%i) in (%n) {
  }
}

// -----

// expected-error @+1 {{panels need a static rank-2 operand}}
tile.kernel contraction @panels(%w: memref<?x16xf32> {tile.panels = #tile.panels<axis = 1, width = 16>}) {
  %n = arith.constant 4 : index
  tile.parallel (%i) in (%n) {
  }
}

// -----

// expected-error @+1 {{expected panel axis 0 or 1, got 2}}
tile.kernel contraction @axis(%w: memref<16x16xf32> {tile.panels = #tile.panels<axis = 2, width = 16>}) {
}

// -----

// expected-error @+1 {{expected a map of 1 value slots}}
tile.kernel map @scratch(%x: memref<?xf32>) schedule({scratch = affine_map<() -> (64)>}) {
  %n = arith.constant 4 : index
  tile.parallel (%i) in (%n) {
  }
}

// -----

// expected-error @+1 {{unknown schedule key}}
tile.kernel map @key(%x: memref<?xf32>) schedule({stages = 2 : i64}) {
  %n = arith.constant 4 : index
  tile.parallel (%i) in (%n) {
  }
}

// -----

// expected-error @+1 {{expected the body to end with tile.parallel}}
tile.kernel map @no_grid(%x: memref<4xf32>) {
  %n = arith.constant 4 : index
}

// -----

// expected-error @+1 {{unknown kernel family 'conv'}}
tile.kernel conv @family(%x: memref<4xf32>) {
}

// -----

tile.kernel map @load(%x: memref<4x8xf32>, %n: index) {
  tile.parallel (%i) in (%n by 4) {
    // expected-error @+1 {{expected 2 positions, one per memref dimension, got 1}}
    %a = tile.load %x[%i by 4] : memref<4x8xf32> -> tensor<4xf32>
  }
}

// -----

tile.kernel map @block(%x: memref<4x8xf32>, %n: index) {
  tile.parallel (%i, %r) in (%n by 4, %n) {
    // expected-error @+1 {{expected a block of type 'tensor<4xf32>', got 'tensor<8xf32>'}}
    %a = tile.load %x[%r, %i by 4] : memref<4x8xf32> -> tensor<8xf32>
  }
}

// -----

tile.kernel map @fill(%x: memref<8xf32>, %n: index) {
  tile.parallel (%i) in (%n by 4) {
    // expected-error @+1 {{expected a fill of type 'f32'}}
    %a = tile.load %x[%i by 4] fill(0 : i32) : memref<8xf32> -> tensor<4xf32>
  }
}

// -----

tile.kernel contraction @dot(%n: index) {
  tile.parallel (%i) in (%n by 4) {
    %x = arith.constant dense<0.0> : tensor<4x8xf32>
    %y = arith.constant dense<0.0> : tensor<4x4xf32>
    // expected-error @+1 {{expected equal k extents, got 8 and 4}}
    %d = tile.dot %x, %x, %y : tensor<4x8xf32>, tensor<4x8xf32> -> tensor<4x4xf32>
  }
}

// -----

tile.kernel contraction @dot_of_f16(%n: index) {
  tile.parallel (%i) in (%n by 4) {
    %x = arith.constant dense<0.0> : tensor<4x8xf16>
    %y = arith.constant dense<0.0> : tensor<4x4xf32>
    // expected-error @+1 {{expected operands of f32 for tf32, got 'tensor<4x8xf16>' and 'tensor<4x8xf16>'}}
    %d = tile.dot %x, %x, %y trans_rhs tf32 : tensor<4x8xf16>, tensor<4x8xf16> -> tensor<4x4xf32>
  }
}

// -----

tile.kernel row @reduce(%n: index) {
  tile.parallel (%i) in (%n by 4) {
    %x = arith.constant dense<0.0> : tensor<8xf32>
    // expected-error @+1 {{expected a span of the reduced extent 8}}
    %s = tile.reduce sum %x axis 0 over(%i : !tile.span<4>) : tensor<8xf32> -> tensor<f32>
  }
}

// -----

tile.kernel row @reduce(%n: index) {
  tile.parallel (%i) in (%n by 8) {
    %x = arith.constant dense<0> : tensor<8xi32>
    // expected-error @+1 {{expected floats for maxnum, got 'i32'}}
    %s = tile.reduce maxnum %x axis 0 over(%i : !tile.span<8>) : tensor<8xi32> -> tensor<i32>
  }
}

// -----

tile.kernel row @broadcast(%n: index, %x: f32) {
  tile.parallel (%i) in (%n by 4) {
    // expected-error @+1 {{expected 1 spans for repeated dynamic dimensions, got 0}}
    %s = tile.broadcast %x : f32 -> tensor<?xf32>
  }
}

// -----

tile.kernel row @carried(%n: index) {
  %c0 = arith.constant 0 : index
  %x = arith.constant 0.0 : f32
  tile.parallel (%i) in (%n by 4) {
    // expected-error @+1 {{expected the body to yield the carried types}}
    %r = tile.for %j in (%c0 to %n by 4) iter(%a = %x) : f32 {
      tile.yield %c0 : index
    }
  }
}

// -----

tile.kernel row @range(%n: index) {
  %c0 = arith.constant 0 : index
  %c8 = arith.constant 8 : index
  tile.parallel (%i) in (%n by 4) {
    // expected-error @+1 {{expected a span of 8, got 4}}
    %r = tile.range %c0 to %c8 : !tile.span<4>
  }
}

// -----

tile.kernel attention @band(%n: index) {
  tile.parallel (%i) in (%n by 4) {
    %s = arith.constant dense<0.0> : tensor<4x8xf32>
    // expected-error @+1 {{expected scores of the sizes of the row and the column span}}
    %t = tile.band %s, %i, %i : tensor<4x8xf32>, !tile.span<4>, !tile.span<4>
  }
}

// -----

// expected-error @+1 {{expected a positive span size or '?', got 0}}
func.func private @span(!tile.span<0>)

// -----

tile.kernel map @gather(%n: index, %x: memref<?xf32>) {
  tile.parallel (%i) in (%n by 4) {
    // expected-error @+1 {{expected a block of indices; without one it is a load}}
    %g = tile.gather %x[%i] : memref<?xf32>, !tile.span<4> -> tensor<4xf32>
  }
}

// -----

tile.kernel map @accumulate(%x: memref<8xf32>) {
  %n = arith.constant 8 : index
  %v = arith.constant dense<1.0> : tensor<4xf32>
  tile.parallel (%i) in (%n by 8) {
    // expected-error @+1 {{expected a block of type 'tensor<8xf32>', got 'tensor<4xf32>'}}
    tile.accumulate %v, %x[%i by 8] : tensor<4xf32> -> memref<8xf32>
  }
}

// -----

tile.kernel map @random(%n: index, %s: i64) {
  tile.parallel (%i) in (%n by 4) {
    // expected-error @+1 {{expected a block of type 'tensor<4xf32>', got 'tensor<8xf32>'}}
    %u = tile.random %s(%s, %s) at %s[%i by 4] strides[%n] : tensor<8xf32>
  }
}

// -----

tile.kernel scatter @scatter(%n: index, %u: memref<1x?x8xf32>, %i: memref<?xf32>, %d: memref<1x?x8xf32>) {
  tile.parallel (%p, %x, %c) in (%n, %n by 4, %n by 8) {
    // expected-error @+1 {{expected floats of one type, and integer indices}}
    tile.scatter %u, %i, %d[%p, %x by 4, %c by 8] : memref<1x?x8xf32>, memref<?xf32>, memref<1x?x8xf32>
  }
}
