// The ledger as a module attribute, as remarks and as JSON.
#include "compiler/fusion/Ledger.h"
#include "dialects/nn/NodeName.h"
#include "mlir/IR/Remarks.h"
#include "mlir/Interfaces/FunctionInterfaces.h"

namespace attune::fusion {

using namespace mlir;
using nn::DimAttr;

static constexpr StringLiteral ledgerName = "nn.ledger";

// ---- entries as dictionaries ----

static void addDim(NamedAttrList &list, StringRef key, DimAttr dim) {
  if (dim)
    list.append(key, dim);
}

static DictionaryAttr toAttribute(MLIRContext *context,
                                  const LedgerEntry &entry) {
  NamedAttrList list;
  auto text = [&](StringRef key, const std::string &value) {
    if (!value.empty())
      list.append(key, StringAttr::get(context, value));
  };
  text("subject", entry.subject);
  text("name", entry.name);
  text("function", entry.function);
  text("reason", entry.reason);
  text("strategy", entry.strategy);
  list.append("fired", BoolAttr::get(context, entry.fired));
  addDim(list, "flops_before", entry.before.flops);
  addDim(list, "bytes_before", entry.before.bytes);
  addDim(list, "flops_after", entry.after.flops);
  addDim(list, "bytes_after", entry.after.bytes);
  return list.getDictionary(context);
}

static LedgerEntry fromAttribute(DictionaryAttr attribute) {
  auto text = [&](StringRef key) -> std::string {
    auto value = attribute.getAs<StringAttr>(key);
    return value ? value.str() : "";
  };
  auto dim = [&](StringRef key) { return attribute.getAs<DimAttr>(key); };
  auto fired = attribute.getAs<BoolAttr>("fired");
  return {text("subject"),
          text("name"),
          text("function"),
          fired && fired.getValue(),
          text("reason"),
          text("strategy"),
          {dim("flops_before"), dim("bytes_before")},
          {dim("flops_after"), dim("bytes_after")}};
}

static void writeLedger(ModuleOp module, ArrayRef<LedgerEntry> entries) {
  SmallVector<Attribute> attributes;
  for (const LedgerEntry &entry : entries)
    attributes.push_back(toAttribute(module.getContext(), entry));
  module->setAttr(ledgerName, ArrayAttr::get(module.getContext(), attributes));
}

SmallVector<LedgerEntry> readLedger(ModuleOp module) {
  SmallVector<LedgerEntry> entries;
  auto ledger = module->getAttrOfType<ArrayAttr>(ledgerName);
  for (Attribute attribute : ledger ? ledger.getValue() : ArrayRef<Attribute>())
    if (auto dictionary = dyn_cast<DictionaryAttr>(attribute))
      entries.push_back(fromAttribute(dictionary));
  return entries;
}

// ---- recording ----

static ModuleOp moduleOf(Operation *op) {
  auto module = dyn_cast<ModuleOp>(op);
  return module ? module : op->getParentOfType<ModuleOp>();
}

static std::string functionOf(Operation *op) {
  auto function = op->getParentOfType<FunctionOpInterface>();
  return function ? function.getName().str() : "";
}

static void emitRemark(Operation *op, const LedgerEntry &entry) {
  auto options = remark::RemarkOpts::name(entry.subject).category("ledger");
  std::string name = entry.name.empty() ? nn::nodeName(op) : entry.name;
  auto fill = [&](remark::detail::InFlightRemark remark) {
    remark << remark::add("{0}: {1}", name, entry.reason);
    if (!entry.strategy.empty())
      remark << remark::metric("strategy", entry.strategy);
    if (entry.before.flops)
      remark << remark::metric("flops", entry.before.flops.str());
  };
  if (entry.fired)
    fill(remark::passed(op->getLoc(), options));
  else
    fill(remark::missed(op->getLoc(), options));
}

void record(Operation *op, const LedgerEntry &entry) {
  ModuleOp module = moduleOf(op);
  SmallVector<LedgerEntry> entries = readLedger(module);
  entries.push_back(entry);
  entries.back().function = functionOf(op);
  writeLedger(module, entries);
  emitRemark(op, entry);
}

void amendReason(Operation *op, StringRef subject, StringRef name,
                 StringRef text) {
  ModuleOp module = moduleOf(op);
  SmallVector<LedgerEntry> entries = readLedger(module);
  for (LedgerEntry &entry : llvm::reverse(entries))
    if (entry.subject == subject && entry.name == name &&
        entry.function == functionOf(op) && entry.fired) {
      entry.reason += text;
      return writeLedger(module, entries);
    }
}

void recordStrategy(Operation *op, StringRef name, StringRef strategy,
                    StringRef reason, Cost after) {
  ModuleOp module = moduleOf(op);
  SmallVector<LedgerEntry> entries = readLedger(module);
  auto *found = llvm::find_if(entries, [&](const LedgerEntry &entry) {
    return entry.subject == "attention" && entry.name == name &&
           entry.function == functionOf(op) && entry.fired &&
           entry.strategy.empty();
  });
  // An attention that the model itself wrote was not detected.
  if (found == entries.end()) {
    LedgerEntry entry;
    entry.subject = "attention";
    entry.name = name.str();
    entry.function = functionOf(op);
    entry.fired = true;
    entry.reason = "an attention operator of the model";
    entries.push_back(entry);
    found = &entries.back();
  }
  found->strategy = strategy.str();
  found->reason += "; " + strategy.str() + ": " + reason.str();
  found->after = after;
  writeLedger(module, entries);
  emitRemark(op, *found);
}

void handOn(ModuleOp module, StringRef function, ArrayRef<StringRef> copies) {
  SmallVector<LedgerEntry> entries, all = readLedger(module);
  for (LedgerEntry &entry : all) {
    if (entry.function != function) {
      entries.push_back(std::move(entry));
      continue;
    }
    for (StringRef copy : copies) {
      entries.push_back(entry);
      entries.back().function = copy.str();
    }
  }
  if (!all.empty())
    writeLedger(module, entries);
}

// ---- JSON ----

static llvm::json::Value toJson(DimAttr dim,
                                const llvm::StringMap<int64_t> &symbols) {
  if (!dim)
    return nullptr;
  if (auto value = dim.evaluate(symbols))
    return *value;
  return dim.str();
}

static llvm::json::Object toJson(const LedgerEntry &entry,
                                 const llvm::StringMap<int64_t> &symbols) {
  return llvm::json::Object{
      {"name", entry.name},
      {"function", entry.function},
      {"status", entry.fired ? "fired" : "missed"},
      {"strategy", entry.strategy},
      {"reason", entry.reason},
      {"flops", toJson(entry.before.flops, symbols)},
      {"bytes", toJson(entry.before.bytes, symbols)},
      {"flops_after", toJson(entry.after.flops, symbols)},
      {"bytes_after", toJson(entry.after.bytes, symbols)}};
}

llvm::json::Object explainJson(ModuleOp module,
                               const llvm::StringMap<int64_t> &symbols) {
  struct Subject {
    int64_t recognised = 0, fused = 0, unfused = 0;
    llvm::json::Array items;
  };
  // attention is always there, so that a tool need not ask.
  std::map<std::string, Subject> subjects{{"attention", {}}};
  for (const LedgerEntry &entry : readLedger(module)) {
    Subject &subject = subjects[entry.subject];
    subject.recognised += entry.fired;
    subject.fused += entry.strategy == "fused";
    subject.unfused += entry.strategy == "unfused";
    subject.items.push_back(toJson(entry, symbols));
  }
  llvm::json::Object object;
  for (auto &[name, subject] : subjects) {
    llvm::json::Object part{{"recognised", subject.recognised},
                            {"items", std::move(subject.items)}};
    if (name == "attention") {
      part["fused"] = subject.fused;
      part["unfused"] = subject.unfused;
    }
    object[name] = std::move(part);
  }
  return object;
}

} // namespace attune::fusion
