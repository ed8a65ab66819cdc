// Test support: writes protobuf messages field by field.
//
// Independent of the reader on purpose, and able to write what no library
// would: wrong wire types, doubled fields, lengths that lie.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_WIREWRITER_H
#define ATTUNE_FRONTENDS_ONNX_READER_WIREWRITER_H

#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <string>
#include <string_view>

namespace attune::onnx::testing {

class Wire {
public:
  static std::string varint(uint64_t value) {
    std::string out;
    for (; value >= 0x80; value >>= 7)
      out += static_cast<char>(value | 0x80);
    return out + static_cast<char>(value);
  }
  Wire &raw(std::string_view bytes) {
    out += bytes;
    return *this;
  }
  Wire &tag(uint32_t number, uint32_t type) {
    return raw(varint(uint64_t{number} << 3 | type));
  }
  Wire &num(uint32_t number, int64_t value) {
    return tag(number, 0).raw(varint(static_cast<uint64_t>(value)));
  }
  Wire &str(uint32_t number, std::string_view bytes) {
    return tag(number, 2).raw(varint(bytes.size())).raw(bytes);
  }
  Wire &msg(uint32_t number, const Wire &inner) {
    return str(number, inner.out);
  }
  Wire &f32(uint32_t number, float value) {
    return tag(number, 5).raw(bytesOf(value));
  }
  Wire &packed(uint32_t number, std::initializer_list<int64_t> values) {
    std::string all;
    for (int64_t value : values)
      all += varint(static_cast<uint64_t>(value));
    return str(number, all);
  }
  template <typename T>
  static std::string bytesOf(T value) {
    std::string out(sizeof value, '\0');
    std::memcpy(out.data(), &value, sizeof value);
    return out;
  }
  template <typename T>
  static std::string bytesOf(std::initializer_list<T> values) {
    std::string out;
    for (T value : values)
      out += bytesOf(value);
    return out;
  }

  std::string out;
};

// The messages of onnx.proto with the fields that tests need most.

inline Wire opset(int64_t version, std::string_view domain = "") {
  return Wire().str(1, domain).num(2, version);
}

inline Wire node(std::string_view op,
                 std::initializer_list<std::string_view> inputs,
                 std::initializer_list<std::string_view> outputs,
                 std::string_view name = "", std::string_view domain = "") {
  Wire wire;
  for (std::string_view input : inputs)
    wire.str(1, input);
  for (std::string_view output : outputs)
    wire.str(2, output);
  return wire.str(3, name).str(4, op).str(7, domain);
}

inline Wire shape(std::initializer_list<int64_t> dims) {
  Wire wire;
  for (int64_t dim : dims)
    wire.msg(1, Wire().num(1, dim));
  return wire;
}

inline Wire tensorType(int64_t type, std::initializer_list<int64_t> dims) {
  return Wire().msg(1, Wire().num(1, type).msg(2, shape(dims)));
}

inline Wire value(std::string_view name, const Wire &type) {
  return Wire().str(1, name).msg(2, type);
}

/// A FLOAT value of shape [2].
inline Wire value(std::string_view name) {
  return value(name, tensorType(1, {2}));
}

/// A tensor without data.
inline Wire tensor(std::string_view name, int64_t type,
                   std::initializer_list<int64_t> dims) {
  Wire wire;
  for (int64_t dim : dims)
    wire.num(1, dim);
  return wire.num(2, type).str(8, name);
}

inline Wire attribute(std::string_view name, int64_t type) {
  return Wire().str(1, name).num(20, type);
}

/// A model of IR version 8 and opset 17 around `graph`.
inline Wire modelOf(const Wire &graph) {
  return Wire().num(1, 8).msg(8, opset(17)).msg(7, graph);
}

/// A model whose graph has one initializer besides x -> Relu -> y.
inline Wire reluGraph() {
  return Wire()
      .str(2, "g")
      .msg(1, node("Relu", {"x"}, {"y"}, "relu_0"))
      .msg(11, value("x"))
      .msg(12, value("y"));
}
inline Wire modelWithInitializer(const Wire &tensor) {
  return modelOf(reluGraph().msg(5, tensor));
}
inline Wire modelWithAttribute(const Wire &attribute) {
  return modelOf(
      Wire()
          .str(2, "g")
          .msg(1, node("Relu", {"x"}, {"y"}, "relu_0").msg(5, attribute))
          .msg(11, value("x"))
          .msg(12, value("y")));
}

} // namespace attune::onnx::testing

#endif // ATTUNE_FRONTENDS_ONNX_READER_WIREWRITER_H
