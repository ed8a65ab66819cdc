// Each kernel is compiled and assembled by itself, which gives the same code as
// in the package and something to show progress of.
#include "compiler/tools/KernelReport.h"

#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/cuda/EmitPtx.h"
#include "compiler/target/cuda/Occupancy.h"
#include "compiler/target/cuda/Ptxas.h"
#include "compiler/tools/ExplainPage.h"
#include "dialects/nn/NodeName.h"
#include "dialects/plan/Plan.h"
#include "dialects/tile/Tile.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/STLExtras.h"

namespace attune::tools {

using namespace mlir;
using namespace target::cuda;
using llvm::json::Array;
using llvm::json::Object;

static llvm::StringMap<Array> launchesOf(ModuleOp module) {
  llvm::StringMap<Array> launches;
  module.walk([&](plan::LaunchOp launch) {
    for (FlatSymbolRefAttr kernel : launch.getKernels())
      launches[kernel.getValue()].push_back(nn::nodeName(launch.getLoc()));
  });
  return launches;
}

static std::optional<PtxKernel> emitAlone(tile::KernelOp kernel,
                                          std::string &text) {
  auto ptx = emitPtx(*target::common::copyAlone(kernel), Machine::least());
  if (failed(ptx))
    return std::nullopt;
  text = std::move(ptx->text);
  return ptx->kernels.front();
}

/// What ptxas says of a kernel for one capability; without it, nothing.
static std::optional<Object> resourcesJson(const std::string *ptxas,
                                           const std::string &text,
                                           const PtxKernel &kernel,
                                           const Machine &machine,
                                           std::string &error) {
  if (!ptxas)
    return Object{{"registers", nullptr},
                  {"spilled_bytes", nullptr},
                  {"blocks_per_multiprocessor", nullptr},
                  {"occupancy", nullptr}};
  auto cubin = assemble(*ptxas, text, machine, error);
  if (cubin && cubin->kernels.empty())
    error = "it does not say what a kernel takes";
  if (!cubin || cubin->kernels.empty()) {
    error = (*ptxas + " -arch=" + machine.name + ": " + error).str();
    return std::nullopt;
  }
  const Resources &used = cubin->kernels.front();
  BlockNeeds needs{kernel.threads, used.registers,
                   kernel.sharedBytes + used.staticShared};
  return Object{{"registers", used.registers},
                {"spilled_bytes", used.spilledBytes},
                {"blocks_per_multiprocessor", residentBlocks(machine, needs)},
                {"occupancy", occupancy(machine, needs)}};
}

std::optional<Array> kernelsJson(ModuleOp module, const CodeTarget &target,
                                 llvm::function_ref<void(double)> progress,
                                 std::string &error) {
  llvm::StringMap<Array> launches = launchesOf(module);
  std::optional<std::string> ptxas = findPtxas();
  auto kernels = llvm::to_vector(module.getOps<tile::KernelOp>());
  double all = double(kernels.size() * (1 + target.binaries.size())), done = 0;
  Array result;
  for (tile::KernelOp kernel : kernels) {
    std::string text;
    std::optional<PtxKernel> launch = emitAlone(kernel, text);
    if (!launch)
      return std::nullopt;
    progress(++done / all);
    Object capabilities;
    for (const std::string &name : target.binaries) {
      auto resources = resourcesJson(ptxas ? &*ptxas : nullptr, text, *launch,
                                     *Machine::find(name), error);
      if (!resources)
        return std::nullopt;
      capabilities[name] = std::move(*resources);
      progress(++done / all);
    }
    result.push_back(
        Object{{"name", launch->name},
               {"family", tile::stringifyFamily(kernel.getFamily())},
               {"launches", std::move(launches[launch->name])},
               {"threads", launch->threads},
               {"shared_bytes", launch->sharedBytes},
               {"items_per_block", launch->itemsPerBlock},
               {"capabilities", std::move(capabilities)}});
  }
  return result;
}

/// "96 registers, 5 blocks (31 %)", and what was spilled if anything was.
static std::string resourcesText(const Object &resources) {
  auto occupancy = resources.getNumber("occupancy");
  if (!occupancy)
    return "needs ptxas";
  std::string text = ledgerField(resources, "registers") + " registers, ";
  if (resources.getInteger("spilled_bytes").value_or(0))
    text += ledgerField(resources, "spilled_bytes") + " B spilled, ";
  return text + ledgerField(resources, "blocks_per_multiprocessor") +
         " blocks (" + std::to_string(int(*occupancy * 100 + 0.5)) + " %)";
}

static std::string launchesText(const Array &launches) {
  if (launches.empty())
    return "";
  std::string text = launches.front().getAsString().value_or("").str();
  if (launches.size() > 1)
    text += " and " + std::to_string(launches.size() - 1) + " more";
  return text;
}

std::vector<std::vector<std::string>> kernelTable(const Array &kernels) {
  std::vector<std::vector<std::string>> table = {
      {"family", "threads", "shared B", "items/block"}};
  if (!kernels.empty())
    for (const auto &[name, resources] :
         *kernels.front().getAsObject()->getObject("capabilities"))
      table.front().push_back(name.str());
  table.front().push_back("launches");
  for (const llvm::json::Value &value : kernels) {
    const Object &kernel = *value.getAsObject();
    std::vector<std::string> &row = table.emplace_back();
    row = {ledgerField(kernel, "family"),
           std::to_string(kernel.getInteger("threads").value_or(0)),
           std::to_string(kernel.getInteger("shared_bytes").value_or(0)),
           std::to_string(kernel.getInteger("items_per_block").value_or(0))};
    for (const auto &[name, resources] : *kernel.getObject("capabilities"))
      row.push_back(resourcesText(*resources.getAsObject()));
    row.push_back(launchesText(*kernel.getArray("launches")));
  }
  return table;
}

} // namespace attune::tools
