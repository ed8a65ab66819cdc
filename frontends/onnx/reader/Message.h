// Typed access to the fields of one protobuf message, with every complaint
// reported where it arises: wire types, doubled singular fields, UTF-8, limits.
//
// The parse functions of ParseGraph.cpp and ParseTensor.cpp are written with
// it:
//
//   while (message.next())
//     switch (message.number()) {
//     case 1: message.text("name", node.name); break;
//
// next() returns false at the end and after the first error; ok() tells which.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_MESSAGE_H
#define ATTUNE_FRONTENDS_ONNX_READER_MESSAGE_H

#include "frontends/onnx/reader/Error.h"
#include "frontends/onnx/reader/Reader.h"
#include "frontends/onnx/reader/Wire.h"

#include <string>
#include <string_view>
#include <vector>

namespace attune::onnx {

/// What all messages of one file share.
struct ReadContext {
  ErrorSink &error;
  const ReadLimits &limits;
  const std::byte *fileStart; ///< Byte offsets in messages count from here.
  uint64_t items = 0;         ///< Repeated messages and strings so far.
};

class Message {
public:
  Message(ReadContext &context, const Frame *where,
          std::span<const std::byte> bytes)
      : context(context), where(where), cursor(bytes) {}

  bool next();
  bool ok() const { return !context.error.any(); }
  uint32_t number() const { return field.number; }
  const WireField &raw() const { return field; }
  /// Where the current field starts, as " at byte N".
  std::string position() const;

  // Singular fields: a second occurrence is an error.
  void text(const char *name, std::string_view &out);  ///< UTF-8.
  void bytes(const char *name, std::string_view &out); ///< Anything.
  void int64(const char *name, int64_t &out);
  void int32(const char *name, int32_t &out);
  void float32(const char *name, float &out);
  /// The bytes of a submessage.
  std::span<const std::byte> message(const char *name);

  // Repeated fields; scalars may be packed or not.
  void texts(const char *name, std::vector<std::string_view> &out);
  void byteStrings(const char *name, std::vector<std::string_view> &out);
  void int64s(const char *name, std::vector<int64_t> &out);
  void floats(const char *name, std::vector<float> &out);
  std::span<const std::byte> element(const char *name);
  /// Appends the encoded elements of a repeated scalar field.
  void chunk(const char *name, WireType scalar,
             std::vector<std::span<const std::byte>> &out);

  /// Reports `complaint` with the position of the current field.
  void fail(const char *name, std::string_view expected, std::string_view found,
            std::string_view advice = adviceDamaged);

private:
  bool expect(const char *name, WireType type);
  bool once(const char *name);
  bool countItem(const char *name);

  ReadContext &context;
  const Frame *where;
  WireCursor cursor;
  WireField field;
  uint64_t seen = 0; ///< Singular fields met; all ONNX numbers are below 64.
};

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_MESSAGE_H
