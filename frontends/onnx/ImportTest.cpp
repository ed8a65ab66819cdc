// The importer on small models written by hand: what it makes of shape
// arithmetic, masks and names, and its report of what it does not support.
#include "frontends/onnx/ImportTesting.h"

namespace attune::onnx {
namespace {
using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

TEST_F(ImportTest, KeepsNamesSymbolsAndLocations) {
  std::string text = import(Wire()
                                .msg(11, typed("x", floatType, {"batch", "4"}))
                                .msg(1, node("Relu", {"x"}, {"y"}, "act"))
                                .msg(12, value("y")));
  EXPECT_THAT(text, HasSubstr("nn.name = \"x\""));
  EXPECT_THAT(text, HasSubstr("nn.name = \"y\""));
  EXPECT_THAT(text, HasSubstr("batch = #nn.range<min = 1, max = -1"));
  (*module)->walk([](nn::ElementwiseOp op) {
    auto loc = mlir::dyn_cast<mlir::NameLoc>(op.getLoc());
    ASSERT_TRUE(loc);
    EXPECT_EQ(loc.getName(), "act");
  });
}

TEST_F(ImportTest, BindsSymbols) {
  options.shapes["batch"] = {2, 2};
  options.shapes["seq"] = {1, 512};
  std::string text =
      import(Wire()
                 .msg(11, typed("x", floatType, {"batch", "seq", "seq*2 + 1"}))
                 .msg(1, node("Relu", {"x"}, {"y"}))
                 .msg(12, value("y")));
  EXPECT_EQ(typeOfResult(),
            "tensor<2x?x?xf32, #nn.shape<[2, seq, 2 * seq + 1]>>");
  EXPECT_THAT(text, HasSubstr("seq = #nn.range<min = 1, max = 512"));
}

TEST_F(ImportTest, ShapeArithmeticLeavesNoOps) {
  // reshape(x, concat(shape(x)[0:1], [-1])) as exporters write it.
  import(Wire()
             .msg(11, typed("x", floatType, {"B", "S", "4"}))
             .msg(5, number("zero", 0))
             .msg(5, ints("rest", {-1}))
             .msg(5, ints("axes", {0}))
             .msg(1, node("Shape", {"x"}, {"shape"}))
             .msg(1, node("Gather", {"shape", "zero"}, {"b"}))
             .msg(1, node("Unsqueeze", {"b", "axes"}, {"b1"}))
             .msg(1, withInt(node("Concat", {"b1", "rest"}, {"to"}), "axis", 0))
             .msg(1, node("Reshape", {"x", "to"}, {"y"}))
             .msg(12, value("y")));
  EXPECT_EQ(typeOfResult(), "tensor<?x?xf32, #nn.shape<[B, 4 * S]>>");
  EXPECT_EQ(count<nn::ReshapeOp>(), 1);
  EXPECT_EQ(count<mlir::arith::ConstantOp>(), 0);
  EXPECT_EQ(count<nn::DimOp>(), 0);
}

TEST_F(ImportTest, TransposeOfEqualExtentsStays) {
  import(Wire()
             .msg(11, typed("x", floatType, {"2", "4", "4", "8"}))
             .msg(1, withInts(node("Transpose", {"x"}, {"y"}), "perm",
                              {0, 2, 1, 3}))
             .msg(12, value("y")));
  EXPECT_EQ(count<nn::TransposeOp>(), 1);
}

TEST_F(ImportTest, TransposeOfOnesIsAReshape) {
  import(
      Wire()
          .msg(11, typed("x", floatType, {"2", "1", "4"}))
          .msg(1, withInts(node("Transpose", {"x"}, {"y"}), "perm", {1, 0, 2}))
          .msg(12, value("y")));
  EXPECT_EQ(count<nn::TransposeOp>(), 0);
  EXPECT_EQ(typeOfResult(), "tensor<1x2x4xf32>");
}

TEST_F(ImportTest, PadsThatTorchTurnsRoundAreKnown) {
  // pad(x, (1, 2, 3, 4)) as the legacy exporter writes it: pairs from the last
  // dim on become lows, then highs, by a reversed slice and a transpose.
  import(Wire()
             .msg(11, typed("x", floatType, {"B", "5", "6"}))
             .msg(5, ints("pairs", {1, 2, 3, 4, 0, 0}))
             .msg(5, ints("two", {-1, 2}))
             .msg(5, ints("last", {-1}))
             .msg(5, ints("end", {-INT64_MAX}))
             .msg(5, ints("first", {0}))
             .msg(1, node("Reshape", {"pairs", "two"}, {"rows"}))
             .msg(1, node("Slice", {"rows", "last", "end", "first", "last"},
                          {"turned"}))
             .msg(1, withInts(node("Transpose", {"turned"}, {"columns"}),
                              "perm", {1, 0}))
             .msg(1, node("Reshape", {"columns", "last"}, {"pads"}))
             .msg(1, node("Pad", {"x", "pads"}, {"y"}))
             .msg(12, value("y")));
  EXPECT_EQ(typeOfResult(), "tensor<?x12x9xf32, #nn.shape<[B, 12, 9]>>");
}

TEST_F(ImportTest, PositionTableNarrowsItsSymbol) {
  std::string text =
      import(Wire()
                 .msg(11, typed("ids", int64Type, {"B", "S"}))
                 .msg(5, floats("table", {64, 8}))
                 .msg(5, number("zero", 0))
                 .msg(5, number("one", 1))
                 .msg(1, node("Shape", {"ids"}, {"shape"}))
                 .msg(1, node("Gather", {"shape", "one"}, {"s"}))
                 .msg(1, node("Range", {"zero", "s", "one"}, {"p"}))
                 .msg(1, node("Gather", {"table", "p"}, {"y"}))
                 .msg(12, value("y")));
  EXPECT_EQ(count<nn::GatherOp>(), 0);
  EXPECT_EQ(count<nn::SliceOp>(), 1);
  EXPECT_THAT(text, HasSubstr("S = #nn.range<min = 1, max = 64"));
}

TEST_F(ImportTest, ExpandedMaskStaysSmall) {
  // where(expand(mask[B,1,1,S] -> [B,1,S,S]), x, 0): no broadcast is made.
  import(Wire()
             .msg(11, typed("mask", boolType, {"B", "1", "1", "S"}))
             .msg(11, typed("x", floatType, {"B", "2", "S", "S"}))
             .msg(5, tensor("zero", floatType, {}).f32(4, 0))
             .msg(1, node("Shape", {"x"}, {"all"}))
             .msg(5, ints("first", {0, 2, 3}))
             .msg(5, ints("one", {1}))
             .msg(1, node("Gather", {"all", "first"}, {"some"}))
             .msg(5, ints("cut", {1}))
             .msg(5, ints("end", {3}))
             .msg(5, ints("begin", {0}))
             .msg(1, node("Slice", {"some", "begin", "cut"}, {"b"}))
             .msg(1, node("Slice", {"some", "cut", "end"}, {"ss"}))
             .msg(1, withInt(node("Concat", {"b", "one", "ss"}, {"to"}), "axis",
                             0))
             .msg(1, node("Expand", {"mask", "to"}, {"wide"}))
             .msg(1, node("Where", {"wide", "x", "zero"}, {"y"}))
             .msg(12, value("y")));
  EXPECT_EQ(count<nn::BroadcastOp>(), 0);
  EXPECT_EQ(count<nn::ElementwiseOp>(), 1);
  EXPECT_EQ(typeOfResult(), "tensor<?x2x?x?xf32, #nn.shape<[B, 2, S, S]>>");
}

TEST_F(ImportTest, BroadcastIsMadeWhereItIsSeen) {
  import(Wire()
             .msg(11, typed("x", floatType, {"1", "4"}))
             .msg(5, ints("to", {3, 4}))
             .msg(1, node("Expand", {"x", "to"}, {"y"}))
             .msg(12, value("y")));
  EXPECT_EQ(count<nn::BroadcastOp>(), 1);
  EXPECT_EQ(typeOfResult(), "tensor<3x4xf32>");
}

TEST_F(ImportTest, LargeConstantsAreWeightsInPlace) {
  std::string text = import(Wire()
                                .msg(11, typed("x", floatType, {"B", "64"}))
                                .msg(5, floats("w", {64, 64}))
                                .msg(5, floats("unused", {64, 64}))
                                .msg(1, node("MatMul", {"x", "w"}, {"y"}))
                                .msg(12, value("y")));
  EXPECT_EQ(count<nn::WeightOp>(), 1);
  (*module)->walk([](nn::WeightOp op) {
    auto value = mlir::cast<mlir::DenseResourceElementsAttr>(*op.getValue());
    EXPECT_EQ(value.getRawHandle().getBlob()->getData().size(), 64u * 64 * 4);
    EXPECT_FALSE(value.getRawHandle().getBlob()->isMutable());
  });
}

TEST_F(ImportTest, SmallParametersAreWeightsWhereTheyAreTrained) {
  // A norm in its parts, and two layers with one class each.
  Wire graph =
      Wire()
          .msg(11, typed("x", floatType, {"B", "4"}))
          .msg(5, floats("eps", {}))
          .msg(5, floats("half", {1}))
          .msg(5, floats("mean", {4}))
          .msg(5, floats("scale", {4}))
          .msg(5, floats("shift", {4}))
          .msg(5, floats("w1", {4, 1}))
          .msg(5, floats("b1", {1}))
          .msg(5, floats("w2", {1, 1}))
          .msg(5, floats("b2", {1}))
          .msg(1, node("Sub", {"x", "mean"}, {"c"}))
          .msg(1, node("Add", {"c", "eps"}, {"e"}))
          .msg(1, node("Mul", {"e", "scale"}, {"s"}))
          .msg(1, node("Add", {"s", "shift"}, {"n"}))
          .msg(1, node("Mul", {"n", "half"}, {"h"}))
          .msg(1, node("MatMul", {"h", "w1"}, {"p"}))
          .msg(1, node("Add", {"b1", "p"}, {"q"}))
          .msg(1, withInt(node("Gemm", {"q", "w2", "b2"}, {"y"}), "transB", 1))
          .msg(12, value("y"));
  import(graph);
  EXPECT_EQ(count<nn::WeightOp>(), 0);
  options.trains = true;
  import(graph);
  std::vector<std::string> names;
  for (auto weight : module->getOps<nn::WeightOp>())
    names.push_back(weight.getSymName().str());
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("scale", "shift", "w1",
                                                     "b1", "w2", "b2"));
}

TEST_F(ImportTest, ParametersAreFoundThroughViews) {
  options.trains = true;
  import(Wire()
             .msg(11, typed("x", floatType, {"B", "4"}))
             .msg(5, floats("w", {3, 4}))
             .msg(5, floats("b", {1, 3}))
             .msg(5, floats("other", {3}))
             .msg(5, ints("row", {3}))
             .msg(1, node("Transpose", {"w"}, {"t"}))
             .msg(1, node("Reshape", {"b", "row"}, {"r"}))
             .msg(1, node("MatMul", {"x", "t"}, {"p"}))
             .msg(1, node("Add", {"p", "r"}, {"s"}))
             .msg(1, node("Div", {"s", "other"}, {"y"}))
             .msg(12, value("y")));
  EXPECT_EQ(count<nn::WeightOp>(), 2);
}

TEST_F(ImportTest, InitializerOfAnInputIsItsDefault) {
  Wire graph = Wire()
                   .msg(11, typed("x", floatType, {"4"}))
                   .msg(11, typed("b", floatType, {"4"}))
                   .msg(5, floats("b", {4}))
                   .msg(1, node("Add", {"x", "b"}, {"y"}))
                   .msg(12, value("y"));
  EXPECT_THAT(import(graph), Not(HasSubstr("nn.name = \"b\"")));
  options.inputs = {"x", "b"};
  EXPECT_THAT(import(graph), HasSubstr("nn.name = \"b\""));
}

TEST_F(ImportTest, IfWithAKnownConditionIsItsBranch) {
  auto branch = [](std::string_view op) {
    return Wire().msg(1, node(op, {"x"}, {"r"})).msg(12, value("r"));
  };
  std::string text = import(
      Wire()
          .msg(11, typed("x", floatType, {"4"}))
          .msg(5, tensor("yes", boolType, {}).num(5, 1))
          .msg(1,
               node("If", {"yes"}, {"y"})
                   .msg(5, attribute("then_branch", 5).msg(6, branch("Exp")))
                   .msg(5, attribute("else_branch", 5).msg(6, branch("Neg"))))
          .msg(12, value("y")));
  EXPECT_THAT(text, HasSubstr(" exp "));
  EXPECT_THAT(text, Not(HasSubstr(" neg ")));
}

TEST_F(ImportTest, GraphLevelHoldsTheFile) {
  write(Wire()
            .msg(11, typed("x", floatType, {"batch", "4"}))
            .msg(1, node("Softmax", {"x"}, {"y"}, "sm"))
            .msg(12, value("y")),
        17);
  module = importOnnxGraph(file, context, error);
  ASSERT_TRUE(module) << error;
  (*module)->walk([](NodeOp op) {
    EXPECT_EQ(op.getOp(), "Softmax");
    EXPECT_EQ(op.getSince(), 13u);
    // The default of the schema.
    EXPECT_EQ(
        mlir::cast<mlir::IntegerAttr>(op.getParams().get("axis")).getInt(), -1);
  });
}

TEST_F(ImportTest, RangesKeepTheirFormInMasks) {
  // A static causal mask stays a comparison of positions, not a table.
  import(Wire()
             .msg(5, number("zero", 0))
             .msg(5, number("one", 1))
             .msg(5, number("length", 32))
             .msg(5, ints("axes", {1}))
             .msg(1, node("Range", {"zero", "length", "one"}, {"k"}))
             .msg(1, node("Unsqueeze", {"k", "axes"}, {"q"}))
             .msg(1, node("LessOrEqual", {"k", "q"}, {"y"}))
             .msg(12, typed("y", boolType, {"S"})));
  EXPECT_EQ(count<nn::IotaOp>(), 2);
  EXPECT_EQ(count<mlir::arith::ConstantOp>(), 0);
}

TEST_F(ImportTest, ListsWhatItSupports) {
  auto all = supportedOperators();
  EXPECT_GT(all.size(), 90u);
  auto attention = std::find_if(all.begin(), all.end(), [](const auto &row) {
    return row.name == "Attention";
  });
  ASSERT_NE(attention, all.end());
  EXPECT_EQ(attention->since, 23);
}

// What is refused.

TEST_F(ImportTest, ListsAllUnsupportedNodes) {
  EXPECT_EQ(
      refuse(Wire()
                 .msg(11, typed("x", floatType, {"4"}))
                 .msg(1, node("Magic", {"x"}, {"a"}, "one", "com.acme"))
                 .msg(1, node("NonZero", {"a"}, {"b"}, "two"))
                 .msg(1, node("Relu", {"b"}, {"c"}, "fine"))
                 .msg(1, node("Det", {"c"}, {"d"}))
                 .msg(12, value("d"))),
      "node 'one' ('com.acme.Magic', opset 1): the operator is not supported\n"
      "node 'two' ('NonZero', opset 13): the operator is not supported\n"
      "node 'd' ('Det', opset 11): the operator is not supported\n");
}

TEST_F(ImportTest, ListsCausesWithoutConsequences) {
  EXPECT_EQ(
      refuse(Wire()
                 .msg(11, typed("x", floatType, {"4"}))
                 .msg(11, typed("to", int64Type, {"2"}))
                 .msg(1, node("Reshape", {"x", "to"}, {"a"}, "first"))
                 .msg(1, node("Exp", {"a"}, {"b"}, "skipped"))
                 .msg(1, withInts(node("Transpose", {"x"}, {"c"}, "second"),
                                  "perm", {1}))
                 .msg(12, value("b"))
                 .msg(12, value("c"))),
      "node 'first' ('Reshape', opset 14): input 1 depends on data; a "
      "shape has to follow from the shapes of the model's inputs\n"
      "node 'second' ('Transpose', opset 13): expected a permutation of "
      "1 axes\n");
}

} // namespace
} // namespace attune::onnx
