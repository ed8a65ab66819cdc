// attune explain: the ledger of detection and fusion, and what kernels take of
// a CUDA device, for people and for tools.
#include "compiler/tools/Commands.h"

#include "compiler/fusion/Ledger.h"
#include "compiler/tools/ExplainPage.h"
#include "compiler/tools/KernelReport.h"
#include "compiler/tools/Output.h"
#include "runtime/tools/Terminal.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"

namespace attune::tools {

using namespace mlir;

static void printItem(const llvm::json::Object &item, bool hasFunctions) {
  std::string status = ledgerField(item, "status");
  llvm::outs() << "  "
               << painted(status,
                          status == "fired" ? Colour::Green : Colour::Yellow)
               << "  ";
  if (hasFunctions)
    llvm::outs() << '@' << printable(ledgerField(item, "function")) << "  ";
  llvm::outs() << printable(ledgerField(item, "name"));
  if (std::string strategy = ledgerField(item, "strategy"); !strategy.empty())
    llvm::outs() << "  [" << strategy << ']';
  llvm::outs() << "  " << printable(ledgerField(item, "reason")) << '\n';
}

static void printTable(const llvm::json::Object &ledger) {
  bool hasFunctions = hasSeveralFunctions(ledger);
  for (const auto &[subject, value] : ledger) {
    const auto *section = value.getAsObject();
    const auto *items = section ? section->getArray("items") : nullptr;
    if (!items)
      continue;
    llvm::outs() << StringRef(subject) << ": "
                 << ledgerField(*section, "recognised") << " recognised";
    for (StringRef count : {"fused", "unfused"})
      if (section->get(count))
        llvm::outs() << ", " << ledgerField(*section, count) << ' ' << count;
    llvm::outs() << '\n';
    for (const llvm::json::Value &entry : *items)
      printItem(*entry.getAsObject(), hasFunctions);
  }
}

static void printKernels(const llvm::json::Array &kernels) {
  llvm::outs() << "kernels: " << kernels.size() << '\n';
  std::vector<std::vector<std::string>> table = kernelTable(kernels);
  std::vector<size_t> widths(table.front().size());
  for (auto &row : table)
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = printable(row[i]);
      widths[i] = std::max(widths[i], row[i].size());
    }
  for (const auto &row : table) {
    for (size_t i = 0; i + 1 < row.size(); ++i)
      llvm::outs() << "  " << llvm::left_justify(row[i], widths[i]);
    llvm::outs() << "  " << row.back() << '\n';
  }
}

/// "kernels" of the ledger, where a CUDA device is among the targets.
static bool addKernels(Driver &driver, llvm::json::Object &ledger) {
  auto target =
      llvm::find_if(driver.options.versions, [](const CodeTarget &target) {
        return target.device == CodeTarget::Device::Cuda;
      });
  if (target == driver.options.versions.end())
    return true;
  Progress progress("assembling", driver.request.quiet);
  OwningOpRef<ModuleOp> module = driver.cloneModule();
  std::optional<llvm::json::Array> kernels;
  bool made = driver.makeOf(*module, *target, [&](std::string &error) {
    kernels = kernelsJson(
        *module, *target, [&](double share) { progress.update(share); }, error);
    return kernels.has_value();
  });
  if (made)
    ledger["kernels"] = std::move(*kernels);
  return made;
}

int runExplain(Driver &driver) {
  const Request &request = driver.request;
  if (!driver.load() || !driver.runShared(driver.module()))
    return driver.exitCode();
  llvm::StringMap<int64_t> symbols;
  for (const auto &[name, value] : request.points.front())
    symbols[name] = value;
  llvm::json::Object ledger = fusion::explainJson(driver.module(), symbols);
  if (!addKernels(driver, ledger))
    return driver.exitCode();
  auto writePage = [&](llvm::raw_ostream &os) {
    writeExplainPage(os, request.model, ledger);
  };
  if (!request.report.empty() && !writeOutput(request.report, writePage))
    return kUserError;
  if (request.json) {
    llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(ledger)))
                 << '\n';
    return kSuccess;
  }
  printTable(ledger);
  if (const auto *kernels = ledger.getArray("kernels"))
    printKernels(*kernels);
  return kSuccess;
}

} // namespace attune::tools
