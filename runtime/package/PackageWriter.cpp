//===- PackageWriter.cpp - writes package files ---------------------------===//
//
// Layout as in attune/format.h: the header page is left empty at first and
// filled in by finish(), when offsets and checksums are known.
//
//===----------------------------------------------------------------------===//
#include "runtime/package/PackageWriter.h"
#include "runtime/core/Checksum.h"
#include "runtime/core/Memory.h"
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <unistd.h>
#include <vector>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace attune::package {

using namespace format;
using core::cat;
using core::FileHandle;

/// Zeros for the gaps between sections and blobs.
static constexpr std::array<std::byte, kPageBytes> kZeros{};

static uint64_t padding(uint64_t bytes, uint64_t align) {
  return (align - bytes % align) % align;
}

struct PackageWriter::State {
  std::string path, target, temporary, error; ///< `target`: behind links.
  FileHandle file;
  bool executable = false;
  uint64_t start = 0;   ///< Of the package in the file.
  uint64_t written = 0; ///< Since the start of the package.
  bool inSection = false;
  std::vector<Section> table;
  XXH3_state_t hash;
  std::map<std::pair<uint64_t, std::pair<uint64_t, uint64_t>>, uint64_t> blobs;

  bool fail(std::string message) {
    if (error.empty())
      error = std::move(message);
    return false;
  }
  bool failIo(const char *what) {
    return fail(cat(path, ": ", what, ": ", core::systemError()));
  }

  bool create(const std::string &wanted);
  bool put(std::span<const std::byte> bytes);
  bool append(std::span<const std::byte> bytes);
  bool pad(uint64_t align);
  bool copyProgram(const std::string &program);
  bool putTableAndHeader();
  bool publish();
};

PackageWriter::PackageWriter() : state(std::make_unique<State>()) {}

PackageWriter::~PackageWriter() {
  if (!state->temporary.empty())
    ::unlink(state->temporary.c_str());
}

const std::string &PackageWriter::error() const { return state->error; }

uint32_t PackageWriter::sectionCount() const {
  return uint32_t(state->table.size());
}

uint64_t PackageWriter::sectionBytes() const {
  return state->inSection ? state->written - state->table.back().offset : 0;
}

bool PackageWriter::State::create(const std::string &wanted) {
  path = wanted;
  if (core::Error failure = core::findTarget(path, target))
    return fail(failure.message());
  std::string name;
  file = core::createBeside(target, executable ? 0777 : 0666, name);
  if (file.get() < 0)
    return failIo("cannot create a file beside it");
  temporary = name;
  return true;
}

/// Writes at the current end of the file.
bool PackageWriter::State::put(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t count = ::write(file.get(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0)
      return failIo("cannot write");
    bytes = bytes.subspan(size_t(count));
  }
  return true;
}

/// Writes to the package and, within a section, to its checksum.
bool PackageWriter::State::append(std::span<const std::byte> bytes) {
  if (!error.empty() || !put(bytes))
    return false;
  if (inSection)
    XXH3_128bits_update(&hash, bytes.data(), bytes.size());
  written += bytes.size();
  return true;
}

bool PackageWriter::State::pad(uint64_t align) {
  return append(std::span(kZeros).first(padding(written, align)));
}

bool PackageWriter::open(const std::string &path) {
  return state->create(path) && state->append(kZeros);
}

bool PackageWriter::State::copyProgram(const std::string &program) {
  FileHandle from;
  uint64_t bytes = 0;
  if (core::Error failure = core::openForReading(program.c_str(), from, bytes))
    return fail(failure.message());
  core::Mapping mapping;
  if (core::Error failure =
          core::Mapping::ofFile(from.get(), 0, bytes, mapping))
    return fail(failure.in(program).message());
  if (bytes >= sizeof(Footer) &&
      std::memcmp(mapping.data() + bytes - sizeof(Footer), kFooterMagic.data(),
                  kFooterMagic.size()) == 0)
    return fail(cat(program, ": it already carries a package"));
  if (!put(mapping.bytes()) ||
      !put(std::span(kZeros).first(padding(bytes, kPageBytes))))
    return false;
  start = bytes + padding(bytes, kPageBytes);
  return true;
}

bool PackageWriter::openExecutable(const std::string &path,
                                   const std::string &program) {
  state->executable = true;
  return state->create(path) && state->copyProgram(program) &&
         state->append(kZeros);
}

bool PackageWriter::begin(const SectionInfo &info) {
  if (!state->error.empty())
    return false;
  if (state->inSection)
    return state->fail("internal: a section is already open");
  if (state->table.size() >= kMaxSections)
    return state->fail(
        cat(state->path, ": more than ", kMaxSections, " sections"));
  Section section;
  section.kind = uint32_t(info.kind);
  section.variant = info.variant;
  section.features = info.features;
  section.offset = state->written;
  if (info.name.size() >= section.name.size())
    return state->fail(
        cat("section name \"", info.name, "\" is longer than 15 characters"));
  std::memcpy(section.name.data(), info.name.data(), info.name.size());
  state->table.push_back(section);
  state->inSection = true;
  state->blobs.clear();
  XXH3_128bits_reset(&state->hash);
  return true;
}

bool PackageWriter::write(std::span<const std::byte> bytes) {
  if (state->error.empty() && !state->inSection)
    return state->fail("internal: no section is open");
  return state->append(bytes);
}

bool PackageWriter::blob(std::span<const std::byte> bytes, uint64_t &offset) {
  if (!state->inSection)
    return state->fail("internal: no section is open");
  Checksum sum = core::checksum(bytes);
  auto [found, isNew] =
      state->blobs.insert({{bytes.size(), {sum.high, sum.low}}, uint64_t(0)});
  if (isNew) {
    if (!state->pad(kWeightAlign))
      return false;
    found->second = sectionBytes();
    if (!state->append(bytes))
      return false;
  }
  offset = found->second;
  return true;
}

bool PackageWriter::end() {
  if (!state->error.empty())
    return false;
  if (!state->inSection)
    return state->fail("internal: no section is open");
  Section &section = state->table.back();
  section.bytes = state->written - section.offset;
  if (!state->pad(kPageBytes))
    return false;
  XXH128_hash_t sum = XXH3_128bits_digest(&state->hash);
  section.checksum = {sum.low64, sum.high64};
  state->inSection = false;
  return true;
}

bool PackageWriter::add(const SectionInfo &info,
                        std::span<const std::byte> bytes) {
  return begin(info) && write(bytes) && end();
}

bool PackageWriter::add(const SectionInfo &info, std::string_view text) {
  return add(info, std::as_bytes(std::span(text.data(), text.size())));
}

bool PackageWriter::State::putTableAndHeader() {
  Header header;
  header.tableOffset = written;
  header.sectionCount = uint32_t(table.size());
  std::vector<std::byte> bytes(table.size() * sizeof(Section));
  if (!bytes.empty())
    std::memcpy(bytes.data(), table.data(), bytes.size());
  bytes.resize(bytes.size() + padding(bytes.size(), kPageBytes));
  header.tableChecksum = core::checksum(bytes);
  if (!append(bytes))
    return false;
  header.fileBytes = written;

  std::array<std::byte, kPageBytes> page{};
  std::memcpy(page.data(), &header, sizeof header);
  header.headerChecksum = core::headerChecksum(page);
  std::memcpy(page.data(), &header, sizeof header);
  if (::pwrite(file.get(), page.data(), page.size(), off_t(start)) !=
      ssize_t(page.size()))
    return failIo("cannot write");
  if (!executable)
    return true;
  Footer footer;
  footer.packageOffset = start;
  footer.packageBytes = written;
  footer.checksum = core::footerChecksum(footer);
  return put(std::as_bytes(std::span(&footer, 1)));
}

/// Durable first, visible second.
bool PackageWriter::State::publish() {
  if (::fsync(file.get()) != 0)
    return failIo("cannot write");
  file = FileHandle();
  if (::rename(temporary.c_str(), target.c_str()) != 0)
    return failIo("cannot rename");
  temporary.clear();
  std::string folder = core::folderOf(target);
  FileHandle handle(::open(folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  // Some file systems cannot sync a folder; the file itself is safe by now.
  if (handle.get() >= 0)
    ::fsync(handle.get());
  return true;
}

bool PackageWriter::finish() {
  if (!state->error.empty())
    return false;
  if (state->inSection)
    return state->fail("internal: a section is still open");
  return state->putTableAndHeader() && state->publish();
}

} // namespace attune::package
