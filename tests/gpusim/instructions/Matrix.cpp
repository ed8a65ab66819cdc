//===- Matrix.cpp - 8x8 matrices between lanes and shared memory ----------===//
//
// ldmatrix, stmatrix and movmatrix. A matrix has eight rows of eight 16-bit
// elements; lane 4r + j holds the elements 2j and 2j+1 of row r.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/instructions/Opcodes.h"
#include "tests/gpusim/machine/Access.h"

namespace attune::gpusim {

namespace {

constexpr unsigned kRowBytes = 16;
using Matrix = uint16_t[8][8];

/// Elements as the lanes hold them.
void scatter(const Matrix &matrix, bool transposed, Lanes<uint32_t> &lanes) {
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    unsigned row = lane / 4, column = lane % 4 * 2;
    uint32_t low = transposed ? matrix[column][row] : matrix[row][column];
    uint32_t high =
        transposed ? matrix[column + 1][row] : matrix[row][column + 1];
    lanes[lane] = low | high << 16;
  }
}

void gather(const Lanes<uint32_t> &lanes, bool transposed, Matrix &matrix) {
  for (unsigned lane = 0; lane < kWarpSize; ++lane) {
    unsigned row = lane / 4, column = lane % 4 * 2;
    auto low = uint16_t(lanes[lane]), high = uint16_t(lanes[lane] >> 16);
    (transposed ? matrix[column][row] : matrix[row][column]) = low;
    (transposed ? matrix[column + 1][row] : matrix[row][column + 1]) = high;
  }
}

/// Offset in shared memory of each row; lane 8m + r has row r of matrix m.
bool rowOffsets(Warp &warp, const Inst &inst, Lanes<uint64_t> &offsets) {
  offsets = addressesOf(warp, inst, inst.a);
  for (unsigned lane = 0; lane < 8u * inst.count; ++lane)
    if (!sharedOffset(warp, inst, lane, offsets[lane], kRowBytes))
      return false;
  return true;
}

/// Each lane is checked for the four bytes that it receives or gives.
bool touchRow(Warp &warp, const Inst &inst, unsigned row, uint64_t offset,
              bool write) {
  for (unsigned i = 0; i < 4; ++i) {
    unsigned lane = 4 * row + i;
    Accessor who = warp.accessor(lane);
    SharedMemory &shared = warp.cta->shared;
    auto problem = write ? shared.write(who, offset + 4 * i, 4)
                         : shared.read(who, offset + 4 * i, 4);
    if (problem) {
      report(warp, inst, lane, offset + 4 * i, *problem);
      return false;
    }
  }
  return true;
}

/// flags[0]: transposed; count: matrices; list: registers.
void executeLoad(Warp &warp, const Inst &inst, Mask mask) {
  Lanes<uint64_t> offsets;
  if (!warp.requireAll(inst, mask) || !rowOffsets(warp, inst, offsets))
    return;
  for (unsigned m = 0; m < inst.count; ++m) {
    Matrix matrix;
    for (unsigned row = 0; row < 8; ++row) {
      uint64_t offset = offsets[8 * m + row];
      if (!touchRow(warp, inst, row, offset, false))
        return;
      std::memcpy(matrix[row], warp.cta->shared.at(offset), kRowBytes);
    }
    Lanes<uint32_t> lanes;
    scatter(matrix, inst.flags[0], lanes);
    warp.write(warp.program->rows[inst.list + m], lanes, mask);
  }
  countBanks(warp, offsets, Mask((uint64_t(1) << 8 * inst.count) - 1),
             kRowBytes);
}

void executeStore(Warp &warp, const Inst &inst, Mask mask) {
  Lanes<uint64_t> offsets;
  if (!warp.requireAll(inst, mask) || !rowOffsets(warp, inst, offsets))
    return;
  for (unsigned m = 0; m < inst.count; ++m) {
    Matrix matrix;
    gather(warp.read<uint32_t>(warp.program->rows[inst.list + m]),
           inst.flags[0], matrix);
    for (unsigned row = 0; row < 8; ++row) {
      uint64_t offset = offsets[8 * m + row];
      if (!touchRow(warp, inst, row, offset, true))
        return;
      std::memcpy(warp.cta->shared.at(offset), matrix[row], kRowBytes);
    }
  }
  countBanks(warp, offsets, Mask((uint64_t(1) << 8 * inst.count) - 1),
             kRowBytes);
}

void executeTranspose(Warp &warp, const Inst &inst, Mask mask) {
  if (!warp.requireAll(inst, mask))
    return;
  Matrix matrix;
  gather(warp.read<uint32_t>(inst.a), false, matrix);
  Lanes<uint32_t> lanes;
  scatter(matrix, true, lanes);
  warp.write(inst.d, lanes, mask);
}

/// .sync.aligned.m8n8.x4{.trans}{.shared}.b16
void decodeAccess(Decoding &d, bool load) {
  if (!d.take("sync") || !d.take("aligned") || !d.take("m8n8"))
    return d.fail("expected .sync.aligned.m8n8");
  int count = d.takeOneOf({"x1", "x2", "x4"});
  d.inst.flags[0] = d.take("trans");
  auto space = d.takeSpace();
  if (count < 0 || d.takeType() != Type::B16 ||
      space.value_or(Space::Shared) != Space::Shared)
    return d.fail("expected .x1, .x2 or .x4, .shared and .b16");
  d.inst.count = uint8_t(1 << count);
  if (!d.expectOperands(2, 2))
    return;
  auto registers = d.elements(load ? 0 : 1);
  if (registers.size() != d.inst.count)
    return d.fail("expected " + std::to_string(d.inst.count) + " registers");
  for (const Operand &reg : registers)
    d.addRow(load ? d.write(reg, Type::B32) : d.read(reg, Type::B32));
  d.inst.a = d.address(load ? 1 : 0, Space::Shared);
  d.inst.execute = load ? executeLoad : executeStore;
}

void decodeLoad(Decoding &d) { decodeAccess(d, true); }
void decodeStore(Decoding &d) { decodeAccess(d, false); }

void decodeTranspose(Decoding &d) {
  if (!d.take("sync") || !d.take("aligned") || !d.take("m8n8") ||
      !d.take("trans") || d.takeType() != Type::B16 || !d.expectOperands(2, 2))
    return d.fail("expected .sync.aligned.m8n8.trans.b16");
  d.inst.d = d.write(0, Type::B32);
  d.inst.a = d.read(1, Type::B32);
  d.inst.execute = executeTranspose;
}

constexpr Opcode kOpcodes[] = {
    {"ldmatrix", kAnyClass, decodeLoad},
    {"stmatrix", kAnyClass, decodeStore},
    {"movmatrix", kAnyClass, decodeTranspose},
};

} // namespace

std::span<const Opcode> matrixOpcodes() { return kOpcodes; }

} // namespace attune::gpusim
