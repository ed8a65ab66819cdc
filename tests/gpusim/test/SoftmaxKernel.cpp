//===- SoftmaxKernel.cpp - softmax of rows, by shuffles -------------------===//
//
// Three passes over a row: its maximum, the sum, the quotients. 32 columns at a
// time, one per lane.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Kernels.h"

namespace attune::gpusim::test {

/// `combine` over all lanes of `value`, in every lane.
static std::string reduce(const std::string &value,
                          const std::string &combine) {
  std::string text;
  for (int step : {16, 8, 4, 2, 1})
    text += "  shfl.sync.bfly.b32 %other, " + value + ", " +
            std::to_string(step) + ", 31, -1;\n  " + combine + " " + value +
            ", " + value + ", %other;\n";
  return text;
}

std::string softmaxKernel() {
  std::string text = R"(.version 8.0
.target sm_80
.address_size 64
.visible .entry softmax(.param .u64 x, .param .u64 y, .param .u64 s)
.maxntid 128, 1, 1
{
  .reg .b64 %x, %y, %offset, %place;
  .reg .b32 %s, %row, %lane, %column, %t;
  .reg .f32 %value, %max, %sum, %other, %inverse;
  .reg .pred %in, %seen, %more, %gone;
  ld.param.u64 %x, [x];
  ld.param.u64 %y, [y];
  ld.param.u32 %s, [s];
  mov.u32 %t, %tid.x;
  and.b32 %lane, %t, 31;
  shr.u32 %t, %t, 5;
  mov.u32 %row, %ctaid.x;
  mad.lo.u32 %row, %row, 4, %t;
  setp.ge.u32 %gone, %row, %s;
  @%gone ret;                      // guard of rows
  mul.lo.u32 %t, %row, %s;
  mul.wide.u32 %offset, %t, 4;
  add.u64 %x, %x, %offset;
  add.u64 %y, %y, %offset;

  mov.f32 %max, 0fFF800000;
  mov.b32 %column, %lane;
MAXIMUM:
  setp.lt.u32 %in, %column, %s;    // tail
  setp.le.and.u32 %seen, %column, %row, %in; // mask
  mul.wide.u32 %offset, %column, 4;
  add.u64 %place, %x, %offset;
  mov.f32 %value, 0fFF800000;
  @%seen ld.global.f32 %value, [%place];
  max.f32 %max, %max, %value;
  add.u32 %column, %column, 32;
  sub.u32 %t, %column, %lane;
  setp.lt.u32 %more, %t, %s;
  @%more bra MAXIMUM;
)";
  text += reduce("%max", "max.f32");
  text += R"(
  mov.f32 %sum, 0f00000000;
  mov.b32 %column, %lane;
SUM:
  setp.lt.u32 %in, %column, %s;
  setp.le.and.u32 %seen, %column, %row, %in;
  mul.wide.u32 %offset, %column, 4;
  add.u64 %place, %x, %offset;
  mov.f32 %value, 0fFF800000;
  @%seen ld.global.f32 %value, [%place];
  sub.f32 %value, %value, %max;
  mul.f32 %value, %value, 0f3FB8AA3B;
  ex2.approx.ftz.f32 %value, %value;
  add.f32 %sum, %sum, %value;
  add.u64 %place, %y, %offset;
  @%in st.global.f32 [%place], %value; // tail of y
  add.u32 %column, %column, 32;
  sub.u32 %t, %column, %lane;
  setp.lt.u32 %more, %t, %s;
  @%more bra SUM;
)";
  text += reduce("%sum", "add.f32");
  return text + R"(
  rcp.approx.ftz.f32 %inverse, %sum;
  mov.b32 %column, %lane;
SCALE:
  setp.lt.u32 %in, %column, %s;
  mul.wide.u32 %offset, %column, 4;
  add.u64 %place, %y, %offset;
  @%in ld.global.f32 %value, [%place];
  mul.f32 %value, %value, %inverse;
  @%in st.global.f32 [%place], %value;
  add.u32 %column, %column, 32;
  sub.u32 %t, %column, %lane;
  setp.lt.u32 %more, %t, %s;
  @%more bra SCALE;
  ret;
}
)";
}

} // namespace attune::gpusim::test
