//===- IntegerTest.cpp - integers and bits --------------------------------===//
//
// Each instruction on 32 pairs of values, edges among them, against plain
// arithmetic written down a second time.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"
#include <functional>
#include <random>

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

using V = uint64_t;
using Function = std::function<V(V a, V b, V c)>;

/// Edges first, then random bits.
std::vector<V> values(unsigned bits, uint32_t salt) {
  static std::mt19937_64 random(testSeed());
  V top = V(1) << (bits - 1), mask = bits == 64 ? ~V(0) : (V(1) << bits) - 1;
  std::vector<V> out = {0, 1, 2, 31, 32, 33, mask, mask - 1, top, top - 1};
  std::rotate(out.begin(), out.begin() + salt % out.size(), out.end());
  while (out.size() < 32)
    out.push_back(random() >> random() % 64);
  for (V &value : out)
    value &= mask;
  return out;
}

struct Case {
  std::string instruction; ///< with %in0.. and %out
  unsigned in, out;        ///< bits
  Function expected;
};

class Lanes32 : public testing::TestWithParam<Case> {};

TEST_P(Lanes32, Matches) {
  const Case &c = GetParam();
  Lanewise setup;
  setup.inType = "b" + std::to_string(c.in);
  setup.outType = "b" + std::to_string(c.out);
  setup.registers = ".reg .pred %q;";
  for (uint32_t i = 0; i < 3; ++i)
    setup.inputs.push_back(values(c.in, 3 * i));
  auto got = runLanewise(setup, c.instruction);
  V mask = c.out == 64 ? ~V(0) : (V(1) << c.out) - 1;
  for (size_t i = 0; i < 32; ++i) {
    V a = setup.inputs[0][i], b = setup.inputs[1][i], d = setup.inputs[2][i];
    EXPECT_EQ(got[i], c.expected(a, b, d) & mask)
        << std::hex << a << " " << b << " " << d;
  }
}

int32_t s(V v) { return int32_t(uint32_t(v)); }
int64_t l(V v) { return int64_t(v); }
V clampS32(int64_t v) {
  return uint32_t(v < INT32_MIN   ? INT32_MIN
                  : v > INT32_MAX ? INT32_MAX
                                  : int32_t(v));
}
/// bfe by the text of the manual: bit by bit.
V extract(V a, unsigned position, unsigned length, unsigned bits,
          bool isSigned) {
  unsigned top = bits - 1;
  bool sign =
      isSigned && length && (a >> std::min(position + length - 1, top) & 1);
  V d = 0;
  for (unsigned i = 0; i <= top; ++i)
    if (i < length && position + i <= top ? a >> (position + i) & 1 : sign)
      d |= V(1) << i;
  return d;
}
V insert(V a, V b, unsigned position, unsigned length, unsigned bits) {
  for (unsigned i = 0; i < length && position + i < bits; ++i) {
    b &= ~(V(1) << (position + i));
    b |= (a >> i & 1) << (position + i);
  }
  return b;
}

const Case kArithmetic[] = {
    {"add.s32 %out, %in0, %in1;", 32, 32, [](V a, V b, V) { return a + b; }},
    {"add.u64 %out, %in0, %in1;", 64, 64, [](V a, V b, V) { return a + b; }},
    {"add.s16 %out, %in0, %in1;", 16, 16, [](V a, V b, V) { return a + b; }},
    {"add.sat.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return clampS32(int64_t(s(a)) + s(b)); }},
    {"sub.sat.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return clampS32(int64_t(s(a)) - s(b)); }},
    {"sub.s64 %out, %in0, %in1;", 64, 64, [](V a, V b, V) { return a - b; }},
    {"mul.lo.s32 %out, %in0, %in1;", 32, 32, [](V a, V b, V) { return a * b; }},
    {"mul.hi.u32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return a * b >> 32; }},
    {"mul.hi.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return V(int64_t(s(a)) * s(b) >> 32); }},
    {"mul.hi.u64 %out, %in0, %in1;", 64, 64,
     [](V a, V b, V) { return V((unsigned __int128)(a)*b >> 64); }},
    {"mul.wide.u32 %out, %in0, %in1;", 32, 64,
     [](V a, V b, V) { return a * b; }},
    {"mul.wide.s32 %out, %in0, %in1;", 32, 64,
     [](V a, V b, V) { return V(int64_t(s(a)) * s(b)); }},
    {"mul.wide.s16 %out, %in0, %in1;", 16, 32,
     [](V a, V b, V) { return V(int32_t(int16_t(a)) * int16_t(b)); }},
    {"mad.lo.s32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return a * b + c; }},
    {"mad.hi.u32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return (a * b >> 32) + c; }},
    {"div.u32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return b ? a / b : ~V(0); }},
    {"div.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return s(b) ? V(int64_t(s(a)) / s(b)) : ~V(0); }},
    {"rem.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return s(b) ? V(int64_t(s(a)) % s(b)) : a; }},
    {"rem.u64 %out, %in0, %in1;", 64, 64,
     [](V a, V b, V) { return b ? a % b : a; }},
    {"min.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return s(a) < s(b) ? a : b; }},
    {"max.u32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return a > b ? a : b; }},
    {"max.s64 %out, %in0, %in1;", 64, 64,
     [](V a, V b, V) { return l(a) > l(b) ? a : b; }},
    {"abs.s32 %out, %in0;", 32, 32,
     [](V a, V, V) { return s(a) < 0 ? 0 - a : a; }},
    {"neg.s64 %out, %in0;", 64, 64, [](V a, V, V) { return 0 - a; }},
    {"sad.u32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return (a < b ? b - a : a - b) + c; }},
    {"dp4a.s32.u32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) {
       for (unsigned i = 0; i < 32; i += 8)
         c += V(int8_t(a >> i) * int32_t(uint8_t(b >> i)));
       return c;
     }},
    {"add.cc.u32 %out, %in0, %in1; addc.u32 %out, %in2, 7;", 32, 32,
     [](V a, V b, V c) { return c + 7 + ((a + b) >> 32); }},
    {"add.cc.u64 %out, %in0, %in1; addc.cc.u64 %out, %in2, %in0; "
     "addc.u64 %out, 0, 0;",
     64, 64,
     [](V a, V b, V c) {
       using W = unsigned __int128;
       return V((W(c) + a + V((W(a) + b) >> 64)) >> 64);
     }},
    {"sub.cc.u64 %out, %in0, %in1; subc.cc.u64 %out, %in2, %in0; "
     "subc.u64 %out, 0, 0;",
     64, 64, [](V a, V b, V c) { return 0 - V(c < a || (c == a && a < b)); }},
};
INSTANTIATE_TEST_SUITE_P(Arithmetic, Lanes32, testing::ValuesIn(kArithmetic));

const Case kBits[] = {
    {"and.b32 %out, %in0, %in1;", 32, 32, [](V a, V b, V) { return a & b; }},
    {"or.b64 %out, %in0, %in1;", 64, 64, [](V a, V b, V) { return a | b; }},
    {"xor.b16 %out, %in0, %in1;", 16, 16, [](V a, V b, V) { return a ^ b; }},
    {"not.b32 %out, %in0;", 32, 32, [](V a, V, V) { return ~a; }},
    {"cnot.b32 %out, %in0;", 32, 32, [](V a, V, V) { return V(a == 0); }},
    {"shl.b32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return b > 31 ? 0 : a << b; }},
    {"shr.u32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return b > 31 ? 0 : a >> b; }},
    {"shr.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return V(s(a) >> std::min<V>(b, 31)); }},
    {"shf.l.wrap.b32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return (b << 32 | a) << (c & 31) >> 32; }},
    {"shf.r.clamp.b32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return (b << 32 | a) >> std::min<V>(c, 32); }},
    {"lop3.b32 %out, %in0, %in1, %in2, 0xe8;", 32, 32,
     [](V a, V b, V c) { return (a & b) | (a & c) | (b & c); }},
    // The manual's rule: the table is the function applied to the bytes
    // a = 0xf0, b = 0xcc and c = 0xaa.
    {"lop3.b32 %out, %in0, %in1, %in2, 0x1a;", 32, 32,
     [](V a, V b, V c) { return (~a & c) | (a & ~b & ~c); }},
    {"bfe.u32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return extract(a, b & 0xff, c & 0xff, 32, false); }},
    {"bfe.s32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return extract(a, b & 0xff, c & 0xff, 32, true); }},
    {"bfe.s32 %out, %in0, 7, 9;", 32, 32,
     [](V a, V, V) { return extract(a, 7, 9, 32, true); }},
    {"bfe.u64 %out, %in0, 13, 40;", 64, 64,
     [](V a, V, V) { return extract(a, 13, 40, 64, false); }},
    {"bfe.s64 %out, %in0, 60, 40;", 64, 64,
     [](V a, V, V) { return extract(a, 60, 40, 64, true); }},
    {"bfi.b32 %out, %in0, %in1, 5, 9;", 32, 32,
     [](V a, V b, V) { return insert(a, b, 5, 9, 32); }},
    {"bfi.b32 %out, %in0, %in1, %in2, 31;", 32, 32,
     [](V a, V b, V c) { return insert(a, b, c & 0xff, 31, 32); }},
    {"brev.b32 %out, %in0;", 32, 32,
     [](V a, V, V) {
       V d = 0;
       for (unsigned i = 0; i < 32; ++i)
         d |= (a >> i & 1) << (31 - i);
       return d;
     }},
    {"popc.b32 %out, %in0;", 32, 32,
     [](V a, V, V) { return V(__builtin_popcountll(a)); }},
    {"popc.b64 %out, %in0;", 64, 32,
     [](V a, V, V) { return V(__builtin_popcountll(a)); }},
    {"clz.b32 %out, %in0;", 32, 32,
     [](V a, V, V) { return a ? V(__builtin_clz(uint32_t(a))) : 32; }},
    {"bfind.u32 %out, %in0;", 32, 32,
     [](V a, V, V) { return a ? V(31 - __builtin_clz(uint32_t(a))) : ~V(0); }},
    {"prmt.b32 %out, %in0, %in1, 0x7531;", 32, 32,
     [](V a, V b, V) {
       return (a >> 8 & 0xff) | (a >> 24 & 0xff) << 8 | (b >> 8 & 0xff) << 16 |
              (b >> 24 & 0xff) << 24;
     }},
    {"prmt.b32 %out, %in0, %in1, 0xb840;", 32, 32,
     [](V a, V b, V) {
       return (a & 0xff) | (b & 0xff) << 8 | (a >> 7 & 1 ? 0xff : 0) << 16 |
              V(a >> 31 & 1 ? 0xff : 0) << 24;
     }},
    {"setp.lt.s32 %q, %in0, %in1; selp.b32 %out, %in0, %in1, %q;", 32, 32,
     [](V a, V b, V) { return s(a) < s(b) ? a : b; }},
    {"setp.hi.u64 %q, %in0, %in1; selp.b64 %out, 1, 2, %q;", 64, 64,
     [](V a, V b, V) { return V(a > b ? 1 : 2); }},
    {"setp.ne.b16 %q, %in0, %in1; selp.b16 %out, %in0, 7, %q;", 16, 16,
     [](V a, V b, V) { return a != b ? a : 7; }},
    {"set.ge.u32.s32 %out, %in0, %in1;", 32, 32,
     [](V a, V b, V) { return s(a) >= s(b) ? ~V(0) : 0; }},
    {"slct.b32.s32 %out, %in0, %in1, %in2;", 32, 32,
     [](V a, V b, V c) { return s(c) >= 0 ? a : b; }},
};
INSTANTIATE_TEST_SUITE_P(Bits, Lanes32, testing::ValuesIn(kBits));

TEST(Predicates, PairsCombinationsAndLogic) {
  Lanewise setup;
  setup.inputs = {values(32, 0), values(32, 4)};
  setup.registers = ".reg .pred %q<6>; .reg .b32 %t<6>;";
  auto got = runLanewise(setup, R"(
    setp.lt.u32 %q0, %in0, 100;
    setp.eq.and.u32 %q1|%q2, %in1, %in1, !%q0;   // q1 = !q0, q2 = 0 and !q0
    setp.gt.xor.u32 %q3, %in0, %in1, %q0;
    or.pred %q4, %q1, %q2;
    not.pred %q5, %q3;
    selp.b32 %t0, 1, 0, %q0; selp.b32 %t1, 2, 0, %q1; selp.b32 %t2, 4, 0, %q2;
    selp.b32 %t3, 8, 0, %q3; selp.b32 %t4, 16, 0, %q4; selp.b32 %t5, 32, 0, %q5;
    add.u32 %out, %t0, %t1; add.u32 %out, %out, %t2; add.u32 %out, %out, %t3;
    add.u32 %out, %out, %t4; @!%q5 bra END; add.u32 %out, %out, 32;
    END:)");
  for (size_t i = 0; i < 32; ++i) {
    V a = setup.inputs[0][i], b = setup.inputs[1][i];
    bool q0 = a < 100, q3 = (a > b) != q0;
    EXPECT_EQ(got[i], V(q0 + 2 * !q0 + 8 * q3 + 16 * !q0 + 32 * !q3));
  }
}

TEST(Moves, VectorsAndAddresses) {
  Lanewise setup;
  setup.inType = "b64", setup.outType = "b64";
  setup.inputs = {values(64, 0)};
  setup.registers = ".reg .b32 %t<4>; .reg .b16 %h<4>; .reg .b64 %w;";
  auto got = runLanewise(setup, R"(
    mov.b64 {%t0, %t1}, %in0;
    mov.b32 {%h0, %h1}, %t0;
    mov.b32 %t2, {%h1, %h0};
    mov.b64 %out, {%t1, %t2};)");
  for (size_t i = 0; i < 32; ++i) {
    V a = setup.inputs[0][i], low = uint32_t(a);
    EXPECT_EQ(got[i], a >> 32 | (low >> 16 | (low & 0xffff) << 16) << 32);
  }
}

} // namespace
