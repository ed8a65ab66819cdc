//===- PackageTest.cpp - what the compiler writes, the runtime runs -------===//
//
// A plan in MLIR text and kernels in C become a package; the C API loads it and
// its numbers are checked.
//
//===----------------------------------------------------------------------===//
#include "attune/attune.h"
#include "attune/format.h"
#include "compiler/target/package/LinkObject.h"
#include "compiler/target/package/PlanJson.h"
#include "compiler/target/package/WritePackage.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/Parser/Parser.h"
#include "runtime/testing/TestPackage.h"
#include <gmock/gmock.h>

using namespace attune;
using namespace attune::target::package;
using ::testing::HasSubstr;

namespace {

/// t = x + w; y = row sums of t + c; z = t again under its own name.
constexpr const char *kModel = R"mlir(
nn.weight @w : tensor<4xf32> = dense_resource<blob> : tensor<4xf32>
nn.weight @again : tensor<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
nn.weight @c : tensor<4xf32> = dense<0.5> : tensor<4xf32>
plan.program @main symbols {B = #nn.range<min = 1, max = 100, divisor = 1>} {
  %x = plan.input "x" f32 dims <[B, 4]>
  %w = plan.weight @w bytes 16
  %a = plan.weight @again bytes 16
  %c = plan.weight @c bytes 16
  %t = plan.allocate bytes <B * 16>
  %u = plan.allocate bytes <B * 16>
  %y = plan.result bytes <B * 4>
  plan.launch @add_row map ins(%x, %w) at <[0, 0]> outs(%t) at <[0]> integers <[4]> grid <B> grain <1> scratch <0> flops <B * 4> bytes <B * 32> loc("/first")
  plan.launch @add_row map ins(%t, %c) at <[0, 0]> outs(%u) at <[0]> integers <[4]> grid <B> grain <1> scratch <0> flops <B * 4> bytes <B * 32> loc(fused["/second", "/third"])
  plan.launch @add_row map ins(%u, %a) at <[0, 0]> outs(%u) at <[0]> integers <[4]> grid <B> grain <1> scratch <0> flops <B * 4> bytes <B * 32>
  plan.launch @fill map ins() at <[]> outs(%y) at <[0]> integers <[7]> grid <B> grain <1> scratch <0> flops <0> bytes <B * 4>
  plan.output "y" %y f32 dims <[B]>
  plan.output "z" %t f32 dims <[B, 4]>
  plan.output "u" %u f32 dims <[B, 2, 2]>
  plan.output "w" %w f32 dims <[4]>
}
{-# dialect_resources: { builtin: {
  blob: "0x040000000000803F000000400000404000008040"
} } #-}
)mlir";

class PackageTest : public ::testing::Test {
protected:
  void SetUp() override {
    mlir::DialectRegistry registry;
    registry.insert<nn::NNDialect, plan::PlanDialect>();
    nn::registerEvaluators(registry);
    context.appendDialectRegistry(registry);
    context.loadAllAvailableDialects();
    context.getDiagEngine().registerHandler([&](mlir::Diagnostic &diagnostic) {
      messages += diagnostic.str() + "\n";
    });
    module = mlir::parseSourceString<mlir::ModuleOp>(kModel, &context);
    ASSERT_TRUE(module) << messages;
  }

  std::vector<char> link(const std::string &object) {
    std::string error;
    auto linked = linkSharedObject(
        attune::testing::readFile(ATTUNE_OBJECTS "/" + object), error);
    EXPECT_TRUE(mlir::succeeded(linked)) << error;
    return mlir::succeeded(linked) ? std::move(*linked) : std::vector<char>();
  }

  mlir::LogicalResult write(const std::string &program = "") {
    CodeVersion version;
    version.module = *module;
    version.code = {
        {format::SectionKind::Code, 0, "x86-64", link("Kernels.o")}};
    return writePackage(path, {"test", "0123"}, {version}, program);
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::string messages;
  attune::testing::TempFolder folder;
  std::string path = folder.file("model.attune");
};

/// Loads and runs at B = 3, and checks every output.
void runAndCheck(const std::string &path) {
  attune_model *model = nullptr;
  ASSERT_EQ(attune_model_load(path.c_str(), nullptr, &model), ATTUNE_OK)
      << attune_error_message();
  attune_session *session = nullptr;
  ASSERT_EQ(attune_session_create(model, nullptr, &session), ATTUNE_OK);
  float x[12];
  for (int i = 0; i < 12; ++i)
    x[i] = float(i);
  attune_tensor input = {ATTUNE_F32, 2, {3, 4}, x, sizeof x};
  ASSERT_EQ(attune_session_set_input(session, 0, &input), ATTUNE_OK);
  ASSERT_EQ(attune_session_run(session), ATTUNE_OK) << attune_error_message();
  attune_tensor out[4];
  for (size_t i = 0; i < 4; ++i)
    ASSERT_EQ(attune_session_get_output(session, i, &out[i]), ATTUNE_OK);
  auto at = [&](int output, int64_t i) {
    return static_cast<const float *>(out[output].data)[i];
  };
  EXPECT_EQ(out[2].rank, 3u);
  for (int64_t i = 0; i < 12; ++i) {
    EXPECT_EQ(at(1, i), float(i) + float(i % 4 + 1));
    EXPECT_EQ(at(2, i), float(i) + 2 * float(i % 4 + 1) + 0.5f);
  }
  for (int64_t i = 0; i < 3; ++i)
    EXPECT_EQ(at(0, i), 7.f);
  for (int64_t i = 0; i < 4; ++i)
    EXPECT_EQ(at(3, i), float(i + 1));
  attune_profile_entry entry;
  ASSERT_EQ(attune_session_profile(session, 0, &entry), ATTUNE_OK);
  EXPECT_STREQ(entry.name, "/first");
  EXPECT_STREQ(entry.kernel, "add_row");
  ASSERT_EQ(attune_session_profile(session, 1, &entry), ATTUNE_OK);
  EXPECT_THAT(entry.name, HasSubstr("/second"));
  attune_session_release(session);
  attune_model_release(model);
}

TEST_F(PackageTest, IsReadAndComputedWith) {
  ASSERT_TRUE(mlir::succeeded(write())) << messages;
  runAndCheck(path);
}

/// Which kernel fills y = [B, 4] at so many rows.
std::string kernelAt(attune_session *session, int64_t rows) {
  std::vector<float> data(size_t(rows) * 4, 1);
  attune_tensor x = attune::testing::matrixOf(data, rows, 4);
  EXPECT_EQ(attune_session_set_input(session, 0, &x), ATTUNE_OK);
  EXPECT_EQ(attune_session_run(session), ATTUNE_OK) << attune_error_message();
  attune_tensor y;
  EXPECT_EQ(attune_session_get_output(session, 0, &y), ATTUNE_OK);
  for (int64_t i = 0; i < rows * 4; ++i)
    EXPECT_EQ(static_cast<const float *>(y.data)[i], 8.f);
  attune_profile_entry entry;
  EXPECT_EQ(attune_session_profile_count(session), 2u);
  EXPECT_EQ(attune_session_profile(session, 0, &entry), ATTUNE_OK);
  return entry.kernel;
}

/// Of a launch with variants the cheapest kernel runs, of equals the first, and
/// the arena holds what it writes until the next launch has read it.
TEST_F(PackageTest, TheCheapestVariantRuns) {
  constexpr const char *kVariants = R"mlir(
nn.weight @w : tensor<4xf32> = dense<1.0> : tensor<4xf32>
plan.program @main symbols {B = #nn.range<min = 1, max = 100, divisor = 1>} {
  %x = plan.input "x" f32 dims <[B, 4]>
  %w = plan.weight @w bytes 16
  %t = plan.allocate bytes <B * 16>
  %y = plan.result bytes <B * 16>
  plan.launch @fill map ins() at <[]> outs(%t) at <[0]> integers <[7]> grid <B * 4> grain <1> scratch <0> flops <0> bytes <B * 16> or [@fill_pairs, @fill_rows] grids <[B * 2, B]> costs <[B * 3, B + 6, 12]>
  plan.launch @add_row map ins(%t, %w) at <[0, 0]> outs(%y) at <[0]> integers <[4]> grid <B> grain <1> scratch <0> flops <0> bytes <B * 16>
  plan.output "y" %y f32 dims <[B, 4]>
}
)mlir";
  module = mlir::parseSourceString<mlir::ModuleOp>(kVariants, &context);
  ASSERT_TRUE(module) << messages;
  ASSERT_TRUE(mlir::succeeded(write())) << messages;
  attune_model *model = nullptr;
  ASSERT_EQ(attune_model_load(path.c_str(), nullptr, &model), ATTUNE_OK)
      << attune_error_message();
  attune_session *session = nullptr;
  ASSERT_EQ(attune_session_create(model, nullptr, &session), ATTUNE_OK);
  // Costs 3, 7, 12; 9, 9, 12; 12, 10, 12; 18, 12, 12; 21, 13, 12.
  EXPECT_EQ(kernelAt(session, 1), "fill");
  EXPECT_EQ(kernelAt(session, 3), "fill");
  EXPECT_EQ(kernelAt(session, 4), "fill_pairs");
  EXPECT_EQ(kernelAt(session, 6), "fill_pairs");
  EXPECT_EQ(kernelAt(session, 7), "fill_rows");
  attune_session_release(session);
  attune_model_release(model);
}

/// Two entry points on one state: one adds a row to it, one shows it.
constexpr const char *kStateful = R"mlir(
nn.weight @m state optimizer : tensor<4xf32>
nn.weight @w trainable state parameter : tensor<4xf32> = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
nn.weight @one : tensor<4xf32> = dense<1.0> : tensor<4xf32>
plan.program @step symbols {} {
  %w = plan.state @w bytes 16
  %m = plan.state @m bytes 16
  %x = plan.input "x" f32 dims <[1, 4]>
  %t = plan.allocate bytes <16>
  plan.launch @add_row map ins(%m, %x) at <[0, 0]> outs(%t) at <[0]> integers <[4]> grid <1> grain <1> scratch <0> flops <4> bytes <32>
  plan.launch @add_row map ins(%w, %x) at <[0, 0]> outs(%w) at <[0]> integers <[4]> grid <1> grain <1> scratch <0> flops <4> bytes <32>
  plan.copy %t to %m bytes <16> loc("/moment")
}
plan.program @main symbols {B = #nn.range<min = 1, max = 100, divisor = 1>} {
  %w = plan.state @w bytes 16
  %x = plan.input "x" f32 dims <[B, 4]>
  %y = plan.result bytes <B * 16>
  plan.launch @add_row map ins(%x, %w) at <[0, 0]> outs(%y) at <[0]> integers <[4]> grid <B> grain <1> scratch <0> flops <B * 4> bytes <B * 32>
  plan.output "y" %y f32 dims <[B, 4]>
  plan.output "w" %w f32 dims <[4]>
}
)mlir";

class StateTest : public PackageTest {
protected:
  void SetUp() override {
    PackageTest::SetUp();
    module = mlir::parseSourceString<mlir::ModuleOp>(kStateful, &context);
    ASSERT_TRUE(module) << messages;
    ASSERT_TRUE(mlir::succeeded(write())) << messages;
    ASSERT_EQ(attune_model_load(path.c_str(), nullptr, &model), ATTUNE_OK)
        << attune_error_message();
    ASSERT_EQ(attune_model_entry(model, "step", &step), ATTUNE_OK);
  }
  ~StateTest() override {
    attune_model_release(step);
    attune_model_release(model);
  }
  attune_session *session(attune_model *entry, attune_state *state) {
    attune_session_options options;
    attune_session_options_init(&options);
    options.state = state;
    attune_session *result = nullptr;
    EXPECT_EQ(attune_session_create(entry, &options, &result), ATTUNE_OK)
        << attune_error_message();
    return result;
  }
  void run(attune_session *session) {
    attune_tensor x = attune::testing::matrixOf(row, 1, 4);
    ASSERT_EQ(attune_session_set_input(session, 0, &x), ATTUNE_OK);
    ASSERT_EQ(attune_session_run(session), ATTUNE_OK) << attune_error_message();
  }
  std::vector<float> output(attune_session *session, size_t index) {
    attune_tensor out;
    EXPECT_EQ(attune_session_get_output(session, index, &out), ATTUNE_OK);
    const auto *data = static_cast<const float *>(out.data);
    return {data, data + 4};
  }
  std::vector<float> tensor(attune_state *state, size_t index) {
    attune_state_info info;
    EXPECT_EQ(attune_state_get(state, index, &info), ATTUNE_OK);
    const auto *data = static_cast<const float *>(info.tensor.data);
    return {data, data + info.tensor.bytes / 4};
  }

  attune_model *model = nullptr, *step = nullptr;
  std::vector<float> row = {10, 20, 30, 40};
};

using Floats = std::vector<float>;

TEST_F(StateTest, OutlastsRunsAndIsSharedByEntryPoints) {
  ASSERT_EQ(attune_model_entry_count(model), 2u);
  EXPECT_STREQ(attune_model_entry_name(model, 0), "infer");
  EXPECT_STREQ(attune_model_entry_name(model, 1), "step");
  EXPECT_EQ(attune_model_entry_name(model, 2), nullptr);
  attune_state *state = nullptr;
  ASSERT_EQ(attune_state_create(model, 0, &state), ATTUNE_OK);
  attune_session *steps = session(step, state), *infers = session(model, state);
  run(infers);
  EXPECT_EQ(output(infers, 1), (Floats{1, 2, 3, 4}));
  run(steps);
  run(steps);
  run(infers);
  EXPECT_EQ(output(infers, 0), (Floats{31, 62, 93, 124}));
  EXPECT_EQ(output(infers, 1), (Floats{21, 42, 63, 84}));
  // Parameters come first.
  attune_state_info info;
  ASSERT_EQ(attune_state_get(state, 0, &info), ATTUNE_OK);
  EXPECT_STREQ(info.name, "w");
  EXPECT_EQ(info.kind, ATTUNE_STATE_PARAMETER);
  EXPECT_EQ(tensor(state, 0), (Floats{21, 42, 63, 84}));
  EXPECT_EQ(tensor(state, 1), (Floats{20, 40, 60, 80}));
  attune_session_release(steps);
  attune_state_release(state); // the other session keeps it
  run(infers);
  EXPECT_EQ(output(infers, 1), (Floats{21, 42, 63, 84}));
  attune_session_release(infers);
}

TEST_F(StateTest, IsTheSessionsOwnWhereNoneIsGiven) {
  attune_session *first = session(step, nullptr),
                 *second = session(model, nullptr);
  run(first);
  run(second);
  EXPECT_EQ(output(second, 1), (Floats{1, 2, 3, 4}));
  attune_session_release(first);
  attune_session_release(second);
}

TEST_F(StateTest, IsCountedAndChecked) {
  int64_t rows = 2;
  attune_cost cost;
  ASSERT_EQ(attune_model_cost(model, &rows, 1, 1, &cost), ATTUNE_OK);
  EXPECT_EQ(cost.state_bytes, 64u + 16u);
  EXPECT_EQ(cost.peak_bytes, cost.arena_bytes + 32 + 16 + 80);
  attune_model *none = nullptr;
  EXPECT_EQ(attune_model_entry(model, "train", &none), ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(),
               "the package has no entry point \"train\", only infer, step");
  attune_model *other = nullptr;
  ASSERT_EQ(attune_model_load(path.c_str(), nullptr, &other), ATTUNE_OK);
  attune_state *state = nullptr;
  ASSERT_EQ(attune_state_create(other, 0, &state), ATTUNE_OK);
  attune_session_options options;
  attune_session_options_init(&options);
  options.state = state;
  attune_session *refused = nullptr;
  EXPECT_EQ(attune_session_create(model, &options, &refused),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_STREQ(attune_error_message(), "the state is that of another model");
  attune_state_release(state);
  attune_model_release(other);
}

TEST_F(PackageTest, SameModelSameBytes) {
  ASSERT_TRUE(mlir::succeeded(write())) << messages;
  std::vector<char> first = attune::testing::readFile(path);
  ASSERT_TRUE(mlir::succeeded(write())) << messages;
  EXPECT_EQ(first, attune::testing::readFile(path));
}

TEST_F(PackageTest, EqualWeightsAreStoredOnce) {
  ASSERT_TRUE(mlir::succeeded(write())) << messages;
  attune_model *model = nullptr;
  ASSERT_EQ(attune_model_load(path.c_str(), nullptr, &model), ATTUNE_OK);
  attune_code_info info;
  ASSERT_EQ(attune_model_code(model, 0, &info), ATTUNE_OK);
  // @w and @again have the same bytes, @c its own.
  EXPECT_EQ(info.weight_bytes, 32u);
  attune_model_release(model);
}

TEST_F(PackageTest, AsAnExecutable) {
  ASSERT_TRUE(mlir::succeeded(write(ATTUNE_BIN "/attune-run"))) << messages;
  runAndCheck(path);
  EXPECT_EQ(std::system((path + " describe > /dev/null").c_str()), 0);
}

TEST_F(PackageTest, AFailedWriteLeavesTheOldFile) {
  attune::testing::writeFile(path, {'o', 'l', 'd'});
  EXPECT_TRUE(mlir::failed(write(folder.file("no-such-program"))));
  EXPECT_THAT(messages, HasSubstr("cannot open: No such file or directory"));
  EXPECT_EQ(attune::testing::readFile(path),
            (std::vector<char>{'o', 'l', 'd'}));
  path = folder.file("no/such/folder/model.attune");
  EXPECT_TRUE(mlir::failed(write()));
  EXPECT_THAT(messages, HasSubstr("cannot create a file beside it: No such "
                                  "file or directory"));
}

TEST_F(PackageTest, CodeMayImportNothing) {
  std::string error;
  auto linked = linkSharedObject(
      attune::testing::readFile(ATTUNE_OBJECTS "/CallsLibrary.o"), error);
  EXPECT_TRUE(mlir::failed(linked));
  EXPECT_THAT(error, HasSubstr("undefined symbol: erff"));
  // The linker is usable after a failure.
  EXPECT_FALSE(link("Kernels.o").empty());
}

TEST_F(PackageTest, NotAnObjectIsAnError) {
  std::string error;
  std::vector<char> text = {'n', 'o'};
  EXPECT_TRUE(mlir::failed(linkSharedObject(text, error)));
  EXPECT_FALSE(error.empty());
}

} // namespace
