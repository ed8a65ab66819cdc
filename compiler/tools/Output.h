// Files and standard output, written so that a full disk is a message.
#pragma once

#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

namespace attune::tools {

/// What `write` prints, at `path`; "" and "-" are standard output. A file gets
/// its name when it is complete. False, after a message, where that fails.
[[nodiscard]] bool
writeOutput(llvm::StringRef path,
            llvm::function_ref<void(llvm::raw_ostream &)> write);

/// Whether all of llvm::outs() has arrived; says so where it has not.
[[nodiscard]] bool flushStandardOutput();

} // namespace attune::tools
