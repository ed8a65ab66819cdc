// The ledger: every candidate of a detection or fusion, fired or with its first
// failing condition. It is what `attune explain` prints.
//
// The entries are the module attribute `nn.ledger`, so that they survive from
// pass to pass and in --emit; each one is an MLIR remark as well.
#pragma once

#include "compiler/fusion/Cost.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/Support/JSON.h"
#include <string>

namespace attune::fusion {

/// One candidate.
struct LedgerEntry {
  /// What was looked for: attention, norm, softmax, gelu, group.
  std::string subject;
  /// The model's node that the candidate is named after.
  std::string name;
  /// The function that it stands in, which record() finds out.
  std::string function;
  /// Whether it became what was looked for.
  bool fired = false;
  /// What was found, or the first condition that failed and at which node.
  std::string reason;
  /// fused or unfused, of a recognised attention; else empty.
  std::string strategy;
  /// The parts, and what they became; null where nothing is known.
  Cost before, after;
};

/// Appends an entry to the module's ledger and emits it as a remark at `op`.
void record(mlir::Operation *op, const LedgerEntry &entry);

/// What was said of `function` holds for `copies` of it, which takes its place.
void handOn(mlir::ModuleOp module, llvm::StringRef function,
            llvm::ArrayRef<llvm::StringRef> copies);

/// The entries in the order in which they were recorded.
llvm::SmallVector<LedgerEntry> readLedger(mlir::ModuleOp module);

/// Appends `text` to the reason of the last entry that fired under this name;
/// nothing if there is none.
void amendReason(mlir::Operation *op, llvm::StringRef subject,
                 llvm::StringRef name, llvm::StringRef text);

/// Completes the entry of the attention `op` named `name` by what was chosen
/// for it.
void recordStrategy(mlir::Operation *op, llvm::StringRef name,
                    llvm::StringRef strategy, llvm::StringRef reason,
                    Cost after);

/// `{"attention": {"recognised", "fused", "unfused", "items": [...]}, "norm":
/// ..., "gelu": ...}`. Costs are numbers where `symbols` gives every dim a
/// value, else text such as "4 * B * S".
llvm::json::Object explainJson(mlir::ModuleOp module,
                               const llvm::StringMap<int64_t> &symbols);

} // namespace attune::fusion
