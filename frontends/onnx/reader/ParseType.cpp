// TypeProto and TensorShapeProto.
#include "frontends/onnx/reader/Parser.h"

namespace attune::onnx {

void Parser::parseType(Bytes bytes, const Frame &outer, Type &out) {
  if (++typeDepth > limits.maxDepth)
    error.report(&outer,
                 describeMismatch("type",
                                  "at most " + std::to_string(limits.maxDepth) +
                                      " levels of nesting",
                                  "more", adviceDamaged));
  Frame frame{"type", nullptr, 0, nullptr, &outer};
  Message message(context, &frame, bytes);
  std::string_view ignored;
  auto become = [&](Type::Kind kind) {
    if (out.kind != Type::Kind::None)
      message.fail("value", "one kind of type", "a second one");
    out.kind = kind;
  };
  while (message.next()) {
    uint32_t number = message.number();
    switch (number) {
    case 1:
      become(Type::Kind::Tensor);
      parseTensorType(message.message("tensor_type"), frame, out);
      break;
    case 4:
      become(Type::Kind::Sequence);
      parseElementType(message.message("sequence_type"), frame, 1, out);
      break;
    case 5:
      become(Type::Kind::Map);
      parseElementType(message.message("map_type"), frame, 2, out);
      break;
    case 6:
      message.text("denotation", ignored);
      break;
    case 7:
      become(Type::Kind::Opaque);
      break;
    case 8:
      become(Type::Kind::SparseTensor);
      parseTensorType(message.message("sparse_tensor_type"), frame, out);
      break;
    case 9:
      become(Type::Kind::Optional);
      parseElementType(message.message("optional_type"), frame, 1, out);
      break;
    default:
      break;
    }
  }
  --typeDepth;
}

void Parser::parseElementType(Bytes bytes, const Frame &outer, uint32_t number,
                              Type &out) {
  Message message(context, &outer, bytes);
  int32_t key = 0;
  while (message.next()) {
    if (message.number() == number)
      parseType(message.message("elem_type"), outer,
                out.element.emplace_back());
    else if (message.number() == 1)
      message.int32("key_type", key);
  }
  out.elementType = static_cast<DataType>(key);
}

void Parser::parseTensorType(Bytes bytes, const Frame &outer, Type &out) {
  Message message(context, &outer, bytes);
  int32_t type = 0;
  while (message.next()) {
    if (message.number() == 1) {
      message.int32("elem_type", type);
      if (ok() && type != 0 && !dataTypeInfo(type))
        message.fail("elem_type", "a data type from 1 to 28",
                     "unsupported dtype " + std::to_string(type),
                     "export the model with a type of ONNX 1.23 or older");
    } else if (message.number() == 2) {
      out.hasShape = true;
      parseShape(message.message("shape"), outer, out);
    }
  }
  out.elementType = static_cast<DataType>(type);
}

void Parser::parseShape(Bytes bytes, const Frame &outer, Type &out) {
  Message message(context, &outer, bytes);
  std::string_view ignored;
  while (message.next()) {
    if (message.number() != 1)
      continue;
    if (out.dims.size() == limits.maxRank)
      message.fail("dim",
                   "at most " + std::to_string(limits.maxRank) + " dimensions",
                   "more", adviceDamaged);
    Dim &dim = out.dims.emplace_back();
    Message entry(context, &outer, message.element("dim"));
    while (entry.next()) {
      if (entry.number() == 1) {
        entry.int64("dim_value", dim.value);
        dim.hasValue = true;
      } else if (entry.number() == 2) {
        entry.text("dim_param", dim.param);
      } else if (entry.number() == 3) {
        entry.text("denotation", ignored);
      }
    }
    // Old exporters write -1 for unknown, which the format does not define.
    if (ok() && dim.hasValue && dim.value < 0)
      message.fail("dim_value", "a size of 0 or more",
                   std::to_string(dim.value), adviceExporter);
  }
}

} // namespace attune::onnx
