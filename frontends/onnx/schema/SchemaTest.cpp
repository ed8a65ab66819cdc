// Lookups follow ONNX's versions, and nodes are checked against them.
#include "frontends/onnx/schema/Schema.h"

#include <gtest/gtest.h>

namespace attune::onnx {
namespace {

TEST(Schema, FindsTheVersionInForce) {
  ASSERT_TRUE(findSchema("", "Softmax", 12));
  EXPECT_EQ(findSchema("", "Softmax", 12)->since, 11);
  EXPECT_EQ(findSchema("", "Softmax", 13)->since, 13);
  EXPECT_EQ(findSchema("", "Softmax", 1000)->since, 13);
  EXPECT_FALSE(findSchema("", "Attention", 22));
  EXPECT_TRUE(findSchema("", "Attention", 23));
  EXPECT_FALSE(findSchema("", "NoSuchOperator", 23));
  EXPECT_FALSE(findSchema("no.such.domain", "Add", 23));
  EXPECT_TRUE(findSchema("ai.onnx.ml", "LabelEncoder", 4));
  EXPECT_GE(newestOpset(), 28);
}

TEST(Schema, KnowsWhichInputsAreRequired) {
  const OperatorSchema &clip = *findSchema("", "Clip", 13);
  EXPECT_TRUE(requiresInput(clip, 0));
  EXPECT_FALSE(requiresInput(clip, 1));
  const OperatorSchema &concat = *findSchema("", "Concat", 13);
  EXPECT_TRUE(requiresInput(concat, 0));
  EXPECT_TRUE(requiresInput(concat, 1000));
  // The trip count and condition of a Loop may be left out, its state not.
  const OperatorSchema &loop = *findSchema("", "Loop", 13);
  EXPECT_FALSE(requiresInput(loop, 0));
  EXPECT_FALSE(requiresInput(loop, 1));
  EXPECT_TRUE(requiresInput(loop, 2));
}

TEST(Schema, GivesDefaults) {
  const OperatorSchema &softmax = *findSchema("", "Softmax", 13);
  EXPECT_EQ(defaultOf(softmax, "axis")->ints.at(0), -1);
  const OperatorSchema &norm = *findSchema("", "LayerNormalization", 17);
  EXPECT_EQ(defaultOf(norm, "epsilon")->floats.at(0), 1e-5f);
  const OperatorSchema &gelu = *findSchema("", "Gelu", 20);
  EXPECT_EQ(defaultOf(gelu, "approximate")->strings.at(0), "none");
  EXPECT_FALSE(defaultOf(*findSchema("", "Cast", 13), "to"));
}

class CheckNode : public ::testing::Test {
protected:
  Node node;
  std::string check(const char *op, int64_t opset) {
    return checkNode(node, *findSchema("", op, opset));
  }
  Attribute &add(std::string_view name, AttributeType type) {
    Attribute &attribute = node.attributes.emplace_back();
    attribute.name = name;
    attribute.type = type;
    return attribute;
  }
};

TEST_F(CheckNode, AcceptsValidNodes) {
  node.inputs = {"a", "b"};
  node.outputs = {"c"};
  EXPECT_EQ(check("MatMul", 13), "");
  node.inputs.assign(100, "a");
  EXPECT_EQ(check("Max", 13), "");
}

TEST_F(CheckNode, CountsInputsAndOutputs) {
  constexpr const char *advice =
      "; correct the model or the exporter that wrote it";
  node.inputs = {"a"};
  node.outputs = {"c"};
  EXPECT_EQ(check("MatMul", 13),
            std::string("inputs: expected 2, found 1") + advice);
  EXPECT_EQ(check("Gemm", 13),
            std::string("inputs: expected 2 to 3, found 1") + advice);
  node.inputs = {};
  EXPECT_EQ(check("Max", 13),
            std::string("inputs: expected 1 or more, found 0") + advice);
  node.inputs = {"a"};
  node.outputs = {"a", "b"};
  EXPECT_EQ(check("Relu", 13),
            std::string("outputs: expected 1, found 2") + advice);
}

TEST_F(CheckNode, ChecksAttributes) {
  constexpr const char *advice =
      "; correct the model or the exporter that wrote it";
  node.inputs = {"a"};
  node.outputs = {"b"};
  EXPECT_EQ(check("Cast", 13),
            std::string("attribute 'to': expected a value, found none") +
                advice);
  add("to", AttributeType::String);
  EXPECT_EQ(check("Cast", 13),
            std::string("attribute 'to': expected INT, found STRING") + advice);
  node.attributes.clear();
  add("bogus", AttributeType::Int);
  EXPECT_EQ(check("Relu", 13),
            std::string("attribute 'bogus': expected an attribute that the "
                        "operator has, found one that it does not have") +
                advice);
}

TEST_F(CheckNode, RefusesDeprecatedOperators) {
  node.inputs = {"a"};
  node.outputs = {"b"};
  EXPECT_EQ(check("Upsample", 10),
            "field 'op_type': expected a current operator, found one "
            "deprecated in opset 10; convert the model to a newer opset");
}

} // namespace
} // namespace attune::onnx
