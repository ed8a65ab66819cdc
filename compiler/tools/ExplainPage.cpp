// Figures on top, then one table for each subject, and one for kernels; costs
// are polynomials over the model's dims, or numbers where --shape gives them
// values.
#include "compiler/tools/ExplainPage.h"

#include "compiler/tools/KernelReport.h"
#include "compiler/tools/Page.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"
#include <set>

namespace attune::tools {

std::string ledgerField(const llvm::json::Object &item, llvm::StringRef key) {
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

bool hasSeveralFunctions(const llvm::json::Object &ledger) {
  std::set<std::string> functions;
  for (const auto &[subject, value] : ledger)
    if (const auto *section = value.getAsObject())
      if (const auto *items = section->getArray("items"))
        for (const llvm::json::Value &entry : *items)
          functions.insert(ledgerField(*entry.getAsObject(), "function"));
  return functions.size() > 1;
}

// "384 * B * S * S + 4" with products and powers as people write them.
static std::string polynomial(llvm::StringRef text) {
  std::string out;
  llvm::SmallVector<llvm::StringRef> terms, factors;
  text.split(terms, " + ");
  for (llvm::StringRef term : terms) {
    out += out.empty() ? "" : " + ";
    factors.clear();
    term.split(factors, " * ");
    for (size_t i = 0; i < factors.size();) {
      size_t end = i + 1;
      while (end < factors.size() && factors[end] == factors[i])
        ++end;
      out += (i ? "·" : "") + escaped(factors[i]);
      if (end - i > 1)
        out += "<sup>" + std::to_string(end - i) + "</sup>";
      i = end;
    }
  }
  return out;
}

static std::string withPrefix(double value) {
  const char *prefixes[] = {"", "k", "M", "G", "T"};
  int prefix = 0;
  for (; value >= 1000 && prefix < 4; ++prefix)
    value /= 1000;
  std::string text;
  llvm::raw_string_ostream(text)
      << llvm::format("%.3g ", value) << prefixes[prefix];
  return text;
}

// One cost before and after; nothing where it is not known.
static std::string cost(const llvm::json::Object &item, llvm::StringRef key,
                        const char *unit) {
  auto one = [&](const std::string &name) -> std::string {
    const llvm::json::Value *value = item.get(name);
    if (!value)
      return "";
    if (auto number = value->getAsNumber())
      return withPrefix(*number) + unit;
    auto text = value->getAsString();
    return text ? polynomial(*text) + " " + unit : "";
  };
  std::string before = one(key.str()), after = one(key.str() + "_after");
  if (before.empty() || after.empty() || before == after)
    return before.empty() ? after : before;
  return before + "<br>→ " + after;
}

// A long name may go to the next line after a slash or a point.
static std::string breakable(llvm::StringRef name) {
  std::string out;
  for (size_t start = 0; start < name.size();) {
    size_t end = name.find_first_of("/.", start);
    end = end == llvm::StringRef::npos ? name.size() : end + 1;
    out += escaped(name.slice(start, end)) + "<wbr>";
    start = end;
  }
  return out;
}

static void writeItem(llvm::raw_ostream &os, const llvm::json::Object &item,
                      bool hasFunctions, bool hasCosts) {
  bool fired = ledgerField(item, "status") == "fired";
  std::string strategy = ledgerField(item, "strategy");
  os << "<tr><td class='tight'><span class='pill " << (fired ? "good" : "bad")
     << "'>" << (fired ? "fired" : "missed") << "</span>";
  if (!strategy.empty())
    os << " <span class='pill " << (strategy == "fused" ? "good" : "bad")
       << "'>" << escaped(strategy) << "</span>";
  if (hasFunctions)
    os << "<td class='tight'>@" << escaped(ledgerField(item, "function"));
  os << "<td><code>" << breakable(ledgerField(item, "name")) << "</code><td>"
     << escaped(ledgerField(item, "reason"));
  if (hasCosts)
    os << "<td class='cost tight'>" << cost(item, "flops", "FLOP")
       << "<td class='cost tight'>" << cost(item, "bytes", "B");
  os << '\n';
}

static void writeSubject(llvm::raw_ostream &os, llvm::StringRef subject,
                         const llvm::json::Object &section,
                         const llvm::json::Array &items, bool hasFunctions) {
  os << "<h2>" << escaped(subject) << "<small>"
     << ledgerField(section, "recognised") << " of " << items.size()
     << " recognised</small></h2>\n";
  if (items.empty()) {
    os << "<p class='machine'>No candidate was found.</p>\n";
    return;
  }
  bool hasCosts = llvm::any_of(items, [](const llvm::json::Value &entry) {
    return !cost(*entry.getAsObject(), "flops", "").empty();
  });
  os << "<div class='wide'><table>\n<tr><th>status"
     << (hasFunctions ? "<th>entry point" : "") << "<th>node<th>reason"
     << (hasCosts ? "<th>work<th>memory traffic" : "") << '\n';
  for (const llvm::json::Value &entry : items)
    writeItem(os, *entry.getAsObject(), hasFunctions, hasCosts);
  os << "</table></div>\n";
}

static void writeKernels(llvm::raw_ostream &os,
                         const llvm::json::Array &kernels) {
  os << "<h2>kernels<small>" << kernels.size()
     << " distinct ones; blocks: resident on a multiprocessor</small></h2>\n"
        "<div class='wide'><table>\n";
  std::vector<std::vector<std::string>> table = kernelTable(kernels);
  for (size_t row = 0; row < table.size(); ++row) {
    os << "<tr>";
    for (size_t i = 0; i < table[row].size(); ++i)
      if (row == 0)
        os << "<th>" << escaped(table[row][i]);
      else if (i + 1 == table[row].size())
        os << "<td><code>" << breakable(table[row][i]) << "</code>";
      else
        os << "<td class='tight'>" << escaped(table[row][i]);
    os << '\n';
  }
  os << "</table></div>\n";
}

static std::vector<Tile> tilesOf(const llvm::json::Object &ledger) {
  std::vector<Tile> tiles;
  size_t missed = 0;
  for (const auto &[subject, value] : ledger) {
    const auto *section = value.getAsObject();
    const auto *items = section ? section->getArray("items") : nullptr;
    if (!items)
      continue;
    std::string recognised = ledgerField(*section, "recognised");
    missed += items->size() - std::stoul("0" + recognised);
    std::string label = subject.str() + " recognised";
    if (section->get("fused"))
      label += ": " + ledgerField(*section, "fused") + " fused, " +
               ledgerField(*section, "unfused") + " unfused";
    tiles.push_back({recognised, label});
  }
  tiles.push_back({std::to_string(missed), "candidates missed"});
  return tiles;
}

void writeExplainPage(llvm::raw_ostream &os, llvm::StringRef model,
                      const llvm::json::Object &ledger) {
  beginPage(os, "explain", model,
            "Which parts of the graph were recognised, what was chosen for "
            "them, and why.",
            tilesOf(ledger));
  bool hasFunctions = hasSeveralFunctions(ledger);
  for (const auto &[subject, value] : ledger)
    if (const auto *section = value.getAsObject())
      if (const auto *items = section->getArray("items"))
        writeSubject(os, subject, *section, *items, hasFunctions);
  if (const auto *kernels = ledger.getArray("kernels"))
    writeKernels(os, *kernels);
  os << "<footer>Work and memory traffic of the parts, and (→) of what they "
        "became, for one run; give --shape to have numbers.</footer>\n";
  endPage(os);
}

} // namespace attune::tools
