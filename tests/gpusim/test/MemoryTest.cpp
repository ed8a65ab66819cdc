//===- MemoryTest.cpp - checks of every access ----------------------------===//
//
// Bounds, alignment, bytes that nobody wrote, memory that must not be written;
// and that what is right passes.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"

using namespace attune::gpusim;
using namespace attune::gpusim::test;

namespace {

/// `body` with the address of 64 floats that hold their numbers in %d0, and of
/// 64 floats nobody wrote in %d1.
Report runGlobal(const std::string &body, Device *device = nullptr,
                 unsigned threads = 32) {
  Device own;
  if (!device)
    device = &own;
  std::vector<float> values(64);
  for (size_t i = 0; i < 64; ++i)
    values[i] = float(i);
  Arguments arguments;
  arguments.add(device->upload(values, "x")).add(device->allocate(256, "y"));
  return runBlock(
      module(".param .u64 x, .param .u64 y",
             ".reg .b32 %r<8>; .reg .b64 %d<8>; .reg .f32 %f<8>; .reg .b16 "
             "%h<4>;\nld.param.u64 %d0, [x]; ld.param.u64 %d1, [y];\nmov.u32 "
             "%r0, %tid.x; mul.wide.u32 %d2, %r0, 4; add.u64 %d3, %d0, "
             "%d2;\n" +
                 body),
      threads, 0, arguments, device);
}

TEST(Memory, BoundsOfGlobal) {
  EXPECT_TRUE(runGlobal("ld.global.f32 %f0, [%d3+128];").ok());
  Report past = runGlobal("\nld.global.f32 %f0, [%d3+132];");
  EXPECT_TRUE(failsWith(past, ErrorKind::OutOfBounds,
                        "0 bytes past the end of x (256 bytes)"));
  EXPECT_EQ(past.error->lane, 31u);
  EXPECT_EQ(past.error->source, "ld.global.f32 %f0, [%d3+132];");
  EXPECT_TRUE(failsWith(runGlobal("ld.global.f32 %f0, [%d0+-4];"),
                        ErrorKind::OutOfBounds, "4 bytes before x"));
  EXPECT_TRUE(failsWith(runGlobal("ld.global.v4.f32 {%f0, %f1, %f2, %f3}, "
                                  "[%d0+256];"),
                        ErrorKind::OutOfBounds, "read of 16 bytes"));
  EXPECT_TRUE(
      failsWith(runGlobal("mov.b64 %d4, 4096; st.global.f32 [%d4], %f0;"),
                ErrorKind::OutOfBounds, "in no allocation"));
}

/// The last allocated bytes end within a vector: not a byte may be outside.
TEST(Memory, VectorAcrossTheEnd) {
  Device device;
  uint64_t address = device.upload(std::vector<float>(2), "pair");
  Arguments arguments;
  arguments.add(address);
  std::string text = module(
      ".param .u64 x", ".reg .b64 %d<2>; .reg .f32 %f<4>; ld.param.u64 %d0, "
                       "[x]; ld.global.v4.f32 {%f0, %f1, %f2, %f3}, [%d0];");
  EXPECT_TRUE(failsWith(runBlock(text, 1, 0, arguments, &device),
                        ErrorKind::OutOfBounds, "of pair (8 bytes)"));
}

TEST(Memory, FreedMemory) {
  Device device;
  uint64_t address = device.upload(std::vector<float>(2), "old");
  EXPECT_TRUE(device.memory.free(address));
  EXPECT_FALSE(device.memory.free(address));
  Arguments arguments;
  arguments.add(address);
  std::string text =
      module(".param .u64 x", ".reg .b64 %d<2>; .reg .f32 %f<4>; ld.param.u64 "
                              "%d0, [x]; ld.global.f32 %f0, [%d0];");
  EXPECT_TRUE(failsWith(runBlock(text, 1, 0, arguments, &device),
                        ErrorKind::OutOfBounds, "in old, which was freed"));
}

TEST(Memory, Alignment) {
  EXPECT_TRUE(failsWith(runGlobal("ld.global.f32 %f0, [%d0+2];"),
                        ErrorKind::Misaligned, "byte 2 of x"));
  EXPECT_TRUE(failsWith(runGlobal("ld.global.v2.f32 {%f0, %f1}, [%d0+4];"),
                        ErrorKind::Misaligned));
  EXPECT_TRUE(runGlobal("ld.global.v2.f32 {%f0, %f1}, [%d0+8];").ok());
  EXPECT_TRUE(failsWith(
      runBody("mov.b32 %r1, smem; st.shared.v4.b32 [%r1+8], {%r0, %r0, %r0, "
              "%r0};",
              1, 64),
      ErrorKind::Misaligned, "16 bytes at 0x8 of shared memory"));
}

TEST(Memory, BoundsOfShared) {
  EXPECT_TRUE(
      runBody("shl.b32 %r1, %r0, 2; st.shared.b32 [%r1], %r0;", 32, 128).ok());
  EXPECT_TRUE(failsWith(
      runBody("shl.b32 %r1, %r0, 2; st.shared.b32 [%r1], %r0;", 32, 124),
      ErrorKind::OutOfBounds, "which has 124"));
  // Below zero wraps round in 32 bits.
  EXPECT_TRUE(
      failsWith(runBody("mov.b32 %r1, 0; st.shared.b32 [%r1+-4], %r0;", 1, 64),
                ErrorKind::OutOfBounds));
}

TEST(Memory, Uninitialised) {
  EXPECT_TRUE(failsWith(runGlobal("ld.global.f32 %f0, [%d1+8];"),
                        ErrorKind::Uninitialised, "byte 8 of y"));
  EXPECT_TRUE(
      runGlobal("st.global.b8 [%d1+8], 1; ld.global.b8 %h0, [%d1+8];").ok());
  EXPECT_TRUE(failsWith(
      runGlobal("st.global.b8 [%d1+8], 1; ld.global.b16 %h0, [%d1+8];"),
      ErrorKind::Uninitialised));
  EXPECT_TRUE(failsWith(runBody("ld.shared.b32 %r1, [smem+4];", 1, 64),
                        ErrorKind::Uninitialised, "byte 4 of shared"));
  EXPECT_TRUE(failsWith(runBody("mov.b32 %r1, smem; mov.b16 %h0, 1; "
                                "st.shared.b16 [%r1], %h0; "
                                "ld.shared.b32 %r2, [%r1];",
                                1, 64),
                        ErrorKind::Uninitialised));
  EXPECT_TRUE(failsWith(runBody("atom.shared.add.u32 %r1, [smem], 1;", 1, 64),
                        ErrorKind::Uninitialised));
  // As an option: host code may know better.
  Device lax({.checkUninitialisedGlobal = false});
  EXPECT_TRUE(runGlobal("ld.global.f32 %f0, [%d1+8];", &lax).ok());
}

/// Registers and shared memory begin as all ones: NaN, not a lucky zero.
TEST(Memory, NothingStartsAsZero) {
  Device device({.checkUninitialisedGlobal = false});
  uint64_t out = device.allocate(4, "out");
  Arguments arguments;
  arguments.add(out);
  std::string text = module(
      ".param .u64 x", ".reg .b64 %d0; .reg .f32 %f<2>; ld.param.u64 %d0, [x]; "
                       "add.f32 %f1, %f0, 0f3F800000; st.global.f32 [%d0], "
                       "%f1;");
  ASSERT_TRUE(runBlock(text, 1, 0, arguments, &device).ok());
  EXPECT_NE(device.download<float>(out, 1)[0],
            device.download<float>(out, 1)[0]);
}

TEST(Memory, ReadOnly) {
  std::string table = ".const .align 4 .b32 table[2] = {5, 6};\n"
                      ".global .align 4 .b32 counter = 7;\n";
  auto run = [&](const std::string &body) {
    return runBlock(
        module("", ".reg .b64 %d0; .reg .b32 %r<4>; " + body, table), 1);
  };
  EXPECT_TRUE(run("ld.const.b32 %r0, [table+4]; st.global.b32 [counter], "
                  "%r0;")
                  .ok());
  EXPECT_TRUE(failsWith(run("cvta.const.u64 %d0, table; st.b32 [%d0], %r0;"),
                        ErrorKind::ReadOnly, "byte 0 of table"));
}

/// Values of initialised variables, read back by a kernel.
TEST(Memory, Initialisers) {
  Device device;
  uint64_t out = device.allocate(32, "out");
  Arguments arguments;
  arguments.add(out);
  std::string globals = ".const .align 4 .f32 half = 0.5;\n"
                        ".global .align 2 .b16 small[3] = {1, 0x10, -1};\n"
                        ".global .align 4 .b8 bytes[6] = {1, 2, 3};\n"
                        ".global .align 8 .f64 third = 0d3FD5555555555555;\n";
  std::string body = R"(.reg .b64 %d<4>; .reg .b32 %r<4>; .reg .b16 %h<4>;
    ld.param.u64 %d0, [x];
    ld.const.b32 %r0, [half]; st.global.b32 [%d0], %r0;
    ld.global.b16 %h0, [small+4]; st.global.b16 [%d0+4], %h0;
    ld.global.b16 %h0, [small+2]; st.global.b16 [%d0+6], %h0;
    ld.global.b32 %r0, [bytes]; st.global.b32 [%d0+8], %r0;
    ld.global.b16 %h0, [bytes+4]; st.global.b16 [%d0+12], %h0;
    st.global.b16 [%d0+14], %h0;
    ld.global.b64 %d1, [third]; st.global.b64 [%d0+16], %d1;)";
  ASSERT_TRUE(
      runBlock(module(".param .u64 x", body, globals), 1, 0, arguments, &device)
          .ok());
  auto got = device.download<uint32_t>(out, 6);
  EXPECT_EQ(got, (std::vector<uint32_t>{0x3f000000, 0x0010ffff, 0x00030201, 0,
                                        0x55555555, 0x3fd55555}));
}

TEST(Memory, NarrowLoadsExtend) {
  EXPECT_TRUE(runBody(R"(
    .local .align 4 .b8 bytes[4];
    mov.b32 %r1, 0x8081ff7f; st.local.b32 [bytes], %r1;
    ld.local.s8 %r2, [bytes+1]; setp.ne.s32 %p0, %r2, -1; @%p0 trap;
    ld.local.u8 %r2, [bytes+1]; setp.ne.s32 %p0, %r2, 255; @%p0 trap;
    ld.local.b8 %h0, [bytes+3]; setp.ne.b16 %p0, %h0, 128; @%p0 trap;
    ld.local.s8 %d0, [bytes+3]; setp.ne.s64 %p0, %d0, -128; @%p0 trap;
    ld.local.s16 %r2, [bytes+2]; setp.ne.s32 %p0, %r2, -32639; @%p0 trap;
    ld.local.u16 %r2, [bytes+2]; setp.ne.s32 %p0, %r2, 0x8081; @%p0 trap;
    ld.local.v2.s8 {%r2, %r3}, [bytes]; setp.ne.s32 %p0, %r2, 127; @%p0 trap;
    setp.ne.s32 %p0, %r3, -1; @%p0 trap;)",
                      2)
                  .ok());
  EXPECT_TRUE(failsWith(runBody("trap;", 1), ErrorKind::Trap));
}

/// Generic addresses find their space; local memory belongs to its thread.
TEST(Memory, GenericAndLocal) {
  EXPECT_TRUE(runBody(R"(
    .local .align 8 .b8 depot[16];
    mov.b64 %d0, depot; cvta.local.u64 %d1, %d0;
    st.b32 [%d1+4], %r0; ld.local.b32 %r1, [depot+4];
    setp.ne.u32 %p0, %r0, %r1; @%p0 trap;
    mov.b64 %d2, smem; cvta.shared.u64 %d3, %d2; mul.wide.u32 %d4, %r0, 4;
    add.u64 %d3, %d3, %d4;
    st.b32 [%d3], %r0; ld.b32 %r2, [%d3];
    setp.ne.u32 %p0, %r0, %r2; @%p0 trap;
    cvta.to.shared.u64 %d5, %d3; isspacep.shared %p1, %d3; @!%p1 trap;
    isspacep.global %p1, %d3; @%p1 trap;
    ld.shared.b32 %r3, [%d5]; setp.ne.u32 %p0, %r0, %r3; @%p0 trap;)",
                      64, 256)
                  .ok());
  EXPECT_TRUE(failsWith(runBody(".local .align 8 .b8 depot[16]; mov.b64 %d0, "
                                "depot; st.local.b32 [%d0+16], %r0;",
                                1),
                        ErrorKind::OutOfBounds, "local memory"));
}

TEST(Memory, LaunchesThatCannotBe) {
  Device device;
  std::string error, text = module(".param .u64 x, .param .u32 n", "ret;");
  const LoadedModule *module = device.load(text, error);
  ASSERT_TRUE(module) << error;
  Arguments good;
  good.add(uint64_t(0)).add(uint32_t(0));
  auto launch = [&](const Configuration &how, const Arguments &arguments) {
    return device.launch(*module, "k", how, arguments);
  };
  EXPECT_TRUE(launch({}, good).ok());
  EXPECT_TRUE(failsWith(launch({}, Arguments().add(uint64_t(0))),
                        ErrorKind::BadLaunch, "takes 12 bytes"));
  EXPECT_TRUE(failsWith(launch({.block = Shape(1025)}, good),
                        ErrorKind::BadLaunch, "1025x1x1 threads"));
  EXPECT_TRUE(failsWith(launch({.grid = Shape(0)}, good), ErrorKind::BadLaunch,
                        "0x1x1 blocks"));
  EXPECT_TRUE(failsWith(launch({.dynamicShared = 163 * 1024 + 1}, good),
                        ErrorKind::BadLaunch, "bytes of shared memory"));
  EXPECT_TRUE(failsWith(device.launch(*module, "other", {}, good),
                        ErrorKind::BadLaunch, "no entry other"));
}

} // namespace
