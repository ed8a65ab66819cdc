//===- MatrixTest.cpp - mma.sync, ldmatrix and their layouts --------------===//
//
// The fragments are written down here a second time, from the formulas of the
// manual's figures, one function per shape; products are compared with double
// precision within what truncated accumulation can cost.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Numbers.h"
#include "tests/gpusim/test/Support.h"
#include <cmath>
#include <random>

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

struct At {
  int row, column;
};
using Place = At (*)(int lane, int i);

struct Shape {
  std::string name, types;
  int m, n, k, perRegister;
  Place a, b;
  double (*draw)(std::mt19937 &);
  uint32_t (*bits)(double);
};

int g(int lane) { return lane / 4; }
int t(int lane) { return lane % 4; }

double smallFloat(std::mt19937 &random) {
  return (int(random() % 257) - 128) / 64.0; // exact in every format
}
double smallInteger(std::mt19937 &random) { return int(random() % 255) - 127; }
uint32_t half(double x) { return floatToF16(x); }
uint32_t brain(double x) { return floatToBF16(x); }
uint32_t single(double x) { return bitsOfF32(float(x)); }
uint32_t byte(double x) { return uint8_t(int8_t(x)); }

const Shape kShapes[] = {
    {"m16n8k16", "f32.f16.f16.f32", 16, 8, 16, 2,
     [](int l, int i) -> At {
       return {(i < 2 || (i >= 4 && i < 6)) ? g(l) : g(l) + 8,
               t(l) * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
     },
     [](int l, int i) -> At {
       return {t(l) * 2 + (i & 1) + (i >= 2 ? 8 : 0), g(l)};
     },
     smallFloat, half},
    {"m16n8k16", "f32.bf16.bf16.f32", 16, 8, 16, 2,
     [](int l, int i) -> At {
       return {(i < 2 || (i >= 4 && i < 6)) ? g(l) : g(l) + 8,
               t(l) * 2 + (i & 1) + (i >= 4 ? 8 : 0)};
     },
     [](int l, int i) -> At {
       return {t(l) * 2 + (i & 1) + (i >= 2 ? 8 : 0), g(l)};
     },
     smallFloat, brain},
    {"m16n8k8", "f32.f16.f16.f32", 16, 8, 8, 2,
     [](int l, int i) -> At {
       return {i < 2 ? g(l) : g(l) + 8, t(l) * 2 + (i & 1)};
     },
     [](int l, int i) -> At { return {t(l) * 2 + i, g(l)}; }, smallFloat, half},
    {"m16n8k8", "f32.bf16.bf16.f32", 16, 8, 8, 2,
     [](int l, int i) -> At {
       return {i < 2 ? g(l) : g(l) + 8, t(l) * 2 + (i & 1)};
     },
     [](int l, int i) -> At { return {t(l) * 2 + i, g(l)}; }, smallFloat,
     brain},
    {"m16n8k8", "f32.tf32.tf32.f32", 16, 8, 8, 1,
     [](int l, int i) -> At {
       return {(i == 0 || i == 2) ? g(l) : g(l) + 8, i < 2 ? t(l) : t(l) + 4};
     },
     [](int l, int i) -> At { return {i == 0 ? t(l) : t(l) + 4, g(l)}; },
     smallFloat, single},
    {"m16n8k4", "f32.tf32.tf32.f32", 16, 8, 4, 1,
     [](int l, int i) -> At { return {i == 0 ? g(l) : g(l) + 8, t(l)}; },
     [](int l, int) -> At { return {t(l), g(l)}; }, smallFloat, single},
    {"m16n8k16", "s32.s8.s8.s32", 16, 8, 16, 4,
     [](int l, int i) -> At {
       return {i < 4 ? g(l) : g(l) + 8, t(l) * 4 + (i & 3)};
     },
     [](int l, int i) -> At { return {t(l) * 4 + i, g(l)}; }, smallInteger,
     byte},
    {"m16n8k32", "s32.s8.s8.s32", 16, 8, 32, 4,
     [](int l, int i) -> At {
       return {(i < 4 || (i >= 8 && i < 12)) ? g(l) : g(l) + 8,
               t(l) * 4 + (i & 3) + (i >= 8 ? 16 : 0)};
     },
     [](int l, int i) -> At {
       return {t(l) * 4 + (i & 3) + (i >= 4 ? 16 : 0), g(l)};
     },
     smallInteger, byte},
};

At placeOfC(int lane, int i) {
  return {i < 2 ? g(lane) : g(lane) + 8, t(lane) * 2 + (i & 1)};
}

/// {%in0, %in1}
std::string list(int first, int count) {
  std::string out = "{";
  for (int i = 0; i < count; ++i)
    out += (i ? ", %in" : "%in") + std::to_string(first + i);
  return out + "}";
}

/// Fragment registers of a matrix: [register][lane].
std::vector<std::vector<uint64_t>> fragment(const Shape &shape, Place place,
                                            int elements,
                                            const std::vector<double> &matrix,
                                            int columns) {
  std::vector<std::vector<uint64_t>> registers(
      size_t(elements / shape.perRegister), std::vector<uint64_t>(32));
  for (int lane = 0; lane < 32; ++lane)
    for (int i = 0; i < elements; ++i) {
      At at = place(lane, i);
      uint64_t bits = shape.bits(matrix[size_t(at.row * columns + at.column)]);
      registers[size_t(i / shape.perRegister)][size_t(lane)] |=
          bits << (i % shape.perRegister * (32 / shape.perRegister) % 32);
    }
  return registers;
}

TEST(Mma, FragmentsAndProductsOfEveryShape) {
  std::mt19937 random((uint32_t(testSeed())));
  for (const Shape &shape : kShapes) {
    int m = shape.m, n = shape.n, k = shape.k;
    std::vector<double> a(size_t(m * k)), b(size_t(k * n));
    for (double &x : a)
      x = shape.draw(random);
    for (double &x : b)
      x = shape.draw(random);
    auto inputs = fragment(shape, shape.a, m * k / 32, a, k);
    int registersA = int(inputs.size());
    for (auto &reg : fragment(shape, shape.b, k * n / 32, b, n))
      inputs.push_back(reg);
    int registersB = int(inputs.size()) - registersA;
    bool integer = shape.types.starts_with("s32");
    for (int i = 0; i < 4; ++i) {
      Lanewise setup;
      setup.inputs = inputs;
      setup.registers = ".reg .b32 %d<4>, %z;";
      auto got = runLanewise(
          setup, "mov.b32 %z, " + std::string(integer ? "5" : "0f40A00000") +
                     "; mma.sync.aligned." + shape.name + ".row.col." +
                     shape.types + " {%d0, %d1, %d2, %d3}, " +
                     list(0, registersA) + ", " + list(registersA, registersB) +
                     ", {%z, %z, %z, %z}; mov.b32 %out, %d" +
                     std::to_string(i) + ";");
      for (int lane = 0; lane < 32; ++lane) {
        At at = placeOfC(lane, i);
        double want = 5;
        for (int j = 0; j < k; ++j)
          want += a[size_t(at.row * k + j)] * b[size_t(j * n + at.column)];
        double value = integer
                           ? int32_t(got[size_t(lane)])
                           : double(f32FromBits(uint32_t(got[size_t(lane)])));
        EXPECT_EQ(value, want) << shape.name << "." << shape.types << " "
                               << at.row << "," << at.column;
      }
    }
  }
}

/// One large term makes the small ones fall below the cut, as on the hardware.
TEST(Mma, AccumulationIsTruncated) {
  Lanewise setup;
  std::vector<uint64_t> a(32, 0), b(32, 0), c(32, bitsOfF32(0x1p24f));
  for (size_t lane = 0; lane < 32; ++lane)
    a[lane] = lane % 4 == 0 ? 0x3c00 : 0,
    b[lane] = lane % 4 == 0 ? 0x3c00 : 0; // 1 x 1
  setup.inputs = {a, a, b, c};
  setup.registers = ".reg .b32 %d<4>, %z;";
  std::string body =
      "mov.b32 %z, 0; mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%d0, "
      "%d1, %d2, %d3}, "
      "{%in0, %in1, %z, %z}, {%in2, %z}, {%in3, %in3, %in3, %in3}; mov.b32 "
      "%out, %d0;";
  EXPECT_EQ(runLanewise(setup, body)[0],
            bitsOfF32(0x1p24f)); // 2^24 + 1 is no float
}

/// mma cuts operands of tf32, which cvt.rna has to have rounded.
TEST(Mma, Tf32IgnoresTheLowBits) {
  std::mt19937 random((uint32_t(testSeed())));
  Lanewise whole;
  for (int i = 0; i < 6; ++i) {
    whole.inputs.emplace_back();
    for (int lane = 0; lane < 32; ++lane)
      whole.inputs.back().push_back(
          bitsOfF32(std::normal_distribution<float>()(random)));
  }
  whole.registers = ".reg .b32 %d<4>, %z;";
  Lanewise cut = whole;
  for (auto &reg : cut.inputs)
    for (uint64_t &bits : reg)
      bits &= 0xffffe000;
  std::string body =
      "mov.b32 %z, 0; mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%d0, "
      "%d1, %d2, %d3}, " +
      list(0, 4) + ", " + list(4, 2) + ", {%z, %z, %z, %z}; mov.b32 %out, %d3;";
  EXPECT_EQ(runLanewise(whole, body), runLanewise(cut, body));
}

/// Two elements to a register of C and D: columns 2t and 2t+1 of row g, and
/// then of row g + 8.
TEST(Mma, HalfAccumulatorsLayout) {
  std::mt19937 random((uint32_t(testSeed())));
  const Shape &shape = kShapes[0];
  std::vector<double> a(16 * 16), b(16 * 8), c(16 * 8);
  for (auto *matrix : {&a, &b, &c})
    for (double &x : *matrix)
      x = int(random() % 9) - 4; // sums are exact in f16
  auto inputs = fragment(shape, shape.a, 8, a, 16);
  for (auto &reg : fragment(shape, shape.b, 4, b, 8))
    inputs.push_back(reg);
  for (auto &reg : fragment(shape, placeOfC, 4, c, 8))
    inputs.push_back(reg);
  for (int which = 0; which < 2; ++which) {
    Lanewise setup;
    setup.inputs = inputs;
    setup.registers = ".reg .b32 %d<2>;";
    auto got = runLanewise(
        setup, "mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%d0, %d1}, "
               "{%in0, %in1, %in2, %in3}, {%in4, %in5}, {%in6, %in7}; mov.b32 "
               "%out, %d" +
                   std::to_string(which) + ";");
    for (int lane = 0; lane < 32; ++lane)
      for (int part = 0; part < 2; ++part) {
        At at = placeOfC(lane, 2 * which + part);
        double want = c[size_t(at.row * 8 + at.column)];
        for (int k = 0; k < 16; ++k)
          want += a[size_t(at.row * 16 + k)] * b[size_t(k * 8 + at.column)];
        EXPECT_EQ(f16ToFloat(uint16_t(got[size_t(lane)] >> (16 * part))), want);
      }
  }
}

/// NaN and infinities reach what they touch, and only that.
TEST(Mma, SpecialValues) {
  Lanewise setup;
  std::vector<uint64_t> a(32, 0x3c003c00), b(32, 0x3c003c00);
  a[4] = 0x3c007c00;  // row 1, column 0: infinity
  a[8] = 0x3c007e00;  // row 2: NaN
  a[12] = 0x3c007c00; // row 3: infinity, and its negative in C
  setup.inputs = {a, b};
  setup.registers = ".reg .b32 %d<4>, %c<4>, %z; .reg .pred %q;";
  auto got = runLanewise(
      setup, "mov.b32 %c0, 0; shr.u32 %c1, %lane, 2; setp.eq.u32 %q, %c1, 3; "
             "selp.b32 %c0, 0xff800000, 0x3f800000, %q; mov.b32 %z, "
             "0x3c003c00; mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 "
             "{%d0, %d1, %d2, %d3}, {%in0, %z}, {%in1}, {%c0, %c0, %c0, %c0}; "
             "mov.b32 %out, %d1;");
  for (size_t lane = 0; lane < 32; ++lane)
    EXPECT_EQ(got[lane], lane / 4 == 1   ? 0x7f800000u
                         : lane / 4 == 2 ? 0x7fffffffu
                         : lane / 4 == 3 ? 0x7fffffffu
                                         : bitsOfF32(9));
}

/// Four products of 2^-25 beside one: a tensor core that keeps 25 bits below
/// the largest term sees the sum of them, one that keeps 24 sees none.
TEST(Mma, GenerationsKeepDifferentBits) {
  Lanewise setup;
  std::vector<uint64_t> a(32), b(32);
  for (size_t lane = 0; lane < 32; ++lane) {
    a[lane] = lane % 4 == 0 ? 0x00003c00 : lane % 4 == 3 ? 0 : 0x04000400;
    b[lane] = lane % 4 == 0 ? 0x3c003c00 : 0x10001000;
  }
  setup.inputs = {a, b};
  setup.registers = ".reg .b32 %d<4>, %z;";
  std::string body = "mov.b32 %z, 0; mma.sync.aligned.m16n8k8.row.col.f32.f16."
                     "f16.f32 {%d0, %d1, %d2, %d3}, {%in0, %z}, {%in1}, "
                     "{%z, %z, %z, %z}; mov.b32 %out, %d0;";
  EXPECT_EQ(runLanewise(setup, body)[0], bitsOfF32(1 + 0x1p-23f));
  setup.options.tensorCore = TensorCore::Ampere;
  EXPECT_EQ(runLanewise(setup, body)[0], bitsOfF32(1));
}

TEST(Mma, HalfAccumulators) {
  Lanewise setup;
  setup.inputs = {std::vector<uint64_t>(32, 0x3c003c00),
                  std::vector<uint64_t>(32, 0x40004000)};
  setup.registers = ".reg .b32 %d<2>, %z;";
  auto got = runLanewise(
      setup, "mov.b32 %z, 0x3c003c00; "
             "mma.sync.aligned.m16n8k8.row.col.f16.f16.f16.f16 {%d0, %d1}, "
             "{%in0, %in0}, {%in1}, {%z, %z}; mov.b32 %out, %d1;");
  EXPECT_EQ(got[5], 0x4c404c40u); // 8 * 2 + 1 = 17
}

TEST(Mma, DoublePrecision) {
  Lanewise setup;
  setup.inType = setup.outType = "b64";
  setup.inputs.resize(2);
  double a[8][4], b[4][8];
  std::mt19937 random((uint32_t(testSeed())));
  for (int lane = 0; lane < 32; ++lane) {
    a[g(lane)][t(lane)] = smallFloat(random),
    b[t(lane)][g(lane)] = smallFloat(random);
    setup.inputs[0].push_back(std::bit_cast<uint64_t>(a[g(lane)][t(lane)]));
    setup.inputs[1].push_back(std::bit_cast<uint64_t>(b[t(lane)][g(lane)]));
  }
  setup.registers = ".reg .f64 %d<2>, %z;";
  auto got = runLanewise(
      setup, "mov.f64 %z, 0d3FF0000000000000; "
             "mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 "
             "{%d0, %d1}, {%in0}, {%in1}, {%z, %z}; mov.b64 %out, %d1;");
  for (int lane = 0; lane < 32; ++lane) {
    double want = 1;
    for (int k = 0; k < 4; ++k)
      want += a[g(lane)][k] * b[k][t(lane) * 2 + 1];
    EXPECT_EQ(std::bit_cast<double>(got[size_t(lane)]), want);
  }
}

/// Fills 1 KiB of shared memory with its own element numbers, then loads.
std::vector<uint64_t> loadMatrices(const std::string &kind, int registers,
                                   int which) {
  Lanewise setup;
  setup.registers = ".shared .align 16 .b8 s[512]; .reg .b32 %a, %v, %w, "
                    "%d<4>; .reg .b16 %h<2>;";
  std::string body = R"(
    mov.b32 %a, s;
    shl.b32 %v, %lane, 4; add.u32 %a, %a, %v;      // 16 bytes per lane
    shl.b32 %v, %lane, 3;                            // first of 8 elements
    shl.b32 %w, %v, 16; or.b32 %w, %w, %v; add.u32 %w, %w, 0x10000;
    st.shared.b32 [%a], %w; add.u32 %w, %w, 0x20002;
    st.shared.b32 [%a+4], %w; add.u32 %w, %w, 0x20002;
    st.shared.b32 [%a+8], %w; add.u32 %w, %w, 0x20002;
    st.shared.b32 [%a+12], %w;
    bar.warp.sync -1;
    ldmatrix.sync.aligned.m8n8.)" +
                     kind + ".shared.b16 {%d0";
  for (int i = 1; i < registers; ++i)
    body += ", %d" + std::to_string(i);
  return runLanewise(setup, body + "}, [%a]; mov.b32 %out, %d" +
                                std::to_string(which) + ";");
}

TEST(Matrix, LdmatrixLayout) {
  for (int which = 0; which < 4; ++which) {
    auto plain = loadMatrices("x4", 4, which),
         transposed = loadMatrices("x4.trans", 4, which);
    for (int lane = 0; lane < 32; ++lane) {
      // Element number of row r, column c of matrix w is 64w + 8r + c.
      auto element = [&](int r, int c) {
        return uint64_t(64 * which + 8 * r + c);
      };
      int r = g(lane), c = 2 * t(lane);
      EXPECT_EQ(plain[size_t(lane)], element(r, c) | element(r, c + 1) << 16);
      EXPECT_EQ(transposed[size_t(lane)], element(c, r) | element(c + 1, r)
                                                              << 16);
    }
  }
  EXPECT_EQ(loadMatrices("x2", 2, 1)[0], 64u | 65u << 16);
  EXPECT_EQ(loadMatrices("x1", 1, 0)[5], 10u | 11u << 16);
}

TEST(Matrix, StoreAndTranspose) {
  Lanewise setup;
  setup.inputs.resize(1);
  for (uint64_t lane = 0; lane < 32;
       ++lane) // element 8r + c in row r, column c
    setup.inputs[0].push_back(2 * lane | (2 * lane + 1) << 16);
  auto moved =
      runLanewise(setup, "movmatrix.sync.aligned.m8n8.trans.b16 %out, %in0;");
  setup.registers = ".shared .align 16 .b8 s[128]; .reg .b32 %a, %v;";
  auto stored = runLanewise(setup, R"(
    and.b32 %v, %lane, 7; shl.b32 %v, %v, 4; mov.b32 %a, s; add.u32 %a, %a, %v;
    stmatrix.sync.aligned.m8n8.x1.trans.shared.b16 [%a], {%in0};
    bar.warp.sync -1;
    ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%out}, [%a];)");
  for (int lane = 0; lane < 32; ++lane) {
    int r = g(lane), c = 2 * t(lane);
    EXPECT_EQ(moved[size_t(lane)],
              uint64_t(8 * c + r) | uint64_t(8 * (c + 1) + r) << 16);
    EXPECT_EQ(stored[size_t(lane)], moved[size_t(lane)]);
  }
}

} // namespace
