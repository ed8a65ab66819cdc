// Models that the importer refuses: each with the exact line.
#include "frontends/onnx/ImportTesting.h"

namespace attune::onnx {
namespace {
using namespace testing;
using ::testing::HasSubstr;

using ImportRefusalTest = ImportTest;

TEST_F(ImportRefusalTest, RefusesInvalidNodes) {
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"4"}))
                       .msg(1, node("Relu", {"x", "x"}, {"y"}, "n"))
                       .msg(12, value("y"))),
            "node 'n' ('Relu'): inputs: expected 1, found 2; correct the model "
            "or the exporter that wrote it\n");
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"4"}))
                       .msg(1, node("Add", {"x", ""}, {"y"}, "n"))
                       .msg(12, value("y"))),
            "node 'n' ('Add'): input 1: expected a value, found none; correct "
            "the model or the exporter that wrote it\n");
}

TEST_F(ImportRefusalTest, RefusesShapesThatDoNotFit) {
  auto reshape = [](std::initializer_list<int64_t> to) {
    return Wire()
        .msg(11, typed("x", floatType, {"6"}))
        .msg(5, ints("to", to))
        .msg(1, node("Reshape", {"x", "to"}, {"y"}, "n"))
        .msg(12, value("y"));
  };
  std::string prefix = "node 'n' ('Reshape', opset 14): ";
  EXPECT_EQ(refuse(reshape({-1, -1})), prefix + "two -1 in shape [-1, -1]\n");
  EXPECT_EQ(refuse(reshape({4, -1})),
            prefix + "[6] does not divide into shape [4, -1]\n");
  EXPECT_EQ(refuse(reshape({5})),
            prefix + "reshape of [6] to [5] changes the number of elements\n");
  EXPECT_EQ(refuse(reshape({-2})), prefix + "a dimension is negative: -2\n");
  EXPECT_EQ(refuse(reshape({1l << 40, 1l << 40})),
            prefix + "the number of elements leaves 64 bits\n");
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"2", "3"}))
                       .msg(11, typed("z", floatType, {"4"}))
                       .msg(1, node("Add", {"x", "z"}, {"y"}, "n"))
                       .msg(12, value("y"))),
            "node 'n' ('Add', opset 14): shapes do not broadcast: [2, 3] and "
            "[4]\n");
}

TEST_F(ImportRefusalTest, DropoutDropsNothingOrIsRefused) {
  auto dropout = [](const Wire &ratio, int64_t trains) {
    return Wire()
        .msg(11, typed("x", floatType, {"4"}))
        .msg(5, ratio)
        .msg(5, tensor("trains", boolType, {}).num(5, trains))
        .msg(1, node("Dropout", {"x", "ratio", "trains"}, {"y"}, "n"))
        .msg(12, value("y"));
  };
  Wire none = tensor("ratio", floatType, {}).f32(4, 0),
       some = tensor("ratio", floatType, {}).f32(4, 0.5);
  EXPECT_THAT(refuse(dropout(some, 1)),
              HasSubstr("node 'n' ('Dropout', opset 13): dropout in training "
                        "mode; export the model for inference"));
  for (const Wire &graph : {dropout(none, 1), dropout(some, 0)}) {
    import(graph);
    EXPECT_EQ(typeOfResult(), "tensor<4xf32>");
    EXPECT_EQ(count<nn::ElementwiseOp>(), 0);
  }
}

TEST_F(ImportRefusalTest, HugeShapesCostNothing) {
  // A bomb of 2^46 elements stays a type; nothing of that size is made.
  import(Wire()
             .msg(5, ints("to", {1l << 30, 1l << 16}))
             .msg(1, node("ConstantOfShape", {"to"}, {"y"}))
             .msg(12, value("y")));
  EXPECT_EQ(typeOfResult(), "tensor<1073741824x65536xf32>");
  EXPECT_EQ(count<nn::BroadcastOp>(), 1);
}

TEST_F(ImportRefusalTest, RefusesSizesThatLeaveNoRoomForBytes) {
  std::string limit = "expected at most 2^48 elements, found ";
  EXPECT_EQ(refuse(Wire()
                       .msg(5, number("from", 0))
                       .msg(5, number("to", 1l << 62))
                       .msg(5, number("by", 1))
                       .msg(1, node("Range", {"from", "to", "by"}, {"y"}, "n"))
                       .msg(12, value("y"))),
            "node 'n' ('Range', opset 11): " + limit +
                "[4611686018427387904]\n");
  auto pad = [](int64_t amount) {
    return Wire()
        .msg(11, typed("x", floatType, {"N", "4"}))
        .msg(5, ints("pads", {0, amount, 0, amount}))
        .msg(1, node("Pad", {"x", "pads"}, {"y"}, "n"))
        .msg(12, value("y"));
  };
  EXPECT_EQ(refuse(pad(1l << 62)),
            "node 'n' ('Pad', opset 13): a dimension leaves 64 bits\n");
  EXPECT_EQ(refuse(pad(1l << 60)), "node 'n' ('Pad', opset 13): " + limit +
                                       "[N, 2305843009213693956]\n");
  Wire doubled;
  doubled.msg(11, typed("x", floatType, {"N"}));
  for (int i = 0; i < 60; ++i) {
    std::string from = i ? "a" + std::to_string(i - 1) : "x",
                to = "a" + std::to_string(i);
    doubled.msg(1, withInt(node("Concat", {from, from}, {to}, to), "axis", 0));
  }
  EXPECT_EQ(refuse(doubled.msg(12, value("a59"))),
            "node 'a47' ('Concat', opset 13): " + limit +
                "[281474976710656 * N]\n");
}

TEST_F(ImportRefusalTest, RefusesAttributesThatContradictTheNode) {
  auto conv = [](Wire node) {
    return Wire()
        .msg(11, typed("x", floatType, {"N", "2", "8"}))
        .msg(5, floats("w", {2, 2, 3}))
        .msg(1, node)
        .msg(12, value("y"));
  };
  std::string prefix = "node 'n' ('Conv', opset 11): ";
  Wire plain = node("Conv", {"x", "w"}, {"y"}, "n");
  EXPECT_EQ(refuse(conv(withInts(Wire(plain), "kernel_shape", {5}))),
            prefix + "'kernel_shape' differs from that of the filter [2, 2, "
                     "3]\n");
  EXPECT_EQ(refuse(conv(withInts(Wire(plain), "strides", {0}))),
            prefix + "'strides' has 0, expected 1 to 2^31\n");
  EXPECT_EQ(refuse(conv(Wire(plain).msg(
                5, attribute("auto_pad", 3).str(4, "SOMEHOW")))),
            prefix + "'auto_pad' is 'SOMEHOW', expected NOTSET, VALID, "
                     "SAME_UPPER or SAME_LOWER\n");
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"4"}))
                       .msg(1, withInt(node("Split", {"x"}, {"y"}, "n"),
                                       "num_outputs", 2))
                       .msg(12, value("y")),
                   18),
            "node 'n' ('Split', opset 18): 'num_outputs' is 2, the node has 1 "
            "outputs\n");
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"4"}))
                       .msg(5, ints("at", {1, 9}))
                       .msg(1, node("Gather", {"x", "at"}, {"y"}, "n"))
                       .msg(12, value("y"))),
            "node 'n' ('Gather', opset 13): index 9 is outside extent 4\n");
}

TEST_F(ImportRefusalTest, RefusesABranchThatGivesTooLittle) {
  Wire branch = Wire().msg(1, node("Relu", {"x"}, {"r"})).msg(12, value("r"));
  EXPECT_EQ(
      refuse(
          Wire()
              .msg(11, typed("x", floatType, {"4"}))
              .msg(5, tensor("c", boolType, {}).packed(5, {1}))
              .msg(1, node("If", {"c"}, {"y", "z"}, "n")
                          .msg(5, attribute("then_branch", 5).msg(6, branch))
                          .msg(5, attribute("else_branch", 5).msg(6, branch)))
              .msg(12, value("y"))
              .msg(12, value("z"))),
      "node 'n' ('If', opset 16): branch 'then_branch' gives 1 values, the "
      "node has 2 outputs\n");
}

// "S*2" has a value where S has one, and else is a name like any other.
TEST_F(ImportRefusalTest, ExpressionsOfUnknownNamesAreNames) {
  auto graph = [](const std::string &other) {
    return Wire()
        .msg(11, typed("x", floatType, {other}))
        .msg(11, typed("z", floatType, {"S*2"}))
        .msg(1, node("Relu", {"z"}, {"y"}))
        .msg(12, value("y"));
  };
  import(graph("S"));
  EXPECT_THAT(typeOfResult(), HasSubstr("#nn.shape<[2 * S]>"));
  import(graph("T"));
  EXPECT_THAT(typeOfResult(), HasSubstr("#nn.shape<[\"S*2\"]>"));
}

TEST_F(ImportRefusalTest, RefusesBoundsOfDimsThatTheModelDoesNotHave) {
  options.shapes["sequence"] = {1, 8};
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"N", "S"}))
                       .msg(1, node("Relu", {"x"}, {"y"}))
                       .msg(12, value("y"))),
            "expected a symbolic dim 'sequence', found none of that name; the "
            "inputs have 'N', 'S'\n");
}

TEST_F(ImportRefusalTest, RefusesWhatNoOperatorMeans) {
  Wire range = Wire()
                   .msg(5, number("from", 0))
                   .msg(5, number("to", 5))
                   .msg(5, number("by", 0))
                   .msg(1, node("Range", {"from", "to", "by"}, {"y"}, "n"))
                   .msg(12, value("y"));
  EXPECT_EQ(refuse(range), "node 'n' ('Range', opset 11): expected a step that "
                           "is not 0\n");
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"4"}))
                       .msg(1, node("Split", {"x"}, {"a", "b", "c"}, "n"))
                       .msg(12, value("a"))),
            "node 'n' ('Split', opset 13): extent 4 does not divide into 3 "
            "equal parts\n");
  EXPECT_EQ(
      refuse(Wire()
                 .msg(11, typed("x", floatType, {"4"}))
                 .msg(5, ints("from", {0, 1}))
                 .msg(5, ints("to", {2, 3}))
                 .msg(5, ints("axes", {0, -1}))
                 .msg(1, node("Slice", {"x", "from", "to", "axes"}, {"y"}, "n"))
                 .msg(12, value("y"))),
      "node 'n' ('Slice', opset 13): axis 0 is given twice\n");
  EXPECT_EQ(refuse(Wire()
                       .msg(1, withInt(withInt(node("Constant", {}, {"y"}, "n"),
                                               "value_int", 1),
                                       "value_ints", 1))
                       .msg(12, value("y"))),
            "node 'n' ('Constant'): attribute 'value_ints': expected INTS, "
            "found INT; correct the model or the exporter that wrote it\n");
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"4"}))
                       .msg(1, node("Relu", {"x"}, {"y"}, "n"))
                       .msg(12, typed("y", int64Type, {"4"}))),
            "output 'y': expected the declared type i64, found f32\n");
}

TEST_F(ImportRefusalTest, LinesHaveAnEnd) {
  Wire equation = attribute("equation", 3).str(4, std::string(100000, 'i'));
  std::string line =
      refuse(Wire()
                 .msg(11, typed("x", floatType, {"4"}))
                 .msg(1, node("Einsum", {"x"}, {"y"}, "n").msg(5, equation))
                 .msg(12, value("y")));
  EXPECT_LT(line.size(), 1000u);
}

TEST_F(ImportRefusalTest, RefusesOpsetsThatNobodyKnows) {
  EXPECT_THAT(refuse(Wire()
                         .msg(11, typed("x", floatType, {"4"}))
                         .msg(1, node("Relu", {"x"}, {"y"}))
                         .msg(12, value("y")),
                     99),
              HasSubstr(", found 99; export the model for an older opset"));
}

TEST_F(ImportRefusalTest, RefusesInputsItCannotHold) {
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", 2, {"4"}))
                       .msg(1, node("Identity", {"x"}, {"y"}))
                       .msg(12, value("y"))),
            "input 'x': expected a tensor of known rank and supported type, "
            "found tensor<4xui8>; export the model with typed inputs\n");
  std::string wide = "expected at most 8 dimensions, found 9; merge some of "
                     "them\n";
  EXPECT_EQ(
      refuse(Wire()
                 .msg(11, typed("x", floatType,
                                {"1", "1", "1", "1", "1", "1", "1", "1", "2"}))
                 .msg(1, node("Relu", {"x"}, {"y"}))
                 .msg(12, value("y"))),
      "input 'x': " + wide);
  EXPECT_EQ(refuse(Wire()
                       .msg(11, typed("x", floatType, {"N"}))
                       .msg(5, ints("axes", {0, 1, 2, 3, 4, 5, 6, 7}))
                       .msg(1, node("Unsqueeze", {"x", "axes"}, {"y"}))
                       .msg(12, value("y"))),
            "output 'y': " + wide);
  options.inputs = {"nope"};
  EXPECT_THAT(refuse(Wire()
                         .msg(11, typed("x", floatType, {"4"}))
                         .msg(1, node("Relu", {"x"}, {"y"}))
                         .msg(12, value("y"))),
              HasSubstr("expected an input 'nope', found none"));
}

} // namespace
} // namespace attune::onnx
