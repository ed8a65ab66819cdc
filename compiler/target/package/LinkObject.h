// Links an object in process into the shared object that a package holds.
#pragma once

#include "mlir/Support/LLVM.h"
#include "llvm/ADT/SmallVector.h"
#include <string>
#include <vector>

namespace attune::target::package {

/// Links `object` (ELF, relocatable, x86-64) with lld, `-shared -nostdlib
/// --no-undefined`: an undefined symbol is an error, so that the result imports
/// nothing. Serialised: lld keeps global state. On failure `error` says why.
mlir::FailureOr<std::vector<char>> linkSharedObject(llvm::ArrayRef<char> object,
                                                    std::string &error);

} // namespace attune::target::package
