// What a model becomes: functions, weights, names, shapes.
#include "frontends/dsl/ImportTesting.h"

namespace attune::dsl {
namespace {

using namespace mlir;
using testing::ImportTest;

const char *small = R"(param width = 6, rate = 0.5
module Block:
    norm = LayerNorm(width)
    line = Linear(width, width)
    def forward(x):
        x += dropout(line(norm(x)), rate)
        return x
model M:
    blocks = repeat(2, Block())
    head = Linear(width, 3, bias = false)
    def forward(x: f32[B, T <= 8, width]) -> logits: f32[B, T, 3]:
        return head(blocks(x))
train:
    labels: i64[B, T]
    loss = cross_entropy(logits, labels, smoothing = 0.1, ignore = 0)
    optimizer = adamw
    beta2 = 0.5
    clip = 1
    trainable = ["*.weight", "head.*"]
)";

TEST_F(ImportTest, WeightsHaveThePathsOfTheirModules) {
  import(small);
  std::vector<std::string> names;
  for (auto weight : module->getOps<nn::WeightOp>()) {
    names.push_back(weight.getSymName().str());
    EXPECT_TRUE(weight.getTrainable());
    EXPECT_FALSE(weight.getValue());
  }
  EXPECT_EQ(
      names,
      (std::vector<std::string>{
          "blocks.0.norm.weight", "blocks.0.norm.bias", "blocks.0.line.weight",
          "blocks.0.line.bias", "blocks.1.norm.weight", "blocks.1.norm.bias",
          "blocks.1.line.weight", "blocks.1.line.bias", "head.weight"}));
}

TEST_F(ImportTest, FunctionsHaveNamesAndSymbols) {
  import(small);
  auto names = [&](StringRef name) {
    auto f = function(name);
    std::string text;
    for (unsigned i = 0; i < f.getNumArguments(); ++i)
      text += f.getArgAttrOfType<StringAttr>(i, "nn.name").str() + " ";
    text += "->";
    for (unsigned i = 0; i < f.getNumResults(); ++i)
      text += " " + f.getResultAttrOfType<StringAttr>(i, "nn.name").str();
    return text;
  };
  EXPECT_EQ(names("main"), "x -> logits");
  EXPECT_EQ(names("loss"), "x labels seed step first -> loss");
  EXPECT_EQ(names("eval"), "x labels -> loss count correct");
  EXPECT_EQ(function("init").getNumResults(), 9u);
  EXPECT_EQ(typeOfResult(), "tensor<?x?x3xf32, #nn.shape<[B, T, 3]>>");
  for (StringRef name : {"main", "loss", "eval"}) {
    auto symbols = function(name)->getAttrOfType<DictionaryAttr>("nn.symbols");
    auto range = cast<nn::RangeAttr>(symbols.get("T"));
    EXPECT_EQ(range.getMin(), 1);
    EXPECT_EQ(range.getMax(), 8);
    EXPECT_EQ(cast<nn::RangeAttr>(symbols.get("B")).getMax(), -1);
  }
}

TEST_F(ImportTest, SettingsOfTheOptimizerAreAnAttribute) {
  import(small);
  std::string text;
  llvm::raw_string_ostream(text) << (*module)->getAttr("nn.training");
  EXPECT_EQ(text, "{beta2 = 5.000000e-01 : f64, clip = 1.000000e+00 : f64, "
                  "optimizer = \"adamw\", trainable = [\"*.weight\", "
                  "\"head.*\"]}");
}

TEST_F(ImportTest, OnlyTheLossDrawsAndEachDrawHasItsOwnId) {
  import(small);
  EXPECT_TRUE(all<nn::RandomOp>("main").empty());
  EXPECT_TRUE(all<nn::RandomOp>("eval").empty());
  auto drawn = all<nn::RandomOp>("loss");
  ASSERT_EQ(drawn.size(), 2u);
  EXPECT_EQ(drawn[0].getId(), 0u);
  EXPECT_EQ(drawn[1].getId(), 1u);
}

TEST_F(ImportTest, WithoutATrainSectionThereAreMainAndInit) {
  import("model M:\n    l = Linear(2, 3)\n    def forward(x: f32[B, 2]) -> y:\n"
         "        return l(x)\n");
  EXPECT_TRUE(function("main"));
  EXPECT_TRUE(function("init"));
  EXPECT_FALSE(function("loss"));
  EXPECT_FALSE(function("eval"));
  EXPECT_FALSE((*module)->getAttr("nn.training"));
}

TEST_F(ImportTest, OpsAreNamedByTheLayer) {
  import(small);
  std::vector<std::string> names;
  for (nn::ContractOp op : all<nn::ContractOp>())
    names.push_back(nn::nodeName(op));
  EXPECT_EQ(names, (std::vector<std::string>{"blocks.0.line", "blocks.1.line",
                                             "head"}));
  // Behind the name is the place in the text.
  auto loc = cast<NameLoc>(all<nn::ContractOp>().front().getLoc());
  auto place = cast<FileLineColLoc>(loc.getChildLoc());
  EXPECT_EQ(place.getLine(), 6u);
}

TEST_F(ImportTest, ParamsCanBeSet) {
  options.parameters = {{"width", "10"}, {"rate", "0.0"}};
  import(small);
  EXPECT_TRUE(all<nn::RandomOp>("loss").empty());
  auto weight = *module->getOps<nn::WeightOp>().begin();
  EXPECT_EQ(weight.getTensorType().getShape(), ArrayRef<int64_t>{10});
}

TEST_F(ImportTest, ShapesCanBeBound) {
  options.shapes["B"] = {2, 2};
  options.shapes["T"] = {2, 5};
  import(small);
  EXPECT_EQ(typeOfResult(), "tensor<2x?x3xf32, #nn.shape<[2, T, 3]>>");
  auto symbols = function("main")->getAttrOfType<DictionaryAttr>("nn.symbols");
  EXPECT_FALSE(symbols.get("B"));
  EXPECT_EQ(cast<nn::RangeAttr>(symbols.get("T")).getMin(), 2);
  EXPECT_EQ(cast<nn::RangeAttr>(symbols.get("T")).getMax(), 5);
}

TEST_F(ImportTest, WeightsTakeValuesByName) {
  WeightSource source;
  for (const char *name : {"l.weight", "l.bias"})
    source.names.emplace_back(name);
  source.get = [](StringRef, RankedTensorType type, std::string &) {
    return DenseElementsAttr::get(type, 1.0f);
  };
  options.weights = &source;
  const char *text =
      "model M:\n    l = Linear(2, 3)\n    def forward(x: f32[B, "
      "2]) -> y:\n        return l(x)\n";
  import(text);
  for (auto weight : module->getOps<nn::WeightOp>()) {
    EXPECT_TRUE(weight.getValue());
    EXPECT_TRUE(weight.isFrozen()) << "nothing trains it";
  }
  EXPECT_FALSE(function("init")) << "there is nothing to draw";

  import(std::string(text) + "train:\n    loss = mse(y, y)\n");
  for (auto weight : module->getOps<nn::WeightOp>())
    EXPECT_TRUE(weight.getTrainable());
}

TEST_F(ImportTest, AllWeightsThatDoNotFitAreTold) {
  WeightSource source;
  source.names = {"l.wieght", "other"};
  source.get = [](StringRef name, RankedTensorType,
                  std::string &why) -> ElementsAttr {
    why = "is missing in the file";
    return {};
  };
  options.weights = &source;
  std::string errors =
      refuse("model M:\n    l = Linear(2, 3)\n    def forward(x: f32[B, 2]) -> "
             "y:\n        return l(x)\n");
  for (const char *message :
       {"--weights: 'l.weight': is missing in the file",
        "--weights: 'l.bias': is missing in the file",
        "--weights: 'l.wieght' is no weight of the model; did you mean "
        "'l.weight'?",
        "--weights: 'other' is no weight of the model\n"})
    EXPECT_NE(errors.find(message), std::string::npos) << errors;
}

TEST_F(ImportTest, ShapesFollowTheText) {
  for (auto [body, type] :
       std::initializer_list<std::pair<const char *, const char *>>{
           {"return rearrange(x, \"b (h d) c -> h b (c d)\", h = 2)",
            "tensor<2x?x12xf32, #nn.shape<[2, B, 12]>>"},
           {"return rearrange(x, \"b t c -> b r t 1 c\", r = T)",
            "tensor<?x?x4x1x6xf32, #nn.shape<[B, T, 4, 1, 6]>>"},
           {"return x[:, 1]", "tensor<?x6xf32, #nn.shape<[B, 6]>>"},
           {"return x[..., -1]", "tensor<?x4xf32, #nn.shape<[B, 4]>>"},
           {"return x[:, 1:-1, ::2]",
            "tensor<?x2x3xf32, #nn.shape<[B, 2, 3]>>"},
           {"return n[:, 0:T - 1]", "tensor<?x?xi64, #nn.shape<[B, T - 1]>>"},
           {"return x @ transpose(x)",
            "tensor<?x4x4xf32, #nn.shape<[B, 4, 4]>>"},
           {"return x[0:1] @ transpose(x)",
            "tensor<?x4x4xf32, #nn.shape<[B, 4, 4]>>"},
           {"return x[0] @ full([2, 1, 6, 3], 0.5)", "tensor<2x1x4x3xf32>"},
           {"return mean(x)", "tensor<f32>"},
           {"return sum(x, keepdims = true)", "tensor<1x1x1xf32>"},
           {"return roll(n, 1, axis = 1)",
            "tensor<?x?xi64, #nn.shape<[B, T]>>"},
           {"return transpose(x, [2, 0, 1])",
            "tensor<6x?x4xf32, #nn.shape<[6, B, 4]>>"},
           {"return mean(x, axis = [1, -1])", "tensor<?xf32, #nn.shape<[B]>>"},
           {"return max(x, 1, keepdims = true)",
            "tensor<?x1x6xf32, #nn.shape<[B, 1, 6]>>"},
           {"return concat([x, x[:, 0:1]], axis = 1)",
            "tensor<?x5x6xf32, #nn.shape<[B, 5, 6]>>"},
           {"return pad(x, axis = 1, before = 1, after = T)",
            "tensor<?x?x6xf32, #nn.shape<[B, T + 5, 6]>>"},
           {"return roll(x, 1, axis = 1)",
            "tensor<?x4x6xf32, #nn.shape<[B, 4, 6]>>"},
           {"return reshape(x, [B * 4, 6])",
            "tensor<?x6xf32, #nn.shape<[4 * B, 6]>>"},
           {"return expand(x[:, 0:1], x.shape)",
            "tensor<?x4x6xf32, #nn.shape<[B, 4, 6]>>"},
           {"return x[0][n // 2]", "tensor<?x?x6xf32, #nn.shape<[B, T, 6]>>"},
           {"return gather(x, arange(2), axis = 2)",
            "tensor<?x4x2xf32, #nn.shape<[B, 4, 2]>>"},
           {"return float(n) / T", "tensor<?x?xf32, #nn.shape<[B, T]>>"},
           {"return n % 3 == 0 or not (n > 2)",
            "tensor<?x?xi1, #nn.shape<[B, T]>>"},
           {"return where(n != 0, 1.0, -1)",
            "tensor<?x?xf32, #nn.shape<[B, T]>>"},
           {"return full([2, B], 3)", "tensor<2x?xi64, #nn.shape<[2, B]>>"},
           {"return x if 2 ** 3 == 8 and T <= 8 else n",
            "tensor<?x4x6xf32, #nn.shape<[B, 4, 6]>>"},
           {"return softmax(maximum(x, 0), axis = 1) ** 2",
            "tensor<?x4x6xf32, #nn.shape<[B, 4, 6]>>"}}) {
    import(around(body));
    ASSERT_TRUE(module) << body;
    EXPECT_EQ(typeOfResult(), type) << body;
  }
}

TEST_F(ImportTest, AttentionHasWhatIsAsked) {
  import(around(
      "q = rearrange(x, \"b t (h d) -> b h t d\", h = 2)\n"
      "        k = q[:, 0:1]\n"
      "        return attention(q, k, k, causal = \"bottom_right\", window = "
      "3, "
      "softcap = 5, scale = 0.5, key_mask = n[:, 0:1] == expand(arange(4), [B, "
      "4]) if T >= 1 else none, bias = arange_bias(), mask = x[0, :, 0:4] > "
      "0)\n"
      "    def arange_bias():\n"
      "        return float(arange(4))"));
  ASSERT_TRUE(module);
  nn::AttentionOp op = all<nn::AttentionOp>().front();
  EXPECT_EQ(op.getCausal(), nn::CausalKind::BottomRight);
  EXPECT_EQ(op.getWindow(), 3u);
  EXPECT_EQ(op.getSoftcap()->convertToDouble(), 5);
  EXPECT_EQ(op.getScale().convertToDouble(), 0.5);
  EXPECT_TRUE(op.getBias());
  EXPECT_TRUE(op.getKeyMask());
  EXPECT_FALSE(op.getDropout());
}

TEST_F(ImportTest, RandomNumbersCountFromTheSample) {
  // Four windows of each sample are four times as far.
  import(around("y = reshape(dropout(reshape(x, [4 * B, 6]), 0.5), [B, 4, 6])\n"
                "        return drop_path(y, 0.25)") +
         "train:\n    loss = mse(y, x)\n");
  auto drawn = all<nn::RandomOp>("loss");
  ASSERT_EQ(drawn.size(), 2u);
  auto times = drawn[0].getFirst().getDefiningOp<nn::ElementwiseOp>();
  ASSERT_TRUE(times);
  EXPECT_EQ(times.getKind(), nn::ElementwiseKind::Mul);
  EXPECT_EQ(drawn[1].getFirst(), function("loss").getArgument(
                                     function("loss").getNumArguments() - 1));
  EXPECT_EQ(nn::getDims(drawn[1].getResult())[1].getConstant(), 1);
}

TEST_F(ImportTest, DefaultsFillInWhatIsNotGiven) {
  import("default Linear(bias = false)\ndefault Part(size = 3)\n"
         "module Part(size):\n    a = Linear(size, size)\n"
         "    b = Linear(size, size, bias = true)\n"
         "    def forward(x):\n        return b(a(x))\n"
         "model M:\n    p = Part()\n    def forward(x: f32[B, 3]) -> y:\n"
         "        return p(x)\n");
  std::vector<std::string> names;
  for (auto weight : module->getOps<nn::WeightOp>())
    names.push_back(weight.getSymName().str());
  EXPECT_EQ(names,
            (std::vector<std::string>{"p.a.weight", "p.b.weight", "p.b.bias"}));
}

TEST_F(ImportTest, ALayerThatIsUsedTwiceHasOneWeight) {
  import("model M:\n    e = Embedding(5, 4)\n    def forward(x: i64[B, 3]) -> "
         "y:\n        return linear(e(x) + e(x * 0), e.weight)\n");
  size_t weights = 0;
  for (auto weight : module->getOps<nn::WeightOp>())
    weights += weight.getSymName() == "e.weight";
  EXPECT_EQ(weights, 1u);
  EXPECT_EQ(all<nn::LoadWeightOp>().size(), 1u);
}

TEST_F(ImportTest, AnIndexIsEvaluatedOnce) {
  // Twice each would be a million times.
  std::string index = "0";
  for (int i = 0; i < 20; ++i)
    index = "f(x[" + index + "])";
  import("def f(t):\n    return 0\n" + around("return x[" + index + "]"));
  EXPECT_EQ(typeOfResult(), "tensor<4x6xf32>");
}

TEST_F(ImportTest, AWeightIsATensorLikeAnyOther) {
  import(around("a, b = table\n        return x + a * b",
                "table = Parameter([2, 6])"));
  EXPECT_EQ(typeOfResult(), "tensor<?x4x6xf32, #nn.shape<[B, 4, 6]>>");
  EXPECT_EQ(all<nn::LoadWeightOp>().size(), 1u);
  import("model M:\n    w = Parameter([])\n    def forward(x: f32[B]) -> y, "
         "penalty:\n        return x, w\ntrain:\n    loss = penalty\n");
  EXPECT_EQ(typeOfResult("loss"), "tensor<f32>");
}

TEST_F(ImportTest, LossesCanBeAdded) {
  import(around("return x") + "train:\n    loss = mse(y, x) + 0.5 * mse(y, x "
                              "* 2)\n");
  EXPECT_EQ(typeOfResult("loss"), "tensor<f32>");
  // What has no count of its own counts once a batch.
  auto eval = function("eval");
  EXPECT_EQ(eval.getNumResults(), 2u);
  Operation *count =
      eval.getBody().front().getTerminator()->getOperand(1).getDefiningOp();
  EXPECT_EQ(count->getName().getStringRef(), "arith.constant");
}

TEST_F(ImportTest, ReadsFiles) {
  EXPECT_FALSE(importDsl("/nonexistent/m.attn", options, context, error));
  EXPECT_EQ(error, "/nonexistent/m.attn: cannot open the file: No such file or "
                   "directory\n");
}

} // namespace
} // namespace attune::dsl
