//===- TestPackage.cpp - packages for tests -------------------------------===//
//
// See TestPackage.h.
//
//===----------------------------------------------------------------------===//
#include "runtime/testing/TestPackage.h"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>

namespace attune::testing {

static std::string makeFolder() {
  std::string name =
      (std::filesystem::temp_directory_path() / "attune-test-XXXXXX").string();
  return ::mkdtemp(name.data()) ? name : std::string();
}

TempFolder::TempFolder() : path(makeFolder()) {}

TempFolder::~TempFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

std::string testPlan(uint32_t weightSection) {
  // exprs: 0 batch, 1 4, 2 batch*4, 3 batch*16, 4 0, 5 16, 6 10, 7 batch/10
  // (the condition), 8 1, 9 2
  return R"({"version": 1,
 "symbols": [{"name": "batch", "min": 1, "max": 64, "divisor": 1}],
 "exprs": [["sym", 0], ["const", 4], ["mul", 0, 1], ["mul", 2, 1],
           ["const", 0], ["const", 16], ["const", 10], ["floordiv", 0, 6],
           ["const", 1], ["const", 2], ["const", 3]],
 "inputs": [{"name": "x", "dtype": "f32", "dims": [0, 1], "buffer": 0}],
 "outputs": [{"name": "y", "dtype": "f32", "dims": [0], "buffer": 1},
             {"name": "z", "dtype": "f32", "dims": [0, 1], "buffer": 4},
             {"name": "s", "dtype": "f32", "dims": [1], "buffer": 5}],
 "buffers": [{"kind": "input", "bytes": 3},
             {"kind": "output", "bytes": 2},
             {"kind": "weight", "bytes": 5, "section": )" +
         std::to_string(weightSection) + R"(, "offset": 0},
             {"kind": "arena", "bytes": 3, "first": 0, "last": 2},
             {"kind": "arena", "bytes": 3, "first": 2, "last": 2},
             {"kind": "output", "bytes": 5}],
 "kernels": [{"symbol": "add_row", "family": "map"},
             {"symbol": "row_sum", "family": "row"},
             {"symbol": "fill", "family": "map"}],
 "nodes": [
  {"launch": {"kernel": 0, "grid": 0, "name": "/add", "op": "add",
              "flops": 2, "bytes": 3,
              "slots": [["in", 0, 4, 3], ["in", 2, 4, 5], ["out", 3, 4, 3],
                        ["int", 1]]}},
  {"launch": {"kernel": 1, "grid": 0, "scratch": 5, "name": "/sum", "op": "row",
              "slots": [["in", 3, 4], ["out", 1, 4], ["int", 1], ["scratch"],
                        ["scratch_stride"]]}},
  {"copy": {"dst": 4, "dst_offset": 4, "src": 3, "src_offset": 4, "bytes": 3,
            "name": "/copy"}},
  {"if": {"cond": 7, "then": 2, "else": 1}},
  {"launch": {"kernel": 2, "grid": 1, "name": "/then.0",
              "slots": [["out", 5, 4], ["int", 9]]}},
  {"launch": {"kernel": 2, "grid": 1, "name": "/then.1",
              "slots": [["out", 5, 4], ["int", 8]]}},
  {"launch": {"kernel": 2, "grid": 1, "name": "/else.0",
              "slots": [["out", 5, 4], ["int", 9]]}}]})";
}

std::vector<float> testInput(int64_t rows) {
  std::vector<float> data(size_t(rows) * 4);
  for (size_t i = 0; i < data.size(); ++i)
    data[i] = float(i) * 0.5f;
  return data;
}

attune_tensor matrixOf(std::vector<float> &data, int64_t rows,
                       int64_t columns) {
  return {ATTUNE_F32, 2, {rows, columns}, data.data(), data.size() * 4};
}

void expectTestOutputs(attune_session *session, int64_t rows) {
  std::vector<float> data = testInput(rows);
  attune_tensor y, z, s;
  ASSERT_EQ(attune_session_get_output(session, 0, &y), ATTUNE_OK);
  ASSERT_EQ(attune_session_get_output(session, 1, &z), ATTUNE_OK);
  ASSERT_EQ(attune_session_get_output(session, 2, &s), ATTUNE_OK);
  EXPECT_EQ(y.rank, 1u);
  EXPECT_EQ(y.dims[0], rows);
  EXPECT_EQ(z.bytes, data.size() * 4);
  for (int64_t row = 0; row < rows; ++row) {
    float sum = 0;
    for (int64_t col = 0; col < 4; ++col) {
      float t = data[size_t(row * 4 + col)] + float(col + 1);
      EXPECT_EQ(static_cast<float *>(z.data)[row * 4 + col], t);
      sum += t;
    }
    EXPECT_EQ(static_cast<float *>(y.data)[row], sum);
  }
  // batch >= 10: two fills, the last with 1; else one with 2.
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(static_cast<float *>(s.data)[i], rows >= 10 ? 1.f : 2.f);
}

std::vector<char> readFile(const std::string &path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void writeFile(const std::string &path, const std::vector<char> &bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), std::streamsize(bytes.size()));
}

std::string cudaTestPlan() {
  std::string plan = testPlan(), launch =
                                     ", \"threads\": 32, \"shared_bytes\": 0, "
                                     "\"items\": 1}";
  for (const char *family : {"\"family\": \"map\"}", "\"family\": \"row\"}"})
    for (size_t at = plan.find(family); at != plan.npos;
         at = plan.find(family, at + 1))
      plan.replace(at + std::string(family).size() - 1, 1, launch);
  return plan;
}

std::string testPtx() {
  std::vector<char> text = readFile(ATTUNE_TEST_PTX);
  return {text.begin(), text.end()};
}

std::vector<char> testKernels() { return readFile(ATTUNE_TEST_KERNELS); }

void writePackage(const std::string &path, const PackageOptions &options) {
  using format::SectionKind;
  package::PackageWriter writer;
  std::vector<char> code = testKernels();
  ASSERT_FALSE(code.empty());
  bool ok = options.program.empty()
                ? writer.open(path)
                : writer.openExecutable(path, options.program);
  if (options.withManifest)
    ok = ok && writer.add({SectionKind::Manifest, 0, 0, ""},
                          R"({"name": "test", "producer": "attune"})");
  const float weights[] = {1, 2, 3, 4};
  uint64_t offset = 1;
  ok = ok && writer.begin({SectionKind::Weights, 0, 0, ""}) &&
       writer.blob(std::as_bytes(std::span(weights)), offset) && writer.end();
  EXPECT_EQ(offset, 0u);
  auto addPlans = [&](uint32_t variant, const std::string &plan) {
    for (const std::string &entry : options.entries)
      ok = ok && writer.add({SectionKind::Plan, variant, 0, entry}, plan);
  };
  addPlans(options.planVariant, options.plan);
  if (!options.state.empty())
    ok = ok && writer.add({SectionKind::State, 0, 0, ""}, options.state);
  for (const Variant &variant : options.code)
    ok = ok && writer.add({SectionKind::Code, variant.variant, variant.features,
                           variant.name},
                          std::as_bytes(std::span(code)));
  constexpr uint32_t kCudaVariant = 100;
  if (!options.ptx.empty()) {
    addPlans(kCudaVariant, cudaTestPlan());
    ok = ok && writer.add({SectionKind::Ptx, kCudaVariant, 80, "sm_80 ptx"},
                          options.ptx);
  }
  ASSERT_TRUE(ok && writer.finish()) << writer.error();
}

std::string loadError(const std::string &path,
                      const attune_load_options *options) {
  attune_model *model = nullptr;
  attune_status status = attune_model_load(path.c_str(), options, &model);
  if (status == ATTUNE_OK) {
    attune_model_release(model);
    return "ok";
  }
  return std::string(attune_status_name(status)) + ": " +
         attune_error_message();
}

} // namespace attune::testing
