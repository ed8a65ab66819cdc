// The stage as a whole: the gradients of a model against differences of its
// loss, updates against PyTorch's formulas written out.
#include "compiler/differentiate/Training.h"
#include "compiler/differentiate/Activations.h"
#include "compiler/differentiate/Passes.h"
#include "compiler/differentiate/test/Differences.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/Passes.h"
#include <cmath>
#include <map>

using namespace attune;
using namespace attune::differentiate;
using namespace mlir;
using nn::Array;

namespace {

using Arrays = std::map<std::string, Array>;

// A module with the state that its functions share.
class Model {
public:
  Model(MLIRContext &context, StringRef text, bool isDifferentiated,
        const PipelineOptions &options = {})
      : module(parseSourceString<ModuleOp>(text, &context)) {
    if (!module || !isDifferentiated)
      return;
    PassManager passes(&context);
    buildPipeline(passes, options);
    isGood = succeeded(passes.run(*module));
  }

  /// Results by name; those that update a weight by `@w`.
  Arrays run(StringRef name, const Arrays &inputs) {
    auto function = module->lookupSymbol<func::FuncOp>(name);
    EXPECT_TRUE(function) << name.str();
    setWeights();
    SmallVector<Array> arguments;
    for (unsigned i = 0; i < function.getNumArguments(); ++i)
      arguments.push_back(
          inputs.at(function.getArgAttrOfType<StringAttr>(i, "nn.name").str()));
    auto values = nn::Evaluator(*module).run(function, arguments);
    EXPECT_TRUE(succeeded(values)) << name.str();
    Arrays results;
    for (unsigned i = 0; i < function.getNumResults(); ++i) {
      auto updated = nn::updatedBy(function, i);
      std::string key =
          updated
              ? "@" + updated.getValue().str()
              : function.getResultAttrOfType<StringAttr>(i, "nn.name").str();
      EXPECT_FALSE(results.count(key)) << key;
      results[key] = (*values)[i];
    }
    return results;
  }
  /// The same, and the state is updated.
  Arrays advance(StringRef name, const Arrays &inputs) {
    Arrays results = run(name, inputs);
    for (const auto &[key, value] : results)
      if (key[0] == '@')
        state[key.substr(1)] = value;
    return results;
  }
  SmallVector<std::string> weights(nn::StateKind kind) {
    SmallVector<std::string> names;
    for (auto weight : module->getOps<nn::WeightOp>())
      if (weight.getState() == kind)
        names.push_back(weight.getSymName().str());
    return names;
  }

  OwningOpRef<ModuleOp> module;
  Arrays state;
  bool isGood = true;

private:
  void setWeights() {
    for (auto weight : module->getOps<nn::WeightOp>()) {
      auto found = state.find(weight.getSymName().str());
      Array zeros(weight.getTensorType().getElementType(),
                  weight.getTensorType().getShape());
      weight.setValueAttr(
          (found == state.end() ? zeros : found->second).toAttribute());
    }
  }
};

struct TrainingTest : DifferencesTest {
  Array scalar(double value) {
    Array array(Float32Type::get(&context), {});
    array.floats()[0] = value;
    return array;
  }
  Array integer(int64_t value) {
    Array array(IntegerType::get(&context, 64), {});
    array.ints()[0] = value;
    return array;
  }
  Array normal(ArrayRef<int64_t> shape, double deviation = 1) {
    Array array(Float64Type::get(&context), shape);
    for (double &x : array.floats())
      x = std::normal_distribution<double>(0, deviation)(random);
    return array;
  }
  Array indices(ArrayRef<int64_t> shape, int64_t limit) {
    Array array(IntegerType::get(&context, 64), shape);
    for (int64_t &x : array.ints())
      x = draw(0, limit - 1);
    return array;
  }
  void fillParameters(Model &model) {
    for (auto weight : model.module->getOps<nn::WeightOp>())
      if (weight.getState() == nn::StateKind::Parameter)
        model.state[weight.getSymName().str()] =
            normal(weight.getTensorType().getShape(), 0.5);
  }
  Arrays transformerInputs();
  void checkGradients(StringRef text, const Arrays &inputs,
                      const PipelineOptions &options = {});
  void checkOptimizer(const std::string &settings, const Training &training);
};

// ---- gradients of a model ----

// What language models are made of: two embeddings, pre-norm blocks with layer
// and RMS norm, causal attention by heads, an MLP, dropout, a head tied to the
// embedding, the mean cross entropy of the labels that count.
constexpr const char *kTransformer = R"(
#bs = #nn.shape<[B, S]>
#bsd = #nn.shape<[B, S, 4]>
#bs3 = #nn.shape<[B, S, 12]>
#bsf = #nn.shape<[B, S, 8]>
#bshd = #nn.shape<[B, S, 2, 2]>
#bhsd = #nn.shape<[B, 2, S, 2]>
!ids = tensor<?x?xi64, #bs>
!rows = tensor<?x?xf64, #bs>
!x = tensor<?x?x4xf64, #bsd>
!qkv = tensor<?x?x12xf64, #bs3>
!ff = tensor<?x?x8xf64, #bsf>
!split = tensor<?x?x2x2xf64, #bshd>
!heads = tensor<?x2x?x2xf64, #bhsd>
!logits = tensor<?x?x7xf64, #nn.shape<[B, S, 7]>>
nn.weight @wte trainable : tensor<7x4xf64>
nn.weight @wpe trainable : tensor<6x4xf64>
nn.weight @ln1.g trainable : tensor<4xf64>
nn.weight @ln1.b trainable : tensor<4xf64>
nn.weight @qkv trainable : tensor<12x4xf64>
nn.weight @qkv.b trainable : tensor<12xf64>
nn.weight @proj trainable : tensor<4x4xf64>
nn.weight @ln2.g trainable : tensor<4xf64>
nn.weight @fc trainable : tensor<4x8xf64>
nn.weight @fc.b trainable : tensor<8xf64>
nn.weight @out trainable : tensor<8x4xf64>
func.func @loss(%ids: !ids {nn.name = "ids"}, %labels: !ids {nn.name = "labels"},
    %seed: tensor<i64> {nn.name = "seed"}, %step: tensor<i64> {nn.name = "step"},
    %first: tensor<i64> {nn.name = "first"}) -> (tensor<f64> {nn.name = "loss"}) {
  %wte = nn.load_weight @wte : tensor<7x4xf64>
  %wpe = nn.load_weight @wpe : tensor<6x4xf64>
  %g1 = nn.load_weight @ln1.g : tensor<4xf64>
  %b1 = nn.load_weight @ln1.b : tensor<4xf64>
  %wqkv = nn.load_weight @qkv : tensor<12x4xf64>
  %bqkv = nn.load_weight @qkv.b : tensor<12xf64>
  %wproj = nn.load_weight @proj : tensor<4x4xf64>
  %g2 = nn.load_weight @ln2.g : tensor<4xf64>
  %wfc = nn.load_weight @fc : tensor<4x8xf64>
  %bfc = nn.load_weight @fc.b : tensor<8xf64>
  %wout = nn.load_weight @out : tensor<8x4xf64>
  %one = arith.constant dense<1.0> : tensor<f64>
  %zero = arith.constant dense<0.0> : tensor<f64>
  %rate = arith.constant dense<0.25> : tensor<f32>
  %keep = arith.constant dense<1.3333333333333333> : tensor<f64>
  %none = arith.constant dense<-100> : tensor<i64>
  %e = nn.gather %wte[%ids] axis 0 : (tensor<7x4xf64>, !ids) -> !x
  %pos = nn.iota axis 0 : tensor<?xi64, #nn.shape<[S]>>
  %p = nn.gather %wpe[%pos] axis 0 : (tensor<6x4xf64>, tensor<?xi64, #nn.shape<[S]>>) -> tensor<?x4xf64, #nn.shape<[S, 4]>>
  %x = nn.elementwise add %e, %p : (!x, tensor<?x4xf64, #nn.shape<[S, 4]>>) -> !x
  %n1 = nn.norm layer %x axis 2 epsilon 1.0e-2 scale %g1 : tensor<4xf64> bias %b1 : tensor<4xf64> : !x -> !x
  %qkv0 = nn.contract %n1, %wqkv contracting [2] x [1] : (!x, tensor<12x4xf64>) -> !qkv
  %qkv = nn.elementwise add %qkv0, %bqkv : (!qkv, tensor<12xf64>) -> !qkv
  %q0 = nn.slice %qkv starts <[0, 0, 0]> sizes <[B, S, 4]> steps [1, 1, 1] : (!qkv) -> !x
  %k0 = nn.slice %qkv starts <[0, 0, 4]> sizes <[B, S, 4]> steps [1, 1, 1] : (!qkv) -> !x
  %v0 = nn.slice %qkv starts <[0, 0, 8]> sizes <[B, S, 4]> steps [1, 1, 1] : (!qkv) -> !x
  %q1 = nn.reshape %q0 : (!x) -> !split
  %k1 = nn.reshape %k0 : (!x) -> !split
  %v1 = nn.reshape %v0 : (!x) -> !split
  %q = nn.transpose %q1 [0, 2, 1, 3] : (!split) -> !heads
  %k = nn.transpose %k1 [0, 2, 1, 3] : (!split) -> !heads
  %v = nn.transpose %v1 [0, 2, 1, 3] : (!split) -> !heads
  %a0 = nn.attention %q, %k, %v scale 0.7 causal top_left : (!heads, !heads, !heads) -> !heads
  %a1 = nn.transpose %a0 [0, 2, 1, 3] : (!heads) -> !split
  %a2 = nn.reshape %a1 : (!split) -> !x
  %a = nn.contract %a2, %wproj contracting [2] x [0] : (!x, tensor<4x4xf64>) -> !x
  %u = nn.random id 3 (%seed, %step, %first) : tensor<?x?x4xf32, #bsd>
  %hidden = nn.elementwise less %u, %rate : (tensor<?x?x4xf32, #bsd>, tensor<f32>) -> tensor<?x?x4xi1, #bsd>
  %scaled = nn.elementwise mul %a, %keep : (!x, tensor<f64>) -> !x
  %dropped = nn.elementwise select %hidden, %zero, %scaled : (tensor<?x?x4xi1, #bsd>, tensor<f64>, !x) -> !x
  %r1 = nn.elementwise add %x, %dropped : (!x, !x) -> !x
  %n2 = nn.norm rms %r1 axis 2 epsilon 1.0e-2 scale %g2 : tensor<4xf64> : !x -> !x
  %f0 = nn.contract %n2, %wfc contracting [2] x [0] : (!x, tensor<4x8xf64>) -> !ff
  %f1 = nn.elementwise add %f0, %bfc : (!ff, tensor<8xf64>) -> !ff
  %f2 = nn.elementwise gelu_tanh %f1 : (!ff) -> !ff
  %f = nn.contract %f2, %wout contracting [2] x [0] : (!ff, tensor<8x4xf64>) -> !x
  %r2 = nn.elementwise add %r1, %f : (!x, !x) -> !x
  %logits = nn.contract %r2, %wte contracting [2] x [1] : (!x, tensor<7x4xf64>) -> !logits
  %ce, %lse = nn.cross_entropy %logits, %labels smoothing 0.1 : (!logits, !ids) -> (!rows, !rows)
  %ignored = nn.elementwise equal %labels, %none : (!ids, tensor<i64>) -> tensor<?x?xi1, #bs>
  %counts = nn.elementwise select %ignored, %zero, %one : (tensor<?x?xi1, #bs>, tensor<f64>, tensor<f64>) -> !rows
  %count = nn.reduce sum %counts axes [0, 1] : (!rows) -> tensor<f64>
  %sum = nn.reduce sum %ce axes [0, 1] : (!rows) -> tensor<f64>
  %loss = nn.elementwise div %sum, %count : (tensor<f64>, tensor<f64>) -> tensor<f64>
  return %loss : tensor<f64>
})";

Array moved(const Array &array, int64_t element, double by) {
  Array copy(array.getElementType(), array.getShape());
  llvm::copy(array.floats(), copy.floats().begin());
  copy.floats()[element] += by;
  return copy;
}

// @grad adds scale times the differences of @loss to what was gathered.
void TrainingTest::checkGradients(StringRef text, const Arrays &inputs,
                                  const PipelineOptions &options) {
  constexpr double epsilon = 1e-5, scale = 0.75;
  Model plain(context, text, false), model(context, text, true, options);
  ASSERT_TRUE(model.module && model.isGood);
  fillParameters(model);
  plain.state = model.state;
  for (const std::string &name : model.weights(nn::StateKind::Gradient))
    model.state[name] =
        normal(model.state.at(StringRef(name).drop_back(5).str()).getShape());
  Arrays withScale = inputs;
  withScale["scale"] = scalar(scale);
  Arrays results = model.run("grad", withScale);
  double loss = plain.run("loss", inputs)["loss"].floats()[0];
  EXPECT_NEAR(results.at("loss").floats()[0], loss, 1e-12);
  for (const auto &[name, value] : model.state) {
    if (StringRef(name).ends_with(".grad"))
      continue;
    Array expected = moved(model.state.at(name + ".grad"), 0, 0);
    for (int64_t i = 0; i < value.size(); ++i) {
      double side[2];
      for (int up : {0, 1}) {
        plain.state[name] = moved(value, i, up ? epsilon : -epsilon);
        side[up] = plain.run("loss", inputs)["loss"].floats()[0];
      }
      expected.floats()[i] += scale * (side[1] - side[0]) / (2 * epsilon);
    }
    plain.state[name] = value;
    EXPECT_LE(relativeError(results.at("@" + name + ".grad"), expected), 1e-7)
        << name;
  }
}

Arrays TrainingTest::transformerInputs() {
  Arrays inputs = {{"ids", indices({2, 5}, 7)},
                   {"labels", indices({2, 5}, 7)},
                   {"seed", integer(draw(0, 1 << 30))},
                   {"step", integer(3)},
                   {"first", integer(10)}};
  inputs["labels"].ints()[3] = -100;
  return inputs;
}

TEST_F(TrainingTest, GradientsOfATransformerAreDifferencesOfItsLoss) {
  checkGradients(kTransformer, transformerInputs());
}

// Also with nothing kept that can be computed again.
TEST_F(TrainingTest, RecomputationChangesNoGradient) {
  for (const char *rule : {"none", "gelu", "gelu+norm"})
    for (double fraction : {1.0, 0.5, 1e-6}) {
      PipelineOptions options;
      options.recompute = rule;
      options.activationMemory = fraction;
      checkGradients(kTransformer, transformerInputs(), options);
    }
}

// What is kept shrinks to the share that is asked for, as CSE leaves it, or to
// the least that helps: of two layers half is as little as can be.
TEST_F(TrainingTest, RecomputationKeepsTheShareThatIsAskedFor) {
  auto keptBytes = [&](double fraction) {
    PipelineOptions options;
    options.activationMemory = fraction;
    Model model(context, kTransformer, true, options);
    PassManager passes(&context);
    passes.addPass(createCSEPass());
    EXPECT_TRUE(succeeded(passes.run(*model.module)));
    return Activations(model.module->lookupSymbol<func::FuncOp>("grad"))
        .bytes();
  };
  double all = double(keptBytes(1));
  for (double fraction : {0.75, 0.5})
    EXPECT_LE(double(keptBytes(fraction)), fraction * all) << fraction;
  for (double fraction : {0.25, 0.1})
    EXPECT_LE(keptBytes(fraction), keptBytes(0.5)) << fraction;
}

// One step is a gradient and an update.
TEST_F(TrainingTest, StepIsGradThenApply) {
  Arrays inputs = {{"ids", indices({2, 5}, 7)}, {"labels", indices({2, 5}, 7)},
                   {"seed", integer(1)},        {"step", integer(1)},
                   {"first", integer(0)},       {"scale", scalar(1)},
                   {"lr", scalar(0.01)}};
  Model once(context, kTransformer, true);
  ASSERT_TRUE(once.module && once.isGood);
  fillParameters(once);
  Model twice(context, kTransformer, true);
  twice.state = once.state;
  for (int step : {1, 2, 3}) {
    inputs["step"] = integer(step);
    Arrays atOnce = once.advance("step", inputs);
    Arrays loss = twice.advance("grad", inputs),
           norm = twice.advance("apply", inputs);
    EXPECT_NEAR(atOnce.at("loss").floats()[0], loss.at("loss").floats()[0],
                1e-12);
    EXPECT_NEAR(atOnce.at("grad_norm").floats()[0],
                norm.at("grad_norm").floats()[0], 1e-12);
    for (const auto &[name, value] : once.state)
      EXPECT_LE(relativeError(value, twice.state.at(name)), 1e-10) << name;
    for (const std::string &name : twice.weights(nn::StateKind::Gradient))
      for (double x : twice.state.at(name).floats())
        EXPECT_EQ(x, 0) << name;
  }
}

// ---- optimizers ----

// The gradient of @w is %x and that of @b is %y, so that it is known.
constexpr const char *kLinear = R"(
nn.weight @w trainable : tensor<2x3xf64>
nn.weight @b trainable : tensor<3xf64>
func.func @init(%seed: tensor<i64> {nn.name = "seed"}) ->
    (tensor<2x3xf64> {nn.updates = @w}, tensor<3xf64> {nn.updates = @b}) {
  %w = arith.constant dense<0.5> : tensor<2x3xf64>
  %b = arith.constant dense<-0.25> : tensor<3xf64>
  return %w, %b : tensor<2x3xf64>, tensor<3xf64>
}
func.func @loss(%x: tensor<2x3xf64> {nn.name = "x"}, %y: tensor<3xf64> {nn.name = "y"},
    %seed: tensor<i64> {nn.name = "seed"}, %step: tensor<i64> {nn.name = "step"},
    %first: tensor<i64> {nn.name = "first"}) -> (tensor<f64> {nn.name = "loss"}) {
  %w = nn.load_weight @w : tensor<2x3xf64>
  %b = nn.load_weight @b : tensor<3xf64>
  %p = nn.elementwise mul %w, %x : (tensor<2x3xf64>, tensor<2x3xf64>) -> tensor<2x3xf64>
  %q = nn.elementwise mul %b, %y : (tensor<3xf64>, tensor<3xf64>) -> tensor<3xf64>
  %ps = nn.reduce sum %p axes [0, 1] : (tensor<2x3xf64>) -> tensor<f64>
  %qs = nn.reduce sum %q axes [0] : (tensor<3xf64>) -> tensor<f64>
  %l = nn.elementwise add %ps, %qs : (tensor<f64>, tensor<f64>) -> tensor<f64>
  return %l : tensor<f64>
})";

// torch.optim.AdamW and SGD on one number each, as their documentation has
// them.
struct Reference {
  double w, m = 0, v = 0, average = w;

  void step(const Training &t, double g, double lr, int step, bool decays) {
    double decay = decays ? t.weightDecay : 0;
    if (t.optimizer == Optimizer::AdamW) {
      w -= lr * decay * w;
      m = t.beta1 * m + (1 - t.beta1) * g;
      v = t.beta2 * v + (1 - t.beta2) * g * g;
      double mean = m / (1 - std::pow(t.beta1, step));
      double square = v / (1 - std::pow(t.beta2, step));
      w -= lr * mean / (std::sqrt(square) + t.epsilon);
    } else {
      g += decay * w;
      m = step == 1 ? g : t.momentum * m + g;
      w -= lr * (t.momentum != 0 ? m : g);
    }
    if (t.average)
      average = *t.average * average + (1 - *t.average) * w;
  }
};

void TrainingTest::checkOptimizer(const std::string &settings,
                                  const Training &training) {
  SCOPED_TRACE(settings);
  Model model(context,
              "module attributes {nn.training = {" + settings + "}} {" +
                  kLinear + "}",
              true);
  ASSERT_TRUE(model.module && model.isGood);
  model.advance("init", {{"seed", integer(1)}});
  std::vector<Reference> w(6, {0.5}), b(3, {-0.25});
  for (int step = 1; step <= 6; ++step) {
    Array x = normal({2, 3}), y = normal({3});
    double lr = 0.1 / step;
    Arrays results = model.advance("step", {{"x", x},
                                            {"y", y},
                                            {"seed", integer(1)},
                                            {"step", integer(step)},
                                            {"first", integer(0)},
                                            {"lr", scalar(lr)}});
    double norm = 0;
    for (const Array &g : {x, y})
      for (double value : g.floats())
        norm += value * value;
    norm = std::sqrt(norm);
    EXPECT_NEAR(results.at("grad_norm").floats()[0], norm, 1e-12);
    double clip =
        training.clip ? std::min(1., *training.clip / (norm + 1e-6)) : 1;
    for (int i = 0; i < 6; ++i)
      w[i].step(training, x.floats()[i] * clip, lr, step, true);
    for (int i = 0; i < 3; ++i)
      b[i].step(training, y.floats()[i] * clip, lr, step, false);
    auto compare = [&](const std::string &name, auto of,
                       const std::vector<Reference> &expected) {
      for (size_t i = 0; i < expected.size(); ++i)
        EXPECT_NEAR(model.state.at(name).floats()[i], of(expected[i]), 1e-11)
            << name << " step " << step;
    };
    for (auto [name, expected] :
         {std::pair<std::string, const std::vector<Reference> &>("w", w),
          {"b", b}}) {
      compare(name, [](const Reference &r) { return r.w; }, expected);
      if (training.average)
        compare(
            name + ".ema", [](const Reference &r) { return r.average; },
            expected);
    }
  }
}

TEST_F(TrainingTest, AdamW) {
  Training training;
  training.weightDecay = 0.01;
  checkOptimizer("", training);
  training = {};
  training.beta1 = 0.8;
  training.beta2 = 0.95;
  training.epsilon = 1e-3;
  training.weightDecay = 0.2;
  checkOptimizer("optimizer = \"adamw\", beta1 = 0.8, beta2 = 0.95, "
                 "epsilon = 1.0e-3, weight_decay = 0.2",
                 training);
  training.beta1 = 0;
  training.weightDecay = 0;
  checkOptimizer("beta1 = 0.0, beta2 = 0.95, epsilon = 1.0e-3, "
                 "weight_decay = 0.0",
                 training);
}

TEST_F(TrainingTest, Sgd) {
  Training training;
  training.optimizer = Optimizer::Sgd;
  checkOptimizer("optimizer = \"sgd\"", training);
  training.momentum = 0.9;
  training.weightDecay = 0.1;
  checkOptimizer("optimizer = \"sgd\", momentum = 0.9, weight_decay = 0.1",
                 training);
}

// A bound that is passed in each step, and one that is never reached.
TEST_F(TrainingTest, ClippingByTheNormOfAllGradients) {
  for (double clip : {0.5, 100.0}) {
    Training training;
    training.optimizer = Optimizer::Sgd;
    training.clip = clip;
    checkOptimizer("optimizer = \"sgd\", clip = " + std::to_string(clip),
                   training);
  }
}

TEST_F(TrainingTest, AveragesBeginAsTheWeights) {
  Training training;
  training.weightDecay = 0.01;
  training.average = 0.75;
  checkOptimizer("ema = 0.75", training);
}

} // namespace
