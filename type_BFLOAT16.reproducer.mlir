// the kernels of x86-64-v3
module {
  tile.kernel map @map_0(%arg0: memref<?xbf16>, %arg1: memref<?xbf16>) {
    %c0 = arith.constant 0 : index
    %dim = memref.dim %arg0, %c0 : memref<?xbf16>
    tile.parallel (%arg2) in (%dim by 2048) {
      %0 = tile.load %arg0[%arg2 by 2048] : memref<?xbf16> -> tensor<2048xbf16>
      %1 = math.absf %0 : tensor<2048xbf16>
      tile.store %1, %arg1[%arg2 by 2048] : tensor<2048xbf16> -> memref<?xbf16>
    }
  }
  plan.program @main symbols {n = #nn.range<min = 1, max = -1, divisor = 1>} {
    %0 = plan.input "x" bf16 dims <[n, 4]>
    %1 = plan.result bytes <8 * n>
    plan.launch @map_0  map ins(%0) at <[0]> outs(%1) at <[0]> integers <[4 * n, 4 * n]> grid <floordiv(4 * n + 2047, 2048)> grain <8> scratch <0> flops <4 * n> bytes <16 * n>
    plan.output "y" %1 bf16 dims <[n, 4]>
  }
}

