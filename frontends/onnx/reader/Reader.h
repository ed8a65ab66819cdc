// Reads an ONNX file (IR versions 1 to 14) into a Model.
//
// The file is not trusted: whatever it holds, reading ends in a Model or in one
// line of explanation, in time and memory proportional to the file's size.
// Thread-safe; nothing is shared between calls.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_READER_H
#define ATTUNE_FRONTENDS_ONNX_READER_READER_H

#include "frontends/onnx/reader/Model.h"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace attune::onnx {

/// Caps on what a file may ask for. The defaults are far above real models.
struct ReadLimits {
  /// Nodes, tensors, strings... altogether. Bounds the memory of the Model,
  /// since an entry of 2 bytes in the file may take 200 in memory.
  uint64_t maxItems = uint64_t{1} << 23;
  /// Levels of subgraphs, and separately of nested types.
  uint32_t maxDepth = 32;
  uint32_t maxRank = 64;
  /// Nodes after expanding all local functions.
  uint64_t maxExpandedNodes = uint64_t{1} << 22;
  uint32_t maxExternalFiles = 4096;
};

/// Newest IR version whose fields this reader knows.
inline constexpr int64_t newestIrVersion = 14;

/// Reads `file` and maps the external data it names, which must lie in the
/// file's folder or below. Null on failure, with the reason, one line that
/// names the file, in `error`.
std::unique_ptr<Model> readModel(const std::filesystem::path &file,
                                 std::string &error,
                                 const ReadLimits &limits = {});

/// Reads a model that is already in memory. `bytes` must outlive the Model.
/// `name` stands for the file in messages. External data is an error.
std::unique_ptr<Model> readModelFromMemory(std::span<const std::byte> bytes,
                                           const std::string &name,
                                           std::string &error,
                                           const ReadLimits &limits = {});

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_READER_H
