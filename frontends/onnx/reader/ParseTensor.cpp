// TensorProto: where the elements are, and whether they fit the shape.
//
// All seven ways to store elements end in the same form, the bytes of raw_data:
// raw, external and fixed-width typed data as a view, varints decoded once.
#include "frontends/onnx/reader/Parser.h"

#include <cstring>

namespace attune::onnx {

struct RawTensor {
  bool hasRaw = false;
  Bytes raw;
  /// The typed field in use (its number, 0 if none) and its encoded elements.
  uint32_t typedField = 0;
  std::vector<Bytes> chunks;
  std::vector<std::string_view> strings;
  bool isExternal = false;
  Metadata externalData;
};

static const char *typedFieldName(uint32_t number) {
  switch (number) {
  case 4:
    return "float_data";
  case 5:
    return "int32_data";
  case 6:
    return "string_data";
  case 7:
    return "int64_data";
  case 10:
    return "double_data";
  default:
    return "uint64_data";
  }
}

/// The typed field that onnx.proto prescribes for `type`.
static uint32_t typedFieldOf(DataType type) {
  switch (type) {
  case DataType::Float:
  case DataType::Complex64:
    return 4;
  case DataType::Double:
  case DataType::Complex128:
    return 10;
  case DataType::Int64:
    return 7;
  case DataType::Uint32:
  case DataType::Uint64:
    return 11;
  case DataType::String:
    return 6;
  default:
    return 5;
  }
}

void Parser::parseTensor(Bytes bytes, Frame frame, Tensor &out) {
  Message message(context, &frame, bytes);
  RawTensor raw;
  std::string_view ignored, rawBytes;
  int32_t type = 0, location = 0;
  while (message.next()) {
    uint32_t number = message.number();
    switch (number) {
    case 1:
      message.int64s("dims", out.dims);
      break;
    case 2:
      message.int32("data_type", type);
      break;
    case 3:
      message.fail("segment", "a tensor in one piece", "a segment of one",
                   "export the model without segments");
      break;
    case 4:
    case 5:
    case 6:
    case 7:
    case 10:
    case 11: {
      const char *name = typedFieldName(number);
      if (raw.typedField && raw.typedField != number)
        message.fail(name, "data in one field",
                     std::string("more besides ") +
                         typedFieldName(raw.typedField),
                     adviceExporter);
      raw.typedField = number;
      if (number == 6)
        message.byteStrings(name, raw.strings);
      else
        message.chunk(name,
                      number == 4    ? WireType::Fixed32
                      : number == 10 ? WireType::Fixed64
                                     : WireType::Varint,
                      raw.chunks);
      break;
    }
    case 8:
      message.text("name", out.name);
      break;
    case 9:
      message.bytes("raw_data", rawBytes);
      raw.hasRaw = true;
      break;
    case 12:
      message.text("doc_string", ignored);
      break;
    case 13:
      parseMetadata(message.element("external_data"), frame, raw.externalData);
      break;
    case 14:
      message.int32("data_location", location);
      if (ok() && location != 0 && location != 1)
        message.fail("data_location", "0 or 1", std::to_string(location));
      break;
    default:
      break;
    }
  }
  if (!ok())
    return;
  raw.raw = {reinterpret_cast<const std::byte *>(rawBytes.data()),
             rawBytes.size()};
  raw.isExternal = location == 1;
  out.type = static_cast<DataType>(type);
  if (!dataTypeInfo(type)) {
    error.report(&frame, describeMismatch(
                             "field 'data_type'", "a data type from 1 to 28",
                             "unsupported dtype " + std::to_string(type),
                             "export the model with a type of ONNX 1.23 or "
                             "older"));
    return;
  }
  countElements(frame, out);
  if (ok())
    locateBytes(frame, raw, out);
}

static std::string shapeText(const Tensor &tensor) {
  std::string text = "[";
  for (size_t i = 0; i < tensor.dims.size(); ++i)
    text += (i ? ", " : "") + std::to_string(tensor.dims[i]);
  return text + "]";
}

void Parser::countElements(const Frame &frame, Tensor &out) {
  auto complain = [&](const std::string &expected, const std::string &found) {
    error.report(&frame, describeMismatch("field 'dims'", expected, found,
                                          adviceDamaged));
  };
  if (out.dims.size() > limits.maxRank)
    return complain("at most " + std::to_string(limits.maxRank) + " dimensions",
                    std::to_string(out.dims.size()));
  bool empty = false;
  for (int64_t dim : out.dims) {
    if (dim < 0)
      return complain("sizes of 0 or more", shapeText(out));
    empty |= dim == 0;
  }
  int64_t count = empty ? 0 : 1;
  for (int64_t dim : out.dims)
    // 2^40 elements of 16 bytes: no file holds that, and sizes in bits fit.
    if (!empty && (__builtin_mul_overflow(count, dim, &count) ||
                   count > int64_t{1} << 40))
      return complain("at most 2^40 elements", shapeText(out));
  out.elements = count;
}

void Parser::locateBytes(const Frame &frame, const RawTensor &raw,
                         Tensor &out) {
  const DataTypeInfo &info = *dataTypeInfo(out.type);
  uint64_t size = (static_cast<uint64_t>(out.elements) * info.bits + 7) / 8;
  bool hasTyped =
      raw.typedField && (!raw.chunks.empty() || !raw.strings.empty());
  auto complain = [&](std::string_view field, const std::string &expected,
                      const std::string &found) {
    error.report(&frame,
                 describeMismatch(field, expected, found, adviceExporter));
  };
  std::string wanted = std::to_string(size) + " bytes for " +
                       std::to_string(out.elements) + " elements of " +
                       std::string(info.name) + " in shape " + shapeText(out);

  if ((raw.hasRaw && !raw.raw.empty()) + hasTyped + raw.isExternal > 1)
    return complain("data", "data in one place",
                    "raw, typed or external data together");
  if (out.type == DataType::String) {
    if (raw.hasRaw || raw.isExternal ||
        raw.strings.size() != static_cast<uint64_t>(out.elements))
      return complain("field 'string_data'",
                      std::to_string(out.elements) + " strings",
                      std::to_string(raw.strings.size()));
    out.strings = raw.strings;
    return;
  }
  if (raw.isExternal) {
    ExternalRange range;
    Complaint complaint = ExternalData::parse(raw.externalData, range);
    if (complaint.empty())
      complaint = external.bytes(range, size, out.bytes);
    if (!complaint.empty())
      error.report(&frame, complaint);
    out.external = true;
    return;
  }
  if (hasTyped)
    return takeTyped(frame, raw, size, out);
  if (raw.raw.size() != size)
    return complain(raw.hasRaw ? "field 'raw_data'" : "data", wanted,
                    raw.hasRaw ? std::to_string(raw.raw.size()) : "none");
  out.bytes = raw.raw;
}

void Parser::takeTyped(const Frame &frame, const RawTensor &raw, uint64_t size,
                       Tensor &out) {
  if (raw.typedField != typedFieldOf(out.type)) {
    error.report(&frame, describeMismatch(
                             "data",
                             std::string(dataTypeInfo(out.type)->name) +
                                 " elements in " +
                                 typedFieldName(typedFieldOf(out.type)),
                             typedFieldName(raw.typedField), adviceExporter));
    return;
  }
  if (raw.typedField == 4 || raw.typedField == 10)
    return takeFixed(frame, raw, size, out);
  takeVarints(frame, raw, size, out);
}

void Parser::takeFixed(const Frame &frame, const RawTensor &raw, uint64_t size,
                       Tensor &out) {
  uint64_t found = 0;
  for (Bytes chunk : raw.chunks)
    found += chunk.size();
  if (found != size) {
    error.report(
        &frame,
        describeMismatch(
            "field '" + std::string(typedFieldName(raw.typedField)) + "'",
            std::to_string(size) + " bytes for shape " + shapeText(out),
            std::to_string(found), adviceExporter));
    return;
  }
  if (raw.chunks.size() == 1) {
    out.bytes = raw.chunks.front();
    return;
  }
  std::vector<std::byte> &joined = model.decoded.emplace_back();
  joined.reserve(size);
  for (Bytes chunk : raw.chunks)
    joined.insert(joined.end(), chunk.begin(), chunk.end());
  out.bytes = joined;
}

/// Whether an entry of int32_data (or its kin) is a value of `type`.
static bool fits(int64_t value, DataType type, unsigned bits) {
  switch (type) {
  case DataType::Int64:
  case DataType::Uint64:
    return true;
  case DataType::Bool:
    return value == 0 || value == 1;
  case DataType::Int8:
  case DataType::Int16:
  case DataType::Int32:
    return value >= -(int64_t{1} << (bits - 1)) && value < int64_t{1}
                                                               << (bits - 1);
  default:
    return value >= 0 && value < int64_t{1} << bits;
  }
}

void Parser::takeVarints(const Frame &frame, const RawTensor &raw,
                         uint64_t size, Tensor &out) {
  unsigned bits = dataTypeInfo(out.type)->bits;
  // Entries of 4 and 2 bits come packed in bytes, those of 6 bits do not.
  unsigned entryBits = bits == 4 || bits == 2 ? 8 : bits;
  uint64_t entries = entryBits == bits ? out.elements : size;
  std::string field =
      "field '" + std::string(typedFieldName(raw.typedField)) + "'";
  auto complain = [&](const std::string &expected, const std::string &found) {
    error.report(&frame,
                 describeMismatch(field, expected, found, adviceExporter));
  };
  std::string wanted =
      std::to_string(entries) + " entries for shape " + shapeText(out);

  // Every entry takes at least a byte, so this bounds the allocation.
  uint64_t encoded = 0;
  for (Bytes chunk : raw.chunks)
    encoded += chunk.size();
  if (encoded < entries)
    return complain(wanted, "at most " + std::to_string(encoded));

  std::vector<std::byte> &decoded = model.decoded.emplace_back(size);
  uint64_t count = 0;
  for (Bytes chunk : raw.chunks) {
    while (!chunk.empty()) {
      uint64_t value;
      WireError wrong;
      if (!takeVarint(chunk, value, wrong))
        return complain(wrong.expected, wrong.found);
      if (count == entries)
        return complain(wanted, "more");
      if (!fits(static_cast<int64_t>(value), out.type, entryBits))
        return complain("values of " +
                            std::string(dataTypeInfo(out.type)->name),
                        std::to_string(static_cast<int64_t>(value)));
      if (entryBits == 6) {
        for (unsigned bit = 0; bit < 6; ++bit)
          decoded[(count * 6 + bit) / 8] |= static_cast<std::byte>(
              (value >> bit & 1) << (count * 6 + bit) % 8);
      } else {
        std::memcpy(&decoded[count * (entryBits / 8)], &value, entryBits / 8);
      }
      ++count;
    }
  }
  if (count != entries)
    return complain(wanted, std::to_string(count));
  out.bytes = decoded;
}

} // namespace attune::onnx
