// Which constants of a file train, one with another or apart.
#include "dialects/nn/Weights.h"
#include "frontends/onnx/ImportTesting.h"

using namespace attune;
using namespace attune::onnx::testing;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

namespace {

/// Elements 0, 1, 2 ... of `step` each, of a tensor whose last dims are turned
/// if `turned`.
Wire counting(std::string_view name, std::initializer_list<int64_t> dims,
              int64_t turned = 0) {
  int64_t count = 1;
  for (int64_t dim : dims)
    count *= dim;
  std::string bytes(4 * count, 0);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rows = turned ? count / turned : 0;
    float value = turned ? i % rows * turned + i / rows : i;
    std::memcpy(&bytes[4 * i], &value, 4);
  }
  return tensor(name, floatType, dims).str(9, bytes);
}

Wire constant(std::string_view name, const Wire &value) {
  return Wire()
      .str(2, name)
      .str(4, "Constant")
      .msg(5, attribute("value", 4).msg(5, value));
}

class Parameters : public ImportTest {
protected:
  Parameters() { options.trains = true; }

  /// Names of the weights that are to be trained.
  std::vector<std::string> trained(const Wire &graph) {
    import(graph);
    std::vector<std::string> names;
    for (auto weight : module->getOps<nn::WeightOp>())
      if (!weight->hasAttr(nn::constantAttr))
        names.push_back(weight.getSymName().str());
    return names;
  }
  std::vector<std::string> leftOut() {
    std::vector<std::string> names;
    if (auto all = (*module)->getAttrOfType<mlir::ArrayAttr>(nn::leftOutAttr))
      for (auto name : all.getAsRange<mlir::StringAttr>())
        names.push_back(name.str());
    return names;
  }
};

TEST_F(Parameters, AConstantNodeIsOneOnlyInALayer) {
  EXPECT_THAT(trained(Wire()
                          .msg(11, typed("x", floatType, {"B", "32"}))
                          .msg(1, constant("w", counting("", {32, 32})))
                          .msg(1, constant("mask", counting("", {1, 32})))
                          .msg(1, node("MatMul", {"x", "w"}, {"p"}))
                          .msg(1, node("Add", {"p", "mask"}, {"y"}))
                          .msg(12, value("y"))),
              UnorderedElementsAre("w"));
  EXPECT_THAT(leftOut(), IsEmpty());
}

TEST_F(Parameters, ExportersOwnOnesAndZerosAreNone) {
  EXPECT_THAT(trained(Wire()
                          .msg(11, typed("x", floatType, {"B", "32"}))
                          .msg(5, floats("val_3", {32}))
                          .msg(5, floats("zeros", {1, 32}))
                          .msg(5, floats("head.scale", {32}))
                          .msg(5, floats("val_4", {32, 32}))
                          .msg(1, node("Mul", {"x", "val_3"}, {"a"}))
                          .msg(1, node("Add", {"a", "zeros"}, {"b"}))
                          .msg(1, node("Mul", {"b", "head.scale"}, {"c"}))
                          .msg(1, node("MatMul", {"c", "val_4"}, {"y"}))
                          .msg(12, value("y"))),
              UnorderedElementsAre("head.scale", "val_4"));
}

TEST_F(Parameters, ASingleNumberIsOneWhereItIsAMember) {
  Wire graph = Wire()
                   .msg(11, typed("x", floatType, {"B", "4"}))
                   .msg(5, floats("attn.logit_scale", {}))
                   .msg(5, floats("t", {}))
                   .msg(5, floats("rope.inv_freq", {4}))
                   .msg(1, node("Exp", {"attn.logit_scale"}, {"e"}))
                   .msg(1, node("Mul", {"x", "e"}, {"a"}))
                   .msg(1, node("Mul", {"a", "rope.inv_freq"}, {"b"}))
                   .msg(1, node("Mul", {"b", "t"}, {"y"}))
                   .msg(12, value("y"));
  EXPECT_THAT(trained(graph), UnorderedElementsAre("attn.logit_scale"));
  EXPECT_THAT(leftOut(), UnorderedElementsAre("t"));
  options.trained = {"t"};
  EXPECT_THAT(trained(graph), UnorderedElementsAre("attn.logit_scale", "t"));
  EXPECT_THAT(leftOut(), IsEmpty());
}

TEST_F(Parameters, LayersThatBeginAlikeTrainApart) {
  EXPECT_THAT(trained(Wire()
                          .msg(11, typed("x", floatType, {"B", "4"}))
                          .msg(5, floats("l.0.bias", {4}))
                          .msg(1, node("Add", {"x", "l.0.bias"}, {"a"}, "/l.0"))
                          .msg(1, node("Add", {"a", "l.0.bias"}, {"b"}, "/l.1"))
                          .msg(1, node("Add", {"b", "l.0.bias"}, {"y"}))
                          .msg(12, value("y"))),
              UnorderedElementsAre("l.0.bias", "/l.1/bias", ::testing::_));
  // A result of the graph reads it too.
  EXPECT_THAT(trained(Wire()
                          .msg(11, typed("x", floatType, {"B", "4"}))
                          .msg(5, floats("b", {4}))
                          .msg(1, node("Add", {"x", "b"}, {"a"}, "one"))
                          .msg(1, node("Add", {"a", "b"}, {"y"}, "two"))
                          .msg(12, value("y"))
                          .msg(12, value("b"))),
              UnorderedElementsAre("b", "two/b"));
  options.trains = false;
  EXPECT_THAT(trained(Wire()
                          .msg(11, typed("x", floatType, {"B", "32"}))
                          .msg(5, floats("b", {32}))
                          .msg(1, node("Add", {"x", "b"}, {"a"}))
                          .msg(1, node("Add", {"a", "b"}, {"y"}))
                          .msg(12, value("y"))),
              UnorderedElementsAre("b"));
}

TEST_F(Parameters, AnExportersCopyTrainsWithItsOriginal) {
  auto graph = [](std::string_view second, std::string_view third) {
    return Wire()
        .msg(11, typed("ids", int64Type, {"B", "S"}))
        .msg(5, counting("wte.weight", {32, 16}))
        .msg(5, counting(second, {16, 32}, /*turned=*/16))
        .msg(5, counting(third, {32, 16}))
        .msg(5, floats("val_9", {16, 32}))
        .msg(1, node("Gather", {"wte.weight", "ids"}, {"a"}))
        .msg(1, node("MatMul", {"a", second}, {"b"}))
        .msg(1, node("MatMul", {"b", third}, {"c"}))
        .msg(1, node("MatMul", {"c", "val_9"}, {"y"}))
        .msg(12, value("y"));
  };
  EXPECT_THAT(trained(graph("onnx::MatMul_7", "val_8")),
              UnorderedElementsAre("wte.weight", "val_9"));
  // What has a name of its own only began alike.
  EXPECT_THAT(
      trained(graph("l.0.weight", "l.1.weight")),
      UnorderedElementsAre("wte.weight", "l.0.weight", "l.1.weight", "val_9"));
}

TEST_F(Parameters, OneWithoutElementsIsNoFault) {
  for (auto dims : {std::pair(0, 8), std::pair(16, 0)}) {
    Wire product = node("MatMul", {"x", "w"}, {"y"});
    import(
        Wire()
            .msg(11, typed("x", floatType, {"B", std::to_string(dims.first)}))
            .msg(5, floats("w", {dims.first, dims.second}))
            .msg(1, product)
            .msg(12, value("y")));
  }
}

TEST_F(Parameters, EntriesOfTheBatchShareOne) {
  auto shapeOf = [&](const Wire &token) {
    import(
        Wire()
            .msg(11, typed("x", floatType, {"3", "5", "8"}))
            .msg(5, token)
            .msg(1, withInt(node("Concat", {"token", "x"}, {"y"}), "axis", 1))
            .msg(12, value("y")));
    auto weights = module->getOps<nn::WeightOp>();
    return (*weights.begin()).getTensorType().getShape().vec();
  };
  EXPECT_THAT(shapeOf(floats("token", {3, 1, 8})),
              ::testing::ElementsAre(1, 1, 8));
  EXPECT_THAT(shapeOf(counting("token", {3, 1, 8})),
              ::testing::ElementsAre(3, 1, 8));
  // Heads that begin alike are as many as the batch only by chance.
  import(Wire()
             .msg(11, typed("x", floatType, {"3", "8", "8"}))
             .msg(5, floats("heads", {3, 8, 8}))
             .msg(1, node("MatMul", {"x", "heads"}, {"y"}))
             .msg(12, value("y")));
  auto weights = module->getOps<nn::WeightOp>();
  EXPECT_EQ((*weights.begin()).getTensorType().getDimSize(0), 3);
}

} // namespace
