//===- Support.cpp - what the emulator's tests share ----------------------===//
//
// Text around the instructions under test.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/test/Support.h"
#include <cstdlib>
#include <random>

namespace attune::gpusim::test {

uint64_t testSeed() {
  static const uint64_t seed = [] {
    const char *given = std::getenv("ATTUNE_TEST_SEED");
    uint64_t value =
        given ? std::strtoull(given, nullptr, 10) : std::random_device()();
    std::printf("ATTUNE_TEST_SEED=%llu\n", (unsigned long long)(value));
    return value;
  }();
  return seed;
}

std::string module(const std::string &parameters, const std::string &body,
                   const std::string &globals) {
  return ".version 8.0\n.target sm_80\n.address_size 64\n" + globals +
         "\n.visible .entry k(" + parameters + ")\n{\n" + body + "\n}\n";
}

std::string loadError(const std::string &text) {
  Device device;
  std::string error;
  device.load(text, error);
  return error;
}

Report runBlock(const std::string &text, unsigned threads,
                uint64_t dynamicShared, const Arguments &arguments,
                Device *device) {
  Device own;
  if (!device)
    device = &own;
  device->options.seed = testSeed();
  std::string error;
  const LoadedModule *module = device->load(text, error);
  EXPECT_TRUE(module) << error;
  if (!module)
    return {};
  Configuration configuration;
  configuration.block = Shape(threads);
  configuration.dynamicShared = dynamicShared;
  return device->launch(*module, "k", configuration, arguments);
}

Report runBody(const std::string &body, unsigned threads,
               uint64_t dynamicShared) {
  return runBlock(module("",
                         ".reg .b32 %r<16>; .reg .b64 %d<16>; .reg .f32 "
                         "%f<16>; .reg .b16 %h<16>; .reg .pred %p<16>;\n"
                         "mov.u32 %r0, %tid.x;\n" +
                             body,
                         ".extern .shared .align 16 .b8 smem[];\n"),
                  threads, dynamicShared);
}

testing::AssertionResult failsWith(const Report &report, ErrorKind kind,
                                   const std::string &text) {
  if (report.ok())
    return testing::AssertionFailure() << "no error";
  if (report.error->kind == kind &&
      report.text().find(text) != std::string::npos)
    return testing::AssertionSuccess();
  return testing::AssertionFailure() << "another error: " << report.text();
}

static unsigned bytesOfRegister(const std::string &type) {
  return unsigned(std::stoul(type.substr(1))) / 8;
}

std::vector<uint64_t> runLanewise(const Lanewise &setup,
                                  const std::string &body) {
  unsigned in = bytesOfRegister(setup.inType),
           out = bytesOfRegister(setup.outType);
  std::string text = ".reg .b64 %p<4>; .reg .b32 %lane;\n.reg ." +
                     setup.inType + " %in<16>; .reg ." + setup.outType +
                     " %out;\n" + setup.registers +
                     "\nmov.u32 %lane, %tid.x;\n";
  Device device(setup.options);
  Arguments arguments;
  std::string parameters = ".param .u64 out";
  arguments.add(device.allocate(32 * out, "out"));
  uint64_t result = 0;
  std::memcpy(&result, arguments.bytes.data(), 8);
  for (size_t i = 0; i < setup.inputs.size(); ++i) {
    std::vector<std::byte> bytes(32 * in);
    for (size_t lane = 0; lane < 32; ++lane)
      std::memcpy(bytes.data() + lane * in, &setup.inputs[i][lane], in);
    std::string name = "x" + std::to_string(i);
    arguments.add(device.upload(bytes, name));
    parameters += ", .param .u64 " + name;
    text += "ld.param.u64 %p0, [" + name + "]; mul.wide.u32 %p1, %lane, " +
            std::to_string(in) + "; add.s64 %p0, %p0, %p1; ld.global." +
            setup.inType + " %in" + std::to_string(i) + ", [%p0];\n";
  }
  text += body + "\nld.param.u64 %p0, [out]; mul.wide.u32 %p1, %lane, " +
          std::to_string(out) + "; add.s64 %p0, %p0, %p1; st.global." +
          setup.outType + " [%p0], %out;\nret;";
  Report report = runBlock(module(parameters, text), 32, 0, arguments, &device);
  EXPECT_TRUE(report.ok()) << report.text();
  auto bytes = device.download<std::byte>(result, 32 * out);
  std::vector<uint64_t> values(32, 0);
  for (size_t lane = 0; lane < 32; ++lane)
    std::memcpy(&values[lane], bytes.data() + lane * out, out);
  return values;
}

} // namespace attune::gpusim::test
