//===- GzipFile.h - a .gz read from its start to its end ------------------===//
//
// Enters: a .gz that nobody vouches for. Leaves: as many unpacked bytes as the
// caller asks for, never more: memory is bounded by the caller, not the file.
//
//===----------------------------------------------------------------------===//
#pragma once
#define ZLIB_CONST
#include "runtime/train/Readers.h"
#include <zlib.h>

namespace attune::train {

class GzipFile {
public:
  GzipFile() = default;
  GzipFile(const GzipFile &) = delete;
  GzipFile &operator=(const GzipFile &) = delete;
  ~GzipFile();

  Error open(const std::string &path);
  /// Fills `out`; an error if the file ends before.
  Error read(std::span<std::byte> out);
  /// An error if more follows, or the checksum is wrong.
  Error finish();
  /// More than the file can hold: deflate packs at most 258 bytes in 2 bits.
  uint64_t mostUnpacked() const { return file.size() * 1032; }

private:
  Error unpack(std::span<std::byte> out, uint64_t &count);

  std::string path;
  core::Mapping file;
  z_stream stream = {};
  uint64_t consumed = 0, produced = 0;
  bool isOpen = false, hasEnded = false;
};

} // namespace attune::train
