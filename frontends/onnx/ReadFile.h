// Reads a file into the onnx dialect; the seam between the reader's types and
// the importer's, which share names such as Node and Type.
#ifndef ATTUNE_FRONTENDS_ONNX_READFILE_H
#define ATTUNE_FRONTENDS_ONNX_READFILE_H

#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

#include <filesystem>
#include <string>

namespace attune::onnx {

/// Null on failure, with the reason in `error`.
mlir::OwningOpRef<mlir::ModuleOp> readOnnx(const std::filesystem::path &file,
                                           mlir::MLIRContext &context,
                                           std::string &error);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READFILE_H
