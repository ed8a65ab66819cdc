//===- AttentionKernel.cpp - causal attention, one warp per tile ----------===//
//
// Scores stay in registers: the accumulator of q k^T, packed to f16, is the
// left operand of the product with v. Rows of shared memory have 32 bytes; the
// two chunks of a row change places every four rows.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Kernels.h"

namespace attune::gpusim::test {

namespace {

std::string number(int value) { return std::to_string(value); }

/// "opcode a, b, c;"
std::string line(const std::string &text) { return "  " + text + ";\n"; }

const char *const kHeader = R"(.version 8.0
.target sm_80
.address_size 64
.extern .shared .align 128 .b8 smem[];
.visible .entry attention(.param .u64 q, .param .u64 k, .param .u64 v,
                          .param .u64 o, .param .u64 s, .param .f32 scale)
.maxntid 32, 1, 1
{
  .reg .b64 %q, %k, %v, %o, %offset, %place;
  .reg .b32 %s, %lane, %group, %quad, %block, %tile, %t<8>, %to, %readK, %readV;
  .reg .b32 %next, %at, %q<4>, %k<4>, %v<4>, %w<4>, %row, %column;
  .reg .f32 %scale, %s<8>, %o<8>, %m<2>, %new<2>, %l<2>, %alpha<2>, %other;
  .reg .pred %p<4>, %masked;
  ld.param.u64 %q, [q];
  ld.param.u64 %k, [k];
  ld.param.u64 %v, [v];
  ld.param.u64 %o, [o];
  ld.param.u32 %s, [s];
  ld.param.f32 %scale, [scale];
  mov.u32 %lane, %tid.x;
  shr.u32 %group, %lane, 2;
  and.b32 %quad, %lane, 3;
  mov.u32 %block, %ctaid.x;
  mov.u32 %t0, %ctaid.y;
  mul.lo.u32 %t0, %t0, %s;
  mul.wide.u32 %offset, %t0, 32;   // of this head: s rows of 32 bytes
  add.u64 %q, %q, %offset;
  add.u64 %k, %k, %offset;
  add.u64 %v, %v, %offset;
  shl.b64 %offset, %offset, 1;
  add.u64 %o, %o, %offset;

  // The fragment of q, straight from global memory.
  mad.lo.u32 %t1, %block, 16, %group;
  mul.lo.u32 %t1, %t1, 32;
  mad.lo.u32 %t1, %quad, 4, %t1;
  cvt.u64.u32 %offset, %t1;
  add.u64 %place, %q, %offset;
  ld.global.b32 %q0, [%place];
  ld.global.b32 %q1, [%place+256];
  ld.global.b32 %q2, [%place+16];
  ld.global.b32 %q3, [%place+272];

  // Copies: row lane / 2, chunk lane % 2.
  shr.u32 %t0, %lane, 1;
  and.b32 %t1, %lane, 1;
  shr.u32 %t2, %t0, 2;
  and.b32 %t2, %t2, 1;
  xor.b32 %t1, %t1, %t2;           // store
  shl.b32 %to, %t0, 5;
  mad.lo.u32 %to, %t1, 16, %to;
  mov.b32 %t3, smem;
  add.u32 %to, %to, %t3;
  mul.wide.u32 %offset, %lane, 16;
  add.u64 %k, %k, %offset;
  add.u64 %v, %v, %offset;

  // k: keys lane % 8 + 8 (lane / 16), chunk lane / 8 % 2.
  and.b32 %t0, %lane, 7;
  shr.u32 %t1, %lane, 4;
  mad.lo.u32 %t0, %t1, 8, %t0;
  shr.u32 %t1, %lane, 3;
  shr.u32 %t2, %t0, 2;
  xor.b32 %t1, %t1, %t2;
  and.b32 %t1, %t1, 1;             // load of k
  shl.b32 %readK, %t0, 5;
  mad.lo.u32 %readK, %t1, 16, %readK;
  add.u32 %readK, %readK, %t3;
  // v: keys lane % 16, chunk lane / 16.
  and.b32 %t0, %lane, 15;
  shr.u32 %t1, %lane, 4;
  shr.u32 %t2, %t0, 2;
  xor.b32 %t1, %t1, %t2;
  and.b32 %t1, %t1, 1;             // load of v
  shl.b32 %readV, %t0, 5;
  mad.lo.u32 %readV, %t1, 16, %readV;
  add.u32 %readV, %readV, %t3;
)";

/// The next 16 keys and values into the buffer at %next.
const char *const kCopy = R"(  add.u32 %t0, %to, %next;
  cp.async.cg.shared.global [%t0], [%k], 16;
  cp.async.cg.shared.global [%t0+512], [%v], 16;
  add.u64 %k, %k, 512;
  add.u64 %v, %v, 512;
  xor.b32 %next, %next, 1024;
)";

std::string mma(const std::string &d, const std::string &a,
                const std::string &b, int first) {
  auto list = [](const std::string &name, int from, int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i)
      text += (i ? ", " : "") + name + number(from + i);
    return text + "}";
  };
  std::string result = list(d, 4 * first, 4);
  return line("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 " + result +
              ", " + list(a, 0, 4) + ", " + list(b, 2 * first, 2) + ", " +
              result);
}

/// Scores of the tile: scaled, and masked where it is the one on the diagonal.
std::string scores() {
  std::string text;
  for (int i = 0; i < 8; ++i)
    text += line("mov.f32 %s" + number(i) + ", 0f00000000");
  text += line("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%k0, %k1, %k2, "
               "%k3}, [%at]") +
          mma("%s", "%q", "%k", 0) + mma("%s", "%q", "%k", 1) +
          line("setp.eq.u32 %masked, %tile, %block");
  for (int i = 0; i < 8; ++i) {
    std::string s = "%s" + number(i);
    text += line("mul.f32 " + s + ", " + s + ", %scale") +
            line("add.u32 %row, %group, " + number(i / 2 % 2 * 8)) +
            line("mad.lo.u32 %column, %quad, 2, " + number(i / 4 * 8 + i % 2)) +
            line("setp.gt.and.u32 %p0, %column, %row, %masked") +
            line("selp.f32 " + s + ", 0fFF800000, " + s + ", %p0");
  }
  return text;
}

/// New maximum of the rows, weights in place of the scores, and what the sums
/// so far shrink by.
std::string softmax() {
  std::string text;
  for (int row = 0; row < 2; ++row) {
    std::string m = "%m" + number(row), next = "%new" + number(row),
                l = "%l" + number(row), alpha = "%alpha" + number(row);
    text += line("mov.f32 " + next + ", " + m);
    int own[4] = {2 * row, 2 * row + 1, 2 * row + 4, 2 * row + 5};
    for (int i : own)
      text += line("max.f32 " + next + ", " + next + ", %s" + number(i));
    for (int step : {1, 2})
      text += line("shfl.sync.bfly.b32 %other, " + next + ", " + number(step) +
                   ", 31, -1") +
              line("max.f32 " + next + ", " + next + ", %other");
    text += line("sub.f32 " + alpha + ", " + m + ", " + next) +
            line("ex2.approx.ftz.f32 " + alpha + ", " + alpha) +
            line("mov.f32 " + m + ", " + next) +
            line("mul.f32 " + l + ", " + l + ", " + alpha);
    for (int i : own) {
      std::string s = "%s" + number(i), o = "%o" + number(i);
      text += line("sub.f32 " + s + ", " + s + ", " + next) +
              line("ex2.approx.ftz.f32 " + s + ", " + s) +
              line("add.f32 " + l + ", " + l + ", " + s) +
              line("mul.f32 " + o + ", " + o + ", " + alpha);
    }
  }
  for (int i = 0; i < 4; ++i)
    text += line("cvt.rn.f16x2.f32 %w" + number(i) + ", %s" +
                 number(2 * i + 1) + ", %s" + number(2 * i));
  return text;
}

std::string storeResults() {
  std::string text = R"(
  mad.lo.u32 %t1, %block, 16, %group;
  mul.lo.u32 %t1, %t1, 64;
  mad.lo.u32 %t1, %quad, 8, %t1;
  cvt.u64.u32 %offset, %t1;
  add.u64 %place, %o, %offset;
)";
  for (int row = 0; row < 2; ++row) {
    std::string l = "%l" + number(row);
    for (int step : {1, 2})
      text += line("shfl.sync.bfly.b32 %other, " + l + ", " + number(step) +
                   ", 31, -1") +
              line("add.f32 " + l + ", " + l + ", %other");
    for (int half = 0; half < 2; ++half) {
      int i = 4 * half + 2 * row;
      std::string low = "%o" + number(i), high = "%o" + number(i + 1);
      text += line("div.full.f32 " + low + ", " + low + ", " + l) +
              line("div.full.f32 " + high + ", " + high + ", " + l) +
              line("st.global.v2.f32 [%place+" + number(512 * row + 32 * half) +
                   "], {" + low + ", " + high + "}");
    }
  }
  return text + "  ret;\n}\n";
}

} // namespace

std::string attentionKernel() {
  std::string text = kHeader;
  for (int i = 0; i < 8; ++i)
    text += line("mov.f32 %o" + number(i) + ", 0f00000000");
  for (int row = 0; row < 2; ++row)
    text += line("mov.f32 %m" + number(row) + ", 0fFF800000") +
            line("mov.f32 %l" + number(row) + ", 0f00000000");
  text += line("mov.b32 %next, 0") + kCopy + line("cp.async.commit_group") +
          line("mov.b32 %tile, 0") + "LOOP:\n" +
          line("setp.eq.u32 %p1, %tile, %block") + line("@%p1 bra LAST") +
          kCopy + "LAST:\n" + line("cp.async.commit_group") +
          line("cp.async.wait_group 1") + line("bar.warp.sync -1") +
          line("and.b32 %t0, %tile, 1") + line("shl.b32 %t0, %t0, 10") +
          line("add.u32 %at, %readK, %t0") + scores() + softmax() +
          line("add.u32 %at, %readV, %t0") +
          line("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%v0, %v1, "
               "%v2, %v3}, [%at+512]") +
          mma("%o", "%w", "%v", 0) + mma("%o", "%w", "%v", 1) +
          line("bar.warp.sync -1") + line("add.u32 %tile, %tile, 1") +
          line("setp.le.u32 %p2, %tile, %block") + line("@%p2 bra LOOP") +
          line("cp.async.wait_group 0");
  return text + storeResults();
}

} // namespace attune::gpusim::test
