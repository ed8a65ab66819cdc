//===- Npz.cpp - a zip of .npy files --------------------------------------===//
//
// The zip central directory (APPNOTE.TXT 4.3.12) says where members are; the
// local headers are only skipped. Members are stored, as np.savez writes them,
// or packed with deflate, as np.savez_compressed does; zip64 sizes, which both
// use for large arrays, are understood.
//
//===----------------------------------------------------------------------===//
#include "runtime/tools/TensorFiles.h"
#include <algorithm>
#include <concepts>
#include <cstring>
#include <optional>
#define ZLIB_CONST
#include <zlib.h>

namespace attune::tools {

static Error bad(std::string fact) {
  return {ATTUNE_INVALID_ARGUMENT, "not a usable .npz: " + std::move(fact)};
}

static constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50,
                          kEnd = 0x06054b50, kEnd64 = 0x06064b50,
                          kLocator64 = 0x07064b50;
static constexpr size_t kEndBytes = 22, kCentralBytes = 46, kLocalBytes = 30;

/// Little-endian fields; reading past the end gives zero, which no caller takes
/// for sound because sizes are checked first.
class Fields {
public:
  explicit Fields(std::span<const std::byte> bytes) : bytes(bytes) {}
  template <typename T>
  T get(uint64_t at) const {
    T value = 0;
    if (at <= bytes.size() && bytes.size() - at >= sizeof(T))
      std::memcpy(&value, bytes.data() + at, sizeof(T));
    return value;
  }

private:
  std::span<const std::byte> bytes;
};

static uint32_t crc32(std::span<const std::byte> bytes) {
  const auto *data = reinterpret_cast<const Bytef *>(bytes.data());
  return uint32_t(::crc32_z(0, data, bytes.size()));
}

namespace {
struct Directory {
  uint64_t offset = 0, bytes = 0, count = 0;
};
struct Member {
  std::string name;
  uint64_t bytes = 0;  ///< Of the .npy.
  uint64_t stored = 0; ///< Of what the file has of it.
  uint64_t local = 0;
  uint32_t crc = 0;
  uint16_t method = 0;
};
} // namespace

/// The end record: the last one, within the longest comment of the end.
static std::optional<Directory> findDirectory(std::span<const std::byte> file) {
  Fields fields(file);
  if (file.size() < kEndBytes)
    return std::nullopt;
  uint64_t last = file.size() - kEndBytes;
  for (uint64_t back = 0; back <= 65535 && back <= last; ++back) {
    uint64_t at = last - back;
    if (fields.get<uint32_t>(at) != kEnd)
      continue;
    Directory found{fields.get<uint32_t>(at + 16),
                    fields.get<uint32_t>(at + 12),
                    fields.get<uint16_t>(at + 10)};
    if (at >= 20 && fields.get<uint32_t>(at - 20) == kLocator64) {
      auto at64 = fields.get<uint64_t>(at - 12);
      if (fields.get<uint32_t>(at64) == kEnd64)
        found = {fields.get<uint64_t>(at64 + 48),
                 fields.get<uint64_t>(at64 + 40),
                 fields.get<uint64_t>(at64 + 32)};
    }
    if (found.offset > file.size() || found.bytes > file.size() - found.offset)
      return std::nullopt;
    return found;
  }
  return std::nullopt;
}

/// Sizes that do not fit 32 bits stand in extra field 1, in this order.
static void readZip64(std::span<const std::byte> extra, Member &member) {
  Fields fields(extra);
  for (uint64_t at = 0; at + 4 <= extra.size();
       at += 4 + uint64_t(fields.get<uint16_t>(at + 2))) {
    if (fields.get<uint16_t>(at) != 1)
      continue;
    uint64_t field = at + 4;
    for (uint64_t *value : {&member.bytes, &member.stored, &member.local})
      if (*value == 0xffffffffu) {
        *value = fields.get<uint64_t>(field);
        field += 8;
      }
  }
}

/// Of deflate without a header, until `out` is full; "" or what is wrong.
static std::string unpack(std::span<const std::byte> packed,
                          std::span<std::byte> out) {
  constexpr size_t kMostAtOnce = size_t(1) << 30; // zlib counts in 32 bits
  z_stream stream = {};
  if (::inflateInit2(&stream, -15) != Z_OK)
    return "no memory for zlib";
  int code = Z_OK;
  size_t read = 0, written = 0;
  while (code == Z_OK) {
    stream.next_in = reinterpret_cast<const Bytef *>(packed.data()) + read;
    stream.avail_in = uInt(std::min(packed.size() - read, kMostAtOnce));
    stream.next_out = reinterpret_cast<Bytef *>(out.data()) + written;
    stream.avail_out = uInt(std::min(out.size() - written, kMostAtOnce));
    uInt in = stream.avail_in, room = stream.avail_out;
    code = ::inflate(&stream, Z_NO_FLUSH);
    read += in - stream.avail_in;
    written += room - stream.avail_out;
  }
  std::string problem;
  if (code != Z_STREAM_END && code != Z_BUF_ERROR)
    problem = stream.msg ? stream.msg : "damaged data";
  else if (code != Z_STREAM_END || written != out.size())
    problem = cat(written, " bytes are unpacked of ", packed.size(),
                  ", the directory says ", out.size(),
                  code == Z_BUF_ERROR ? "; it ends early or has more" : "");
  ::inflateEnd(&stream);
  return problem;
}

/// The bytes of a member: those of the file, or unpacked into `memory`.
static Error unpackMember(const Member &member,
                          std::span<const std::byte> &data,
                          std::vector<std::byte> &memory) {
  constexpr uint16_t kStored = 0, kDeflated = 8;
  constexpr uint64_t kMostPacked = 1032; // deflate's 258 bytes in 2 bits
  if (member.method == kStored && member.stored == member.bytes)
    return {};
  if (member.method == kStored)
    return bad(cat("member \"", member.name, "\" is not packed, but has ",
                   member.stored, " bytes where it promises ", member.bytes));
  if (member.method != kDeflated)
    return bad(cat("member \"", member.name, "\" is packed by method ",
                   member.method, " of zip; save it with np.savez"));
  if (member.bytes / kMostPacked > member.stored)
    return bad(cat("member \"", member.name, "\" promises ", member.bytes,
                   " bytes of ", member.stored,
                   ", which is more than deflate packs into them"));
  if (Error error = checkMemory(cat("member \"", member.name, "\", unpacked"),
                                member.bytes))
    return error;
  memory.resize(member.bytes);
  if (std::string problem = unpack(data, memory); !problem.empty())
    return bad(cat("member \"", member.name, "\": ", problem));
  data = memory;
  return {};
}

static Error readMember(std::span<const std::byte> file, const Member &member,
                        Tensor &out) {
  Fields fields(file);
  if (member.local > file.size() ||
      fields.get<uint32_t>(member.local) != kLocal)
    return bad(cat("member \"", member.name, "\" has no header at byte ",
                   member.local));
  uint64_t start = member.local + kLocalBytes +
                   fields.get<uint16_t>(member.local + 26) +
                   fields.get<uint16_t>(member.local + 28);
  if (start > file.size() || member.stored > file.size() - start)
    return bad(cat("member \"", member.name, "\" of ", member.stored,
                   " bytes does not end within the ", file.size(),
                   " of the file"));
  auto data = file.subspan(start, member.stored);
  std::vector<std::byte> memory;
  if (Error error = unpackMember(member, data, memory))
    return error;
  if (uint32_t crc = crc32(data); crc != member.crc)
    return bad(cat("member \"", member.name, "\" has CRC ", crc,
                   ", the directory says ", member.crc));
  return parseNpy(data, out).in(cat("member \"", member.name, "\""));
}

Error parseNpz(std::span<const std::byte> file, NamedTensors &out) {
  std::optional<Directory> directory = findDirectory(file);
  if (!directory)
    return bad("it has no zip directory");
  auto table = file.subspan(directory->offset, directory->bytes);
  Fields fields(table);
  uint64_t at = 0, stored = 0, unpacked = 0;
  for (uint64_t i = 0; i < directory->count; ++i) {
    if (fields.get<uint32_t>(at) != kCentral)
      return bad(cat("entry ", i, " of its directory is damaged"));
    uint64_t nameBytes = fields.get<uint16_t>(at + 28),
             extraBytes = fields.get<uint16_t>(at + 30),
             comment = fields.get<uint16_t>(at + 32);
    if (table.size() - at < kCentralBytes + nameBytes + extraBytes)
      return bad(cat("entry ", i, " of its directory is damaged"));
    Member member;
    member.name.assign(reinterpret_cast<const char *>(table.data()) + at +
                           kCentralBytes,
                       nameBytes);
    member.crc = fields.get<uint32_t>(at + 16);
    member.method = fields.get<uint16_t>(at + 10);
    member.stored = fields.get<uint32_t>(at + 20);
    member.bytes = fields.get<uint32_t>(at + 24);
    member.local = fields.get<uint32_t>(at + 42);
    readZip64(table.subspan(at + kCentralBytes + nameBytes, extraBytes),
              member);
    // Many entries may share one member of the file.
    if (__builtin_add_overflow(stored, member.stored, &stored) ||
        stored > file.size())
      return bad(cat("its members have more bytes than the file, up to \"",
                     member.name, "\""));
    std::string name = member.name;
    if (name.ends_with(".npy"))
      name.resize(name.size() - 4);
    Tensor tensor;
    if (Error error = readMember(file, member, tensor))
      return error;
    // Each has been looked at by itself.
    unpacked += tensor.data.size();
    if (Error error = checkMemory("its members, unpacked,", unpacked))
      return error;
    if (!out.emplace(name, std::move(tensor)).second)
      return bad(cat("it has two members \"", name, "\""));
    at += kCentralBytes + nameBytes + extraBytes + comment;
  }
  return {};
}

namespace {
/// Appends little-endian fields.
class Bytes {
public:
  template <std::integral T>
  void put(T value) {
    size_t at = data.size();
    data.resize(at + sizeof(T));
    std::memcpy(data.data() + at, &value, sizeof(T));
  }
  void put(std::span<const std::byte> bytes) {
    data.insert(data.end(), bytes.begin(), bytes.end());
  }
  void put(const std::string &text) {
    put(std::as_bytes(std::span(text.data(), text.size())));
  }
  std::vector<std::byte> data;
};
} // namespace

/// What local header and directory entry have in common. Sizes go to a zip64
/// field, which every reader of .npz understands.
static void putCommon(Bytes &out, uint32_t crc, const std::string &name,
                      uint16_t extra) {
  out.put<uint16_t>(45);         // needs zip64
  out.put<uint16_t>(0x800);      // the name is UTF-8
  out.put<uint16_t>(0);          // stored
  out.put<uint32_t>(0x00210000); // 1 January 1980: same tensors, same bytes
  out.put<uint32_t>(crc);
  out.put<uint32_t>(0xffffffffu);
  out.put<uint32_t>(0xffffffffu);
  out.put<uint16_t>(uint16_t(name.size()));
  out.put<uint16_t>(extra);
}

std::vector<std::byte> formatNpz(const NamedTensors &tensors) {
  Bytes out, directory;
  for (const auto &[key, tensor] : tensors) {
    std::string name = key.substr(0, 60000) + ".npy";
    std::vector<std::byte> data = formatNpy(tensor);
    uint32_t crc = crc32(data);
    uint64_t local = out.data.size();
    out.put<uint32_t>(kLocal);
    putCommon(out, crc, name, 20);
    out.put(name);
    out.put<uint16_t>(1);
    out.put<uint16_t>(16);
    out.put<uint64_t>(data.size());
    out.put<uint64_t>(data.size());
    out.put(data);

    directory.put<uint32_t>(kCentral);
    directory.put<uint16_t>(45);
    putCommon(directory, crc, name, 28);
    directory.put<uint16_t>(0); // comment
    directory.put<uint16_t>(0); // disk
    directory.put<uint16_t>(0);
    directory.put<uint32_t>(0);
    directory.put<uint32_t>(0xffffffffu);
    directory.put(name);
    directory.put<uint16_t>(1);
    directory.put<uint16_t>(24);
    directory.put<uint64_t>(data.size());
    directory.put<uint64_t>(data.size());
    directory.put<uint64_t>(local);
  }
  uint64_t at = out.data.size(), bytes = directory.data.size();
  out.put(directory.data);
  out.put<uint32_t>(kEnd64);
  out.put<uint64_t>(44);
  out.put<uint16_t>(45);
  out.put<uint16_t>(45);
  out.put<uint64_t>(0);
  out.put<uint64_t>(tensors.size());
  out.put<uint64_t>(tensors.size());
  out.put<uint64_t>(bytes);
  out.put<uint64_t>(at);
  out.put<uint32_t>(kLocator64);
  out.put<uint32_t>(0);
  out.put<uint64_t>(at + bytes);
  out.put<uint32_t>(1);
  out.put<uint32_t>(kEnd);
  out.put<uint32_t>(0);
  out.put<uint16_t>(uint16_t(std::min<size_t>(tensors.size(), 0xffff)));
  out.put<uint16_t>(uint16_t(std::min<size_t>(tensors.size(), 0xffff)));
  out.put<uint32_t>(0xffffffffu);
  out.put<uint32_t>(0xffffffffu);
  out.put<uint16_t>(0);
  return std::move(out.data);
}

} // namespace attune::tools
