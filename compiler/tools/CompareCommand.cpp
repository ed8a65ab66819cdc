// attune compare: the model compiled twice, with fused and with unfused
// attention, run in turn on the same inputs in one process, since the clock of
// a machine drifts by more than the two differ.
#include "compiler/tools/Commands.h"

#include "compiler/tools/CompareReport.h"
#include "compiler/tools/Runner.h"
#include "runtime/tools/Terminal.h"
#include <chrono>

namespace attune::tools {

using namespace mlir;

static double median(std::vector<double> values) {
  llvm::sort(values);
  size_t middle = values.size() / 2;
  return values.size() % 2 ? values[middle]
                           : (values[middle - 1] + values[middle]) / 2;
}

static double timedRun(Runner &runner, std::string &error) {
  auto start = std::chrono::steady_clock::now();
  if (!runner.run(error))
    return -1;
  return std::chrono::duration<double, std::milli>(
             std::chrono::steady_clock::now() - start)
      .count();
}

namespace {
struct Pair {
  std::unique_ptr<Runner> fused, unfused;
};
} // namespace

// One package per strategy from one import.
static std::unique_ptr<Runner> build(Driver &driver, const char *attention,
                                     const TemporaryFolder &folder) {
  auto module = driver.cloneModule();
  driver.options.attention = attention;
  std::string package = folder.file(std::string(attention) + ".attune"), error;
  if (!driver.runShared(*module) || !driver.writePackage(*module, package))
    return nullptr;
  auto runner = Runner::open(package, driver.request.threads,
                             driver.request.device, error);
  if (!runner)
    printError(error);
  return runner;
}

// Runs both in turn until there is enough to take a median of: half a second
// each, at least three runs, at most fifty.
static bool measure(Pair &pair, unsigned runs, ComparePoint &point,
                    std::string &error) {
  std::vector<double> fused, unfused;
  double spent = 0;
  for (unsigned i = 0; runs ? i < runs : i < 3 || (spent < 1000 && i < 50);
       ++i) {
    double a = timedRun(*pair.fused, error), b = timedRun(*pair.unfused, error);
    if (a < 0 || b < 0)
      return false;
    fused.push_back(a);
    unfused.push_back(b);
    spent += a + b;
  }
  point.fused = {median(fused), pair.fused->cost().peak_bytes};
  point.unfused = {median(unfused), pair.unfused->cost().peak_bytes};
  return true;
}

static bool comparePoint(Driver &driver, Pair &pair, func::FuncOp function,
                         ComparePoint &point, std::string &error) {
  llvm::StringMap<int64_t> symbols;
  for (const auto &[name, value] : point.shape)
    symbols[name] = value;
  auto inputs = randomInputs(function, symbols, driver.request.seed, error);
  if (!inputs || !pair.fused->setInputs(*inputs, error) ||
      !pair.unfused->setInputs(*inputs, error))
    return false;
  // The first run of each touches its memory and is not timed, nor is the
  // second on a device, which makes a graph.
  for (int run = 0; run < (pair.fused->isOnDevice() ? 2 : 1); ++run)
    if (!pair.fused->run(error) || !pair.unfused->run(error))
      return false;
  for (size_t i = 0; i < pair.fused->outputCount(); ++i)
    point.maxRelDiff =
        std::max(point.maxRelDiff,
                 relativeDifference(pair.fused->output(i, driver.context()),
                                    pair.unfused->output(i, driver.context())));
  return measure(pair, driver.request.runs, point, error);
}

int runCompare(Driver &driver) {
  const Request &request = driver.request;
  TemporaryFolder folder;
  if (!driver.load())
    return driver.exitCode();
  Pair pair;
  if (!(pair.fused = build(driver, "fused", folder)) ||
      !(pair.unfused = build(driver, "unfused", folder)))
    return driver.exitCode() ? driver.exitCode() : kInternalBug;

  auto function = driver.module().lookupSymbol<func::FuncOp>("main");
  CompareResult result{
      request.model, pair.fused->codeVersion(), pair.fused->threads(), {}};
  Progress progress("measuring", request.quiet);
  for (const ShapePoint &shape : request.points) {
    ComparePoint point{shape, {}, {}, 0};
    std::string error;
    if (!comparePoint(driver, pair, function, point, error)) {
      printError(request.model + ": " + error);
      return kUserError;
    }
    result.points.push_back(point);
    progress.update(double(result.points.size()) /
                    double(request.points.size()));
  }
  if (!request.report.empty() && !writeCompareReport(result, request.report))
    return kUserError;
  request.json ? printCompareJson(result) : printCompareTable(result);
  return kSuccess;
}

} // namespace attune::tools
