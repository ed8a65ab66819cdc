//===- Kernels.h - whole kernels as PTX text ------------------------------===//
//
// Kernels as a compiler would write them, but with names that say what they
// hold, so that a test can break one of them at a known place. Parameters are
// 64 bits each, shared memory is dynamic.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/Device.h"

namespace attune::gpusim::test {

/// c[m][n] = a[m][k] b[k][n]: f16, accumulated in f32. Tiles of 64 x 64 x 32 in
/// a ring of three stages that cp.async fills, four warps, ldmatrix on swizzled
/// rows, mma.sync. m is any number, n a multiple of 8, k one of 32.
/// Parameters a, b, c, m, n, k; blocks of 128 threads, grid n / 64, m / 64.
std::string matmulKernel();
inline constexpr uint64_t kMatmulShared = 3 * 8192;

/// y[r][c] = softmax of x[r] over c <= r, zero beyond; s x s of f32, a warp per
/// row. Parameters x, y, s; blocks of 128 threads, grid s / 4.
std::string softmaxKernel();

/// o = softmax(q k^T scale) v with a causal mask, for heads of s x 16 in f16,
/// o in f32: one warp per 16 queries, blocks of 16 keys, double buffered, with
/// the running maximum and sum of flash attention. s is a multiple of 16.
/// Parameters q, k, v, o, s, scale * log2 e (f32); grid s / 16, heads.
std::string attentionKernel();
inline constexpr uint64_t kAttentionShared = 2048;

} // namespace attune::gpusim::test
