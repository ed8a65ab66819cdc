// What the reader makes of well-formed models.
#include "frontends/onnx/reader/Reader.h"
#include "frontends/onnx/reader/WireWriter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune::onnx {
namespace {
using namespace testing;
using ::testing::ElementsAre;

class ReaderTest : public ::testing::Test {
protected:
  /// The model in `wire`, which must be readable.
  const Model &read(const Wire &wire) {
    bytes = wire.out;
    std::string error;
    model =
        readModelFromMemory(std::as_bytes(std::span(bytes)), "m.onnx", error);
    EXPECT_EQ(error, "");
    EXPECT_TRUE(model);
    if (!model)
      std::abort(); // Nothing below would make sense.
    return *model;
  }
  template <typename T>
  static std::vector<T> elements(const Tensor &tensor) {
    std::vector<T> out(tensor.bytes.size() / sizeof(T));
    std::memcpy(out.data(), tensor.bytes.data(), tensor.bytes.size());
    return out;
  }
  bool pointsIntoFile(std::span<const std::byte> view) const {
    auto all = std::as_bytes(std::span(bytes));
    return view.data() >= all.data() &&
           view.data() + view.size() <= all.data() + all.size();
  }

  std::string bytes;
  std::unique_ptr<Model> model;
};

TEST_F(ReaderTest, ReadsModelAndGraph) {
  const Model &m = read(Wire()
                            .num(1, 10)
                            .str(2, "pytorch")
                            .str(3, "2.6")
                            .msg(8, opset(20, "ai.onnx"))
                            .msg(8, opset(1, "com.microsoft"))
                            .msg(14, Wire().str(1, "k").str(2, "v"))
                            .msg(7, reluGraph()));
  EXPECT_EQ(m.irVersion, 10);
  EXPECT_EQ(m.producer, "pytorch");
  EXPECT_EQ(m.producerVersion, "2.6");
  EXPECT_EQ(m.opset(""), 20);
  EXPECT_EQ(m.opset("com.microsoft"), 1);
  EXPECT_EQ(m.opset("other"), 0);
  ASSERT_EQ(m.metadata.size(), 1u);
  EXPECT_EQ(m.metadata[0].second, "v");
  EXPECT_EQ(m.graph.name, "g");
  ASSERT_EQ(m.graph.nodes.size(), 1u);
  EXPECT_EQ(m.graph.nodes[0].name, "relu_0");
  EXPECT_EQ(m.graph.nodes[0].op, "Relu");
  EXPECT_THAT(m.graph.nodes[0].inputs, ElementsAre("x"));
  EXPECT_THAT(m.graph.nodes[0].outputs, ElementsAre("y"));
  ASSERT_EQ(m.graph.inputs.size(), 1u);
  EXPECT_EQ(m.graph.inputs[0].name, "x");
}

TEST_F(ReaderTest, ReadsDeclaredShapes) {
  Wire dims;
  dims.msg(1, Wire().str(2, "batch")).msg(1, Wire().num(1, 768)).msg(1, Wire());
  const Model &m = read(modelOf(
      Wire()
          .msg(11, value("x", Wire().msg(1, Wire().num(1, 16).msg(2, dims))))
          .msg(12, value("x"))
          .msg(13, value("r", Wire().msg(1, Wire().num(1, 1))))));
  const Type &type = m.graph.inputs[0].type;
  EXPECT_EQ(type.kind, Type::Kind::Tensor);
  EXPECT_EQ(type.elementType, DataType::Bfloat16);
  EXPECT_TRUE(type.hasShape);
  ASSERT_EQ(type.dims.size(), 3u);
  EXPECT_EQ(type.dims[0].param, "batch");
  EXPECT_FALSE(type.dims[0].hasValue);
  EXPECT_TRUE(type.dims[1].hasValue);
  EXPECT_EQ(type.dims[1].value, 768);
  EXPECT_FALSE(type.dims[2].hasValue);
  EXPECT_FALSE(m.graph.valueInfos[0].type.hasShape);
}

TEST_F(ReaderTest, ReadsNestedTypes) {
  Wire sequence = Wire().msg(4, Wire().msg(1, tensorType(7, {3})));
  const Model &m = read(modelOf(Wire().msg(11, value("s", sequence))));
  const Type &type = m.graph.inputs[0].type;
  EXPECT_EQ(type.kind, Type::Kind::Sequence);
  ASSERT_EQ(type.element.size(), 1u);
  EXPECT_EQ(type.element[0].elementType, DataType::Int64);
}

TEST_F(ReaderTest, KeepsRawDataInPlace) {
  std::string floats = Wire::bytesOf<float>({1.5f, -2.0f});
  const Model &m =
      read(modelWithInitializer(tensor("w", 1, {2}).str(9, floats)));
  const Tensor &w = m.graph.initializers[0];
  EXPECT_EQ(w.name, "w");
  EXPECT_EQ(w.elements, 2);
  EXPECT_THAT(elements<float>(w), ElementsAre(1.5f, -2.0f));
  EXPECT_TRUE(pointsIntoFile(w.bytes));
}

TEST_F(ReaderTest, KeepsPackedFloatsInPlaceAndJoinsUnpackedOnes) {
  std::string floats = Wire::bytesOf<float>({1.5f, -2.0f});
  read(modelWithInitializer(tensor("w", 1, {2}).str(4, floats)));
  EXPECT_TRUE(pointsIntoFile(model->graph.initializers[0].bytes));
  read(modelWithInitializer(tensor("w", 1, {2}).f32(4, 1.5f).f32(4, -2.0f)));
  EXPECT_THAT(elements<float>(model->graph.initializers[0]),
              ElementsAre(1.5f, -2.0f));
}

TEST_F(ReaderTest, DecodesVarintsPackedOrNot) {
  read(modelWithInitializer(tensor("w", 7, {3}).packed(7, {1, -1, 1l << 40})));
  EXPECT_THAT(elements<int64_t>(model->graph.initializers[0]),
              ElementsAre(1, -1, 1l << 40));
  read(modelWithInitializer(tensor("w", 6, {2}).num(5, -7).num(5, 300)));
  EXPECT_THAT(elements<int32_t>(model->graph.initializers[0]),
              ElementsAre(-7, 300));
  read(modelWithInitializer(tensor("w", 3, {2}).packed(5, {-128, 127})));
  EXPECT_THAT(elements<int8_t>(model->graph.initializers[0]),
              ElementsAre(-128, 127));
  read(modelWithInitializer(tensor("w", 10, {1}).packed(5, {0x3c00})));
  EXPECT_THAT(elements<uint16_t>(model->graph.initializers[0]),
              ElementsAre(0x3c00));
  read(modelWithInitializer(tensor("w", 12, {1}).packed(11, {0xffffffff})));
  EXPECT_THAT(elements<uint32_t>(model->graph.initializers[0]),
              ElementsAre(0xffffffffu));
}

TEST_F(ReaderTest, HandlesElementsSmallerThanAByte) {
  // Five 4-bit values take three bytes, five 6-bit values four.
  read(modelWithInitializer(tensor("w", 22, {5}).str(9, "\x21\x43\x05")));
  EXPECT_EQ(model->graph.initializers[0].bytes.size(), 3u);
  read(modelWithInitializer(tensor("w", 21, {5}).packed(5, {0x21, 0x43, 5})));
  EXPECT_THAT(elements<uint8_t>(model->graph.initializers[0]),
              ElementsAre(0x21, 0x43, 5));
  read(modelWithInitializer(tensor("w", 27, {5}).packed(5, {1, 2, 3, 4, 63})));
  // Bit stream of the format's own formula, low bits first.
  EXPECT_THAT(elements<uint8_t>(model->graph.initializers[0]),
              ElementsAre(1 | (2 & 3) << 6, 2 >> 2 | (3 & 15) << 4,
                          3 >> 4 | 4 << 2, 63));
}

TEST_F(ReaderTest, KnowsEveryDataType) {
  for (int type = 1; type <= 28; ++type) {
    if (type == 8)
      continue;
    const DataTypeInfo *info = dataTypeInfo(type);
    ASSERT_TRUE(info);
    // Eight elements are as many bytes as one has bits.
    read(modelWithInitializer(
        tensor("w", type, {8}).str(9, std::string(info->bits, 'a'))));
    EXPECT_EQ(model->graph.initializers[0].bytes.size(), info->bits);
  }
  read(modelWithInitializer(tensor("w", 8, {2}).str(6, "a").str(6, "b")));
  EXPECT_THAT(model->graph.initializers[0].strings, ElementsAre("a", "b"));
}

TEST_F(ReaderTest, AllowsEmptyAndScalarTensors) {
  read(modelWithInitializer(tensor("w", 1, {0, int64_t{1} << 62, 4})));
  EXPECT_EQ(model->graph.initializers[0].elements, 0);
  read(modelWithInitializer(tensor("w", 1, {}).f32(4, 3.0f)));
  EXPECT_EQ(model->graph.initializers[0].elements, 1);
}

TEST_F(ReaderTest, ReadsAttributes) {
  read(modelWithAttribute(attribute("axes", 7).packed(8, {1, -1}).num(8, 5)));
  const Node &node = model->graph.nodes[0];
  ASSERT_TRUE(node.find("axes"));
  EXPECT_FALSE(node.find("axis"));
  EXPECT_THAT(node.find("axes")->ints, ElementsAre(1, -1, 5));
  read(modelWithAttribute(
      attribute("s", 3).str(4, std::string_view("\xff\0", 2))));
  EXPECT_EQ(model->graph.nodes[0].find("s")->strings[0].size(), 2u);
  read(modelWithAttribute(attribute("zero", 2)));
  EXPECT_THAT(model->graph.nodes[0].find("zero")->ints, ElementsAre(0));
  // IR version 1 wrote no type.
  read(modelWithAttribute(Wire().str(1, "old").f32(2, 0.5f)));
  EXPECT_EQ(model->graph.nodes[0].find("old")->type, AttributeType::Float);
}

TEST_F(ReaderTest, KeepsAnOrderThatWorks) {
  Wire graph = Wire()
                   .msg(11, value("x"))
                   .msg(1, node("A", {"x"}, {"a"}, "1"))
                   .msg(1, node("B", {"x"}, {"b"}, "2"))
                   .msg(1, node("C", {"b", "", "a"}, {"c"}, "3"))
                   .msg(12, value("c"));
  const Model &m = read(modelOf(graph));
  EXPECT_EQ(m.graph.nodes[0].name, "1");
  EXPECT_EQ(m.graph.nodes[1].name, "2");
  EXPECT_EQ(m.graph.nodes[2].name, "3");
}

TEST_F(ReaderTest, SortsNodesThatAreOutOfOrder) {
  Wire graph = Wire()
                   .msg(11, value("x"))
                   .msg(1, node("C", {"b", "a"}, {"c"}, "3"))
                   .msg(1, node("B", {"x"}, {"b"}, "2"))
                   .msg(1, node("A", {"x"}, {"a"}, "1"))
                   .msg(12, value("c"));
  const Model &m = read(modelOf(graph));
  EXPECT_EQ(m.graph.nodes[0].name, "2");
  EXPECT_EQ(m.graph.nodes[1].name, "1");
  EXPECT_EQ(m.graph.nodes[2].name, "3");
}

TEST_F(ReaderTest, SortsByWhatSubgraphsCapture) {
  Wire branch = Wire()
                    .str(2, "then")
                    .msg(1, node("Neg", {"late"}, {"r"}))
                    .msg(12, value("r"));
  Wire graph =
      Wire()
          .msg(11, value("x"))
          .msg(1, node("If", {"x"}, {"y"}, "if")
                      .msg(5, attribute("then_branch", 5).msg(6, branch)))
          .msg(1, node("Abs", {"x"}, {"late"}, "abs"))
          .msg(12, value("y"));
  const Model &m = read(modelOf(graph));
  EXPECT_EQ(m.graph.nodes[0].name, "abs");
  EXPECT_EQ(m.graph.nodes[1].attributes[0].graphs[0].name, "then");
}

TEST_F(ReaderTest, ReadsLocalFunctions) {
  Wire function = Wire()
                      .str(1, "Twice")
                      .str(10, "my")
                      .str(4, "a")
                      .str(5, "b")
                      .str(6, "alpha")
                      .msg(9, opset(17))
                      .msg(7, node("Add", {"a", "a"}, {"b"}));
  const Model &m =
      read(modelOf(Wire()
                       .msg(11, value("x"))
                       .msg(1, node("Twice", {"x"}, {"y"}, "", "my"))
                       .msg(12, value("y")))
               .msg(25, function));
  ASSERT_EQ(m.functions.size(), 1u);
  EXPECT_EQ(m.functions[0].name, "Twice");
  EXPECT_THAT(m.functions[0].inputs, ElementsAre("a"));
  EXPECT_THAT(m.functions[0].attributes, ElementsAre("alpha"));
  EXPECT_EQ(m.functions[0].body.nodes[0].op, "Add");
}

TEST_F(ReaderTest, SkipsFieldsItDoesNotKnow) {
  const Model &m = read(modelOf(reluGraph().num(200, 5).str(201, "new"))
                            .f32(300, 1)
                            .tag(301, 1)
                            .raw("12345678"));
  EXPECT_EQ(m.graph.nodes.size(), 1u);
}

TEST_F(ReaderTest, ChainOfHundredThousandNodesTakesNoStack) {
  // Backwards, so that the sort has to follow the whole chain.
  Wire graph;
  constexpr int length = 100000;
  for (int i = length; i > 0; --i)
    graph.msg(1, node("Relu", {std::to_string(i - 1)}, {std::to_string(i)}));
  graph.msg(11, value("0")).msg(12, value(std::to_string(length)));
  const Model &m = read(testing::modelOf(graph));
  EXPECT_EQ(m.graph.nodes.front().outputs[0], "1");
  EXPECT_EQ(m.graph.nodes.back().outputs[0], std::to_string(length));
}

} // namespace
} // namespace attune::onnx
