// The importer on small models written by hand: what it makes of shape
// arithmetic, masks and names, what it refuses, and how it says so.
#include "frontends/onnx/Import.h"

#include "dialects/nn/NN.h"
#include "frontends/onnx/ONNX.h"
#include "frontends/onnx/reader/WireWriter.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"

#include <fstream>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

namespace attune::onnx {
namespace {
using namespace testing;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr int64_t floatType = 1, int64Type = 7, boolType = 9;

/// An input or output whose dims are numbers or names.
Wire typed(std::string_view name, int64_t type,
           std::initializer_list<std::string> dims) {
  Wire shape;
  for (const std::string &dim : dims)
    shape.msg(1, std::isdigit(dim[0]) ? Wire().num(1, std::stoll(dim))
                                      : Wire().str(2, dim));
  return value(name, Wire().msg(1, Wire().num(1, type).msg(2, shape)));
}

Wire ints(std::string_view name, std::initializer_list<int64_t> values) {
  return tensor(name, int64Type, {int64_t(values.size())}).packed(7, values);
}
Wire number(std::string_view name, int64_t value) {
  return tensor(name, int64Type, {}).packed(7, {value});
}
Wire floats(std::string_view name, std::initializer_list<int64_t> dims) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  return tensor(name, floatType, dims).str(9, std::string(4 * count, '\1'));
}
Wire withInt(Wire node, std::string_view name, int64_t number) {
  return node.msg(5, attribute(name, 2).num(3, number));
}
Wire withInts(Wire node, std::string_view name,
              std::initializer_list<int64_t> values) {
  return node.msg(5, attribute(name, 7).packed(8, values));
}

class ImportTest : public ::testing::Test {
protected:
  ImportTest() : context(mlir::MLIRContext::Threading::DISABLED) {
    std::string pattern = ::testing::TempDir() + "attuneXXXXXX";
    EXPECT_TRUE(::mkdtemp(pattern.data()));
    file = std::filesystem::path(pattern) / "m.onnx";
  }
  ~ImportTest() override { std::filesystem::remove_all(file.parent_path()); }

  void write(const Wire &graph, int64_t version) {
    Wire model = Wire()
                     .num(1, 8)
                     .msg(8, opset(version))
                     .msg(7, graph)
                     .msg(8, opset(1, "com.acme"));
    std::ofstream(file, std::ios::binary) << model.out;
  }
  /// The function of the imported model as text.
  std::string import(const Wire &graph, int64_t version = 17) {
    write(graph, version);
    module = importOnnx(file, options, context, error);
    EXPECT_TRUE(module) << error;
    std::string text;
    llvm::raw_string_ostream os(text);
    if (module)
      (*module)->print(os);
    return text;
  }
  /// The error, without the file's name.
  std::string refuse(const Wire &graph, int64_t version = 17) {
    write(graph, version);
    EXPECT_FALSE(importOnnx(file, options, context, error));
    std::string text = error, name = file.string() + ": ";
    for (size_t at; (at = text.find(name)) != std::string::npos;)
      text.erase(at, name.size());
    return text;
  }
  template <typename Op>
  int count() {
    int n = 0;
    (*module)->walk([&](Op) { ++n; });
    return n;
  }
  std::string typeOfResult(unsigned i = 0) {
    auto main = mlir::cast<mlir::func::FuncOp>((*module).lookupSymbol("main"));
    std::string text;
    llvm::raw_string_ostream(text) << main.getResultTypes()[i];
    return text;
  }

  mlir::MLIRContext context;
  std::filesystem::path file;
  ImportOptions options;
  std::string error;
  mlir::OwningOpRef<mlir::ModuleOp> module;
};

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
             .msg(12, value("y")));
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
                 .msg(1, node("Hardmax", {"a"}, {"b"}, "two"))
                 .msg(1, node("Relu", {"b"}, {"c"}, "fine"))
                 .msg(1, node("Det", {"c"}, {"d"}))
                 .msg(12, value("d"))),
      "node 'one' ('com.acme.Magic', opset 1): the operator is not supported\n"
      "node 'two' ('Hardmax', opset 13): the operator is not supported\n"
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

TEST_F(ImportTest, RefusesInvalidNodes) {
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

TEST_F(ImportTest, RefusesShapesThatDoNotFit) {
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

TEST_F(ImportTest, HugeShapesCostNothing) {
  // A bomb of 2^46 elements stays a type; nothing of that size is made.
  import(Wire()
             .msg(5, ints("to", {1l << 30, 1l << 16}))
             .msg(1, node("ConstantOfShape", {"to"}, {"y"}))
             .msg(12, value("y")));
  EXPECT_EQ(typeOfResult(), "tensor<1073741824x65536xf32>");
  EXPECT_EQ(count<nn::BroadcastOp>(), 1);
}

TEST_F(ImportTest, RefusesSizesThatLeaveNoRoomForBytes) {
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

TEST_F(ImportTest, RefusesAttributesThatContradictTheNode) {
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

TEST_F(ImportTest, RefusesABranchThatGivesTooLittle) {
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

TEST_F(ImportTest, RefusesOpsetsThatNobodyKnows) {
  EXPECT_THAT(refuse(Wire()
                         .msg(11, typed("x", floatType, {"4"}))
                         .msg(1, node("Relu", {"x"}, {"y"}))
                         .msg(12, value("y")),
                     99),
              HasSubstr(", found 99; export the model for an older opset"));
}

TEST_F(ImportTest, RefusesInputsItCannotHold) {
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
