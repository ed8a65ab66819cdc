// attune explain: the ledger of detection and fusion, for people and for tools.
#include "compiler/tools/Commands.h"

#include "compiler/fusion/Ledger.h"
#include "compiler/tools/ExplainPage.h"
#include "compiler/tools/Output.h"
#include "runtime/tools/Terminal.h"
#include "llvm/Support/JSON.h"

namespace attune::tools {

using namespace mlir;

static void printItem(const llvm::json::Object &item) {
  std::string status = ledgerField(item, "status");
  llvm::outs() << "  "
               << painted(status,
                          status == "fired" ? Colour::Green : Colour::Yellow)
               << "  " << printable(ledgerField(item, "name"));
  if (std::string strategy = ledgerField(item, "strategy"); !strategy.empty())
    llvm::outs() << "  [" << strategy << ']';
  llvm::outs() << "  " << printable(ledgerField(item, "reason")) << '\n';
}

static void printTable(const llvm::json::Object &ledger) {
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
      printItem(*entry.getAsObject());
  }
}

int runExplain(Driver &driver) {
  const Request &request = driver.request;
  if (!driver.load() || !driver.runShared(driver.module()))
    return driver.exitCode();
  llvm::StringMap<int64_t> symbols;
  for (const auto &[name, value] : request.points.front())
    symbols[name] = value;
  llvm::json::Object ledger = fusion::explainJson(driver.module(), symbols);
  auto writePage = [&](llvm::raw_ostream &os) {
    writeExplainPage(os, request.model, ledger);
  };
  if (!request.report.empty() && !writeOutput(request.report, writePage))
    return kUserError;
  if (request.json)
    llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(ledger)))
                 << '\n';
  else
    printTable(ledger);
  return kSuccess;
}

} // namespace attune::tools
