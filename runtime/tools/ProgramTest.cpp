//===- ProgramTest.cpp - the programs as users meet them ------------------===//
//
// Runs attune and attune-run as processes on a test package: output, files and
// exit codes.
//
//===----------------------------------------------------------------------===//
#include "runtime/testing/TestPackage.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/tools/Terminal.h"
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <gmock/gmock.h>
#include <nlohmann/json.hpp>
#include <sys/wait.h>

using namespace attune::testing;
using namespace attune::tools;
using nlohmann::json;
using ::testing::HasSubstr;

namespace {

struct Outcome {
  int code = -1;
  std::string out;
};

/// Runs a command line of our own making through the shell; both streams.
Outcome shell(const std::string &line) {
  Outcome result;
  FILE *pipe = ::popen((line + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (size_t count = fread(buffer, 1, sizeof buffer, pipe))
    result.out.append(buffer, count);
  int status = ::pclose(pipe);
  result.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return result;
}

const std::string kRun = std::string(ATTUNE_BIN) + "/attune-run ";
const std::string kAttune = std::string(ATTUNE_BIN) + "/attune ";

class ProgramTest : public ::testing::Test {
protected:
  void SetUp() override {
    writePackage(model);
    Tensor x;
    x.dims = {2, 4};
    x.data.resize(32);
    for (int i = 0; i < 8; ++i) {
      float value = float(i);
      std::memcpy(x.data.data() + 4 * i, &value, 4);
    }
    ASSERT_FALSE(writeTensors(folder.file("x.npy"), {{"", x}}));
    ASSERT_FALSE(writeTensors(folder.file("all.npz"), {{"x", x}}));
  }

  TempFolder folder;
  std::string model = folder.file("model.attune");
};

TEST_F(ProgramTest, RunWritesOutputs) {
  for (const std::string &input :
       {"x=" + folder.file("x.npy"), folder.file("all.npz"),
        "x=" + folder.file("all.npz")}) {
    Outcome run = shell(kAttune + "run " + model + " --input " + input +
                        " --threads 2 --output-dir " + folder.file("a/out"));
    EXPECT_EQ(run.code, 0) << run.out;
    EXPECT_THAT(run.out, HasSubstr("y: f32 [2] -> "));
    NamedTensors y;
    ASSERT_EQ(readTensors(folder.file("a/out/y.npy"), y).message(), "");
    float values[2];
    ASSERT_EQ(y[""].data.size(), sizeof values);
    std::memcpy(values, y[""].data.data(), sizeof values);
    EXPECT_EQ(values[0], 0 + 1 + 2 + 3 + 10);
    EXPECT_EQ(values[1], 4 + 5 + 6 + 7 + 10);
    std::filesystem::remove_all(folder.file("a"));
  }
  Outcome run = shell(kRun + "run " + model + " --fill random --shape batch=3" +
                      " --json --output " + folder.file("o.safetensors"));
  EXPECT_EQ(run.code, 0) << run.out;
  EXPECT_EQ(json::parse(run.out)["outputs"][1]["dims"], json({3, 4}));
  NamedTensors all;
  ASSERT_EQ(readTensors(folder.file("o.safetensors"), all).message(), "");
  EXPECT_EQ(all.size(), 3u);
}

TEST_F(ProgramTest, RunErrors) {
  auto error = [&](const std::string &arguments, int code) {
    Outcome run = shell(kRun + "run " + arguments);
    EXPECT_EQ(run.code, code) << run.out;
    return run.out;
  };
  EXPECT_EQ(error(model, 1), "attune: error: input \"x\" is not given; use "
                             "--input x=FILE.npy\n");
  EXPECT_EQ(error(model + " --input z=" + folder.file("x.npy"), 1),
            "attune: error: --input z=" + folder.file("x.npy") +
                ": the model has no input \"z\"; it has \"x\"\n");
  EXPECT_EQ(error(model + " --input " + folder.file("x.npy"), 1),
            "attune: error: --input " + folder.file("x.npy") +
                ": an .npy has no name; use --input NAME=" +
                folder.file("x.npy") + "\n");
  EXPECT_EQ(error(model + " --fill zeros", 1),
            "attune: error: the size of \"batch\" is not given; use --shape "
            "batch=N\n");
  EXPECT_EQ(error(model + " --fill zeros --shape batch=2,seq=3", 1),
            "attune: error: --shape: the model has no dim \"seq\"; it has "
            "batch\n");
  EXPECT_EQ(error(model + " --fill zeros --shape batch=two", 1),
            "attune: error: --shape: expected name=size, found "
            "\"batch=two\"\n");
  EXPECT_EQ(error(model + " --fill zeros --shape batch=99", 1),
            "attune: error: dims: \"batch\" is 99, expected 1 to 64\n");
  EXPECT_EQ(
      error(model + " --shape batch=3 --input x=" + folder.file("x.npy"), 1),
      "attune: error: input \"x\": --shape makes it [3, 4], the file has "
      "[2, 4]\n");
  EXPECT_THAT(error(folder.file("none.attune"), 1),
              HasSubstr("cannot open: No such file or directory\n"));
  EXPECT_THAT(error("", 2), HasSubstr("PACKAGE is required"));
  EXPECT_THAT(error(model + " --fill nothing", 2), HasSubstr("nothing"));
}

// As train takes its data; what is named must be there.
TEST_F(ProgramTest, FilesMayHaveMore) {
  NamedTensors tensors;
  ASSERT_EQ(readTensors(folder.file("all.npz"), tensors).message(), "");
  tensors["labels"] = tensors["more"] = tensors["x"];
  const std::string file = folder.file("more.npz"),
                    run = kRun + "run " + model + " -i ";
  ASSERT_EQ(writeTensors(file, tensors).message(), "");
  Outcome outcome = shell(run + file);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_THAT(outcome.out,
              HasSubstr("attune: warning: --input " + file +
                        ": passes over \"labels\", \"more\"; the model has "
                        "the inputs \"x\"\n"));
  EXPECT_EQ(shell(run + "labels=" + file).code, 1);
  tensors.erase("x");
  ASSERT_EQ(writeTensors(file, tensors).message(), "");
  outcome = shell(run + file);
  EXPECT_EQ(outcome.code, 1);
  EXPECT_THAT(outcome.out, HasSubstr("has no input \"labels\", \"more\"; it "
                                     "has \"x\""));
}

// Files get their names when they are complete; what was there stays.
TEST_F(ProgramTest, OutputsThatCannotBeWritten) {
  std::string taken = folder.file("taken.npz");
  std::filesystem::create_directory(taken);
  Outcome run = shell(kRun + "run " + model +
                      " --fill zeros --shape batch=2 --output " + taken);
  EXPECT_EQ(run.code, 1);
  EXPECT_THAT(run.out, HasSubstr("taken.npz: expected a regular file or a new "
                                 "one\n"));
  for (const auto &entry : std::filesystem::directory_iterator(folder.file("")))
    EXPECT_EQ(entry.path().string().find(".tmp-"), std::string::npos)
        << entry.path();
  for (const char *command : {"run --fill zeros", "describe", "bench"}) {
    std::string line = kAttune + command + " " + model +
                       " --shape batch=2 2>&1 >/dev/full | cat";
    EXPECT_EQ(shell(line).out, "attune: error: standard output: cannot write: "
                               "No space left on device\n");
  }
}

// What a command reads is not what it writes, by whatever name.
TEST_F(ProgramTest, OutputsThatAreInputs) {
  const std::string x = folder.file("x.npy"), all = folder.file("all.npz");
  auto expectKept = [&](const std::string &file, const std::string &line,
                        const std::string &words) {
    std::vector<char> before = readFile(file);
    Outcome run = shell(kRun + line);
    EXPECT_EQ(run.code, 1) << line;
    EXPECT_THAT(run.out, HasSubstr(words));
    EXPECT_EQ(readFile(file), before) << line;
  };
  expectKept(all, "run " + model + " -i " + all + " --output " + all,
             "--output " + all +
                 ": expected a file of its own, found that of "
                 "--input " +
                 all + ", which would be lost; give another name\n");
  std::filesystem::copy_file(x, folder.file("y.npy"));
  expectKept(folder.file("y.npy"),
             "run " + model + " -i x=" + folder.file("y.npy") + " -o " +
                 folder.file("."),
             "found that of --input");
  std::filesystem::create_symlink(x, folder.file("link"));
  const std::string train = "train " + model + " --data " + x;
  for (const std::string option : {"--save ", "-o ", "--log ", "--plot "})
    expectKept(x, train + " " + option + folder.file("link"),
               "found that of --data");
  for (const std::string option : {"--save ", "--log ", "--plot "})
    expectKept(model, train + " " + option + model,
               "found that of the package");
  const std::string next = folder.file("new");
  expectKept(x, train + " --save " + next + " --log " + folder.file("./new"),
             "--log " + folder.file("./new") +
                 ": expected a file of its own, found that of --save");
  expectKept(x, train + " --init " + next + " --save " + next,
             "found that of --init");
  // What is natural fails for another reason only: the model does not train.
  expectKept(x, train + " --resume " + next + " --save " + next,
             "train section");
  expectKept(model, train + " -o " + model, "train section");
}

TEST_F(ProgramTest, ShapesMayRepeat) {
  const std::string describe = kRun + "describe " + model + " --json";
  Outcome facts = shell(describe + " --shape batch=16");
  EXPECT_EQ(facts.code, 0) << facts.out;
  // The model has one dim: the second one is heard, and missed.
  EXPECT_THAT(shell(describe + " --shape batch=16 --shape seq=3").out,
              HasSubstr("the model has no dim \"seq\""));
  EXPECT_THAT(shell(describe + " --shape batch=16 --shape batch=3").out,
              HasSubstr("\"batch\" is given twice"));
}

// Bounds in words, and nan is no number.

TEST_F(ProgramTest, OptionsOutOfRange) {
  auto error = [&](const std::string &arguments) {
    Outcome run = shell(kRun + arguments);
    EXPECT_EQ(run.code, 2) << arguments << ": " << run.out;
    return run.out;
  };
  const std::string train = "train " + model + " --data x ";
  const std::string generate = "generate " + model + " ";
  for (const std::string &rate : {"--lr", "--min-lr", "--decay"})
    for (const std::string &value : {"-3", "nan", "inf", "1e999", "fast"})
      EXPECT_EQ(error(train + rate + " " + value),
                "attune: error: " + rate +
                    ": expected a number of at least 0, "
                    "found " +
                    value + "; see --help\n");
  EXPECT_THAT(error(train + "--epochs 0"),
              HasSubstr("--epochs: expected a number above 0, found 0;"));
  EXPECT_THAT(error(train + "--validation nan"),
              HasSubstr("expected a number from 0 to 0.9, found nan;"));
  EXPECT_THAT(error(train + "--steps 9007199254740993"),
              HasSubstr("--steps: expected a whole number from 1 to "
                        "9007199254740992, found 9007199254740993;"));
  EXPECT_THAT(error(train + "--batch 2147483648"),
              HasSubstr("--batch: expected a whole number from 1 to "
                        "2147483647, found 2147483648;"));
  EXPECT_THAT(error(train + "--accum 0"), HasSubstr("found 0;"));
  EXPECT_EQ(error(train + "--schedule foo"),
            "attune: error: --schedule: expected constant, linear, cosine or "
            "step, found foo; see --help\n");
  EXPECT_THAT(error(train + "--schedule 2"), HasSubstr("found 2;"));
  EXPECT_THAT(error(train + "--vocabulary word"),
              HasSubstr("expected char or byte, found word;"));
  EXPECT_THAT(error("run " + model + " --fill 1"),
              HasSubstr("--fill: expected random or zeros, found 1;"));
  EXPECT_THAT(error(generate + "--top -3"), HasSubstr("found -3;"));
  EXPECT_THAT(error(generate + "--seed -1"), HasSubstr("found -1;"));
  EXPECT_THAT(error(generate + "--temperature nan"), HasSubstr("found nan;"));
  EXPECT_THAT(error("run " + model + " --threads -1"), HasSubstr("found -1;"));
}

// Beside the others; with what they need, the model is what fails.
TEST_F(ProgramTest, OptionsThatDoNothing) {
  const std::string train = kRun + "train " + model + " --data x ";
  for (const auto &[options, words] :
       std::vector<std::pair<std::string, std::string>>{
           {"--save-every 3", "--save-every requires --save;"},
           {"--steps 3 --epochs 2", "--epochs excludes --steps;"},
           {"--min-lr 0.1 --lr 1", "--min-lr: expected --schedule linear or "
                                   "cosine, found constant"},
           {"--min-lr 1 --lr 0.1 --schedule cosine",
            "--min-lr: expected at most --lr, 0.1, found 1;"},
           {"--decay 0.5", "--decay: expected --schedule step, found constant"},
           {"--decay-every 3 --schedule linear",
            "--decay-every: expected --schedule step, found linear"},
           {"--schedule step", "--schedule: step decays never without "
                               "--decay-every"}}) {
    Outcome run = shell(train + options);
    EXPECT_EQ(run.code, 2) << options;
    EXPECT_THAT(run.out, HasSubstr(words));
  }
  for (const char *options :
       {"--save-every 3 --save y", "--min-lr 0.1 --lr 1 --schedule linear",
        "--schedule step --decay-every 3 --decay 0.5", "--schedule cosine"})
    EXPECT_EQ(shell(train + options).code, 1) << options;
}

TEST_F(ProgramTest, DefaultsAreInTheHelp) {
  std::string help = shell(kAttune + "train --help").out;
  for (const char *words :
       {"--lr FLOAT=0.001", "--validation FLOAT=0.1", "--accum INT=1",
        "--schedule constant|linear|cosine|step=constant", "--epochs FLOAT=1",
        ".npz"})
    EXPECT_THAT(help, HasSubstr(words));
  help = shell(kAttune + "generate --help").out;
  EXPECT_THAT(help, HasSubstr("--tokens INT=200"));
  EXPECT_THAT(help, HasSubstr("--temperature FLOAT=1"));
}

TEST_F(ProgramTest, AModelThatDoesNotTrain) {
  EXPECT_THAT(shell(kRun + "train " + model + " --data x").out,
              HasSubstr("or an .onnx with --loss\n"));
  EXPECT_EQ(shell(kRun + "train " + model + " --data x --plot /dev/null").out,
            "attune: error: /dev/null: expected a regular file or a new one\n");
}

// A name from a model must not reach the terminal as a command to it.
TEST_F(ProgramTest, NamesAreSafeToPrint) {
  EXPECT_EQ(printable("a\x1b[31m\n\x7f\xc3\xa9"),
            "a\\x1b[31m\\x0a\\x7f\xc3\xa9");
}

TEST_F(ProgramTest, Describe) {
  Outcome text = shell(kAttune + "describe " + model);
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("  x: f32 [batch, 4]\n"));
  EXPECT_THAT(text.out, HasSubstr("give --shape"));
  Outcome facts = shell(kAttune + "describe " + model +
                        " --json --shape batch=16 --threads 2");
  ASSERT_EQ(facts.code, 0) << facts.out;
  json parsed = json::parse(facts.out);
  EXPECT_EQ(parsed["peak_bytes"], 512 + 336 + 16);
  EXPECT_EQ(parsed["weights_bytes"], 16);
  EXPECT_EQ(parsed["inputs"][0]["dims"], json({"batch", 4}));
  EXPECT_EQ(parsed["dims"][0]["max"], 64);
  EXPECT_EQ(parsed["code_versions"][0]["name"], "x86-64");
  // Describing needs no processor that could run it.
  PackageOptions options;
  options.code = {{"x86-64-v9", ~uint64_t(0), 1}};
  writePackage(model, options);
  facts = shell(kAttune + "describe " + model + " --json");
  EXPECT_EQ(facts.code, 0);
  EXPECT_EQ(json::parse(facts.out)["code_version"], "");
  EXPECT_EQ(json::parse(facts.out)["code_versions"][0]["supported"], false);
}

TEST_F(ProgramTest, Bench) {
  Outcome facts = shell(kAttune + "bench " + model +
                        " --shape batch=8 --json --profile --threads 1 "
                        "--seconds 0.05");
  ASSERT_EQ(facts.code, 0) << facts.out;
  json parsed = json::parse(facts.out);
  for (const char *key :
       {"median_ms", "min_ms", "gflop", "share_of_peak", "isa", "threads"})
    EXPECT_TRUE(parsed.contains(key)) << key;
  EXPECT_GT(parsed["median_ms"], 0);
  EXPECT_GT(parsed["share_of_peak"], 0);
  EXPECT_EQ(parsed["threads"], 1);
  EXPECT_EQ(parsed["isa"], "sse");
  EXPECT_EQ(parsed["launches"][0]["name"], "/add");
  Outcome text = shell(kAttune + "bench " + model +
                       " --shape batch=8 --seconds 0.05 --profile");
  EXPECT_EQ(text.code, 0) << text.out;
  EXPECT_THAT(text.out, HasSubstr("/sum (row)"));
}

TEST_F(ProgramTest, OnADevice) {
  PackageOptions options;
  options.ptx = testPtx();
  writePackage(model, options);
  const std::string driver =
      std::string("ATTUNE_CUDA_DRIVER=") + ATTUNE_TEST_CUDA_DRIVER + " ";
  const std::string run = "run " + model +
                          " --input x=" + folder.file("x.npy") +
                          " --output-dir " + folder.file("");
  for (const std::string &line :
       {kAttune + run + "cpu --device cpu",
        driver + kAttune + run + "cuda --device cuda:0"}) {
    Outcome outcome = shell(line);
    EXPECT_EQ(outcome.code, 0) << outcome.out;
  }
  EXPECT_EQ(readFile(folder.file("cpu/y.npy")),
            readFile(folder.file("cuda/y.npy")));
  Outcome facts = shell(driver + kAttune + "bench " + model +
                        " --shape batch=3 --seconds 0.1 --json --profile");
  json bench = json::parse(facts.out, nullptr, false);
  ASSERT_FALSE(bench.is_discarded()) << facts.out;
  EXPECT_EQ(bench["device"], "cuda:0 attune GPU emulator");
  EXPECT_TRUE(bench["share_of_peak"].is_null());
  EXPECT_EQ(bench["launches"][0]["name"], "/add");
  EXPECT_THAT(shell(kAttune + "describe " + model).out,
              HasSubstr("(for CUDA devices)"));
  Outcome none = shell("ATTUNE_CUDA_DRIVER=/nowhere " + kAttune + run +
                       "none --device cuda");
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.out, HasSubstr("there is no CUDA driver: /nowhere"));
}

TEST_F(ProgramTest, AnExecutableModel) {
  PackageOptions options;
  options.program = std::string(ATTUNE_BIN) + "/attune-run";
  std::string program = folder.file("model");
  writePackage(program, options);
  Outcome run = shell(program + " --input x=" + folder.file("x.npy") +
                      " --output-dir " + folder.file("out"));
  EXPECT_EQ(run.code, 0) << run.out;
  EXPECT_TRUE(std::filesystem::exists(folder.file("out/y.npy")));
  EXPECT_THAT(shell(program + " describe").out, HasSubstr("x: f32 [batch, 4]"));
  EXPECT_THAT(shell(kAttune + "describe " + program).out,
              HasSubstr("x: f32 [batch, 4]"));
  Outcome bench = shell(program + " bench --shape batch=1 --seconds 0.01");
  EXPECT_EQ(bench.code, 0) << bench.out;
  ASSERT_EQ(shell("echo >>" + program).code, 0);
  Outcome damaged = shell(program + " describe");
  EXPECT_EQ(damaged.code, 1);
  EXPECT_EQ(damaged.out, "attune: error: " + program +
                             ": the package at its end is damaged or missing; "
                             "compile the model again\n");
}

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define ATTUNE_SANITIZED 1
#endif
#endif

TEST_F(ProgramTest, NeedsNoLibraryButTheSystems) {
#ifdef ATTUNE_SANITIZED
  GTEST_SKIP() << "sanitizers link libraries of their own";
#endif
  Outcome list = shell("ldd " + std::string(ATTUNE_BIN) + "/attune-run");
  ASSERT_EQ(list.code, 0);
  std::string rest = list.out;
  for (size_t at = 0; at < rest.size();) {
    size_t end = rest.find('\n', at);
    std::string line = rest.substr(at, end - at);
    at = end == rest.npos ? rest.size() : end + 1;
    bool known = false;
    for (const char *name :
         {"linux-vdso", "ld-linux", "libc.so", "libm.so", "libstdc++.so",
          "libgcc_s.so", "libpthread.so", "libdl.so"})
      known |= line.find(name) != line.npos;
    EXPECT_TRUE(known) << line;
  }
}

TEST(FrontDoor, HelpAndUsage) {
  EXPECT_EQ(shell(kAttune + "--help").code, 0);
  EXPECT_THAT(shell(kAttune + "--help").out, HasSubstr("attune compile"));
  EXPECT_EQ(shell(kAttune).code, 2);
  Outcome wrong = shell(kAttune + "frobnicate");
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.out, HasSubstr("no command \"frobnicate\""));
  EXPECT_EQ(shell(kAttune + "--version").code, 0);
  for (const std::string command : {"run", "bench", "describe"})
    for (const std::string &line :
         {kAttune + command + " --help", kAttune + "help " + command}) {
      Outcome help = shell(line);
      EXPECT_EQ(help.code, 0) << line;
      EXPECT_THAT(help.out, HasSubstr("Usage: attune " + command));
      EXPECT_THAT(help.out, HasSubstr("Examples:\n  attune " + command));
    }
  EXPECT_EQ(shell(kAttune + "bench").out,
            "attune: error: PACKAGE is required; see --help\n");
}

} // namespace
