//===- BenchGroups.cpp - row and map kernels as a share of a copy ---------===//
//
// See README.md for what is printed and how it is measured.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/testing/GroupTest.h"
#include "llvm/Support/FormatVariadic.h"
#include <algorithm>
#include <cstring>
#include <ctime>

using namespace attune;
using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;

namespace {

struct Case {
  const char *name;
  GroupSpec spec;
};

/// Activations of BERT-base at 2048 tokens, and what else transformers do.
std::vector<Case> cases() {
  const char *x = "2048, 768";
  return {
      {"add",
       {"map",
        {{x}, {x}},
        {{x}},
        "%r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"}},
      {"bias",
       {"map",
        {{x}, {"768"}},
        {{x}},
        "%r0 = nn.elementwise add %0, %1 : (@0, @1) -> $0"}},
      {"gelu",
       {"map",
        {{"2048, 3072"}},
        {{"2048, 3072"}},
        "%r0 = nn.elementwise gelu_erf %0 : (@0) -> $0"}},
      {"layer_norm",
       {"row",
        {{x}, {"768"}, {"768"}},
        {{x}},
        "%r0 = nn.norm layer %0 axis 1 epsilon 1.0e-5 scale %1 : "
        "@1 bias %2 : @2 : @0 -> $0"}},
      {"add_layer_norm",
       {"row",
        {{x}, {x}, {"768"}, {"768"}},
        {{x}, {x}},
        "%r1 = nn.elementwise add %0, %1 : (@0, @1) -> $1\n"
        "%r0 = nn.norm layer %r1 axis 1 epsilon 1.0e-5 scale %2 : "
        "@2 bias %3 : @3 : $1 -> $0"}},
      {"rms_norm",
       {"row",
        {{x}, {"768"}},
        {{x}},
        "%r0 = nn.norm rms %0 axis 1 epsilon 1.0e-5 scale %1 : @1 : "
        "@0 -> $0"}},
      {"softmax",
       {"row",
        {{"12, 512, 512"}},
        {{"12, 512, 512"}},
        "%r0 = nn.softmax %0 axis 2 : (@0) -> $0"}},
      {"softmax_197",
       {"row",
        {{"48, 197, 197"}},
        {{"48, 197, 197"}},
        "%r0 = nn.softmax %0 axis 2 : (@0) -> $0"}},
      {"softmax_axis_0",
       {"row",
        {{"512, 4096"}},
        {{"512, 4096"}},
        "%r0 = nn.softmax %0 axis 0 : (@0) -> $0"}},
      {"mean_pool",
       {"row",
        {{"16, 128, 768"}},
        {{"16, 768"}},
        "%r0 = nn.reduce mean %0 axes [1] : (@0) -> $0"}},
      {"sum_rows",
       {"row",
        {{"2048, 1024"}},
        {{"2048"}},
        "%r0 = nn.reduce sum %0 axes [1] : (@0) -> $0"}},
      {"embedding",
       {"map",
        {{"3000, 768"}, {"2048", "i64", 1, 0, 2999}},
        {{x}},
        "%r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"}},
      {"gather_elements",
       {"map",
        {{"100000"}, {"1000000", "i64", 1, 0, 99999}},
        {{"1000000"}},
        "%r0 = nn.gather %0[%1] axis 0 : (@0, @1) -> $0"}},
      {"split_heads",
       {"map",
        {{"16, 128, 12, 64"}},
        {{"16, 12, 128, 64"}},
        "%r0 = nn.transpose %0 [0, 2, 1, 3] : (@0) -> $0"}},
      {"transpose",
       {"map",
        {{"1500, 2000"}},
        {{"2000, 1500"}},
        "%r0 = nn.transpose %0 [1, 0] : (@0) -> $0"}},
      {"transpose_2^n",
       {"map",
        {{"1024, 2048"}},
        {{"2048, 1024"}},
        "%r0 = nn.transpose %0 [1, 0] : (@0) -> $0"}},
      {"concat",
       {"map",
        {{"16, 1, 768"}, {"16, 196, 768"}},
        {{"16, 197, 768"}},
        "%r0 = nn.concat %0, %1 axis 1 : (@0, @1) -> $0"}},
      {"concat_last",
       {"map",
        {{"24576, 32"}, {"24576, 32"}},
        {{"24576, 64"}},
        "%r0 = nn.concat %0, %1 axis 1 : (@0, @1) -> $0"}},
      {"cast_i64",
       {"map",
        {{"2000000", "i64"}},
        {{"2000000"}},
        "%r0 = nn.elementwise cast %0 to f32 : (@0) -> $0"}},
      {"mask",
       {"map",
        {{x}, {x, "i1"}},
        {{x}},
        "%c = arith.constant dense<-1.0e4> : tensor<f32>\n"
        "%r0 = nn.elementwise select %1, %0, %c : (@1, @0, tensor<f32>) "
        "-> $0"}},
  };
}

double threadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return double(now.tv_sec) + 1e-9 * double(now.tv_nsec);
}

typedef float Vector __attribute__((vector_size(32), aligned(4)));

/// Four vectors a turn, by plain loads and stores: what a kernel can do, and
/// not what memcpy's streaming stores can.
__attribute__((always_inline)) inline void copyLoop(const float *from,
                                                    float *to, size_t count) {
  for (size_t i = 0; i < count; i += 32) {
    asm volatile("" ::: "memory"); // no call of memcpy
    for (size_t j = 0; j < 32; j += 8)
      *reinterpret_cast<Vector *>(to + i + j) =
          *reinterpret_cast<const Vector *>(from + i + j);
  }
}
__attribute__((target("avx2"))) void copyWide(const float *from, float *to,
                                              size_t count) {
  copyLoop(from, to, count);
}

/// Seconds to copy; the counts are multiples of 32.
double copySeconds(std::vector<float> &from, std::vector<float> &to) {
  double start = threadSeconds();
  if (__builtin_cpu_supports("avx2"))
    copyWide(from.data(), to.data(), from.size());
  else
    copyLoop(from.data(), to.data(), from.size());
  return threadSeconds() - start;
}

/// A fixture outside of a test, for its way of drawing inputs.
struct Inputs : GroupTest {
  void TestBody() override {}
  using GroupTest::drawArray;
};

void time(const Case &item, CodeVersion version, double seconds) {
  auto groups = CompiledGroups::compile(textOf(item.spec), version);
  if (!groups)
    return;
  Inputs draw;
  std::vector<nn::Array> inputs;
  for (const TensorSpec &input : item.spec.inputs)
    inputs.push_back(draw.drawArray(groups->context(), input));
  int64_t bytes = 0;
  auto call = groups->prepareOnly(inputs, bytes);
  if (failed(call))
    return;
  size_t floats = size_t(bytes) / 8 / 32 * 32;
  std::vector<float> from(floats, 1.0f), to(floats);
  call->runAll();
  std::vector<double> shares;
  double start = threadSeconds(), before = copySeconds(from, to), rate = 0;
  while (threadSeconds() - start < seconds || shares.size() < 3) {
    double begin = threadSeconds();
    call->runAll();
    double kernel = threadSeconds() - begin;
    double after = copySeconds(from, to);
    if (std::abs(after / before - 1) < 0.1) {
      shares.push_back((before + after) / 2 / kernel);
      rate = double(bytes) / kernel / 1e9;
    }
    before = after;
    if (threadSeconds() - start > 20 * seconds)
      break;
  }
  std::sort(shares.begin(), shares.end());
  auto percentile = [&](double p) {
    return shares.empty() ? NAN : 100 * shares[size_t(p * (shares.size() - 1))];
  };
  printf("%-10s %-16s %6.1f %%  (%.1f-%.1f, %zu samples, %.1f GB/s)\n",
         codeVersionName(version).str().c_str(), item.name, percentile(0.5),
         percentile(0.1), percentile(0.9), shares.size(), rate);
  fflush(stdout);
}

} // namespace

int main(int argc, char **argv) {
  std::optional<CodeVersion> version;
  std::string only;
  double seconds = 0.3;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string option = argv[i], value = argv[i + 1];
    if (option == "--version")
      version = codeVersionFromName(value);
    else if (option == "--only")
      only = value;
    else if (option == "--seconds")
      seconds = atof(value.c_str());
    else
      return fprintf(stderr, "unknown option %s\n", argv[i]), 2;
  }
  for (CodeVersion one : runnableVersions()) {
    if (one != version.value_or(runnableVersions().back()))
      continue;
    for (const Case &item : cases())
      if (std::string(item.name).find(only) != std::string::npos)
        time(item, one, seconds);
  }
  return 0;
}
