// Field access of Message.h.
#include "frontends/onnx/reader/Message.h"

#include "frontends/onnx/reader/Utf8.h"

#include <bit>
#include <cstring>
#include <limits>

namespace attune::onnx {

static_assert(std::endian::native == std::endian::little,
              "tensors are used in place, as little-endian bytes");

static std::string_view asText(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char *>(bytes.data()), bytes.size()};
}

bool Message::next() {
  if (!ok() || cursor.done())
    return false;
  WireError wrong;
  if (cursor.next(field, wrong))
    return true;
  auto offset = std::to_string(wrong.at - context.fileStart);
  return context.error.report(
      where,
      describeMismatch("protobuf", wrong.expected,
                       wrong.found + (" at byte " + offset), adviceDamaged));
}

std::string Message::position() const {
  return " at byte " + std::to_string(field.start - context.fileStart);
}

void Message::fail(const char *name, std::string_view expected,
                   std::string_view found, std::string_view advice) {
  std::string at(found);
  at += position();
  context.error.report(where,
                       describeMismatch("field '" + std::string(name) + "'",
                                        expected, at, advice));
}

bool Message::expect(const char *name, WireType type) {
  if (field.type == type)
    return true;
  fail(name, wireTypeName(type), wireTypeName(field.type));
  return false;
}

bool Message::once(const char *name) {
  uint64_t bit = uint64_t{1} << field.number;
  if (seen & bit) {
    fail(name, "one value", "a second one");
    return false;
  }
  seen |= bit;
  return true;
}

bool Message::countItem(const char *name) {
  if (++context.items <= context.limits.maxItems)
    return true;
  fail(name,
       "at most " + std::to_string(context.limits.maxItems) +
           " entries in the whole model",
       "more", "split the model, or raise the limit if you trust it");
  return false;
}

void Message::bytes(const char *name, std::string_view &out) {
  if (expect(name, WireType::Bytes) && once(name))
    out = asText(field.bytes);
}

void Message::text(const char *name, std::string_view &out) {
  bytes(name, out);
  if (ok() && !isUtf8(out))
    fail(name, "UTF-8 text", quoted(out));
}

void Message::int64(const char *name, int64_t &out) {
  if (expect(name, WireType::Varint) && once(name))
    out = static_cast<int64_t>(field.varint);
}

void Message::int32(const char *name, int32_t &out) {
  int64_t wide = 0;
  int64(name, wide);
  if (!ok())
    return;
  if (wide < std::numeric_limits<int32_t>::min() ||
      wide > std::numeric_limits<int32_t>::max())
    return fail(name, "a 32-bit number", std::to_string(wide));
  out = static_cast<int32_t>(wide);
}

void Message::float32(const char *name, float &out) {
  if (expect(name, WireType::Fixed32) && once(name))
    std::memcpy(&out, field.bytes.data(), sizeof out);
}

std::span<const std::byte> Message::message(const char *name) {
  if (!expect(name, WireType::Bytes) || !once(name))
    return {};
  return field.bytes;
}

std::span<const std::byte> Message::element(const char *name) {
  if (!expect(name, WireType::Bytes) || !countItem(name))
    return {};
  return field.bytes;
}

void Message::byteStrings(const char *name,
                          std::vector<std::string_view> &out) {
  auto value = element(name);
  if (ok())
    out.push_back(asText(value));
}

void Message::texts(const char *name, std::vector<std::string_view> &out) {
  byteStrings(name, out);
  if (ok() && !isUtf8(out.back()))
    fail(name, "UTF-8 text", quoted(out.back()));
}

void Message::chunk(const char *name, WireType scalar,
                    std::vector<std::span<const std::byte>> &out) {
  if (field.type != WireType::Bytes && !expect(name, scalar))
    return;
  if (!field.bytes.empty())
    out.push_back(field.bytes);
}

void Message::int64s(const char *name, std::vector<int64_t> &out) {
  if (field.type == WireType::Varint) {
    out.push_back(static_cast<int64_t>(field.varint));
    return;
  }
  if (!expect(name, WireType::Bytes))
    return;
  std::span<const std::byte> rest = field.bytes;
  while (!rest.empty()) {
    uint64_t value;
    WireError wrong;
    if (!takeVarint(rest, value, wrong))
      return fail(name, wrong.expected, wrong.found);
    out.push_back(static_cast<int64_t>(value));
  }
}

void Message::floats(const char *name, std::vector<float> &out) {
  if (field.type != WireType::Bytes && !expect(name, WireType::Fixed32))
    return;
  if (field.bytes.size() % sizeof(float) != 0)
    return fail(name, "a multiple of 4 bytes",
                std::to_string(field.bytes.size()) + " bytes");
  size_t before = out.size(), added = field.bytes.size() / sizeof(float);
  out.resize(before + added);
  if (added)
    std::memcpy(out.data() + before, field.bytes.data(), field.bytes.size());
}

} // namespace attune::onnx
