// A model that learns as a package. See Trainee.h.
#include "runtime/testing/TestPackage.h"
#include "runtime/tools/Handles.h"
#include "tests/dsl/Trainee.h"
#include "llvm/Support/Program.h"
#include <gtest/gtest.h>

namespace attune::golden {

using tools::check;
using tools::Error;

namespace {
class CompiledTrainee : public Trainee {
public:
  explicit CompiledTrainee(const Golden &golden) : golden(golden) {}

  bool make(const std::vector<std::string> &options, const std::string &rate) {
    attune_model *loaded = nullptr;
    std::string package = folder.file("model.attune");
    if (!compile(package, options, rate) ||
        !holds(attune_model_load(package.c_str(), nullptr, &loaded)))
      return false;
    model.reset(loaded);
    return true;
  }

  void begin() override {
    attune_state *created = nullptr;
    memory.reset();
    if (holds(attune_state_create(model.get(), /*seed=*/1, &created)))
      memory.reset(created);
  }

  Scalars run(const std::string &name, const Scalars &arguments) override {
    attune_model *entry = nullptr;
    attune_session *created = nullptr;
    attune_session_options options;
    attune_session_options_init(&options);
    options.threads = 2;
    options.state = memory.get();
    if (!holds(attune_model_entry(model.get(), name.c_str(), &entry)))
      return {};
    tools::Model handle(entry);
    if (!holds(attune_session_create(entry, &options, &created)))
      return {};
    tools::Session session(created);
    std::vector<tools::Tensor> inputs = inputsOf(entry, arguments);
    for (size_t i = 0; i < inputs.size(); ++i) {
      attune_tensor view = inputs[i].view();
      if (!holds(attune_session_set_input(created, i, &view)))
        return {};
    }
    if (!holds(attune_session_run(created)))
      return {};
    return resultsOf(entry, created);
  }

  std::vector<double> get(const std::string &name) override {
    std::span<float> values = memoryOf(name);
    return {values.begin(), values.end()};
  }

  void set(const std::string &name, const std::vector<float> &values) override {
    std::span<float> all = memoryOf(name);
    ASSERT_EQ(all.size(), values.size()) << name;
    llvm::copy(values, all.begin());
  }

private:
  static bool holds(attune_status status) {
    Error error = check(status);
    EXPECT_FALSE(error) << error.message();
    return !error;
  }

  std::span<float> memoryOf(const std::string &name) {
    attune_state_info info;
    for (size_t i = 0; i < attune_model_state_count(model.get()); ++i)
      if (holds(attune_state_get(memory.get(), i, &info)) && info.name == name)
        return {static_cast<float *>(info.tensor.data),
                info.tensor.bytes / sizeof(float)};
    ADD_FAILURE() << "no state " << name;
    return {};
  }

  bool compile(const std::string &package,
               const std::vector<std::string> &options,
               const std::string &rate) {
    std::vector<std::string> words = {ATTUNE_COMPILE, "compile", golden.path(),
                                      "-o",           package,   "--quiet"};
    for (const auto &[name, value] : golden.settings(golden.dropout(rate)))
      words.push_back("--set=" + name + "=" + value);
    words.insert(words.end(), options.begin(), options.end());
    std::string message;
    int code = llvm::sys::ExecuteAndWait(
        ATTUNE_COMPILE,
        llvm::SmallVector<llvm::StringRef>(words.begin(), words.end()),
        std::nullopt, {}, /*SecondsToWait=*/300, 0, &message);
    EXPECT_EQ(code, 0) << message;
    return code == 0;
  }

  /// In the order of the entry point.
  std::vector<tools::Tensor> inputsOf(attune_model *entry,
                                      const Scalars &arguments) {
    std::vector<tools::Tensor> inputs;
    for (size_t i = 0; i < attune_model_input_count(entry); ++i) {
      attune_value_info info;
      if (!holds(attune_model_input(entry, i, &info)))
        return {};
      std::string name = info.name;
      if (auto found = arguments.find(name); found != arguments.end()) {
        auto real = float(found->second);
        auto integer = int64_t(found->second);
        bool isInteger = info.dtype == ATTUNE_I64;
        attune_tensor scalar = {info.dtype, 0, {}, &real, sizeof real};
        if (isInteger)
          scalar.data = &integer, scalar.bytes = sizeof integer;
        inputs.push_back(tools::copyOf(scalar));
        continue;
      }
      std::string array = (golden.has("input." + name) ? "input." : "label.");
      inputs.push_back(golden.arrays.at(array + name));
    }
    return inputs;
  }

  Scalars resultsOf(attune_model *entry, attune_session *session) {
    Scalars results;
    for (size_t i = 0; i < attune_model_output_count(entry); ++i) {
      attune_value_info info;
      attune_tensor output;
      if (holds(attune_model_output(entry, i, &info)) &&
          holds(attune_session_get_output(session, i, &output)) &&
          info.rank == 0 && info.dtype == ATTUNE_F32)
        results[info.name] = double(*static_cast<float *>(output.data));
    }
    return results;
  }

  const Golden &golden;
  testing::TempFolder folder;
  tools::Model model;
  tools::State memory;
};
} // namespace

std::unique_ptr<Trainee> makeCompiled(const Golden &golden,
                                      const std::vector<std::string> &options,
                                      const std::string &rate) {
  auto made = std::make_unique<CompiledTrainee>(golden);
  return made->make(options, rate) ? std::move(made) : nullptr;
}

} // namespace attune::golden
