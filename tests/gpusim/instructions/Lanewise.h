//===- Lanewise.h - executors that treat every lane alike -----------------===//
//
// Enters: a function of the values of one lane. Leaves: an executor. All lanes
// are computed, so that the loop has no branch and is vectorised; only those of
// the mask are written. So a function must be defined for every value.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/instructions/Opcodes.h"
#include "tests/gpusim/machine/Launch.h"

namespace attune::gpusim {

template <class D, class A, class F>
void unary(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<A>(inst.a);
  Lanes<D> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = F()(a[i]);
  warp.write(inst.d, d, mask);
}

template <class D, class A, class F, class B = A>
void binary(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<A>(inst.a);
  auto b = warp.read<B>(inst.b);
  Lanes<D> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = F()(a[i], b[i]);
  warp.write(inst.d, d, mask);
}

template <class D, class A, class F, class B = A, class C = A>
void ternary(Warp &warp, const Inst &inst, Mask mask) {
  auto a = warp.read<A>(inst.a);
  auto b = warp.read<B>(inst.b);
  auto c = warp.read<C>(inst.c);
  Lanes<D> d;
  for (unsigned i = 0; i < kWarpSize; ++i)
    d[i] = F()(a[i], b[i], c[i]);
  warp.write(inst.d, d, mask);
}

/// Rows of d, a, b and c where all have one type.
inline void readOperands(Decoding &d, Type type, unsigned sources) {
  if (!d.expectOperands(sources + 1, sources + 1))
    return;
  d.inst.d = d.write(0, type);
  d.inst.a = d.read(1, type);
  if (sources > 1)
    d.inst.b = d.read(2, type);
  if (sources > 2)
    d.inst.c = d.read(3, type);
}

} // namespace attune::gpusim
