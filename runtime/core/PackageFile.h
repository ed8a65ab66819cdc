//===- PackageFile.h - a package, mapped and verified ---------------------===//
//
// Enters: a path to a package, or to an executable that ends with one. Leaves:
// its sections as spans into a read-only mapping, every checksum verified. The
// bytes mean nothing yet; no code is mapped executable here.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/format.h"
#include "runtime/core/Memory.h"
#include <string>
#include <vector>

namespace attune::core {

/// Immutable after open; may be read by several threads.
class PackageFile {
public:
  /// Opens and verifies everything. Errors name the path, what was found and
  /// what was expected.
  Error open(const char *path);
  /// The same less the sections themselves: whoever reads only what the table
  /// says of them need not read all of the file.
  Error openTable(const char *path);

  const std::vector<format::Section> &sections() const { return table; }

  /// The payload of a section, without padding.
  std::span<const std::byte> payload(const format::Section &section) const {
    return package.subspan(section.offset, section.bytes);
  }

  /// Lets the system take back the pages read so far.
  void release() { mapping.release(); }

private:
  Error locate();
  Error verifyHeader();
  Error readTable();
  Error verifySection(size_t index) const;

  Mapping mapping;
  std::span<const std::byte> package;
  format::Header header;
  std::vector<format::Section> table;
};

/// True when the file ends with the footer of an executable: cheap, nothing is
/// verified. False for files that cannot be read.
bool carriesPackage(const char *path);

/// Without its padding; lives as long as the section.
std::string_view nameOf(const format::Section &section);

/// "section 3 (code x86-64-v3)".
std::string describeSection(const format::Section &section, size_t index);

} // namespace attune::core
