// attune diff: every node of the compiled model against the double-precision
// evaluator. Two packages are run: one in which each group's kernel shows its
// results, and one without fusion in which each op inside the groups shows its
// own. So a fused kernel is checked, and so is each op of its body.
#include "compiler/tools/Commands.h"

#include "compiler/tools/NpyInput.h"
#include "compiler/tools/Runner.h"
#include "dialects/nn/NodeName.h"
#include "dialects/nn/reference/Evaluator.h"
#include "runtime/tools/Terminal.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

namespace attune::tools {

using namespace mlir;

namespace {
struct NodeDiff {
  std::string name, op;
  double difference;
  bool fused;
};
} // namespace

// Makes every group's results outputs of the function; gives the values, in the
// order of the outputs that were added.
static SmallVector<Value> showGroups(func::FuncOp function) {
  SmallVector<Value> shown;
  for (auto group : function.getBody().front().getOps<nn::GroupOp>())
    llvm::append_range(shown, group.getResults());
  Operation *terminator = function.getBody().front().getTerminator();
  SmallVector<Value> outputs(terminator->getOperands());
  llvm::append_range(outputs, shown);
  terminator->setOperands(outputs);
  SmallVector<Type> types;
  for (Value output : outputs)
    types.push_back(output.getType());
  function.setType(FunctionType::get(function.getContext(),
                                     function.getArgumentTypes(), types));
  return shown;
}

static std::string opText(nn::GroupOp group) {
  if (llvm::hasNItems(group.getBody().front(), 2)) {
    Operation &op = group.getBody().front().front();
    if (auto elementwise = dyn_cast<nn::ElementwiseOp>(op))
      return stringifyEnum(elementwise.getKind()).str();
    return op.getName().stripDialect().str();
  }
  return stringifyEnum(group.getKind()).str();
}

// Compiles `module` (after fusion) with all groups shown and compares.
static bool diffGroups(Driver &driver, ModuleOp module,
                       ArrayRef<nn::Array> inputs, bool fused,
                       std::vector<NodeDiff> &nodes) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  size_t ownOutputs = function.getNumResults();
  SmallVector<Value> shown = showGroups(function);
  nn::Evaluator evaluator(module);
  auto expected = [&] {
    Progress progress("evaluating", driver.request.quiet);
    double known = 0, all = double(llvm::range_size(function.getOps()));
    return evaluator.run(function, inputs, [&](Value, const nn::Array &) {
      progress.update(++known / all);
    });
  }();
  if (failed(expected))
    return false;
  for (Value value : shown) {
    auto group = value.getDefiningOp<nn::GroupOp>();
    nodes.push_back({nn::nodeName(value.getLoc()), opText(group), 0, fused});
  }
  TemporaryFolder folder;
  std::string package = folder.file("diff.attune"), error;
  if (!driver.writePackage(module, package))
    return false;
  auto runner = Runner::open(package, driver.request.threads,
                             driver.request.device, error);
  if (!runner || !runner->setInputs(inputs, error) || !runner->run(error)) {
    printError(driver.request.model + ": " + error);
    return false;
  }
  for (size_t i = 0; i < shown.size(); ++i)
    nodes[nodes.size() - shown.size() + i].difference =
        relativeDifference(runner->output(ownOutputs + i, driver.context()),
                           (*expected)[ownOutputs + i]);
  return true;
}

static void printTable(const std::vector<NodeDiff> &nodes) {
  llvm::outs() << llvm::format("%-60s %-14s %12s\n", "node", "op",
                               "max rel diff");
  for (const NodeDiff &node : nodes)
    llvm::outs() << llvm::format("%-60s %-14s %12.2e\n",
                                 ((node.fused ? "" : "  ") + node.name).c_str(),
                                 node.op.c_str(), node.difference);
}

static void printJson(const std::vector<NodeDiff> &nodes,
                      const NodeDiff *worst) {
  llvm::json::Array array;
  for (const NodeDiff &node : nodes)
    array.push_back(
        llvm::json::Object{{"name", node.name},
                           {"op", node.op},
                           {"fused", node.fused},
                           {"max_rel_diff", jsonNumber(node.difference)}});
  llvm::json::Object whole{
      {"nodes", std::move(array)},
      {"worst", worst ? jsonNumber(worst->difference) : llvm::json::Value(0)},
      {"worst_node", worst ? worst->name : ""}};
  llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(whole)))
               << '\n';
}

int runDiff(Driver &driver) {
  const Request &request = driver.request;
  std::string error;
  if (!driver.load())
    return driver.exitCode();
  auto function = driver.module().lookupSymbol<func::FuncOp>("main");
  llvm::StringMap<int64_t> symbols;
  for (const auto &[name, value] : request.points.front())
    symbols[name] = value;
  GivenInputs given;
  if (!readInputFiles(function, request.inputs, given, symbols, error)) {
    printError(error);
    return kUserError;
  }
  auto inputs = randomInputs(function, symbols, request.seed, error);
  if (!inputs) {
    printError(request.model + ": " + error);
    return kUserError;
  }
  for (auto &[index, input] : given)
    (*inputs)[index] = std::move(input);
  std::vector<NodeDiff> nodes;
  for (bool fuse : {true, false}) {
    auto module = driver.cloneModule();
    driver.options.fuse = fuse;
    if (!driver.runShared(*module) ||
        !diffGroups(driver, *module, *inputs, fuse, nodes))
      return driver.exitCode() ? driver.exitCode() : kInternalBug;
  }
  const NodeDiff *worst = nullptr;
  for (const NodeDiff &node : nodes)
    if (!worst || node.difference > worst->difference)
      worst = &node;
  if (request.json)
    printJson(nodes, worst);
  else
    printTable(nodes);
  if (!request.json && worst)
    llvm::outs() << "worst: " << worst->name
                 << llvm::format(" %.2e\n", worst->difference);
  return kSuccess;
}

} // namespace attune::tools
