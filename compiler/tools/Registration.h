// What attune's MLIR programs know: every dialect and every pass of the tree.
//
// Enters: an empty registry. Leaves: all dialects of dialects/ and frontends/,
// the upstream dialects that they lower to, and all passes by their command
// line names. It is here, and not in a library below, because tools/ is the
// only folder that may link frontends.
#pragma once

namespace mlir {
class DialectRegistry;
} // namespace mlir

namespace attune {

/// Adds attune's dialects and the upstream dialects they use to `registry`.
/// Adding one twice is harmless.
void registerAllDialects(mlir::DialectRegistry &registry);

/// Registers attune's passes and pass pipelines with MLIR's global pass
/// registry. Call once per process, before a command line is parsed.
void registerAllPasses();

} // namespace attune
