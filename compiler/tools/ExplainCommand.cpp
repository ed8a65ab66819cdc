// attune explain: the ledger of detection and fusion, for people and for tools.
#include "compiler/tools/Commands.h"

#include "compiler/fusion/Ledger.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/JSON.h"

namespace attune::tools {

using namespace mlir;

static std::string field(const llvm::json::Object &item, StringRef key) {
  const llvm::json::Value *value = item.get(key);
  if (!value || value->kind() == llvm::json::Value::Null)
    return "";
  if (auto text = value->getAsString())
    return text->str();
  if (auto number = value->getAsNumber()) {
    std::string text;
    llvm::raw_string_ostream(text) << llvm::format("%.4g", *number);
    return text;
  }
  std::string text;
  llvm::raw_string_ostream(text) << *value;
  return text;
}

static void printTable(const llvm::json::Object &ledger) {
  for (const auto &[subject, value] : ledger) {
    const auto *section = value.getAsObject();
    if (!section)
      continue;
    llvm::outs() << StringRef(subject) << ':';
    for (StringRef count : {"recognised", "fused", "unfused"})
      if (section->get(count))
        llvm::outs() << ' ' << field(*section, count) << ' ' << count;
    llvm::outs() << '\n';
    const auto *items = section->getArray("items");
    for (const llvm::json::Value &entry :
         items ? *items : llvm::json::Array()) {
      const auto &item = *entry.getAsObject();
      llvm::outs() << "  " << field(item, "status") << "  "
                   << field(item, "name");
      if (std::string strategy = field(item, "strategy"); !strategy.empty())
        llvm::outs() << "  [" << strategy << ']';
      llvm::outs() << "  " << field(item, "reason") << '\n';
    }
  }
}

static void printEscaped(llvm::raw_ostream &os, StringRef text) {
  llvm::printHTMLEscaped(text, os);
}

static void printPage(llvm::raw_ostream &os, StringRef model,
                      const llvm::json::Object &ledger) {
  os << "<!doctype html>\n<meta charset='utf-8'>\n<title>attune "
        "explain</title>\n"
        "<style>body{font:14px sans-serif;margin:2em}td,th{padding:.2em "
        ".8em;text-align:left}"
        ".fired{color:#0b6e4f}.missed{color:#c0392b}</style>\n<h1>";
  printEscaped(os, model);
  os << "</h1>\n";
  for (const auto &[subject, value] : ledger) {
    const auto *section = value.getAsObject();
    const auto *items = section ? section->getArray("items") : nullptr;
    if (!items)
      continue;
    os << "<h2>" << StringRef(subject)
       << "</"
          "h2>\n<table><tr><th>status<th>node<th>strategy<th>reason<th>flops<"
          "th>bytes\n";
    for (const llvm::json::Value &entry : *items) {
      const auto &item = *entry.getAsObject();
      os << "<tr class='"
         << (field(item, "status") == "fired" ? "fired" : "missed") << "'>";
      for (StringRef key :
           {"status", "name", "strategy", "reason", "flops", "bytes"}) {
        os << "<td>";
        printEscaped(os, field(item, key));
      }
      os << '\n';
    }
    os << "</table>\n";
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
  if (!request.report.empty()) {
    std::error_code error;
    llvm::raw_fd_ostream file(request.report, error);
    if (error) {
      llvm::errs() << "attune: " << request.report << ": " << error.message()
                   << '\n';
      return kUserError;
    }
    printPage(file, request.model, ledger);
  }
  if (request.json)
    llvm::outs() << llvm::formatv("{0:2}", llvm::json::Value(std::move(ledger)))
                 << '\n';
  else
    printTable(ledger);
  return kSuccess;
}

} // namespace attune::tools
