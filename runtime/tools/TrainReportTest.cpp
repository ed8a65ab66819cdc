//===- TrainReportTest.cpp - a log that goes on ---------------------------===//
#include "runtime/tools/TrainReport.h"
#include "runtime/testing/TestPackage.h"
#include <fstream>
#include <gmock/gmock.h>

using namespace attune::tools;

namespace {

class TrainReportTest : public ::testing::Test {
protected:
  /// What is left of a log when a training goes on after `step`.
  std::string openedAt(int64_t step, const std::string &text) {
    std::ofstream(options.log) << text;
    {
      TrainReport report(options, 10);
      EXPECT_EQ(report.openLog(step).message(), "");
    }
    std::ifstream file(options.log);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  attune::testing::TempFolder folder;
  TrainOptions options = [this] {
    TrainOptions result;
    result.log = folder.file("run.jsonl");
    return result;
  }();
};

TEST_F(TrainReportTest, ALogGoesOnAfterTheStep) {
  const std::string two = "{\"step\":1}\n{\"step\":2,\"loss\":3.5}\n"
                          "{\"step\":2,\"validation_loss\":4}\n";
  EXPECT_EQ(openedAt(2, two + "{\"step\":3}\n{\"step\":4}\n"), two);
  EXPECT_EQ(openedAt(2, two), two);
  EXPECT_EQ(openedAt(9, two), two);
  EXPECT_EQ(openedAt(2, two + "{\"step\":"), two); // cut off while written
  EXPECT_EQ(openedAt(2, two + "no JSON\n"), two + "no JSON\n");
  EXPECT_EQ(openedAt(0, two), "");
  EXPECT_EQ(openedAt(2, ""), "");
}

TEST_F(TrainReportTest, ACurveBeginsWithTheLog) {
  const std::string two = "{\"step\":1,\"loss\":2}\n{\"step\":2,\"loss\":1}\n"
                          "{\"step\":2,\"validation_loss\":4}\n";
  options.plot = folder.file("loss.svg");
  options.quiet = true;
  auto plotted = [&](const std::string &log) {
    std::ofstream(options.log) << log;
    TrainReport report(options, 10);
    EXPECT_EQ(report.openLog(2).message(), "");
    attune::train::StepResult step;
    step.step = 3;
    step.loss = 1.5;
    EXPECT_EQ(report.step(step, 1).message(), "");
    EXPECT_EQ(report.writePlot().message(), "");
    std::ifstream file(options.plot);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::string whole = plotted(two + "{\"step\":3,\"loss\":7}\n");
  EXPECT_THAT(whole, ::testing::HasSubstr(">loss<"));
  EXPECT_THAT(whole, ::testing::HasSubstr(">validation 4<"));
  EXPECT_THAT(whole, ::testing::HasSubstr("points='64,246.061 380,338.182 "
                                          "696,292.121 '"));
  EXPECT_THAT(plotted(""), ::testing::HasSubstr(">loss from step 3 on<"));
}

TEST_F(TrainReportTest, ALogThatCannotBeWritten) {
  options.log = "/dev/full";
  options.quiet = true;
  TrainReport report(options, 10);
  ASSERT_EQ(report.openLog(0).message(), "");
  attune::train::StepResult step;
  step.step = 3;
  EXPECT_EQ(report.step(step, 1).message(),
            "/dev/full: cannot write what is said of step 3: No space left on "
            "device");
  EXPECT_EQ(report.facts["steps"], 3);
  EXPECT_THAT(report.evaluation(3, {}).message(),
              ::testing::HasSubstr("of step 3: No space left"));
}

TEST_F(TrainReportTest, ALogMayBeADevice) {
  options.log = "/dev/null";
  TrainReport report(options, 10);
  EXPECT_EQ(report.openLog(3).message(), "");
  TrainOptions nowhere;
  nowhere.log = folder.file("none/run.jsonl");
  EXPECT_EQ(TrainReport(nowhere, 10).openLog(3).message(),
            nowhere.log + ": cannot write: No such file or directory");
}

} // namespace
