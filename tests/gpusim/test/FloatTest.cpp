//===- FloatTest.cpp - floats of all widths and their conversions ---------===//
//
// Against the host's own rounding modes, against decoding by the definition of
// the formats, and against double precision within the manual's bounds.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Numbers.h"
#include "tests/gpusim/test/Support.h"
#include <cfenv>
#include <functional>
#include <random>

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

using V = uint64_t;

std::vector<V> floats(uint32_t salt) {
  static std::mt19937_64 random(testSeed() + 1);
  std::vector<V> out;
  for (float edge : {0.f, -0.f, 1.f, -1.5f, 0x1p-126f, 0x1p-149f, 0x1.8p-130f,
                     INFINITY, -INFINITY, NAN, 3.4e38f, 0x1.000002p0f})
    out.push_back(bitsOfF32(edge));
  std::rotate(out.begin(), out.begin() + salt % out.size(), out.end());
  while (out.size() < 32)
    out.push_back(random() % 3 ? bitsOfF32(float(int64_t(random())) * 0x1p-60f)
                               : uint32_t(random()));
  return out;
}

std::vector<V> run(const std::string &body,
                   const std::vector<std::vector<V>> &in) {
  Lanewise setup;
  setup.inputs = in;
  return runLanewise(setup, body);
}

float f(V bits) { return f32FromBits(uint32_t(bits)); }

/// Equal bits, or both NaN.
void expectSame(V got, float want, const std::string &what) {
  if (want != want)
    EXPECT_EQ(got, kNaN32) << what;
  else
    EXPECT_EQ(got, bitsOfF32(want))
        << what << ": " << f(got) << " for " << want;
}

/// By the host's rounding mode; volatile keeps the operation where it stands.
float rounded(int mode, const std::function<float()> &compute) {
  std::fesetround(mode);
  volatile float result = compute();
  std::fesetround(FE_TONEAREST);
  return result;
}

struct Mode {
  const char *name;
  int mode;
};
const Mode kModes[] = {{"rn", FE_TONEAREST},
                       {"rz", FE_TOWARDZERO},
                       {"rm", FE_DOWNWARD},
                       {"rp", FE_UPWARD}};

TEST(Float, AddMulFmaInEveryRounding) {
  auto a = floats(0), b = floats(5), c = floats(9);
  for (const Mode &mode : kModes) {
    std::string name = mode.name;
    auto sum = run("add." + name + ".f32 %out, %in0, %in1;", {a, b});
    auto product = run("mul." + name + ".f32 %out, %in0, %in1;", {a, b});
    auto fused = run("fma." + name + ".f32 %out, %in0, %in1, %in2;", {a, b, c});
    for (size_t i = 0; i < 32; ++i) {
      volatile float x = f(a[i]), y = f(b[i]), z = f(c[i]);
      expectSame(sum[i], rounded(mode.mode, [&] { return x + y; }), name);
      expectSame(product[i], rounded(mode.mode, [&] { return x * y; }), name);
      expectSame(fused[i],
                 rounded(mode.mode, [&] { return std::fma(x, y, z); }), name);
    }
  }
}

TEST(Float, FlushAndSaturate) {
  auto a = floats(0), b = floats(5);
  auto product = run("mul.ftz.f32 %out, %in0, %in1;", {a, b});
  auto clamped = run("add.sat.f32 %out, %in0, %in1;", {a, b});
  for (size_t i = 0; i < 32; ++i) {
    auto zero = [](float x) {
      return std::fpclassify(x) == FP_SUBNORMAL ? std::copysign(0.f, x) : x;
    };
    expectSame(product[i], zero(zero(f(a[i])) * zero(f(b[i]))), "ftz");
    float sum = f(a[i]) + f(b[i]);
    expectSame(clamped[i],
               sum != sum ? 0.f : std::min(std::max(sum, 0.f), 1.f) + 0.f,
               "sat");
  }
}

TEST(Float, MinMaxKnowNaNAndZeros) {
  V nan = kNaN32, one = bitsOfF32(1), minus = bitsOfF32(-0.f), plus = 0;
  std::vector<V> a(32, one), b(32, one);
  a[0] = nan, a[1] = one, b[1] = nan, a[2] = b[2] = nan, a[3] = plus,
  b[3] = minus, a[4] = minus, b[4] = plus;
  auto low = run("min.f32 %out, %in0, %in1;", {a, b});
  auto high = run("max.f32 %out, %in0, %in1;", {a, b});
  auto strict = run("max.NaN.f32 %out, %in0, %in1;", {a, b});
  EXPECT_EQ(low[0], one);
  EXPECT_EQ(high[1], one);
  EXPECT_EQ(low[2], nan);
  EXPECT_EQ(low[3], minus);
  EXPECT_EQ(low[4], minus);
  EXPECT_EQ(high[3], plus);
  EXPECT_EQ(high[4], plus);
  EXPECT_EQ(strict[0], nan);
}

TEST(Float, CompareOrderedAndUnordered) {
  V nan = kNaN32, one = bitsOfF32(1), two = bitsOfF32(2);
  std::vector<V> a(32, one), b(32, two);
  a[1] = nan, a[2] = two;
  auto holds = [&](const std::string &op) {
    Lanewise setup;
    setup.inputs = {a, b};
    setup.registers = ".reg .pred %q;";
    auto got = runLanewise(
        setup, "setp." + op + ".f32 %q, %in0, %in1; selp.b32 %out, 1, 0, %q;");
    return got[0] * 100 + got[1] * 10 + got[2]; // 1 < 2, NaN and 2, 2 = 2
  };
  EXPECT_EQ(holds("lt"), 100u);
  EXPECT_EQ(holds("ltu"), 110u);
  EXPECT_EQ(holds("eq"), 1u);
  EXPECT_EQ(holds("equ"), 11u);
  EXPECT_EQ(holds("ne"), 100u);
  EXPECT_EQ(holds("neu"), 110u);
  EXPECT_EQ(holds("ge"), 1u);
  EXPECT_EQ(holds("geu"), 11u);
  EXPECT_EQ(holds("num"), 101u);
  EXPECT_EQ(holds("nan"), 10u);
}

/// The manual's bounds on approximations: relative, but that of lg2 is absolute
/// between 0.5 and 2. HardwareTest.cpp sees to it that they are not too exact.
TEST(Float, ApproximationsWithinTheManualsBounds) {
  std::vector<V> x;
  std::mt19937 random((uint32_t(testSeed())));
  for (int i = 0; i < 32; ++i)
    x.push_back(
        bitsOfF32(std::uniform_real_distribution<float>(0.01f, 3)(random)));
  struct Row {
    const char *name;
    double (*exact)(double);
    double relative;
  };
  constexpr double (*kLog2)(double) = std::log2;
  const Row rows[] = {
      {"ex2.approx.ftz", std::exp2, 0x1p-22},
      {"lg2.approx", std::log2, 0x1p-22},
      {"rcp.approx", [](double v) { return 1 / v; }, 0x1p-22},
      {"rsqrt.approx", [](double v) { return 1 / std::sqrt(v); }, 0x1p-22},
      {"sqrt.approx", std::sqrt, 0x1p-22},
      {"tanh.approx", std::tanh, 0x1p-10},
      {"rcp.rn", [](double v) { return 1 / v; }, 0x1p-24},
      {"sqrt.rn", std::sqrt, 0x1p-24}};
  for (const Row &row : rows) {
    auto got = run(std::string(row.name) + ".f32 %out, %in0;", {x});
    for (size_t i = 0; i < 32; ++i) {
      double exact = row.exact(f(x[i]));
      bool absolute = row.exact == kLog2 && f(x[i]) > 0.5f && f(x[i]) < 2;
      EXPECT_LE(std::fabs(f(got[i]) - exact),
                (absolute ? 1 : std::fabs(exact)) * row.relative)
          << row.name << " " << f(x[i]);
    }
  }
}

/// A format's value by its definition.
double valueOf(uint32_t bits, int fraction, int exponent) {
  uint32_t e = bits >> fraction & ((1u << exponent) - 1),
           m = bits & ((1u << fraction) - 1);
  int bias = (1 << (exponent - 1)) - 1;
  double sign = bits >> (fraction + exponent) & 1 ? -1 : 1;
  if (e == (1u << exponent) - 1)
    return m ? NAN : sign * INFINITY;
  return sign *
         std::ldexp(e ? 1 + std::ldexp(m, -fraction) : std::ldexp(m, -fraction),
                    int(e ? e : 1) - bias);
}

TEST(Half, EveryValueDecodesAndEncodes) {
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    double half = valueOf(bits, 10, 5), brain = valueOf(bits, 7, 8);
    if (half == half) {
      ASSERT_EQ(f16ToFloat(uint16_t(bits)), half) << bits;
      ASSERT_EQ(floatToF16(half), bits);
    } else {
      ASSERT_TRUE(std::isnan(f16ToFloat(uint16_t(bits))));
      ASSERT_EQ(floatToF16(half), 0x7fff);
    }
    if (brain == brain) {
      ASSERT_EQ(bf16ToFloat(uint16_t(bits)), brain) << bits;
      ASSERT_EQ(floatToBF16(brain), bits);
    }
  }
}

/// Between neighbours: to the nearer one, ties to the even one, and to the
/// side that the rounding says.
TEST(Half, RoundingBetweenNeighbours) {
  for (uint32_t low = 0; low < 0x7bff; ++low) {
    double a = valueOf(low, 10, 5), b = valueOf(low + 1, 10, 5),
           middle = (a + b) / 2;
    uint32_t even = low & 1 ? low + 1 : low;
    ASSERT_EQ(encode(middle, kF16), even);
    ASSERT_EQ(encode(std::nextafter(middle, a), kF16), low);
    ASSERT_EQ(encode(std::nextafter(middle, b), kF16), low + 1);
    ASSERT_EQ(encode(middle, kF16, Rounding::Away), low + 1);
    ASSERT_EQ(encode(std::nextafter(b, a), kF16, Rounding::Zero), low);
    ASSERT_EQ(encode(std::nextafter(a, b), kF16, Rounding::Up), low + 1);
    ASSERT_EQ(encode(-std::nextafter(a, b), kF16, Rounding::Down),
              0x8000 | (low + 1));
  }
  EXPECT_EQ(encode(65519.99, kF16), 0x7bffu);
  EXPECT_EQ(encode(65520, kF16), 0x7c00u);
  EXPECT_EQ(encode(1e30, kF16, Rounding::Zero), 0x7bffu);
  EXPECT_EQ(encode(1e-300, kF16, Rounding::Up), 1u);
}

TEST(Half, ArithmeticRoundsOnce) {
  std::mt19937_64 random(testSeed());
  std::vector<V> a, b, c;
  for (int i = 0; i < 32; ++i)
    a.push_back(random() & 0xbfffbfff), b.push_back(random() & 0xbfffbfff),
        c.push_back(random() & 0xbfffbfff);
  // A product that ends between two values, and a sum far below that decides.
  a[0] = 0x3c01, b[0] = 0x6801, c[0] = 0x0001;
  auto fused = run("fma.rn.f16x2 %out, %in0, %in1, %in2;", {a, b, c});
  auto brain = run("fma.rn.bf16x2 %out, %in0, %in1, %in2;", {a, b, c});
  auto sum = run("add.f16x2 %out, %in0, %in1;", {a, b});
  for (size_t i = 0; i < 32; ++i)
    for (unsigned shift : {0u, 16u}) {
      auto part = [&](V bits) { return uint32_t(bits >> shift & 0xffff); };
      using L =
          long double; // 64 bits hold these sums, but for the far smallest
      auto exact = [&](int fraction, int exponent) {
        return L(valueOf(part(a[i]), fraction, exponent)) *
                   L(valueOf(part(b[i]), fraction, exponent)) +
               L(valueOf(part(c[i]), fraction, exponent));
      };
      L half = exact(10, 5);
      EXPECT_EQ(part(fused[i]), encode(double(half), kF16)) << i;
      double both = valueOf(part(a[i]), 10, 5) + valueOf(part(b[i]), 10, 5);
      EXPECT_EQ(part(sum[i]), encode(both, kF16));
      L bf = exact(7, 8);
      if (std::isfinite(double(bf)))
        EXPECT_NEAR(valueOf(part(brain[i]), 7, 8), double(bf),
                    std::fabs(double(bf)) * 0x1p-8 + 1e-40);
    }
  // 1.5 * 1.00390625 is halfway between two bf16; the tail breaks the tie.
  std::vector<V> x(32, 0x3fc0), y(32, 0x3f81), up(32, 0x0080), down(32, 0x8080);
  EXPECT_EQ(run("fma.rn.bf16x2 %out, %in0, %in1, %in2;", {x, y, up})[0] &
                0xffff,
            0x3fc2u);
  EXPECT_EQ(run("fma.rn.bf16x2 %out, %in0, %in1, %in2;", {x, y, down})[0] &
                0xffff,
            0x3fc1u);
}

TEST(Convert, Pairs) {
  std::vector<V> x(32, bitsOfF32(1.5f)), y(32, bitsOfF32(-2));
  EXPECT_EQ(run("cvt.rn.f16x2.f32 %out, %in0, %in1;", {x, y})[0], 0x3e00c000u);
  EXPECT_EQ(run("cvt.rn.bf16x2.f32 %out, %in0, %in1;", {x, y})[0], 0x3fc0c000u);
  EXPECT_EQ(run("cvt.rn.relu.f16x2.f32 %out, %in0, %in1;", {x, y})[0],
            0x3e000000u);
}

/// Values of a narrow format in order, for positive bits.
struct Narrow {
  const char *type;
  int fraction, exponent;
};

/// The bits that a rounding must give, by looking at both neighbours.
uint32_t roundedTo(const Narrow &narrow, double x, const std::string &mode) {
  uint32_t infinity = ((1u << narrow.exponent) - 1) << narrow.fraction;
  uint32_t low = 0, high = infinity, sign = std::signbit(x) ? 1 : 0;
  double magnitude = std::fabs(x);
  auto value = [&](uint32_t bits) {
    // The next value after the largest one is where infinity stands.
    return bits == infinity ? std::ldexp(1.0, 1 << (narrow.exponent - 1))
                            : valueOf(bits, narrow.fraction, narrow.exponent);
  };
  while (high - low > 1) // value(low) <= magnitude < value(high)
    (value((low + high) / 2) <= magnitude ? low : high) = (low + high) / 2;
  double below = magnitude - value(low), above = value(high) - magnitude;
  bool up = mode == "rz"    ? magnitude >= value(infinity)
            : mode == "rna" ? below >= above
                            : below > above || (below == above && (low & 1));
  if (mode == "rz" && std::isfinite(magnitude) && up)
    up = false, low = infinity - 1;
  return sign << (narrow.fraction + narrow.exponent) | (up ? high : low);
}

TEST(Convert, NarrowFormatsInEveryRounding) {
  std::mt19937_64 random(testSeed());
  const Narrow half = {"f16", 10, 5}, brain = {"bf16", 7, 8},
               tensor = {"tf32", 10, 8};
  const std::pair<Narrow, const char *> rows[] = {{half, "rn"},
                                                  {half, "rz"},
                                                  {brain, "rn"},
                                                  {brain, "rz"},
                                                  {tensor, "rna"}};
  for (const auto &[narrow, mode] : rows)
    for (int round = 0; round < 20; ++round) {
      std::vector<V> x;
      for (int i = 0; i < 32; ++i) {
        // Some that lie halfway, or next to it.
        uint32_t bits = uint32_t(random()) & 0xbfffffff;
        int drop = 23 - narrow.fraction;
        if (i % 2)
          bits =
              (bits & ~((1u << drop) - 1)) | ((1u << (drop - 1)) - 1 + i % 3);
        // f16 has a smaller range, where most of it is subnormal or infinite.
        if (narrow.exponent == 5)
          bits = (bits & 0x807fffff) | uint32_t(100 + random() % 46) << 23;
        x.push_back(bits);
      }
      bool wide = std::string(narrow.type) == "tf32";
      std::string convert =
          std::string("cvt.") + mode + "." + narrow.type + ".f32 ";
      Lanewise setup;
      setup.inputs = {x};
      setup.outType = wide ? "b32" : "b16";
      auto got = runLanewise(setup, convert + "%out, %in0;");
      for (size_t i = 0; i < 32; ++i)
        ASSERT_EQ(got[i] >> (wide ? 13 : 0), roundedTo(narrow, f(x[i]), mode))
            << convert << f(x[i]);
      if (wide)
        continue;
      // The packed form: the first operand is the upper half.
      auto both = run("cvt." + std::string(mode) + "." + narrow.type +
                          "x2.f32 %out, %in0, %in1;",
                      {x, std::vector<V>(x.rbegin(), x.rend())});
      for (size_t i = 0; i < 32; ++i)
        ASSERT_EQ(both[i], got[i] << 16 | got[31 - i]);
    }
}

TEST(Convert, NarrowFormatsToF32AreExact) {
  Lanewise setup;
  setup.inType = "b16";
  std::mt19937_64 random(testSeed());
  setup.inputs.resize(1);
  for (int i = 0; i < 32; ++i)
    setup.inputs[0].push_back(random() & 0xbbff);
  auto half = runLanewise(setup, "cvt.f32.f16 %out, %in0;"),
       brain = runLanewise(setup, "cvt.f32.bf16 %out, %in0;");
  for (size_t i = 0; i < 32; ++i) {
    auto bits = uint32_t(setup.inputs[0][i]);
    EXPECT_EQ(f(half[i]), valueOf(bits, 10, 5));
    EXPECT_EQ(f(brain[i]), valueOf(bits, 7, 8));
  }
}

struct Conversion {
  const char *name;
  double in; ///< of the source type
  V out;
};

TEST(Convert, EdgesOfEveryKind) {
  // From f32, whose bits are the input.
  const Conversion rows[] = {
      {"rzi.s32.f32", -2.9, V(uint32_t(-2))},
      {"rni.s32.f32", 2.5, 2},
      {"rni.s32.f32", 3.5, 4},
      {"rmi.s32.f32", -2.1, V(uint32_t(-3))},
      {"rpi.s32.f32", 2.1, 3},
      {"rzi.u32.f32", -1, 0},
      {"rzi.u32.f32", 1e20, 0xffffffff},
      {"rzi.s32.f32", 1e20, 0x7fffffff},
      {"rzi.s32.f32", -1e20, 0x80000000},
      {"rzi.s32.f32", NAN, 0},
      {"rni.f32.f32", 2.5, bitsOfF32(2)},
      {"rmi.f32.f32", -0.5, bitsOfF32(-1)},
      {"rpi.f32.f32", 0.25, bitsOfF32(1)},
      {"sat.f32.f32", 1.5, bitsOfF32(1)},
      {"sat.f32.f32", -1, 0},
      {"rna.tf32.f32", 1 + 0x1p-11, bitsOfF32(1 + 0x1p-10f)},
      {"rna.tf32.f32", 1 + 0x1.8p-12, bitsOfF32(1)}};
  for (const Conversion &row : rows) {
    std::vector<V> in(32, bitsOfF32(float(row.in)));
    EXPECT_EQ(run(std::string("cvt.") + row.name + " %out, %in0;", {in})[0],
              row.out)
        << row.name << " " << row.in;
  }
  const std::pair<std::string, std::pair<V, V>> integers[] = {
      {"cvt.s32.s8 %out, %in0;", {0x1ff, 0xffffffff}},
      {"cvt.u32.u16 %out, %in0;", {0x12345678, 0x5678}},
      {"cvt.sat.s8.s32 %out, %in0;", {1000, 127}},
      {"cvt.sat.u8.s32 %out, %in0;", {V(uint32_t(-5)), 0}},
      {"cvt.rn.f32.s32 %out, %in0;", {V(uint32_t(-7)), bitsOfF32(-7)}},
      {"cvt.rn.f32.u32 %out, %in0;", {0xffffffff, bitsOfF32(0x1p32f)}},
      {"cvt.rz.f32.u32 %out, %in0;", {0xffffffff, bitsOfF32(0x1.fffffep31f)}}};
  for (const auto &[body, values] : integers)
    EXPECT_EQ(run(body, {std::vector<V>(32, values.first)})[0], values.second)
        << body;
}

/// Bits of f32, and what cvt.rna makes of them: subnormals are kept, and what
/// rounds beyond the largest value is infinite.
TEST(Convert, Tf32BitByBit) {
  const std::pair<V, V> rows[] = {
      {0x3f800000, 0x3f800000}, {0x3f800fff, 0x3f800000},
      {0x3f801000, 0x3f802000}, {0x3f802fff, 0x3f802000},
      {0x3f803000, 0x3f804000}, {0xbf801000, 0xbf802000},
      {0xbf803000, 0xbf804000}, // ties go away from zero, whatever is odd
      {0x3fffefff, 0x3fffe000}, {0x3ffff000, 0x40000000},
      {0x00000000, 0x00000000}, {0x80000000, 0x80000000},
      {0x00000fff, 0x00000000}, {0x80000fff, 0x80000000},
      {0x00001000, 0x00002000}, {0x80001000, 0x80002000},
      {0x007fefff, 0x007fe000}, {0x007ff000, 0x00800000},
      {0x7f7fefff, 0x7f7fe000}, {0x7f7ff000, 0x7f800000},
      {0xff7fffff, 0xff800000}, {0x7f800000, 0x7f800000},
      {0xff800000, 0xff800000}};
  std::vector<V> in;
  for (const auto &row : rows)
    in.push_back(row.first);
  const size_t numbers = in.size();
  for (V nan : {0x7fffffffu, 0xffffffffu, 0x7fc00000u, 0xffc00000u})
    in.push_back(nan);
  const size_t all = in.size();
  in.resize(32);
  auto got = run("cvt.rna.tf32.f32 %out, %in0;", {in});
  for (size_t i = 0; i < numbers; ++i)
    EXPECT_EQ(got[i], rows[i].second) << std::hex << rows[i].first;
  for (size_t i = numbers; i < all; ++i) // in the bits that mma reads
    EXPECT_TRUE(std::isnan(f(got[i] & 0xffffe000))) << std::hex << in[i];
}

TEST(Convert, WideIntegersRoundOnce) {
  Lanewise setup;
  setup.inType = "b64", setup.outType = "b32";
  std::mt19937_64 random(testSeed());
  setup.inputs.resize(1);
  // Halfway in float, and a bit that double would lose.
  setup.inputs[0] = {(V(1) << 62) + (V(1) << 38) + 1};
  while (setup.inputs[0].size() < 32)
    setup.inputs[0].push_back(random());
  auto got = runLanewise(setup, "cvt.rn.f32.u64 %out, %in0;");
  setup.outType = "b64";
  auto asSigned = runLanewise(setup, "cvt.rn.f64.s64 %out, %in0;");
  auto asUnsigned = runLanewise(setup, "cvt.rn.f64.u64 %out, %in0;");
  for (size_t i = 0; i < 32; ++i) {
    V value = setup.inputs[0][i];
    EXPECT_EQ(got[i], bitsOfF32(float(value)));
    EXPECT_EQ(asSigned[i], std::bit_cast<V>(double(int64_t(value))));
    EXPECT_EQ(asUnsigned[i], std::bit_cast<V>(double(value)));
  }
}

} // namespace
