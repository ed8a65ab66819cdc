// attune-opt --pass-pipeline='builtin.module(func.func(assign-layouts),build-kernels{target=x86-64-v3},plan-scratch,verify-kernels)' THIS_FILE
#loc1 = loc("x")
module {
  func.func @main(%arg0: tensor<?x4xf32, #nn.shape<[n, 4]>> {nn.name = "x"} loc("x")) -> (tensor<?x0xf32, #nn.shape<[n, 0]>> {nn.name = "y"}, tensor<?x4xf32, #nn.shape<[n, 4]>> {nn.name = "z"}) attributes {nn.symbols = {n = #nn.range<min = 1, max = -1, divisor = 1>}} {
    %0 = nn.slice %arg0 starts <[0, 0]> sizes <[n, 0]> steps [1, 1] : (tensor<?x4xf32, #nn.shape<[n, 4]>>) -> tensor<?x0xf32, #nn.shape<[n, 0]>> loc(#loc2)
    return %0, %arg0 : tensor<?x0xf32, #nn.shape<[n, 0]>>, tensor<?x4xf32, #nn.shape<[n, 4]>> loc(#loc)
  } loc(#loc)
} loc(#loc)
#loc = loc(unknown)
#loc2 = loc("sp")

