// Opens, checks and maps external data files.
#include "frontends/onnx/reader/ExternalData.h"

#include "frontends/onnx/reader/Error.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace attune::onnx {

static constexpr std::string_view expectedPath =
    "a path below the model's folder";
static constexpr std::string_view adviceFolder =
    "put the data file itself into the model's folder and name it by its "
    "relative path";

static bool parseNumber(std::string_view text, uint64_t &out) {
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc() && end == text.data() + text.size();
}

Complaint ExternalData::parse(const Metadata &entries, ExternalRange &range) {
  for (auto [key, value] : entries) {
    uint64_t number = 0;
    if (key == "location") {
      range.location = value;
    } else if (key == "offset" || key == "length") {
      if (!parseNumber(value, number))
        return describeMismatch("external_data '" + std::string(key) + "'",
                                "a decimal number of bytes", quoted(value),
                                adviceExporter);
      if (key == "offset")
        range.offset = number;
      else
        range.length = number;
    }
  }
  if (range.location.empty())
    return describeMismatch("external_data 'location'", expectedPath, "none",
                            adviceExporter);
  return {};
}

/// The part of `path` before the first slash; removes it and the slash.
static std::string takeComponent(std::string_view &path) {
  size_t slash = path.find('/');
  std::string first(path.substr(0, slash));
  path = slash == std::string_view::npos ? "" : path.substr(slash + 1);
  return first;
}

static bool staysBelow(std::string_view location) {
  if (location.starts_with('/') || location.ends_with('/') ||
      location.find('\0') != std::string_view::npos)
    return false;
  while (!location.empty())
    if (takeComponent(location) == "..")
      return false;
  return true;
}

/// Without O_NONBLOCK the open of a FIFO would wait for a writer.
static constexpr int openFlags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;

/// For kernels before 5.6 and sandboxes without openat2: one component at a
/// time, none of which may be a symbolic link.
static int openByComponents(int folder, std::string_view location) {
  Descriptor current;
  int at = folder;
  while (true) {
    std::string component = takeComponent(location);
    bool last = location.empty();
    if (component.empty())
      component = ".";
    int fd = ::openat(at, component.c_str(),
                      last ? openFlags : openFlags | O_DIRECTORY | O_PATH);
    if (fd < 0 || last)
      return fd;
    current = Descriptor(fd);
    at = fd;
  }
}

static int openBeneath(int folder, std::string_view location) {
  struct open_how how = {};
  how.flags = openFlags;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  std::string path(location);
  auto fd = static_cast<int>(
      ::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
  if (fd < 0 && (errno == ENOSYS || errno == EPERM))
    return openByComponents(folder, location);
  return fd;
}

/// Why a file that could be opened is refused; empty if it is not.
static std::string refusal(const Descriptor &file, struct stat &status) {
  if (::fstat(file.get(), &status) != 0)
    return errnoText(errno);
  if (!S_ISREG(status.st_mode))
    return fileKind(status.st_mode);
  if (status.st_nlink > 1)
    return "a file with " + std::to_string(status.st_nlink) + " hard links";
  return {};
}

Complaint ExternalData::open(std::string_view location, File &file) {
  constexpr const char *field = "external_data 'location'";
  std::string shown = quoted(location);
  if (!folder.valid())
    return describeMismatch(
        field, "data inside the model", shown,
        "read the model from a file, so that it has a folder");
  if (!staysBelow(location))
    return describeMismatch(field, expectedPath, shown, adviceFolder);
  if (files.size() >= limits.maxExternalFiles)
    return describeMismatch(
        field,
        "at most " + std::to_string(limits.maxExternalFiles) + " data files",
        "more", "merge them");
  Descriptor opened(openBeneath(folder.get(), location));
  if (!opened.valid()) {
    // Linux says ELOOP for links and EXDEV for what would leave the folder.
    std::string why =
        errno == ELOOP || errno == EXDEV ? "a symbolic link" : errnoText(errno);
    return describeMismatch(field, "a readable regular file",
                            shown + " (" + why + ")", adviceFolder);
  }
  struct stat status = {};
  std::string why = refusal(opened, status);
  std::unique_ptr<MappedFile> mapping;
  if (why.empty())
    mapping = MappedFile::map(opened, status, why);
  if (!mapping)
    return describeMismatch(field, "a regular file with one hard link",
                            shown + " (" + why + ")", adviceFolder);
  file.bytes = mapping->bytes();
  model.mappings.push_back(std::move(mapping));
  return {};
}

Complaint ExternalData::bytes(const ExternalRange &range, uint64_t size,
                              std::span<const std::byte> &out) {
  auto known = files.find(range.location);
  if (known == files.end()) {
    File file;
    if (Complaint complaint = open(range.location, file); !complaint.empty())
      return complaint;
    known = files.emplace(std::string(range.location), file).first;
  }
  if (range.length && *range.length != size)
    return describeMismatch("external_data 'length'",
                            std::to_string(size) + " bytes for the shape",
                            std::to_string(*range.length), adviceExporter);
  std::span<const std::byte> all = known->second.bytes;
  if (range.offset > all.size() || size > all.size() - range.offset)
    return describeMismatch(
        "external_data 'offset'",
        std::to_string(size) + " bytes at offset " +
            std::to_string(range.offset),
        "a file " + quoted(range.location) + " of " +
            std::to_string(all.size()) + " bytes",
        "the data file is cut short or belongs to another model");
  out = all.subspan(range.offset, size);
  if (size)
    used.push_back({out.data(), size, known->first});
  return {};
}

Complaint ExternalData::checkOverlaps() {
  std::sort(used.begin(), used.end(), [](const Used &a, const Used &b) {
    return std::less<>()(a.begin, b.begin) ||
           (a.begin == b.begin && a.size < b.size);
  });
  for (size_t i = 1; i < used.size(); ++i) {
    const Used &before = used[i - 1], &after = used[i];
    bool equal = before.begin == after.begin && before.size == after.size;
    // Mappings are apart, so only ranges of one file can meet.
    if (!equal && before.begin + before.size > after.begin)
      return describeMismatch("external_data", "ranges that are equal or apart",
                              "overlapping ranges in " + quoted(after.location),
                              adviceExporter);
  }
  return {};
}

} // namespace attune::onnx
