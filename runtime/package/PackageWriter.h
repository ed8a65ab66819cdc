//===- PackageWriter.h - writes package files -----------------------------===//
//
// Enters: sections, streamed. Leaves: a package file, or an executable that
// carries one, complete under its name or not there at all.
//
//   PackageWriter writer;
//   bool ok = writer.open("model.attune") &&
//             writer.add({.kind = SectionKind::Manifest}, manifest) &&
//             writer.begin({.kind = SectionKind::Weights}) &&
//             writer.blob(data, offset) && writer.end() && ... &&
//             writer.finish();
//   if (!ok)
//     report(writer.error());
//
// One thread at a time. After the first failure every call fails.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/format.h"
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace attune::package {

/// What the table says of a section beside its place.
struct SectionInfo {
  format::SectionKind kind = format::SectionKind::Manifest;
  uint32_t variant = 0;  ///< See format::Section.
  uint64_t features = 0; ///< See format::Section.
  std::string_view name; ///< At most 15 characters.
};

class PackageWriter {
public:
  PackageWriter();
  /// Removes the temporary file unless finish() succeeded.
  ~PackageWriter();
  PackageWriter(const PackageWriter &) = delete;
  PackageWriter &operator=(const PackageWriter &) = delete;

  /// Starts a package that will be called `path`.
  bool open(const std::string &path);
  /// Starts an executable: a copy of `program`, then the package.
  bool openExecutable(const std::string &path, const std::string &program);

  /// Starts a section; its number is sectionCount() before the call, and one
  /// less than that while it is open.
  bool begin(const SectionInfo &info);
  /// Appends bytes to the open section.
  bool write(std::span<const std::byte> bytes);
  /// Appends a weight blob at the next multiple of kWeightAlign and tells its
  /// offset in the section; a blob with the same bytes as an earlier one of the
  /// same section is not written again.
  bool blob(std::span<const std::byte> bytes, uint64_t &offset);
  bool end();

  /// A whole section at once.
  bool add(const SectionInfo &info, std::span<const std::byte> bytes);
  bool add(const SectionInfo &info, std::string_view text);

  /// Writes table and header, makes the file durable and gives it its name.
  bool finish();

  uint32_t sectionCount() const;
  /// Bytes of the open section so far.
  uint64_t sectionBytes() const;
  /// Empty as long as nothing has failed.
  const std::string &error() const;

private:
  struct State;
  std::unique_ptr<State> state;
};

} // namespace attune::package
