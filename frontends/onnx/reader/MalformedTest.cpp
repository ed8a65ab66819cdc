// Files that no exporter should write: each row is one, with the exact message.
#include "frontends/onnx/reader/Reader.h"
#include "frontends/onnx/reader/WireWriter.h"

#include <gtest/gtest.h>

namespace attune::onnx {
namespace {
using namespace testing;

std::string errorOf(std::string_view bytes, const ReadLimits &limits = {}) {
  std::string error;
  auto model = readModelFromMemory(std::as_bytes(std::span(bytes)), "m.onnx",
                                   error, limits);
  EXPECT_EQ(model == nullptr, !error.empty());
  EXPECT_EQ(error.find('\n'), std::string::npos) << "more than one line";
  return error;
}
std::string errorOf(const Wire &wire, const ReadLimits &limits = {}) {
  return errorOf(wire.out, limits);
}

constexpr const char *damaged =
    "; the file is damaged or not ONNX, export it again";
constexpr const char *exporter =
    "; correct the model or the exporter that wrote it";

/// Where the last field of a file starts, if it is of two bytes.
std::string lastField(const Wire &wire) {
  return std::to_string(wire.out.size() - 2);
}

std::string initializerError(const Wire &tensor) {
  std::string error = errorOf(modelWithInitializer(tensor));
  std::string prefix = "m.onnx: model: graph 'g': initializer 'w': ";
  EXPECT_EQ(error.substr(0, prefix.size()), prefix);
  return error.substr(std::min(error.size(), prefix.size()));
}

TEST(Malformed, EmptyFile) {
  EXPECT_EQ(errorOf(""), "m.onnx: expected an ONNX model, found an empty file; "
                         "export it again");
}

TEST(Malformed, TruncatedVarint) {
  EXPECT_EQ(errorOf("\x08\xff\xff"),
            std::string("m.onnx: model: protobuf: expected the rest of a "
                        "varint, found the end of the enclosing message at "
                        "byte 1") +
                damaged);
}

TEST(Malformed, VarintOfMoreThan64Bits) {
  EXPECT_EQ(errorOf("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"),
            std::string("m.onnx: model: protobuf: expected a varint of at "
                        "most 64 bits, found a longer one at byte 1") +
                damaged);
}

TEST(Malformed, LengthPastTheEnd) {
  EXPECT_EQ(errorOf(Wire().num(1, 8).tag(2, 2).raw("\x05"
                                                   "abc")),
            std::string("m.onnx: model: protobuf: expected a field inside its "
                        "message, found a length past the end of it at byte "
                        "2") +
                damaged);
  // A length whose sum with a pointer would wrap around.
  EXPECT_NE(errorOf(Wire().tag(2, 2).raw(Wire::varint(~uint64_t{0}))), "");
}

TEST(Malformed, WrongWireType) {
  EXPECT_EQ(errorOf(Wire().str(1, "8")),
            std::string("m.onnx: model: field 'ir_version': expected a varint, "
                        "found a length-delimited field at byte 0") +
                damaged);
}

TEST(Malformed, GroupsAndUnknownWireTypes) {
  for (uint32_t type : {3, 4, 6, 7})
    EXPECT_EQ(errorOf(Wire().num(1, 8).tag(99, type)),
              std::string("m.onnx: model: protobuf: expected wire type 0, 1, 2 "
                          "or 5, found another at byte 2") +
                  damaged);
  EXPECT_EQ(errorOf(Wire().num(1, 8).tag(0, 0).raw("a")),
            std::string("m.onnx: model: protobuf: expected a field number from "
                        "1 to 536870911, found another at byte 2") +
                damaged);
}

TEST(Malformed, InvalidUtf8) {
  EXPECT_EQ(errorOf(Wire().num(1, 8).str(2, "a\xc0\x80")),
            std::string("m.onnx: model: field 'producer_name': expected UTF-8 "
                        "text, found 'a\\xc0\\x80' at byte 2") +
                damaged);
}

TEST(Malformed, DuplicateSingularField) {
  EXPECT_EQ(errorOf(Wire().num(1, 8).num(1, 9)),
            std::string("m.onnx: model: field 'ir_version': expected one "
                        "value, found a second one at byte 2") +
                damaged);
}

TEST(Malformed, NoGraphNoVersionFutureVersion) {
  EXPECT_EQ(errorOf(Wire().num(1, 8)),
            std::string("m.onnx: model: field 'graph': expected a graph, found "
                        "none") +
                damaged);
  EXPECT_EQ(errorOf(Wire().msg(7, reluGraph())),
            std::string("m.onnx: model: field 'ir_version': expected a "
                        "positive number, found 0") +
                damaged);
  EXPECT_EQ(errorOf(Wire().num(1, 15).msg(7, reluGraph())),
            "m.onnx: model: field 'ir_version': expected at most 14, found 15; "
            "export the model for an older IR version");
}

TEST(Malformed, OpsetImports) {
  EXPECT_EQ(errorOf(Wire().num(1, 8).msg(7, reluGraph())),
            std::string("m.onnx: graph 'g': node 'relu_0' ('Relu'): field "
                        "'domain': expected a domain in opset_import, found "
                        "''") +
                exporter);
  EXPECT_EQ(errorOf(modelOf(reluGraph()).msg(8, opset(18, "ai.onnx"))),
            std::string("m.onnx: model: opset_import #1: field 'domain': "
                        "expected each domain once, found '' twice") +
                exporter);
}

// Tensors.

TEST(Malformed, UnknownDataType) {
  EXPECT_EQ(initializerError(tensor("w", 99, {1})),
            "field 'data_type': expected a data type from 1 to 28, found "
            "unsupported dtype 99; export the model with a type of ONNX 1.23 "
            "or older");
}

TEST(Malformed, NegativeAndOverflowingDims) {
  EXPECT_EQ(initializerError(tensor("w", 1, {2, -1})),
            std::string("field 'dims': expected sizes of 0 or more, found "
                        "[2, -1]") +
                damaged);
  EXPECT_EQ(initializerError(tensor("w", 1, {1l << 40, 1l << 40})),
            std::string("field 'dims': expected at most 2^40 elements, found "
                        "[1099511627776, 1099511627776]") +
                damaged);
  EXPECT_EQ(initializerError(tensor("w", 1, {1l << 33, 1l << 31})),
            std::string("field 'dims': expected at most 2^40 elements, found "
                        "[8589934592, 2147483648]") +
                damaged);
}

TEST(Malformed, RawDataOfAnotherSize) {
  EXPECT_EQ(initializerError(tensor("w", 1, {2}).str(9, "1234567")),
            std::string("field 'raw_data': expected 8 bytes for 2 elements of "
                        "FLOAT in shape [2], found 7") +
                exporter);
  EXPECT_EQ(initializerError(tensor("w", 1, {1l << 39})),
            std::string("data: expected 2199023255552 bytes for 549755813888 "
                        "elements of FLOAT in shape [549755813888], found "
                        "none") +
                exporter);
  // An odd count of 4-bit elements still needs its last byte.
  EXPECT_EQ(initializerError(tensor("w", 22, {5}).str(9, "12")),
            std::string("field 'raw_data': expected 3 bytes for 5 elements of "
                        "INT4 in shape [5], found 2") +
                exporter);
}

TEST(Malformed, DataInTwoPlaces) {
  EXPECT_EQ(initializerError(tensor("w", 1, {1}).str(9, "1234").f32(4, 1)),
            std::string("data: expected data in one place, found raw, typed or "
                        "external data together") +
                exporter);
  Wire both = tensor("w", 1, {1}).f32(4, 1).num(7, 1);
  EXPECT_EQ(initializerError(both),
            "field 'int64_data': expected data in one field, found more "
            "besides float_data at byte " +
                lastField(modelWithInitializer(both)) + exporter);
}

TEST(Malformed, DataInTheWrongField) {
  EXPECT_EQ(initializerError(tensor("w", 7, {1}).f32(4, 1)),
            std::string("data: expected INT64 elements in int64_data, found "
                        "float_data") +
                exporter);
}

TEST(Malformed, TypedDataOfAnotherCount) {
  EXPECT_EQ(initializerError(tensor("w", 7, {3}).packed(7, {1, 1000})),
            std::string("field 'int64_data': expected 3 entries for shape [3], "
                        "found 2") +
                exporter);
  EXPECT_EQ(initializerError(tensor("w", 7, {1}).packed(7, {1, 2})),
            std::string("field 'int64_data': expected 1 entries for shape [1], "
                        "found more") +
                exporter);
  // Refused before anything of that size is allocated.
  EXPECT_EQ(initializerError(tensor("w", 7, {1l << 40}).packed(7, {1, 2})),
            std::string("field 'int64_data': expected 1099511627776 entries "
                        "for shape [1099511627776], found at most 2") +
                exporter);
  EXPECT_EQ(initializerError(tensor("w", 1, {2}).f32(4, 1)),
            std::string("field 'float_data': expected 8 bytes for shape [2], "
                        "found 4") +
                exporter);
}

TEST(Malformed, TypedValueOutOfRange) {
  EXPECT_EQ(initializerError(tensor("w", 3, {1}).num(5, 128)),
            std::string("field 'int32_data': expected values of INT8, found "
                        "128") +
                exporter);
  EXPECT_EQ(initializerError(tensor("w", 9, {1}).num(5, 2)),
            std::string("field 'int32_data': expected values of BOOL, found "
                        "2") +
                exporter);
}

TEST(Malformed, SegmentsAndSparseTensors) {
  Wire segment = tensor("w", 1, {1}).msg(3, Wire());
  EXPECT_EQ(initializerError(segment),
            "field 'segment': expected a tensor in one piece, found a segment "
            "of one at byte " +
                lastField(modelWithInitializer(segment)) +
                "; export the model without segments");
  Wire sparse = modelOf(reluGraph().msg(15, Wire()));
  EXPECT_EQ(errorOf(sparse),
            "m.onnx: model: graph 'g': field 'sparse_initializer': expected "
            "dense initializers, found a sparse initializer at byte " +
                lastField(sparse) +
                "; attune has no sparse tensors; export with dense weights");
}

TEST(Malformed, ExternalDataWithoutAFolder) {
  EXPECT_EQ(
      initializerError(tensor("w", 1, {1})
                           .num(14, 1)
                           .msg(13, Wire().str(1, "location").str(2, "w.bin"))),
      "external_data 'location': expected data inside the model, found "
      "'w.bin'; read the model from a file, so that it has a folder");
}

// Attributes.

std::string attributeError(const Wire &attribute) {
  std::string error = errorOf(modelWithAttribute(attribute));
  std::string prefix = "m.onnx: model: graph 'g': node 'relu_0' ('Relu'): ";
  EXPECT_EQ(error.substr(0, prefix.size()), prefix);
  return error.substr(std::min(error.size(), prefix.size()));
}

TEST(Malformed, AttributeOfAnotherType) {
  EXPECT_EQ(attributeError(attribute("axis", 2).f32(2, 1)),
            std::string("attribute 'axis': value: expected a value of type "
                        "INT, found one of type FLOAT") +
                exporter);
  EXPECT_EQ(attributeError(attribute("axis", 77).f32(2, 1)),
            std::string("attribute 'axis': field 'type': expected an attribute "
                        "type from 1 to 14, found 77") +
                exporter);
  EXPECT_EQ(attributeError(attribute("value", 4)),
            std::string("attribute 'value': value: expected a value of type "
                        "TENSOR, found none") +
                exporter);
}

TEST(Malformed, AttributeTwice) {
  EXPECT_EQ(errorOf(modelOf(Wire()
                                .str(2, "g")
                                .msg(11, value("x"))
                                .msg(1, node("Relu", {"x"}, {"y"}, "n")
                                            .msg(5, attribute("a", 2))
                                            .msg(5, attribute("a", 2))))),
            std::string("m.onnx: model: graph 'g': node 'n' ('Relu'): field "
                        "'attribute': expected each name once, found 'a' "
                        "twice") +
                exporter);
}

// Names and order.

std::string graphError(const Wire &graph) {
  std::string error = errorOf(modelOf(Wire().str(2, "g").raw(graph.out)));
  std::string prefix = "m.onnx: graph 'g': ";
  EXPECT_EQ(error.substr(0, prefix.size()), prefix);
  return error.substr(std::min(error.size(), prefix.size()));
}

TEST(Malformed, MissingInput) {
  EXPECT_EQ(graphError(Wire().msg(1, node("Relu", {"nope"}, {"y"}, "n"))),
            std::string("node 'n' ('Relu'): input 0: expected the name of an "
                        "input, an initializer or a node output, found 'nope', "
                        "which nothing defines") +
                exporter);
  EXPECT_EQ(graphError(Wire().msg(12, value("y"))),
            std::string("output 0: expected the name of an input, an "
                        "initializer or a node output, found 'y', which "
                        "nothing defines") +
                exporter);
}

TEST(Malformed, DuplicateNames) {
  EXPECT_EQ(graphError(Wire()
                           .msg(11, value("x"))
                           .msg(1, node("Relu", {"x"}, {"y"}, "a"))
                           .msg(1, node("Relu", {"x"}, {"y"}, "b"))),
            std::string("node 'b' ('Relu'): output: expected a name that "
                        "nothing else defines, found 'y' defined twice") +
                exporter);
  EXPECT_EQ(
      graphError(
          Wire().msg(11, value("x")).msg(1, node("Relu", {"x"}, {"x"}, "a"))),
      std::string("node 'a' ('Relu'): output: expected a name that "
                  "nothing else defines, found 'x' defined twice") +
          exporter);
  EXPECT_EQ(graphError(Wire().msg(11, value("x")).msg(11, value("x"))),
            std::string("inputs: expected each name once, found 'x' twice") +
                exporter);
  EXPECT_EQ(graphError(
                Wire().msg(5, tensor("w", 1, {0})).msg(5, tensor("w", 1, {0}))),
            std::string("initializers: expected each name once, found 'w' "
                        "twice") +
                exporter);
}

TEST(Malformed, Cycle) {
  EXPECT_EQ(graphError(Wire()
                           .msg(1, node("Relu", {"b"}, {"a"}, "first"))
                           .msg(1, node("Relu", {"a"}, {"b"}, "second"))),
            std::string("node 'first' ('Relu'): inputs: expected values made "
                        "by earlier nodes, found a cycle back to this node") +
                exporter);
  EXPECT_NE(graphError(Wire().msg(1, node("Relu", {"a"}, {"a"}))), "");
}

TEST(Malformed, SubgraphThatNeedsItsOwnNode) {
  Wire branch = Wire().msg(1, node("Neg", {"y"}, {"r"})).msg(12, value("r"));
  EXPECT_EQ(
      graphError(
          Wire()
              .msg(11, value("x"))
              .msg(1, node("If", {"x"}, {"y"}, "if")
                          .msg(5, attribute("then_branch", 5).msg(6, branch)))),
      std::string("node 'if' ('If'): inputs: expected values made by "
                  "earlier nodes, found a cycle back to this node") +
          exporter);
}

Wire function(std::string_view name, std::initializer_list<Wire> nodes) {
  Wire out;
  out.str(1, name).str(10, "my").str(4, "a").str(5, "b").msg(9, opset(17));
  for (const Wire &node : nodes)
    out.msg(7, node);
  return out;
}

TEST(Malformed, RecursiveFunction) {
  EXPECT_EQ(
      errorOf(modelOf(Wire())
                  .msg(25, function("f", {node("g", {"a"}, {"b"}, "", "my")}))
                  .msg(25, function("g", {node("f", {"a"}, {"b"}, "", "my")}))),
      std::string("m.onnx: function 'f': nodes: expected calls of other "
                  "functions, found a call back to this function") +
          exporter);
}

TEST(Malformed, DuplicateFunction) {
  Wire relu = node("Relu", {"a"}, {"b"});
  EXPECT_EQ(errorOf(modelOf(Wire())
                        .msg(25, function("f", {relu}))
                        .msg(25, function("f", {relu}))),
            std::string("m.onnx: function 'f': field 'name': expected each "
                        "function once, found a second definition") +
                exporter);
}

TEST(Malformed, FunctionBomb) {
  // f0 calls f1 twice, f1 calls f2 twice...: 2^40 nodes in a few kilobytes.
  Wire m = modelOf(Wire());
  for (int i = 0; i < 40; ++i) {
    std::string callee = "f" + std::to_string(i + 1);
    m.msg(25, function("f" + std::to_string(i),
                       {node(callee, {"a"}, {"c"}, "", "my"),
                        node(callee, {"c"}, {"b"}, "", "my")}));
  }
  m.msg(25, function("f40", {node("Relu", {"a"}, {"b"})}));
  EXPECT_EQ(errorOf(m), "m.onnx: functions: expected at most 4194304 nodes "
                        "after expansion, found more; split the model");
}

// Limits.

TEST(Malformed, SubgraphsTooDeep) {
  Wire graph;
  for (int i = 0; i < 100; ++i)
    graph =
        Wire().msg(1, node("If", {}, {"y"})
                          .msg(5, attribute("then_branch", 5).msg(6, graph)));
  std::string error = errorOf(modelOf(graph));
  EXPECT_NE(error.find("subgraph: expected at most 32 levels, found more; "
                       "flatten the model's control flow"),
            std::string::npos)
      << error;
}

TEST(Malformed, TypesTooDeep) {
  Wire type = tensorType(1, {});
  for (int i = 0; i < 100000; ++i)
    type = i < 40 ? Wire().msg(4, Wire().msg(1, type)) : type;
  std::string error = errorOf(modelOf(Wire().msg(11, value("x", type))));
  EXPECT_NE(error.find("type: expected at most 32 levels of nesting"),
            std::string::npos)
      << error;
}

TEST(Malformed, TooManyItems) {
  ReadLimits limits;
  limits.maxItems = 3;
  std::string error = errorOf(modelOf(reluGraph()), limits);
  EXPECT_NE(error.find("expected at most 3 entries in the whole model, found "
                       "more"),
            std::string::npos)
      << error;
}

TEST(Malformed, TooManyDimensions) {
  Wire wide = Wire();
  for (int i = 0; i < 65; ++i)
    wide.num(1, 1);
  EXPECT_EQ(initializerError(wide.num(2, 1).str(8, "w").str(9, "1234")),
            std::string("field 'dims': expected at most 64 dimensions, found "
                        "65") +
                damaged);
}

TEST(Malformed, NamesAreSafeToPrint) {
  std::string name = "a'b\n\x01\"\\\xc3\xa9" + std::string(1000, 'x');
  std::string error =
      errorOf(modelOf(Wire().msg(1, node("Relu", {name}, {"y"}, "n"))));
  EXPECT_NE(error.find("found 'a\\'b\\x0a\\x01\"\\\\\xc3\xa9xxx"),
            std::string::npos)
      << error;
  EXPECT_NE(error.find("'... (1009 bytes), which nothing defines"),
            std::string::npos)
      << error;
}

TEST(Malformed, EveryTruncationIsRefused) {
  Wire full = modelWithInitializer(
      tensor("w", 1, {2}).str(9, Wire::bytesOf<float>({1, 2})));
  for (size_t length = 0; length < full.out.size(); ++length)
    EXPECT_NE(errorOf(std::string_view(full.out).substr(0, length)), "")
        << length;
  EXPECT_EQ(errorOf(full), "");
}

} // namespace
} // namespace attune::onnx
