//===- Mma.cpp - mma.sync -------------------------------------------------===//
//
// The matrix product of a warp, for the shapes and types of sm_80. Fragments
// are laid out as the manual's tables say; how floats are added is
// TensorCore's.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Opcodes.h"
#include "tests/gpusim/instructions/TensorCore.h"
#include "tests/gpusim/machine/Numbers.h"
#include <algorithm>
#include <cmath>

namespace attune::gpusim {

namespace {

/// One shape: elements per lane of each operand, and elements per register.
struct Shape {
  std::string_view name;
  Type a, b, d; ///< multiplicands; accumulator
  uint8_t m, n, k;
  uint8_t perRegister;
};

constexpr Shape kShapes[] = {
    {"m16n8k16", Type::F16, Type::F16, Type::F32, 16, 8, 16, 2},
    {"m16n8k16", Type::F16, Type::F16, Type::F16, 16, 8, 16, 2},
    {"m16n8k16", Type::BF16, Type::BF16, Type::F32, 16, 8, 16, 2},
    {"m16n8k8", Type::F16, Type::F16, Type::F32, 16, 8, 8, 2},
    {"m16n8k8", Type::F16, Type::F16, Type::F16, 16, 8, 8, 2},
    {"m16n8k8", Type::BF16, Type::BF16, Type::F32, 16, 8, 8, 2},
    {"m16n8k8", Type::TF32, Type::TF32, Type::F32, 16, 8, 8, 1},
    {"m16n8k4", Type::TF32, Type::TF32, Type::F32, 16, 8, 4, 1},
    {"m16n8k16", Type::S8, Type::S8, Type::S32, 16, 8, 16, 4},
    {"m16n8k16", Type::U8, Type::U8, Type::S32, 16, 8, 16, 4},
    {"m16n8k16", Type::U8, Type::S8, Type::S32, 16, 8, 16, 4},
    {"m16n8k16", Type::S8, Type::U8, Type::S32, 16, 8, 16, 4},
    {"m16n8k32", Type::S8, Type::S8, Type::S32, 16, 8, 32, 4},
    {"m16n8k32", Type::U8, Type::U8, Type::S32, 16, 8, 32, 4},
    {"m16n8k32", Type::U8, Type::S8, Type::S32, 16, 8, 32, 4},
    {"m16n8k32", Type::S8, Type::U8, Type::S32, 16, 8, 32, 4},
    {"m8n8k4", Type::F64, Type::F64, Type::F64, 8, 8, 4, 1},
};

/// Element of a matrix.
struct At {
  unsigned row, column;
};

/// Element `i` of the A fragment of a lane. Registers come in the order: rows
/// g, rows g+8, and then the same for the second half of the columns.
At placeOfA(const Shape &shape, unsigned lane, unsigned i) {
  unsigned group = lane / 4, inGroup = lane % 4;
  unsigned reg = i / shape.perRegister, low = i % shape.perRegister;
  unsigned rows = shape.m / 8;
  return {group + 8 * (reg % rows), inGroup * shape.perRegister + low +
                                        reg / rows * 4 * shape.perRegister};
}

At placeOfB(const Shape &shape, unsigned lane, unsigned i) {
  unsigned group = lane / 4, inGroup = lane % 4;
  unsigned reg = i / shape.perRegister, low = i % shape.perRegister;
  return {inGroup * shape.perRegister + low + reg * 4 * shape.perRegister,
          group};
}

At placeOfC(unsigned lane, unsigned i) {
  return {lane / 4 + i / 2 * 8, lane % 4 * 2 + i % 2};
}

/// Where the elements of a fragment go, [element][lane], as offsets into the
/// matrices of a Tile.
struct Layout {
  std::array<uint16_t, 16 * kWarpSize> a, b, c;
};

Layout makeLayout(const Shape &shape) {
  Layout layout = {};
  unsigned countA = shape.m * shape.k / 32, countB = shape.n * shape.k / 32;
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    for (unsigned i = 0; i < countA; ++i) {
      At at = placeOfA(shape, lane, i);
      layout.a[i * kWarpSize + lane] = uint16_t(at.row * 32 + at.column);
    }
    for (unsigned i = 0; i < countB; ++i) {
      At at = placeOfB(shape, lane, i);
      layout.b[i * kWarpSize + lane] = uint16_t(at.row * 8 + at.column);
    }
    for (unsigned i = 0; i < shape.m * shape.n / 32u; ++i) {
      At at = placeOfC(lane, i);
      layout.c[i * kWarpSize + lane] = uint16_t(at.row * 8 + at.column);
    }
  }
  return layout;
}

const Layout &layoutOf(unsigned shape) {
  static const auto layouts = [] {
    std::array<Layout, std::size(kShapes)> all;
    for (size_t i = 0; i < all.size(); ++i)
      all[i] = makeLayout(kShapes[i]);
    return all;
  }();
  return layouts[shape];
}

template <class T, class F>
void decodeRow(const Warp &warp, Row row, const uint16_t *places, double *out,
               F decode) {
  auto lanes = warp.read<T>(row);
  Lanes<double> values;
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    values[lane] = decode(lanes[lane]);
  for (unsigned lane = 0; lane < kWarpSize; ++lane)
    out[places[lane]] = values[lane];
}

/// Element `part` of one register of every lane.
void decodeElement(const Warp &warp, Row row, Type type, unsigned part,
                   const uint16_t *places, double *out) {
  unsigned half = 16 * part, byte = 8 * part;
  using U = uint32_t;
  switch (type) {
  case Type::F16:
    return decodeRow<U>(warp, row, places, out, [=](U bits) {
      return f16ToFloat(uint16_t(bits >> half));
    });
  case Type::BF16:
    return decodeRow<U>(warp, row, places, out, [=](U bits) {
      return bf16ToFloat(uint16_t(bits >> half));
    });
  case Type::TF32:
    return decodeRow<U>(warp, row, places, out, tf32ToFloat);
  case Type::S8:
    return decodeRow<U>(warp, row, places, out,
                        [=](U bits) { return int8_t(bits >> byte); });
  case Type::U8:
    return decodeRow<U>(warp, row, places, out,
                        [=](U bits) { return uint8_t(bits >> byte); });
  case Type::S32:
    return decodeRow<int32_t>(warp, row, places, out,
                              [](int32_t v) { return v; });
  case Type::F32:
    return decodeRow<float>(warp, row, places, out, [](float v) { return v; });
  default:
    return decodeRow<double>(warp, row, places, out,
                             [](double v) { return v; });
  }
}

/// A fragment of `count` elements per lane, `each` in a register.
void decodeFragment(const Warp &warp, const Row *rows, Type type,
                    unsigned count, unsigned each, const uint16_t *places,
                    double *out) {
  for (unsigned i = 0; i < count; ++i)
    decodeElement(warp, rows[i / each], type, i % each, places + i * kWarpSize,
                  out);
}

/// Registers of C come after those of A and B, and those of D after them.
unsigned firstC(const Shape &shape) {
  return (shape.m + shape.n) * shape.k / 32 / shape.perRegister;
}
unsigned registersC(const Shape &shape) {
  return shape.m * shape.n / 32 / (shape.d == Type::F16 ? 2 : 1);
}

void load(const Warp &warp, const Inst &inst, Tile &tile) {
  const Shape &shape = kShapes[inst.kind];
  const Layout &layout = layoutOf(inst.kind);
  const Row *rows = warp.program->rows.data() + inst.list;
  unsigned each = shape.perRegister;
  unsigned countA = shape.m * shape.k / 32, countB = shape.n * shape.k / 32;
  decodeFragment(warp, rows, shape.a, countA, each, layout.a.data(), tile.a[0]);
  decodeFragment(warp, rows + countA / each, shape.b, countB, each,
                 layout.b.data(), tile.b[0]);
  decodeFragment(warp, rows + firstC(shape), shape.d, shape.m * shape.n / 32,
                 shape.d == Type::F16 ? 2 : 1, layout.c.data(), tile.d[0]);
}

void multiplyFloat(const Shape &shape, TensorCore generation, Tile &tile) {
  Products products;
  products.rows = shape.m;
  products.k = shape.k;
  products.leastExponent = shape.a == Type::F16 ? -14 : -126;
  products.half = shape.d == Type::F16;
  products.splits = shape.k == (shape.a == Type::TF32 ? 8 : 16);
  addProducts(products, generation, tile);
}

/// f64 is fused multiply and add in the order of k; integers are exact.
void multiplyExact(const Shape &shape, Tile &tile) {
  for (unsigned row = 0; row < shape.m; ++row)
    for (unsigned column = 0; column < shape.n; ++column)
      for (unsigned k = 0; k < shape.k; ++k)
        tile.d[row][column] =
            std::fma(tile.a[row][k], tile.b[k][column], tile.d[row][column]);
}

/// One element of the D fragment of every lane.
template <class T, class F>
void encodeRow(std::byte *row, const uint16_t *places, const double *values,
               size_t stride, F encode) {
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    T bits = encode(values[places[lane]]);
    std::memcpy(row + lane * stride, &bits, sizeof(bits));
  }
}

void encodeElement(const Inst &inst, Type type, std::byte *row,
                   const uint16_t *places, const double *values) {
  switch (type) {
  case Type::F16:
    return encodeRow<uint16_t>(row, places, values, 4, floatToF16);
  case Type::F32:
    return encodeRow<float>(row, places, values, 4, [](double value) {
      return canonical(float(value));
    });
  case Type::F64:
    return encodeRow<double>(row, places, values, 8,
                             [](double value) { return value; });
  default:
    return encodeRow<uint32_t>(row, places, values, 4, [&](double value) {
      if (inst.flags[0]) // .satfinite
        value = std::clamp(value, -0x1p31, 0x1p31 - 1);
      return uint32_t(int64_t(value));
    });
  }
}

void store(Warp &warp, const Inst &inst, const Tile &tile) {
  const Shape &shape = kShapes[inst.kind];
  const uint16_t *places = layoutOf(inst.kind).c.data();
  const Row *rows =
      warp.program->rows.data() + inst.list + firstC(shape) + registersC(shape);
  bool half = shape.d == Type::F16; // two elements to a register
  for (unsigned i = 0; i < shape.m * shape.n / 32u; ++i, places += kWarpSize)
    encodeElement(inst, shape.d,
                  warp.registers.data() +
                      (half ? rows[i / 2] + i % 2 * 2 : rows[i]),
                  places, tile.d[0]);
}

/// kind: index into kShapes.
void executeMma(Warp &warp, const Inst &inst, Mask mask) {
  if (!warp.requireAll(inst, mask))
    return;
  Tile tile;
  load(warp, inst, tile);
  const Shape &shape = kShapes[inst.kind];
  if (shape.d == Type::F64 || shape.d == Type::S32)
    multiplyExact(shape, tile);
  else
    multiplyFloat(shape, warp.launch->options.tensorCore, tile);
  store(warp, inst, tile);
}

int findShape(std::string_view name, const Type (&types)[4]) {
  for (size_t i = 0; i < std::size(kShapes); ++i) {
    const Shape &shape = kShapes[i];
    if (shape.name == name && shape.a == types[1] && shape.b == types[2] &&
        shape.d == types[0] && shape.d == types[3])
      return int(i);
  }
  return -1;
}

/// Rows of one operand, in a list of `count` registers.
void addRegisters(Decoding &d, size_t operand, Type type, unsigned count,
                  bool write) {
  auto registers = d.elements(operand);
  if (registers.size() != count)
    return d.fail("operand " + std::to_string(operand + 1) + " has " +
                  std::to_string(registers.size()) + " registers instead of " +
                  std::to_string(count));
  for (const Operand &reg : registers)
    d.addRow(write ? d.write(reg, type) : d.read(reg, type));
}

void decodeMma(Decoding &d) {
  if (!d.take("sync") || !d.take("aligned"))
    return d.fail("expected .sync.aligned");
  std::string_view name;
  for (const Shape &shape : kShapes)
    if (name.empty() && d.take(shape.name))
      name = shape.name;
  if (!d.take("row") || !d.take("col"))
    return d.fail("expected .row.col");
  d.inst.flags[0] = d.take("satfinite");
  Type types[4];
  for (Type &type : types)
    type = d.takeType();
  int index = findShape(name, types);
  if (d.failed() || index < 0 || !d.expectOperands(4, 4))
    return d.fail("the shape with these types is not supported");
  const Shape &shape = kShapes[index];
  unsigned each = 32 * shape.perRegister;
  Type multiplicand = shape.a == Type::F64 ? Type::F64 : Type::B32;
  Type accumulator = shape.d == Type::F64   ? Type::F64
                     : shape.d == Type::F32 ? Type::F32
                                            : Type::B32;
  addRegisters(d, 1, multiplicand, shape.m * shape.k / each, false);
  addRegisters(d, 2, multiplicand, shape.n * shape.k / each, false);
  addRegisters(d, 3, accumulator, registersC(shape), false);
  addRegisters(d, 0, accumulator, registersC(shape), true);
  d.inst.kind = uint8_t(index);
  d.inst.execute = executeMma;
}

constexpr Opcode kOpcodes[] = {{"mma", kAnyClass, decodeMma}};

} // namespace

std::span<const Opcode> mmaOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
