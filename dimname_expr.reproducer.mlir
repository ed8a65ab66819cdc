// attune-opt --pass-pipeline='builtin.module(plan-buffers,verify-plan)' THIS_FILE
#loc1 = loc("y")
#loc2 = loc("x")
module {
  tile.kernel map @map_0(%arg0: memref<?xf32> loc("y"), %arg1: memref<?xf32> loc("y")) {
    %c0 = arith.constant 0 : index loc(#loc1)
    %dim = memref.dim %arg0, %c0 : memref<?xf32> loc(#loc1)
    tile.parallel (%arg2) in (%dim by 2048) {
      %0 = tile.load %arg0[%arg2 by 2048] : memref<?xf32> -> tensor<2048xf32> loc(#loc1)
      %cst = arith.constant dense<0.000000e+00> : tensor<2048xf32> loc(#loc1)
      %1 = arith.maximumf %0, %cst : tensor<2048xf32> loc(#loc1)
      tile.store %1, %arg1[%arg2 by 2048] : tensor<2048xf32> -> memref<?xf32> loc(#loc1)
    } loc(#loc1)
  } loc(#loc1)
  func.func @main(%arg0: tensor<?x4xf32, #nn.shape<[2 * N, 4]>> {nn.name = "x"} loc("x")) -> (tensor<?x4xf32, #nn.shape<[2 * N, 4]>> {nn.name = "y"}) attributes {nn.symbols = {N = #nn.range<min = 1, max = -1, divisor = 1>}} {
    %0 = nn.launch  map @map_0(%arg0) layouts [#nn.layout<offset = <0>, strides = <[1]>>] -> [#nn.layout<offset = <0>, strides = <[1]>>] integers <[8 * N, 8 * N]> grid <floordiv(8 * N + 2047, 2048)> grain <8> scratch <0> flops <8 * N> bytes <64 * N> in_place [0] : (tensor<?x4xf32, #nn.shape<[2 * N, 4]>>) -> tensor<?x4xf32, #nn.shape<[2 * N, 4]>> loc(#loc1)
    return %0 : tensor<?x4xf32, #nn.shape<[2 * N, 4]>> loc(#loc)
  } loc(#loc)
} loc(#loc)
#loc = loc(unknown)

