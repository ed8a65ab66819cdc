// RUN: attune-opt %s | FileCheck %s
// CHECK-COUNT-12: tile.kernel
// Row and map kernels as build-kernels writes them for sm_80, of the kinds that
// models spend their time in. SweepKernelsTest.cpp compiles, assembles and runs
// them; tests/gpu times them against a copy. Rows, or batches, are run-time.

tile.kernel row @layer_norm_768(%arg0: memref<?x768xf32>, %arg1: memref<768xf32>, %arg2: memref<768xf32>, %arg3: memref<?x768xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x768xf32>
  %c768 = arith.constant 768 : index
  tile.parallel (%arg4) in (%dim) {
    %0 = tile.range %c0 to %c768 : !tile.span<768>
    %1 = tile.load %arg0[%arg4, %0 by 768] : memref<?x768xf32> -> tensor<768xf32>
    %2 = tile.reduce  sum %1 axis 0 over(%0 : !tile.span<768>) : tensor<768xf32> -> tensor<f32>
    %cst = arith.constant dense<7.680000e+02> : tensor<f32>
    %3 = arith.divf %2, %cst : tensor<f32>
    %4 = tile.broadcast %3 : tensor<f32> -> tensor<768xf32>
    %5 = arith.subf %1, %4 : tensor<768xf32>
    %6 = arith.mulf %5, %5 : tensor<768xf32>
    %7 = tile.reduce  sum %6 axis 0 over(%0 : !tile.span<768>) : tensor<768xf32> -> tensor<f32>
    %cst_0 = arith.constant dense<7.680000e+02> : tensor<f32>
    %8 = arith.divf %7, %cst_0 : tensor<f32>
    %cst_1 = arith.constant dense<9.99999974E-6> : tensor<f32>
    %9 = arith.addf %8, %cst_1 : tensor<f32>
    %10 = math.rsqrt %9 : tensor<f32>
    %11 = tile.broadcast %10 : tensor<f32> -> tensor<768xf32>
    %12 = arith.mulf %5, %11 : tensor<768xf32>
    %13 = tile.load %arg1[%0 by 768] : memref<768xf32> -> tensor<768xf32>
    %14 = arith.mulf %12, %13 : tensor<768xf32>
    %15 = tile.load %arg2[%0 by 768] : memref<768xf32> -> tensor<768xf32>
    %16 = arith.addf %14, %15 : tensor<768xf32>
    tile.store %16, %arg3[%arg4, %0 by 768] : tensor<768xf32> -> memref<?x768xf32>
  }
}

tile.kernel row @layer_norm_4096(%arg0: memref<?x4096xf32>, %arg1: memref<4096xf32>, %arg2: memref<4096xf32>, %arg3: memref<?x4096xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x4096xf32>
  %c4096 = arith.constant 4096 : index
  tile.parallel (%arg4) in (%dim) {
    %0 = tile.range %c0 to %c4096 : !tile.span<4096>
    %1 = tile.load %arg0[%arg4, %0 by 4096] : memref<?x4096xf32> -> tensor<4096xf32>
    %2 = tile.reduce  sum %1 axis 0 over(%0 : !tile.span<4096>) : tensor<4096xf32> -> tensor<f32>
    %cst = arith.constant dense<4.096000e+03> : tensor<f32>
    %3 = arith.divf %2, %cst : tensor<f32>
    %4 = tile.broadcast %3 : tensor<f32> -> tensor<4096xf32>
    %5 = arith.subf %1, %4 : tensor<4096xf32>
    %6 = arith.mulf %5, %5 : tensor<4096xf32>
    %7 = tile.reduce  sum %6 axis 0 over(%0 : !tile.span<4096>) : tensor<4096xf32> -> tensor<f32>
    %cst_0 = arith.constant dense<4.096000e+03> : tensor<f32>
    %8 = arith.divf %7, %cst_0 : tensor<f32>
    %cst_1 = arith.constant dense<9.99999974E-6> : tensor<f32>
    %9 = arith.addf %8, %cst_1 : tensor<f32>
    %10 = math.rsqrt %9 : tensor<f32>
    %11 = tile.broadcast %10 : tensor<f32> -> tensor<4096xf32>
    %12 = arith.mulf %5, %11 : tensor<4096xf32>
    %13 = tile.load %arg1[%0 by 4096] : memref<4096xf32> -> tensor<4096xf32>
    %14 = arith.mulf %12, %13 : tensor<4096xf32>
    %15 = tile.load %arg2[%0 by 4096] : memref<4096xf32> -> tensor<4096xf32>
    %16 = arith.addf %14, %15 : tensor<4096xf32>
    tile.store %16, %arg3[%arg4, %0 by 4096] : tensor<4096xf32> -> memref<?x4096xf32>
  }
}

tile.kernel row @layer_norm_4096_f16(%arg0: memref<?x4096xf16>, %arg1: memref<4096xf16>, %arg2: memref<4096xf16>, %arg3: memref<?x4096xf16>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x4096xf16>
  %c4096 = arith.constant 4096 : index
  tile.parallel (%arg4) in (%dim) {
    %0 = tile.range %c0 to %c4096 : !tile.span<4096>
    %1 = tile.load %arg0[%arg4, %0 by 4096] : memref<?x4096xf16> -> tensor<4096xf16>
    %2 = arith.extf %1 : tensor<4096xf16> to tensor<4096xf32>
    %3 = tile.reduce  sum %2 axis 0 over(%0 : !tile.span<4096>) : tensor<4096xf32> -> tensor<f32>
    %cst = arith.constant dense<4.096000e+03> : tensor<f32>
    %4 = arith.divf %3, %cst : tensor<f32>
    %5 = tile.broadcast %4 : tensor<f32> -> tensor<4096xf32>
    %6 = arith.subf %2, %5 : tensor<4096xf32>
    %7 = arith.mulf %6, %6 : tensor<4096xf32>
    %8 = tile.reduce  sum %7 axis 0 over(%0 : !tile.span<4096>) : tensor<4096xf32> -> tensor<f32>
    %cst_0 = arith.constant dense<4.096000e+03> : tensor<f32>
    %9 = arith.divf %8, %cst_0 : tensor<f32>
    %cst_1 = arith.constant dense<9.99999974E-6> : tensor<f32>
    %10 = arith.addf %9, %cst_1 : tensor<f32>
    %11 = math.rsqrt %10 : tensor<f32>
    %12 = tile.broadcast %11 : tensor<f32> -> tensor<4096xf32>
    %13 = arith.mulf %6, %12 : tensor<4096xf32>
    %14 = tile.load %arg1[%0 by 4096] : memref<4096xf16> -> tensor<4096xf16>
    %15 = arith.extf %14 : tensor<4096xf16> to tensor<4096xf32>
    %16 = arith.mulf %13, %15 : tensor<4096xf32>
    %17 = tile.load %arg2[%0 by 4096] : memref<4096xf16> -> tensor<4096xf16>
    %18 = arith.extf %17 : tensor<4096xf16> to tensor<4096xf32>
    %19 = arith.addf %16, %18 : tensor<4096xf32>
    %20 = arith.truncf %19 : tensor<4096xf32> to tensor<4096xf16>
    tile.store %20, %arg3[%arg4, %0 by 4096] : tensor<4096xf16> -> memref<?x4096xf16>
  }
}

tile.kernel row @softmax_1024(%arg0: memref<?x1024xf32>, %arg1: memref<?x1024xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x1024xf32>
  %c1024 = arith.constant 1024 : index
  tile.parallel (%arg2) in (%dim) {
    %0 = tile.range %c0 to %c1024 : !tile.span<1024>
    %1 = tile.load %arg0[%arg2, %0 by 1024] : memref<?x1024xf32> -> tensor<1024xf32>
    %cst = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_0 = arith.constant dense<1.000000e+00> : tensor<f32>
    %2 = tile.reduce  maxnum %1 axis 0 over(%0 : !tile.span<1024>) : tensor<1024xf32> -> tensor<f32>
    %cst_1 = arith.constant dense<0xFF800000> : tensor<f32>
    %3 = arith.cmpf oeq, %2, %cst_1 : tensor<f32>
    %4 = arith.select %3, %cst, %2 : tensor<i1>, tensor<f32>
    %cst_2 = arith.constant dense<1.44269502> : tensor<1024xf32>
    %5 = tile.broadcast %4 : tensor<f32> -> tensor<1024xf32>
    %6 = arith.subf %1, %5 : tensor<1024xf32>
    %7 = arith.mulf %6, %cst_2 : tensor<1024xf32>
    %8 = math.exp2 %7 fastmath<afn> : tensor<1024xf32>
    %9 = tile.reduce  sum %8 axis 0 over(%0 : !tile.span<1024>) : tensor<1024xf32> -> tensor<f32>
    %10 = arith.cmpf oeq, %9, %cst : tensor<f32>
    %11 = arith.divf %cst_0, %9 : tensor<f32>
    %12 = arith.select %10, %cst, %11 : tensor<i1>, tensor<f32>
    %13 = tile.broadcast %12 : tensor<f32> -> tensor<1024xf32>
    %14 = arith.mulf %8, %13 : tensor<1024xf32>
    tile.store %14, %arg1[%arg2, %0 by 1024] : tensor<1024xf32> -> memref<?x1024xf32>
  }
}

tile.kernel row @softmax_197(%arg0: memref<?x197xf32>, %arg1: memref<?x197xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x197xf32>
  %c197 = arith.constant 197 : index
  tile.parallel (%arg2) in (%dim) {
    %0 = tile.range %c0 to %c197 : !tile.span<197>
    %1 = tile.load %arg0[%arg2, %0 by 197] : memref<?x197xf32> -> tensor<197xf32>
    %cst = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_0 = arith.constant dense<1.000000e+00> : tensor<f32>
    %2 = tile.reduce  maxnum %1 axis 0 over(%0 : !tile.span<197>) : tensor<197xf32> -> tensor<f32>
    %cst_1 = arith.constant dense<0xFF800000> : tensor<f32>
    %3 = arith.cmpf oeq, %2, %cst_1 : tensor<f32>
    %4 = arith.select %3, %cst, %2 : tensor<i1>, tensor<f32>
    %cst_2 = arith.constant dense<1.44269502> : tensor<197xf32>
    %5 = tile.broadcast %4 : tensor<f32> -> tensor<197xf32>
    %6 = arith.subf %1, %5 : tensor<197xf32>
    %7 = arith.mulf %6, %cst_2 : tensor<197xf32>
    %8 = math.exp2 %7 fastmath<afn> : tensor<197xf32>
    %9 = tile.reduce  sum %8 axis 0 over(%0 : !tile.span<197>) : tensor<197xf32> -> tensor<f32>
    %10 = arith.cmpf oeq, %9, %cst : tensor<f32>
    %11 = arith.divf %cst_0, %9 : tensor<f32>
    %12 = arith.select %10, %cst, %11 : tensor<i1>, tensor<f32>
    %13 = tile.broadcast %12 : tensor<f32> -> tensor<197xf32>
    %14 = arith.mulf %8, %13 : tensor<197xf32>
    tile.store %14, %arg1[%arg2, %0 by 197] : tensor<197xf32> -> memref<?x197xf32>
  }
}

tile.kernel row @softmax_any(%arg0: memref<?x?xf32, strided<[?, 1]>>, %arg1: memref<?x?xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x?xf32, strided<[?, 1]>>
  %c1 = arith.constant 1 : index
  %dim_0 = memref.dim %arg0, %c1 : memref<?x?xf32, strided<[?, 1]>>
  tile.parallel (%arg2) in (%dim) {
    %0 = tile.range %c0 to %dim_0 : !tile.span<?>
    %1 = tile.load %arg0[%arg2, %0 by ?] : memref<?x?xf32, strided<[?, 1]>> -> tensor<?xf32>
    %cst = arith.constant dense<0.000000e+00> : tensor<f32>
    %cst_1 = arith.constant dense<1.000000e+00> : tensor<f32>
    %2 = tile.reduce  maxnum %1 axis 0 over(%0 : !tile.span<?>) : tensor<?xf32> -> tensor<f32>
    %cst_2 = arith.constant dense<0xFF800000> : tensor<f32>
    %3 = arith.cmpf oeq, %2, %cst_2 : tensor<f32>
    %4 = arith.select %3, %cst, %2 : tensor<i1>, tensor<f32>
    %cst_3 = arith.constant 1.44269502 : f32
    %5 = tile.broadcast %cst_3 over(%0 : !tile.span<?>) : f32 -> tensor<?xf32>
    %6 = tile.broadcast %4 over(%0 : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %7 = arith.subf %1, %6 : tensor<?xf32>
    %8 = arith.mulf %7, %5 : tensor<?xf32>
    %9 = math.exp2 %8 fastmath<afn> : tensor<?xf32>
    %10 = tile.reduce  sum %9 axis 0 over(%0 : !tile.span<?>) : tensor<?xf32> -> tensor<f32>
    %11 = arith.cmpf oeq, %10, %cst : tensor<f32>
    %12 = arith.divf %cst_1, %10 : tensor<f32>
    %13 = arith.select %11, %cst, %12 : tensor<i1>, tensor<f32>
    %14 = tile.broadcast %13 over(%0 : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    %15 = arith.mulf %9, %14 : tensor<?xf32>
    tile.store %15, %arg1[%arg2, %0 by ?] : tensor<?xf32> -> memref<?x?xf32, strided<[?, 1]>>
  }
}

tile.kernel map @bias_gelu_residual(%arg0: memref<?x1024xf32>, %arg1: memref<1024xf32>, %arg2: memref<?x1024xf32>, %arg3: memref<?x1024xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x1024xf32>
  %c1024 = arith.constant 1024 : index
  tile.parallel (%arg4, %arg5) in (%dim, %c1024 by 1024) {
    %0 = tile.load %arg0[%arg4, %arg5 by 1024] : memref<?x1024xf32> -> tensor<1024xf32>
    %1 = tile.load %arg1[%arg5 by 1024] : memref<1024xf32> -> tensor<1024xf32>
    %2 = arith.addf %0, %1 : tensor<1024xf32>
    %cst = arith.constant dense<0.707106769> : tensor<1024xf32>
    %3 = arith.mulf %2, %cst : tensor<1024xf32>
    %4 = math.erf %3 : tensor<1024xf32>
    %cst_0 = arith.constant dense<5.000000e-01> : tensor<1024xf32>
    %5 = arith.mulf %2, %cst_0 : tensor<1024xf32>
    %cst_1 = arith.constant dense<1.000000e+00> : tensor<1024xf32>
    %6 = arith.addf %4, %cst_1 : tensor<1024xf32>
    %7 = arith.mulf %5, %6 : tensor<1024xf32>
    %8 = tile.load %arg2[%arg4, %arg5 by 1024] : memref<?x1024xf32> -> tensor<1024xf32>
    %9 = arith.addf %7, %8 : tensor<1024xf32>
    tile.store %9, %arg3[%arg4, %arg5 by 1024] : tensor<1024xf32> -> memref<?x1024xf32>
  }
}

tile.kernel map @bias_gelu_residual_f16(%arg0: memref<?x1024xf16>, %arg1: memref<1024xf16>, %arg2: memref<?x1024xf16>, %arg3: memref<?x1024xf16>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x1024xf16>
  %c1024 = arith.constant 1024 : index
  tile.parallel (%arg4, %arg5) in (%dim, %c1024 by 1024) {
    %0 = tile.load %arg0[%arg4, %arg5 by 1024] : memref<?x1024xf16> -> tensor<1024xf16>
    %1 = tile.load %arg1[%arg5 by 1024] : memref<1024xf16> -> tensor<1024xf16>
    %2 = arith.extf %0 : tensor<1024xf16> to tensor<1024xf32>
    %3 = arith.extf %1 : tensor<1024xf16> to tensor<1024xf32>
    %4 = arith.addf %2, %3 : tensor<1024xf32>
    %5 = arith.truncf %4 : tensor<1024xf32> to tensor<1024xf16>
    %6 = arith.extf %5 : tensor<1024xf16> to tensor<1024xf32>
    %cst = arith.constant dense<0.707106769> : tensor<1024xf32>
    %7 = arith.mulf %6, %cst : tensor<1024xf32>
    %8 = math.erf %7 : tensor<1024xf32>
    %cst_0 = arith.constant dense<5.000000e-01> : tensor<1024xf32>
    %9 = arith.mulf %6, %cst_0 : tensor<1024xf32>
    %cst_1 = arith.constant dense<1.000000e+00> : tensor<1024xf32>
    %10 = arith.addf %8, %cst_1 : tensor<1024xf32>
    %11 = arith.mulf %9, %10 : tensor<1024xf32>
    %12 = arith.truncf %11 : tensor<1024xf32> to tensor<1024xf16>
    %13 = tile.load %arg2[%arg4, %arg5 by 1024] : memref<?x1024xf16> -> tensor<1024xf16>
    %14 = arith.extf %12 : tensor<1024xf16> to tensor<1024xf32>
    %15 = arith.extf %13 : tensor<1024xf16> to tensor<1024xf32>
    %16 = arith.addf %14, %15 : tensor<1024xf32>
    %17 = arith.truncf %16 : tensor<1024xf32> to tensor<1024xf16>
    tile.store %17, %arg3[%arg4, %arg5 by 1024] : tensor<1024xf16> -> memref<?x1024xf16>
  }
}

tile.kernel map @transpose_0213(%arg0: memref<?x12x512x64xf32, strided<[393216, 64, 768, 1]>>, %arg1: memref<?x12x512x64xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x12x512x64xf32, strided<[393216, 64, 768, 1]>>
  %c12 = arith.constant 12 : index
  %c512 = arith.constant 512 : index
  %c64 = arith.constant 64 : index
  tile.parallel (%arg2, %arg3, %arg4, %arg5) in (%dim, %c12, %c512 by 32, %c64 by 64) {
    %0 = tile.load %arg0[%arg2, %arg3, %arg4 by 32, %arg5 by 64] : memref<?x12x512x64xf32, strided<[393216, 64, 768, 1]>> -> tensor<32x64xf32>
    tile.store %0, %arg1[%arg2, %arg3, %arg4 by 32, %arg5 by 64] : tensor<32x64xf32> -> memref<?x12x512x64xf32>
  }
}

tile.kernel map @transpose_021(%arg0: memref<?x1024x1024xf32, strided<[1048576, 1, 1024]>>, %arg1: memref<?x1024x1024xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x1024x1024xf32, strided<[1048576, 1, 1024]>>
  %c1024 = arith.constant 1024 : index
  tile.parallel (%arg2, %arg3, %arg4) in (%dim, %c1024 by 32, %c1024 by 32) {
    %0 = tile.load %arg0[%arg2, %arg3 by 32, %arg4 by 32] : memref<?x1024x1024xf32, strided<[1048576, 1, 1024]>> -> tensor<32x32xf32>
    tile.store %0, %arg1[%arg2, %arg3 by 32, %arg4 by 32] : tensor<32x32xf32> -> memref<?x1024x1024xf32>
  }
}

tile.kernel row @sum_axis_0(%arg0: memref<?x4096xf32>, %arg1: memref<4096xf32>) {
  %c4096 = arith.constant 4096 : index
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?x4096xf32>
  tile.parallel (%arg2) in (%c4096 by 32) {
    %0 = tile.range %c0 to %dim : !tile.span<?>
    %1 = tile.load %arg0[%0 by ?, %arg2 by 32] : memref<?x4096xf32> -> tensor<?x32xf32>
    %2 = tile.reduce  sum %1 axis 0 over(%0 : !tile.span<?>) : tensor<?x32xf32> -> tensor<32xf32>
    tile.store %2, %arg1[%arg2 by 32] : tensor<32xf32> -> memref<4096xf32>
  }
}

tile.kernel map @gather_rows(%arg0: memref<?xi64>, %arg1: memref<30000x768xf32>, %arg2: memref<?x768xf32>) {
  %c0 = arith.constant 0 : index
  %dim = memref.dim %arg0, %c0 : memref<?xi64>
  %c768 = arith.constant 768 : index
  tile.parallel (%arg3, %arg4) in (%dim, %c768 by 768) {
    %0 = memref.load %arg0[%arg3] : memref<?xi64>
    %1 = tile.broadcast %0 : i64 -> tensor<i64>
    %cst = arith.constant dense<0> : tensor<i64>
    %cst_0 = arith.constant dense<1> : tensor<i64>
    %cst_1 = arith.constant dense<30000> : tensor<i64>
    %2 = arith.cmpi slt, %1, %cst : tensor<i64>
    %3 = arith.addi %1, %cst_1 : tensor<i64>
    %4 = arith.select %2, %3, %1 : tensor<i1>, tensor<i64>
    %5 = arith.subi %cst_1, %cst_0 : tensor<i64>
    %6 = arith.minsi %4, %5 : tensor<i64>
    %7 = arith.maxsi %6, %cst : tensor<i64>
    %extracted = tensor.extract %7[] : tensor<i64>
    %8 = arith.index_cast %extracted : i64 to index
    %9 = tile.load %arg1[%8, %arg4 by 768] : memref<30000x768xf32> -> tensor<768xf32>
    tile.store %9, %arg2[%arg3, %arg4 by 768] : tensor<768xf32> -> memref<?x768xf32>
  }
}
