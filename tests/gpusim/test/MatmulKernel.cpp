//===- MatmulKernel.cpp - a matrix product for Ampere ---------------------===//
//
// Shared memory holds, per stage, a tile of a with 64 rows of 64 bytes and one
// of b with 32 rows of 128 bytes. Chunks of 16 bytes are swizzled by the row,
// so that neither the copies nor ldmatrix have bank conflicts.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Kernels.h"

namespace attune::gpusim::test {

namespace {

std::string number(int value) { return std::to_string(value); }

const char *const kHeader = R"(.version 8.0
.target sm_80
.address_size 64
.extern .shared .align 128 .b8 smem[];
.visible .entry matmul(.param .u64 a, .param .u64 b, .param .u64 c,
                       .param .u64 m, .param .u64 n, .param .u64 k)
.maxntid 128, 1, 1
{
  .reg .b64 %a, %b, %c, %k64, %n64, %offset, %from<4>, %stepB;
  .reg .b32 %m, %n, %k, %thread, %lane, %warp, %m0, %n0, %row, %chunk, %swizzled;
  .reg .b32 %toA, %toB, %sizeA<2>, %sizeB, %t<8>, %tile, %tiles, %next, %stage;
  .reg .b32 %filled, %readA, %readB<2>, %at, %a<8>, %b<8>, %warpM, %warpN;
  .reg .f32 %d<32>;
  .reg .pred %p<4>, %inM, %inN;
  ld.param.u64 %a, [a];
  ld.param.u64 %b, [b];
  ld.param.u64 %c, [c];
  ld.param.u32 %m, [m];
  ld.param.u32 %n, [n];
  ld.param.u32 %k, [k];
  mov.u32 %thread, %tid.x;
  and.b32 %lane, %thread, 31;
  shr.u32 %warp, %thread, 5;
  mov.u32 %n0, %ctaid.x;
  shl.b32 %n0, %n0, 6;
  mov.u32 %m0, %ctaid.y;
  shl.b32 %m0, %m0, 6;
  cvt.u64.u32 %k64, %k;
  cvt.u64.u32 %n64, %n;
  shr.u32 %tiles, %k, 5;

  // Copies of a: rows tid / 4 and 32 more, chunk tid % 4.
  shr.u32 %row, %thread, 2;
  and.b32 %chunk, %thread, 3;
  shr.u32 %t0, %row, 1;
  and.b32 %t0, %t0, 3;
  xor.b32 %swizzled, %chunk, %t0;  // store of a
  shl.b32 %toA, %row, 6;
  shl.b32 %t1, %swizzled, 4;
  add.u32 %toA, %toA, %t1;
  mov.b32 %t1, smem;
  add.u32 %toA, %toA, %t1;
  add.u32 %t2, %m0, %row;
  mad.lo.u32 %t3, %t2, %k, 0;
  shl.b32 %t4, %chunk, 3;
  add.u32 %t3, %t3, %t4;
  mul.wide.u32 %offset, %t3, 2;
  add.u64 %from0, %a, %offset;
  shl.b64 %offset, %k64, 6;
  add.u64 %from1, %from0, %offset;
  setp.lt.u32 %inM, %t2, %m;       // guard of a
  selp.b32 %sizeA0, 16, 0, %inM;
  add.u32 %t2, %t2, 32;
  setp.lt.u32 %inM, %t2, %m;
  selp.b32 %sizeA1, 16, 0, %inM;

  // Copies of b: rows tid / 8 and 16 more, chunk tid % 8.
  shr.u32 %row, %thread, 3;
  and.b32 %chunk, %thread, 7;
  and.b32 %t0, %row, 7;
  xor.b32 %swizzled, %chunk, %t0;  // store of b
  shl.b32 %toB, %row, 7;
  shl.b32 %t1, %swizzled, 4;
  add.u32 %toB, %toB, %t1;
  mov.b32 %t1, smem;
  add.u32 %toB, %toB, %t1;
  shl.b32 %t4, %chunk, 3;
  add.u32 %t4, %n0, %t4;
  setp.lt.u32 %inN, %t4, %n;       // guard of b
  selp.b32 %sizeB, 16, 0, %inN;
  mad.lo.u32 %t3, %row, %n, %t4;
  mul.wide.u32 %offset, %t3, 2;
  add.u64 %from2, %b, %offset;
  shl.b64 %offset, %n64, 5;
  add.u64 %from3, %from2, %offset;
  shl.b64 %stepB, %n64, 6;

  // Rows that ldmatrix reads: lane % 16, chunk lane / 16.
  and.b32 %warpM, %warp, 1;
  shl.b32 %warpM, %warpM, 5;
  shr.u32 %warpN, %warp, 1;
  shl.b32 %warpN, %warpN, 5;
  and.b32 %row, %lane, 15;
  shr.u32 %chunk, %lane, 4;
  add.u32 %t0, %warpM, %row;
  shl.b32 %readA, %t0, 6;
  shr.u32 %t0, %t0, 1;
  and.b32 %t0, %t0, 3;
  xor.b32 %t0, %chunk, %t0;        // load of a
  shl.b32 %t0, %t0, 4;
  add.u32 %readA, %readA, %t0;
)";

/// Where the lane reads its row of b, for two pairs of column tiles. The chunk
/// is part of an exclusive or, so that it cannot be added later.
std::string addressesOfB() {
  std::string text = "  shr.u32 %t1, %warpN, 3;\n  add.u32 %t1, %t1, %chunk;\n";
  for (int pair = 0; pair < 2; ++pair)
    text += "  add.u32 %t2, %t1, " + number(2 * pair) +
            ";\n  and.b32 %t3, %row, 7;\n"
            "  xor.b32 %t2, %t2, %t3;           // load of b\n"
            "  shl.b32 %t2, %t2, 4;\n  shl.b32 %t3, %row, 7;\n"
            "  add.u32 %readB" +
            number(pair) + ", %t2, %t3;\n";
  return text;
}

/// One tile of either matrix into stage %filled, and on to the next.
std::string copyTile(const std::string &name) {
  return "  mad.lo.u32 %t0, %filled, 8192, %toA;\n"
         "  mad.lo.u32 %t1, %filled, 8192, %toB;\n"
         "  cp.async.cg.shared.global [%t0], [%from0], 16, %sizeA0;\n"
         "  cp.async.cg.shared.global [%t0+2048], [%from1], 16, %sizeA1;\n"
         "  cp.async.cg.shared.global [%t1+4096], [%from2], 16, %sizeB;\n"
         "  cp.async.cg.shared.global [%t1+6144], [%from3], 16, %sizeB;\n"
         "  add.u64 %from0, %from0, 64;\n  add.u64 %from1, %from1, 64;\n"
         "  add.u64 %from2, %from2, %stepB;\n"
         "  add.u64 %from3, %from3, %stepB;\n"
         "  add.u32 %filled, %filled, 1;\n"
         "  setp.eq.u32 %p0, %filled, 3;\n  selp.b32 %filled, 0, %filled, "
         "%p0;\n" +
         name + ":\n  cp.async.commit_group;\n";
}

std::string list(const std::string &name, int first, int count) {
  std::string text = "{";
  for (int i = 0; i < count; ++i)
    text += (i ? ", " : "") + name + number(first + i);
  return text + "}";
}

/// A warp's 32 x 32 of the stage at %at.
std::string multiply() {
  std::string text;
  for (int step = 0; step < 2; ++step) {
    // Two chunks further: the swizzle of a has bits 4 and 5.
    text += "  xor.b32 %t0, %readA, " + number(32 * step) +
            ";\n  add.u32 %t0, %t0, %at;\n";
    for (int i = 0; i < 2; ++i)
      text += "  ldmatrix.sync.aligned.m8n8.x4.shared.b16 " +
              list("%a", 4 * i, 4) + ", [%t0+" + number(1024 * i) + "];\n";
    for (int pair = 0; pair < 2; ++pair)
      text += "  add.u32 %t1, %readB" + number(pair) + ", %at;\n" +
              "  ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 " +
              list("%b", 4 * pair, 4) + ", [%t1+" + number(4096 + 2048 * step) +
              "];\n";
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 4; ++j) {
        std::string d = list("%d", 16 * i + 4 * j, 4);
        text += "  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 " + d +
                ", " + list("%a", 4 * i, 4) + ", " + list("%b", 2 * j, 2) +
                ", " + d + ";\n";
      }
  }
  return text;
}

/// Rows lane / 4 and 8 more of each tile, columns 2 (lane % 4).
std::string storeResults() {
  std::string text = R"(
  shr.u32 %row, %lane, 2;
  add.u32 %row, %row, %warpM;
  add.u32 %row, %row, %m0;
  and.b32 %t0, %lane, 3;
  shl.b32 %t0, %t0, 1;
  add.u32 %t0, %t0, %warpN;
  add.u32 %t0, %t0, %n0;
)";
  for (int i = 0; i < 4; ++i) {
    text += "  add.u32 %t1, %row, " + number(8 * i) +
            ";\n  setp.lt.u32 %inM, %t1, %m;       // guard of c\n"
            "  mad.lo.u32 %t2, %t1, %n, %t0;\n"
            "  mul.wide.u32 %offset, %t2, 4;\n"
            "  add.u64 %from0, %c, %offset;\n";
    for (int j = 0; j < 4; ++j) {
      int d = 16 * (i / 2) + 4 * j + 2 * (i % 2);
      text += "  add.u32 %t3, %t0, " + number(8 * j) +
              ";\n  setp.lt.and.u32 %p1, %t3, %n, %inM;\n  @%p1 st.global.v2."
              "f32 [%from0+" +
              number(32 * j) + "], " + list("%d", d, 2) + ";\n";
    }
  }
  return text + "  ret;\n}\n";
}

} // namespace

std::string matmulKernel() {
  std::string text = kHeader + addressesOfB();
  for (int i = 0; i < 32; ++i)
    text += "  mov.f32 %d" + number(i) + ", 0f00000000;\n";
  // Two tiles in flight; a tile that is not there is an empty group.
  text += "  mov.b32 %filled, 0;\n" + copyTile("FIRST");
  text += "  setp.eq.u32 %p1, %tiles, 1;\n  @%p1 bra SECOND;\n" +
          copyTile("SECOND");
  text += R"(
  mov.b32 %tile, 0;
  mov.b32 %stage, 0;
LOOP:
  cp.async.wait_group 1;
  bar.sync 0;
  add.u32 %next, %tile, 2;
  setp.ge.u32 %p1, %next, %tiles;
  @%p1 bra NEXT;
)";
  text += copyTile("NEXT");
  text += "  shl.b32 %at, %stage, 13;\n  mov.b32 %t2, smem;\n"
          "  add.u32 %at, %at, %t2;\n" +
          multiply();
  text += R"(
  add.u32 %stage, %stage, 1;
  setp.eq.u32 %p0, %stage, 3;
  selp.b32 %stage, 0, %stage, %p0;
  add.u32 %tile, %tile, 1;
  setp.lt.u32 %p2, %tile, %tiles;
  @%p2 bra LOOP;
  cp.async.wait_group 0;
)";
  return text + storeResults();
}

} // namespace attune::gpusim::test
