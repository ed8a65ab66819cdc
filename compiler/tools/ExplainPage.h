// The ledger as a page.
#pragma once

#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace attune::tools {

/// A field of a ledger's entry as text; empty where it has none.
std::string ledgerField(const llvm::json::Object &item, llvm::StringRef key);

/// Whether the entries stand in more than one entry point, so that each has to
/// say in which.
bool hasSeveralFunctions(const llvm::json::Object &ledger);

/// `ledger` is what explainJson gives, with what kernelsJson gives as "kernels"
/// where there is a CUDA target.
void writeExplainPage(llvm::raw_ostream &os, llvm::StringRef model,
                      const llvm::json::Object &ledger);

} // namespace attune::tools
