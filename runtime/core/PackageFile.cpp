//===- PackageFile.cpp - a package, mapped and verified -------------------===//
//
// The checks run outside in: is it a package, is it all there, is the header
// sound, is the table sound, does the table describe the file without gaps, is
// each section sound. Nothing is used before it has been checked.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/PackageFile.h"
#include "runtime/core/Checksum.h"
#include <cstring>
#include <unistd.h>

namespace attune::core {

using namespace format;

static Error damaged(std::string fact) {
  return {ATTUNE_BAD_PACKAGE, "damaged package: " + std::move(fact)};
}

static uint64_t alignToPage(uint64_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

static std::string hex(Checksum sum) {
  std::string out;
  for (uint64_t word : {sum.high, sum.low})
    for (int shift = 60; shift >= 0; shift -= 4)
      out.push_back("0123456789abcdef"[word >> shift & 15]);
  return out;
}

static const char *kindName(uint32_t kind) {
  switch (SectionKind(kind)) {
  case SectionKind::Manifest:
    return "manifest";
  case SectionKind::Plan:
    return "plan";
  case SectionKind::Code:
    return "code";
  case SectionKind::Weights:
    return "weights";
  case SectionKind::Recipes:
    return "recipes";
  case SectionKind::Cubin:
    return "cubin";
  case SectionKind::Ptx:
    return "ptx";
  case SectionKind::State:
    return "state";
  }
  return nullptr;
}

std::string_view nameOf(const Section &section) {
  return {section.name.data(),
          strnlen(section.name.data(), section.name.size())};
}

std::string describeSection(const Section &section, size_t index) {
  const char *kind = kindName(section.kind);
  std::string_view name = nameOf(section);
  return cat("section ", index, " (", kind ? kind : "unknown kind",
             name.empty() ? "" : " ", name, ")");
}

static bool readFooter(std::span<const std::byte> file, Footer &footer) {
  if (file.size() < sizeof footer)
    return false;
  std::memcpy(&footer, file.data() + file.size() - sizeof footer,
              sizeof footer);
  return footer.magic == kFooterMagic;
}

/// Finds the package in the mapped file: the whole of it, or what the footer
/// of an executable points to.
Error PackageFile::locate() {
  std::span<const std::byte> file = mapping.bytes();
  if (file.size() >= kMagic.size() &&
      std::memcmp(file.data(), kMagic.data(), kMagic.size()) == 0) {
    package = file;
    return {};
  }
  Footer footer;
  if (!readFooter(file, footer))
    return {
        ATTUNE_BAD_PACKAGE,
        cat("not an attune package: neither the first 8 bytes nor the last ",
            sizeof footer, " of its ", file.size(),
            " bytes have the magic of one")};
  if (footer.checksum != footerChecksum(footer))
    return damaged(cat("checksum of the footer is ",
                       hex(footerChecksum(footer)), ", stored is ",
                       hex(footer.checksum)));
  uint64_t room = file.size() - sizeof footer;
  if (footer.packageOffset % kPageBytes != 0 || footer.packageOffset > room ||
      footer.packageBytes != room - footer.packageOffset)
    return damaged(cat("the footer puts ", footer.packageBytes,
                       " bytes at offset ", footer.packageOffset,
                       " of a file of ", file.size(), " bytes"));
  package = file.subspan(footer.packageOffset, footer.packageBytes);
  return {};
}

Error PackageFile::verifyHeader() {
  if (package.size() < kPageBytes)
    return damaged(cat("it has ", package.size(),
                       " bytes, the header alone has ", kPageBytes));
  std::memcpy(&header, package.data(), sizeof header);
  if (header.magic != kMagic)
    return damaged("the first 8 bytes are not the magic of a package");
  // Before the checksum: another layout may keep its checksum elsewhere.
  if (header.formatVersion != kFormatVersion)
    return {ATTUNE_BAD_PACKAGE,
            cat("the package has format version ", header.formatVersion,
                ", this runtime reads version ", kFormatVersion)};
  Checksum sum = headerChecksum(package.first<kPageBytes>());
  if (sum != header.headerChecksum)
    return damaged(cat("checksum of the header is ", hex(sum), ", stored is ",
                       hex(header.headerChecksum)));
  if (header.abiVersion != kAbiVersion)
    return {ATTUNE_BAD_PACKAGE,
            cat("the package has ABI version ", header.abiVersion,
                ", this runtime has version ", kAbiVersion,
                "; compile the model again")};
  if (header.fileBytes != package.size())
    return damaged(cat(
        "it has ", package.size(), " bytes, its header says ", header.fileBytes,
        package.size() < header.fileBytes ? " (truncated)" : ""));
  return {};
}

Error PackageFile::readTable() {
  uint64_t tableBytes = uint64_t(header.sectionCount) * sizeof(Section);
  if (header.sectionCount > kMaxSections ||
      header.tableOffset % kPageBytes != 0 ||
      header.tableOffset > package.size() ||
      package.size() - header.tableOffset != alignToPage(tableBytes))
    return damaged(cat("a table of ", header.sectionCount,
                       " sections at offset ", header.tableOffset,
                       " does not end the ", package.size(), " bytes"));
  std::span<const std::byte> bytes = package.subspan(header.tableOffset);
  if (Checksum sum = checksum(bytes); sum != header.tableChecksum)
    return damaged(cat("checksum of the section table is ", hex(sum),
                       ", stored is ", hex(header.tableChecksum)));
  table.resize(header.sectionCount);
  if (tableBytes)
    std::memcpy(table.data(), bytes.data(), tableBytes);

  // Sections follow each other without gaps, so no byte escapes a checksum.
  uint64_t expected = kPageBytes;
  for (size_t i = 0; i < table.size(); ++i) {
    const Section &section = table[i];
    if (!kindName(section.kind))
      return damaged(
          cat("section ", i, " has the unknown kind ", section.kind));
    if (section.offset != expected ||
        section.bytes > header.tableOffset - expected)
      return damaged(cat(describeSection(section, i), " has ", section.bytes,
                         " bytes at offset ", section.offset, ", expected ",
                         expected));
    expected += alignToPage(section.bytes);
  }
  if (expected != header.tableOffset)
    return damaged(cat("sections end at ", expected, ", the table starts at ",
                       header.tableOffset));
  return {};
}

Error PackageFile::verifySection(size_t index) const {
  const Section &section = table[index];
  Checksum sum =
      checksum(package.subspan(section.offset, alignToPage(section.bytes)));
  if (sum != section.checksum)
    return damaged(cat("checksum of ", describeSection(section, index), " is ",
                       hex(sum), ", stored is ", hex(section.checksum)));
  return {};
}

Error PackageFile::openTable(const char *path) {
  if (Error error = mapFile(path, mapping))
    return error;
  if (Error error = locate())
    return error.in(path);
  if (Error error = verifyHeader())
    return error.in(path);
  return readTable().in(path);
}

Error PackageFile::open(const char *path) {
  if (Error error = openTable(path))
    return error;
  for (size_t i = 0; i < table.size(); ++i)
    if (Error error = verifySection(i))
      return error.in(path);
  return {};
}

bool carriesPackage(const char *path) {
  FileHandle file;
  uint64_t bytes = 0;
  if (openForReading(path, file, bytes) || bytes < sizeof(Footer))
    return false;
  Footer footer;
  ssize_t got =
      ::pread(file.get(), &footer, sizeof footer, off_t(bytes - sizeof footer));
  return got == sizeof footer && footer.magic == kFooterMagic;
}

} // namespace attune::core
