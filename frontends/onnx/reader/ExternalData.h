// External tensor data: files named by the model, opened beneath its folder.
//
// A model must not be able to read anything else. So a location is refused if
// it is absolute or has a `..`, symbolic links are followed nowhere, the checks
// for a regular file with a single hard link are made on the open descriptor,
// and the byte range is checked against its size.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_EXTERNALDATA_H
#define ATTUNE_FRONTENDS_ONNX_READER_EXTERNALDATA_H

#include "frontends/onnx/reader/MappedFile.h"
#include "frontends/onnx/reader/Model.h"
#include "frontends/onnx/reader/Reader.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::onnx {

/// What a tensor's external_data entries ask for.
struct ExternalRange {
  std::string_view location;
  uint64_t offset = 0;
  std::optional<uint64_t> length;
};

/// A complaint in the form of `describeMismatch`; empty if all is well.
using Complaint = std::string;

class ExternalData {
public:
  /// `folder` is an open directory, or invalid if external data is forbidden.
  ExternalData(Descriptor folder, Model &model, const ReadLimits &limits)
      : folder(std::move(folder)), model(model), limits(limits) {}

  /// Parses the key-value pairs of a tensor.
  static Complaint parse(const Metadata &entries, ExternalRange &range);

  /// Gives the `size` bytes at the range, mapping its file if that has not
  /// happened. The mapping is owned by the model.
  Complaint bytes(const ExternalRange &range, uint64_t size,
                  std::span<const std::byte> &out);

  /// Complains if two ranges that were given out overlap without being equal:
  /// equal ones are tied weights, others are a mistake or an attack.
  Complaint checkOverlaps();

private:
  struct File {
    std::span<const std::byte> bytes;
  };
  struct Used {
    const std::byte *begin;
    uint64_t size;
    std::string_view location;
  };
  Complaint open(std::string_view location, File &file);

  Descriptor folder;
  Model &model;
  const ReadLimits &limits;
  std::map<std::string, File, std::less<>> files;
  std::vector<Used> used;
};

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_EXTERNALDATA_H
