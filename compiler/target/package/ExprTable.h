// Dims as the plan's table of expressions: every distinct subexpression once,
// in an order in which each uses earlier ones only.
#pragma once

#include "dialects/nn/NN.h"
#include "llvm/Support/JSON.h"
#include <map>
#include <vector>

namespace attune::target::package {

class ExprTable {
public:
  /// `symbols` are the plan's symbols, in order; every dim uses only them.
  explicit ExprTable(llvm::ArrayRef<llvm::StringRef> symbols);

  /// The index of the entry with the value of `dim`.
  int64_t add(nn::DimAttr dim);
  int64_t addConstant(int64_t value) { return entry("const", {value}); }

  void print(llvm::json::OStream &json) const;

private:
  int64_t entry(const char *op, std::vector<int64_t> operands);
  int64_t addAtom(mlir::Attribute atom);

  struct Entry {
    const char *op;
    std::vector<int64_t> operands;
  };
  llvm::StringMap<int64_t> symbolNumbers;
  std::vector<Entry> entries;
  std::map<std::pair<std::string, std::vector<int64_t>>, int64_t> known;
};

} // namespace attune::target::package
