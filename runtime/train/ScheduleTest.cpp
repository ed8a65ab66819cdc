//===- ScheduleTest.cpp - rates and samples are functions of the step -----===//
#include "runtime/train/Schedule.h"
#include "runtime/train/Curve.h"
#include "runtime/train/Sampler.h"
#include <gtest/gtest.h>
#include <set>

using namespace attune::train;

namespace {

Schedule schedule(ScheduleKind kind) {
  Schedule result;
  result.kind = kind;
  result.rate = 0.2;
  result.least = 0.02;
  result.steps = 110;
  result.warmup = 10;
  return result;
}

TEST(Schedule, RisesAndGoesOn) {
  Schedule constant = schedule(ScheduleKind::Constant);
  EXPECT_DOUBLE_EQ(constant.at(1), 0.02);
  EXPECT_DOUBLE_EQ(constant.at(5), 0.1);
  EXPECT_DOUBLE_EQ(constant.at(10), 0.2);
  EXPECT_DOUBLE_EQ(constant.at(1000), 0.2);
}

TEST(Schedule, FallsToTheLeast) {
  for (ScheduleKind kind : {ScheduleKind::Linear, ScheduleKind::Cosine}) {
    Schedule falling = schedule(kind);
    EXPECT_DOUBLE_EQ(falling.at(10), 0.2);
    EXPECT_NEAR(falling.at(60), 0.11, 1e-15); // half way in both
    EXPECT_NEAR(falling.at(110), 0.02, 1e-15);
    EXPECT_NEAR(falling.at(500), 0.02, 1e-15);
  }
  EXPECT_NEAR(schedule(ScheduleKind::Linear).at(35), 0.155, 1e-15);
  // cos(pi / 4)
  EXPECT_NEAR(schedule(ScheduleKind::Cosine).at(35),
              0.02 + 0.09 * (1 + 0.70710678118654752), 1e-15);
}

TEST(Schedule, FallsInSteps) {
  Schedule steps = schedule(ScheduleKind::Step);
  steps.every = 30;
  steps.factor = 0.5;
  EXPECT_DOUBLE_EQ(steps.at(11), 0.2);
  EXPECT_DOUBLE_EQ(steps.at(40), 0.2);
  EXPECT_DOUBLE_EQ(steps.at(41), 0.1);
  EXPECT_DOUBLE_EQ(steps.at(71), 0.05);
}

TEST(Sampler, AnEpochHasEachSampleOnce) {
  Sampler sampler(7, 100, /*windowed=*/false);
  std::vector<int64_t> epochs[2];
  for (int64_t number = 0; number < 200; ++number)
    epochs[number / 100].push_back(sampler.indexOf(number));
  for (const auto &epoch : epochs)
    EXPECT_EQ(std::set<int64_t>(epoch.begin(), epoch.end()).size(), 100u);
  EXPECT_NE(epochs[0], epochs[1]);
  // Any place by itself.
  EXPECT_EQ(Sampler(7, 100, false).indexOf(142), epochs[1][42]);
  EXPECT_NE(Sampler(8, 100, false).indexOf(142), epochs[1][42]);
}

TEST(Sampler, WindowsAreDrawnFromAll) {
  Sampler sampler(7, 10, /*windowed=*/true);
  std::vector<int> counts(10);
  for (int64_t number = 0; number < 10000; ++number)
    ++counts[size_t(sampler.indexOf(number))];
  for (int count : counts)
    EXPECT_NEAR(count, 1000, 150); // five standard deviations
}

TEST(Curve, IsWellFormedWhateverThereIs) {
  for (const Curve &curve :
       {Curve{"a < b & c", {}, {}}, Curve{"one", {{1, 2.5}}, {}},
        Curve{"flat", {{1, 0}, {2, 0}}, {{2, 0}}},
        Curve{"two", {{1, 3}, {2, 2}, {3, 1}}, {{3, 1.5}}}}) {
    std::string svg = curveSvg(curve);
    EXPECT_EQ(svg.find("nan"), svg.npos) << svg;
    EXPECT_EQ(svg.find("inf"), svg.npos) << svg;
    EXPECT_EQ(svg.find("a < b"), svg.npos);
    EXPECT_TRUE(svg.ends_with("</svg>\n"));
  }
}

TEST(Curve, LabelsDiffer) {
  for (const Curve &curve :
       {Curve{"one", {}, {{20, 2.07033123}}},
        Curve{"near", {{1, 123456.7}, {2, 123456.8}}, {}},
        Curve{"far", {{100000000, 1}, {100000008, 2}}, {}}}) {
    std::string svg = curveSvg(curve);
    std::vector<std::string> labels;
    for (size_t at = svg.find("anchor='end' >"); at != svg.npos;
         at = svg.find("anchor='end' >", at + 1))
      labels.push_back(svg.substr(at, svg.find('<', at) - at));
    for (size_t at = svg.find("anchor='middle' >"); at != svg.npos;
         at = svg.find("anchor='middle' >", at + 1))
      labels.push_back(svg.substr(at, svg.find('<', at) - at));
    EXPECT_GT(labels.size(), 4u);
    EXPECT_EQ(std::set<std::string>(labels.begin(), labels.end()).size(),
              labels.size())
        << svg;
  }
}

} // namespace
