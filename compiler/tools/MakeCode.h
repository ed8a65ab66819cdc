// From finished kernels to the code sections of one code version.
#pragma once

#include "compiler/Options.h"
#include "compiler/target/package/WritePackage.h"

namespace attune::tools {

/// Nothing where it fails: what the user can do something about stands in
/// `error`, what is a bug has been reported as a diagnostic. `module` is one
/// after the memory stage, and the version refers to it.
std::optional<target::package::CodeVersion>
makeCpuCode(mlir::ModuleOp module, target::cpu::CodeVersion version,
            std::string &error);

/// PTX, and the binaries that the target asks for, if ptxas is installed.
std::optional<target::package::CodeVersion>
makeCudaCode(mlir::ModuleOp module, const CodeTarget &target,
             std::string &error);

} // namespace attune::tools
