//===- SessionTest.cpp - models run through the C API ---------------------===//
//
// Numbers, shapes, memory, threads and errors of whole runs.
//
//===----------------------------------------------------------------------===//
#include "runtime/testing/TestPackage.h"
#include <cmath>
#include <cstring>
#include <gmock/gmock.h>
#include <thread>

using namespace attune;
using namespace attune::testing;

namespace {

class SessionTest : public ::testing::Test {
protected:
  void SetUp() override { load({}); }

  void load(const PackageOptions &options,
            attune_weights_mode mode = ATTUNE_WEIGHTS_AUTO) {
    attune_model_release(model);
    writePackage(folder.file("model.attune"), options);
    attune_load_options load;
    attune_load_options_init(&load);
    load.weights = mode;
    ASSERT_EQ(
        attune_model_load(folder.file("model.attune").c_str(), &load, &model),
        ATTUNE_OK)
        << attune_error_message();
  }

  attune_session *start(uint32_t threads, uint64_t limit = 0) {
    attune_session_options options;
    attune_session_options_init(&options);
    options.threads = threads;
    options.memory_limit = limit;
    options.profile = 1;
    attune_session *session = nullptr;
    EXPECT_EQ(attune_session_create(model, &options, &session), ATTUNE_OK)
        << attune_error_message();
    return session;
  }

  /// Runs at `rows` and checks all three outputs.
  static void runAndCheck(attune_session *session, int64_t rows) {
    std::vector<float> data = testInput(rows);
    attune_tensor x = matrixOf(data, rows, 4);
    ASSERT_EQ(attune_session_set_input(session, 0, &x), ATTUNE_OK);
    ASSERT_EQ(attune_session_run(session), ATTUNE_OK) << attune_error_message();
    expectTestOutputs(session, rows);
  }

  std::string inputError(attune_session *session, attune_tensor x) {
    attune_status status = attune_session_set_input(session, 0, &x);
    if (status == ATTUNE_OK)
      status = attune_session_run(session);
    return status == ATTUNE_OK ? "ok"
                               : std::string(attune_status_name(status)) +
                                     ": " + attune_error_message();
  }

  TempFolder folder;
  attune_model *model = nullptr;
  void TearDown() override { attune_model_release(model); }
};

TEST_F(SessionTest, ComputesAtAnyBatchAndThreadCount) {
  for (uint32_t threads : {1u, 2u, 5u}) {
    attune_session *session = start(threads);
    EXPECT_EQ(attune_session_threads(session), threads);
    for (int64_t rows : {1, 3, 64, 2, 10, 9, 9})
      runAndCheck(session, rows);
    attune_session_release(session);
  }
}

TEST_F(SessionTest, EveryWeightsModeGivesTheSame) {
  for (attune_weights_mode mode :
       {ATTUNE_WEIGHTS_AUTO, ATTUNE_WEIGHTS_MAP, ATTUNE_WEIGHTS_COPY}) {
    load({}, mode);
    attune_session *session = start(2);
    runAndCheck(session, 7);
    attune_session_release(session);
  }
}

TEST_F(SessionTest, Describes) {
  EXPECT_STREQ(attune_model_manifest(model),
               R"({"name": "test", "producer": "attune"})");
  ASSERT_EQ(attune_model_symbol_count(model), 1u);
  attune_symbol_info symbol;
  ASSERT_EQ(attune_model_symbol(model, 0, &symbol), ATTUNE_OK);
  EXPECT_STREQ(symbol.name, "batch");
  EXPECT_EQ(symbol.max, 64);
  ASSERT_EQ(attune_model_input_count(model), 1u);
  ASSERT_EQ(attune_model_output_count(model), 3u);
  attune_value_info info;
  ASSERT_EQ(attune_model_input(model, 0, &info), ATTUNE_OK);
  EXPECT_STREQ(info.name, "x");
  EXPECT_EQ(info.dims[0], -1);
  EXPECT_EQ(info.dims[1], 4);
  EXPECT_STREQ(info.dim_text[0], "batch");
  EXPECT_EQ(attune_model_output(model, 3, &info), ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(), "output 3: there are 3");
  attune_code_info code;
  ASSERT_EQ(attune_model_code(model, 0, &code), ATTUNE_OK);
  EXPECT_STREQ(code.name, "x86-64");
  EXPECT_EQ(code.weight_bytes, 16u);
  EXPECT_EQ(code.supported, 1);
}

TEST_F(SessionTest, CostIsKnownBeforeTheRun) {
  int64_t batch[] = {16};
  attune_cost cost;
  ASSERT_EQ(attune_model_cost(model, batch, 1, 2, &cost), ATTUNE_OK);
  // t lives beside the scratch of two workers, then beside z.
  EXPECT_EQ(cost.arena_bytes, 512u);
  EXPECT_EQ(cost.lower_bound, 512u);
  EXPECT_EQ(cost.output_bytes, 64u + 256 + 16);
  EXPECT_EQ(cost.input_bytes, 256u);
  EXPECT_EQ(cost.weight_bytes, 16u);
  EXPECT_EQ(cost.peak_bytes, 512u + 336 + 16);
  EXPECT_EQ(cost.launches, 5u);
  EXPECT_EQ(cost.flops, 64);
  attune_session *session = start(2);
  runAndCheck(session, 16);
  attune_cost after;
  ASSERT_EQ(attune_session_cost(session, &after), ATTUNE_OK);
  EXPECT_EQ(std::memcmp(&cost, &after, sizeof cost), 0);
  attune_session_release(session);

  batch[0] = 65;
  EXPECT_EQ(attune_model_cost(model, batch, 1, 1, &cost),
            ATTUNE_SHAPE_MISMATCH);
  EXPECT_STREQ(attune_error_message(),
               "dims: \"batch\" is 65, expected 1 to 64");
  EXPECT_EQ(attune_model_cost(model, nullptr, 0, 1, &cost),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(), "expected values of 1 symbols, found 0");
  int64_t dims[ATTUNE_MAX_RANK] = {};
  batch[0] = 9;
  ASSERT_EQ(attune_model_output_dims(model, 1, batch, 1, dims), ATTUNE_OK);
  EXPECT_EQ(dims[0], 9);
  EXPECT_EQ(dims[1], 4);
}

TEST_F(SessionTest, WrongInputsAreErrorsAndTheSessionStaysUsable) {
  attune_session *session = start(2);
  EXPECT_EQ(attune_session_run(session), ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(), "input \"x\" is not set");
  std::vector<float> data = testInput(5);
  attune_tensor x = matrixOf(data, 5, 4);

  attune_tensor wrong = x;
  wrong.dtype = ATTUNE_I32;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_SHAPE_MISMATCH: input \"x\": expected f32, found i32");
  wrong = x;
  wrong.rank = 1;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_SHAPE_MISMATCH: input \"x\": expected rank 2, found 1");
  wrong = x;
  wrong.dims[0] = 4;
  wrong.dims[1] = 5;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_SHAPE_MISMATCH: input \"x\" dim 1: expected 4, found 5");
  wrong = x;
  wrong.dims[0] = -5;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_SHAPE_MISMATCH: input \"x\" dim 0: found -5, expected at "
            "least 0");
  wrong = x;
  wrong.dims[0] = int64_t(1) << 62;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_SHAPE_MISMATCH: input \"x\": its size overflows 64 bits");
  wrong = x;
  wrong.bytes = 76;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_SHAPE_MISMATCH: input \"x\": its dims need 80 bytes, "
            "found 76");
  wrong = x;
  wrong.data = reinterpret_cast<char *>(x.data) + 2;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_INVALID_ARGUMENT: input \"x\": data is not aligned to 4 "
            "bytes");
  wrong = x;
  wrong.data = nullptr;
  EXPECT_EQ(inputError(session, wrong),
            "ATTUNE_INVALID_ARGUMENT: input \"x\": data is NULL");
  std::vector<float> many = testInput(65);
  EXPECT_EQ(inputError(session, matrixOf(many, 65, 4)),
            "ATTUNE_SHAPE_MISMATCH: input \"x\" dim 0: \"batch\" is 65, "
            "expected 1 to 64");
  EXPECT_EQ(attune_session_set_input(session, 1, &x), ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(), "input 1: the model has 1");
  runAndCheck(session, 5);
  attune_session_release(session);
}

TEST_F(SessionTest, CallersMemoryForOutputs) {
  attune_session *session = start(2);
  std::vector<float> y(8, -1), z(32, -1);
  ASSERT_EQ(attune_session_set_output(session, 0, y.data(), 8 * 4), ATTUNE_OK);
  ASSERT_EQ(attune_session_set_output(session, 1, z.data(), 32 * 4), ATTUNE_OK);
  runAndCheck(session, 8);
  attune_tensor got;
  ASSERT_EQ(attune_session_get_output(session, 1, &got), ATTUNE_OK);
  EXPECT_EQ(got.data, z.data());
  EXPECT_EQ(z[0], 1.f);
  // One row too many for it.
  std::vector<float> data = testInput(9);
  EXPECT_EQ(inputError(session, matrixOf(data, 9, 4)),
            "ATTUNE_SHAPE_MISMATCH: output \"y\": needs 36 bytes, the caller's "
            "memory has 32");
  ASSERT_EQ(attune_session_set_output(session, 0, nullptr, 0), ATTUNE_OK);
  ASSERT_EQ(attune_session_set_output(session, 1, nullptr, 0), ATTUNE_OK);
  runAndCheck(session, 9);
  EXPECT_EQ(attune_session_set_output(
                session, 0, reinterpret_cast<char *>(y.data()) + 1, 8),
            ATTUNE_INVALID_ARGUMENT);
  attune_session_release(session);
}

TEST_F(SessionTest, MemoryLimit) {
  attune_session *session = start(1, 700);
  runAndCheck(session, 8);
  std::vector<float> data = testInput(64);
  EXPECT_EQ(inputError(session, matrixOf(data, 64, 4)),
            "ATTUNE_OUT_OF_MEMORY: this run needs 3392 bytes (arena 2048, "
            "outputs 1344), memory_limit is 700");
  runAndCheck(session, 8);
  attune_session_release(session);
}

TEST_F(SessionTest, ProfileNamesLaunches) {
  attune_session *session = start(1);
  runAndCheck(session, 4);
  runAndCheck(session, 4);
  ASSERT_EQ(attune_session_profile_count(session), 4u);
  attune_profile_entry entry;
  ASSERT_EQ(attune_session_profile(session, 0, &entry), ATTUNE_OK);
  EXPECT_STREQ(entry.name, "/add");
  EXPECT_STREQ(entry.op, "add");
  EXPECT_STREQ(entry.kernel, "add_row");
  EXPECT_EQ(entry.runs, 2u);
  EXPECT_EQ(entry.flops, 16);
  ASSERT_EQ(attune_session_profile(session, 2, &entry), ATTUNE_OK);
  EXPECT_STREQ(entry.op, "copy");
  ASSERT_EQ(attune_session_profile(session, 3, &entry), ATTUNE_OK);
  EXPECT_STREQ(entry.name, "/else.0");
  attune_session_profile_reset(session);
  ASSERT_EQ(attune_session_profile(session, 0, &entry), ATTUNE_OK);
  EXPECT_EQ(entry.runs, 0u);
  attune_session_release(session);
}

TEST_F(SessionTest, SessionsOnThreadsShareAModel) {
  auto use = [this] {
    attune_session *session = start(2);
    for (int64_t rows = 1; rows < 40; ++rows)
      runAndCheck(session, rows);
    attune_session_release(session);
  };
  std::thread first(use), second(use);
  first.join();
  second.join();
}

TEST_F(SessionTest, ASessionKeepsItsModelAlive) {
  attune_session *session = start(1);
  attune_model_release(model);
  model = nullptr;
  runAndCheck(session, 3);
  attune_session_release(session);
}

TEST_F(SessionTest, MessagesBelongToTheirThread) {
  attune_session *session = start(1);
  ASSERT_NE(attune_session_run(session), ATTUNE_OK);
  std::string other = "unset";
  std::thread([&] { other = attune_error_message(); }).join();
  EXPECT_EQ(other, "");
  EXPECT_STREQ(attune_error_message(), "input \"x\" is not set");
  attune_session_release(session);
}

TEST(Api, NullsAndOptions) {
  attune_model *model = nullptr;
  EXPECT_EQ(attune_model_load(nullptr, nullptr, &model),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(), "path is NULL");
  attune_load_options options = {};
  EXPECT_EQ(attune_model_load("x", &options, &model), ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(),
               "load options: struct_bytes is not set; call "
               "attune_load_options_init first");
  attune_model_release(nullptr);
  attune_session_release(nullptr);
  EXPECT_EQ(attune_version(), uint32_t(ATTUNE_VERSION));
  EXPECT_EQ(attune_dtype_bytes(attune_dtype(99)), 0u);
  EXPECT_STREQ(attune_dtype_name(ATTUNE_BF16), "bf16");
}

} // namespace
