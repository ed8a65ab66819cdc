// AppendLoss: a model that only computes gets a loss.
//
// Enters: nn as a frontend wrote it, with @main. Leaves: beside it
//   @loss(inputs, labels, seed, step, first): the mean loss of a batch;
//   @eval(inputs, labels): the sum of the losses, how many labels count and, of
//     classes, how many are right. Without smoothing, which is for training.
// and the weights that are trained marked as such. For models that come without
// a loss, as ONNX files do. It stands before cleanup, which folds what weights
// that are not trained make known. A model with a loss of its own keeps it;
// what else is asked for takes the place of what its nn.training says.
#include "compiler/differentiate/ConstantWeights.h"
#include "compiler/differentiate/Globs.h"
#include "compiler/differentiate/Labels.h"
#include "compiler/differentiate/Passes.h"
#include "compiler/differentiate/Training.h"
#include "dialects/nn/Weights.h"
#include "llvm/ADT/StringSet.h"

namespace attune::differentiate {

#define GEN_PASS_DEF_APPENDLOSS
#include "compiler/differentiate/Passes.h.inc"

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

// PyTorch's.
static constexpr int64_t kUsualIgnored = -100;

namespace {
struct AppendLoss : impl::AppendLossBase<AppendLoss> {
  using AppendLossBase::AppendLossBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    if (failed(loss.empty() ? change(module) : run(module)))
      signalPassFailure();
  }

  LogicalResult change(ModuleOp module);

  LogicalResult run(ModuleOp module);
  std::optional<unsigned> findOutput(func::FuncOp main);
  LogicalResult checkOutput(func::FuncOp main, unsigned output);
  LogicalResult markWeights(ModuleOp module, func::FuncOp main,
                            unsigned output);
  LogicalResult addSettings(ModuleOp module);
  LogicalResult checkSettings(ModuleOp module);
  void buildLoss(Expr output, func::FuncOp function);
  void buildEval(Expr output, func::FuncOp function);
  Expr labelsOf(Expr output, func::FuncOp function);
  Expr crossEntropy(Expr output, Expr labels, double smoothing);
};
} // namespace

// ---- what is trained, and how ----

static StringRef resultName(func::FuncOp function, unsigned result) {
  auto name = function.getResultAttrOfType<StringAttr>(result, names::name);
  return name ? name.getValue() : StringRef();
}

std::optional<unsigned> AppendLoss::findOutput(func::FuncOp main) {
  std::string all;
  for (unsigned i = 0; i < main.getNumResults(); ++i) {
    StringRef name = resultName(main, i);
    if (output.empty() ? main.getNumResults() == 1 : name == output)
      return i;
    all += (i ? ", " : "") + name.str();
  }
  if (output.empty())
    main.emitError() << "a loss reads one output, name it: " << all;
  else
    main.emitError() << "has no output '" << output << "', but " << all;
  return std::nullopt;
}

LogicalResult AppendLoss::checkOutput(func::FuncOp main, unsigned result) {
  auto type = dyn_cast<RankedTensorType>(main.getResultTypes()[result]);
  if (!type || !isa<FloatType>(type.getElementType()))
    return main.emitError() << "output '" << resultName(main, result)
                            << "' is to be floats for a loss, found "
                            << main.getResultTypes()[result];
  if (loss == "cross_entropy" && type.getRank() == 0)
    return main.emitError() << "output '" << resultName(main, result)
                            << "' has no dim of classes for cross_entropy";
  return success();
}

// The weights that `value` is computed from.
static llvm::StringSet<llvm::MallocAllocator> weightsBehind(Value value) {
  llvm::StringSet<llvm::MallocAllocator> weights;
  llvm::SetVector<Value> seen;
  seen.insert(value);
  for (size_t next = 0; next < seen.size(); ++next)
    if (Operation *op = seen[next].getDefiningOp()) {
      if (auto load = dyn_cast<nn::LoadWeightOp>(op))
        weights.insert(load.getWeight());
      seen.insert(op->operand_begin(), op->operand_end());
    }
  return weights;
}

// A few names in quotes, and how many more there are.
static std::string listed(ArrayRef<StringRef> names) {
  constexpr size_t kMost = 8;
  std::string text;
  for (StringRef name : names.take_front(kMost))
    text += (text.empty() ? "'" : ", '") + name.str() + "'";
  if (names.size() > kMost)
    text += " and " + std::to_string(names.size() - kMost) + " more";
  return text;
}

// Says what is left out that one may have wanted.
static void warnLeftOut(ModuleOp module, ArrayRef<StringRef> tables,
                        Globs &globs) {
  if (!tables.empty())
    module.emitWarning() << "masks and tables of positions are not trained: "
                         << listed(tables);
  SmallVector<StringRef> names;
  if (auto left = module->getAttrOfType<ArrayAttr>(nn::leftOutAttr))
    for (auto name : left.getAsRange<StringAttr>())
      if (globs.match(name))
        names.push_back(name);
  if (!names.empty())
    module.emitWarning() << "no layer has these for parameters, so they are "
                            "not trained: "
                         << listed(names)
                         << "; name one by --trainable, beside '*' for the "
                            "others, to train it";
}

LogicalResult AppendLoss::markWeights(ModuleOp module, func::FuncOp main,
                                      unsigned result) {
  auto globs = Globs::parse(
      module, SmallVector<std::string>(trainable.begin(), trainable.end()));
  if (failed(globs))
    return failure();
  auto read =
      weightsBehind(main.getBody().front().getTerminator()->getOperand(result));
  SmallVector<nn::WeightOp> candidates;
  for (auto weight : module.getOps<nn::WeightOp>())
    if (weight.getTensorType().getElementType().isF32() &&
        weight.getInit().empty() && read.contains(weight.getSymName()))
      candidates.push_back(weight);
  SmallVector<StringRef> tables;
  for (nn::WeightOp weight : candidates) {
    StringRef name = weight.getSymName();
    bool isChosen = globs->match(name), isNamed = globs->names(name);
    if (!isChosen || (!isNamed && weight->hasAttr(nn::constantAttr)))
      continue;
    if (!isNamed && (holdsMask(weight) || holdsSinusoids(weight, candidates)))
      tables.push_back(name);
    else
      weight.setTrainable(true);
  }
  LogicalResult used = globs->checkUsed(module);
  warnLeftOut(module, tables, *globs);
  return used;
}

static void setEntry(ModuleOp module, StringRef key, Attribute value) {
  NamedAttrList entries(module->getAttrOfType<DictionaryAttr>(names::training));
  entries.set(key, value);
  module->setAttr(names::training, entries.getDictionary(module.getContext()));
}

// `clip=1.0` becomes an entry of nn.training; what it may be is checked by who
// reads it.
LogicalResult AppendLoss::addSettings(ModuleOp module) {
  Builder builder(module.getContext());
  StringSet<> given;
  for (StringRef setting : settings) {
    auto [key, value] = setting.split('=');
    double number;
    if (!given.insert(key).second)
      return module.emitError() << "setting '" << key << "' is given twice";
    if (key.empty() || value.empty())
      return module.emitError()
             << "setting '" << setting << "' is to be name=value";
    setEntry(module, key,
             value.getAsDouble(number) ? Attribute(builder.getStringAttr(value))
                                       : builder.getF64FloatAttr(number));
  }
  return checkSettings(module);
}

// An entry that the optimizer has not would be passed over. What the model says
// for its own may stay when it gets another.
LogicalResult AppendLoss::checkSettings(ModuleOp module) {
  auto entries = module->getAttrOfType<DictionaryAttr>(names::training);
  auto optimizer =
      entries ? entries.getAs<StringAttr>("optimizer") : StringAttr();
  bool isSgd = optimizer && optimizer == "sgd";
  for (StringRef setting : settings) {
    StringRef key = setting.split('=').first;
    bool isOther = isSgd ? key == "beta1" || key == "beta2" || key == "epsilon"
                         : key == "momentum";
    if (isOther)
      return module.emitError() << (isSgd ? "sgd" : "adamw") << " has no '"
                                << key << "'; remove it or choose the other";
  }
  return success();
}

// ---- the functions ----

Expr AppendLoss::labelsOf(Expr output, func::FuncOp function) {
  Builder builder(output.type().getContext());
  Dims dims = output.dims();
  Type element = builder.getF32Type();
  if (loss == "cross_entropy") {
    dims.pop_back();
    element = builder.getI64Type();
  }
  return output.with(
      addArgument(function, "labels", nn::tensorType(dims, element)));
}

Expr AppendLoss::crossEntropy(Expr output, Expr labels, double smoothing) {
  Site &site = output.getSite();
  Type rows = nn::tensorType(labels.dims(), output.elementType());
  return output.with(nn::CrossEntropyOp::create(
                         site.builder, site.loc, rows, rows, output, labels,
                         site.builder.getF64FloatAttr(smoothing),
                         site.builder.getI64IntegerAttr(ignore))
                         .getLoss());
}

static Expr countOf(Expr condition, Type element) {
  return sumTo(castTo(condition, element), {});
}

static DimAttr elementsOf(Expr x) {
  return nn::numElements(x.dims(), x.type().getContext());
}

static Expr squares(Expr a, Expr b) {
  Expr difference = a - b;
  return difference * difference;
}

void AppendLoss::buildLoss(Expr output, func::FuncOp function) {
  Expr labels = labelsOf(output, function);
  for (StringRef name : {"seed", "step", "first"})
    addArgument(function, name,
                RankedTensorType::get({}, IntegerType::get(&getContext(), 64)));
  Expr mean = output;
  if (loss == "mse") {
    mean = sumTo(squares(output, labels), {}) /
           dimension(output, elementsOf(output));
  } else {
    Expr counted = areCounted(labels, output.dims().back(), ignore);
    Expr count = countOf(counted, output.elementType());
    // Of no labels the mean is 0.
    mean = sumTo(crossEntropy(output, labels, smoothing), {}) /
           apply(nn::ElementwiseKind::Max, {count, count.number(1)});
  }
  Results results;
  results.add("loss", mean);
  results.appendTo(function);
}

// A label is right if no class has more than its logit.
static Expr areRight(Expr output, Expr labels) {
  int64_t last = output.rank() - 1;
  DimAttr classes = output.dims()[last];
  Expr own = sumOver(select(oneHot(labels, classes), output, output.number(0)),
                     {last});
  Expr most = reduceKeeping(nn::ReduceKind::Max, output, {last});
  return apply(nn::ElementwiseKind::GreaterEqual,
               {own, reshape(most, labels.dims())});
}

void AppendLoss::buildEval(Expr output, func::FuncOp function) {
  Expr labels = labelsOf(output, function);
  Type element = output.elementType();
  Results results;
  if (loss == "mse") {
    results.add("loss", sumTo(squares(output, labels), {}));
    results.add("count", dimension(output, elementsOf(output)));
  } else {
    Expr counted = areCounted(labels, output.dims().back(), ignore);
    Expr right =
        apply(nn::ElementwiseKind::And, {counted, areRight(output, labels)});
    results.add("loss", sumTo(crossEntropy(output, labels, 0), {}));
    results.add("count", countOf(counted, element));
    results.add("correct", countOf(right, element));
  }
  results.appendTo(function);
}

// A copy of @main that gives nothing yet, and the value of one of its results.
static std::pair<func::FuncOp, Value> copyOf(func::FuncOp main, StringRef name,
                                             unsigned result) {
  OpBuilder builder(main.getContext());
  builder.setInsertionPointAfter(main);
  auto copy = cast<func::FuncOp>(builder.clone(*main));
  copy.setSymName(name);
  Operation *end = copy.getBody().front().getTerminator();
  Value value = end->getOperand(result);
  end->setOperands({});
  (void)copy.eraseResults(llvm::BitVector(copy.getNumResults(), true));
  return {copy, value};
}

// A model with a loss of its own: what was asked for takes the place of what it
// says.
LogicalResult AppendLoss::change(ModuleOp module) {
  if (smoothing != 0 || !output.empty() || ignore != kUsualIgnored)
    return module.emitError("takes an output, smoothing or ignored label of a "
                            "loss only with --loss");
  if (trainable.empty() && settings.empty())
    return success();
  if (!module.lookupSymbol("loss"))
    return module.emitError("has no loss to be trained by, and none is asked "
                            "for");
  if (!trainable.empty()) {
    SmallVector<StringRef> globs(trainable.begin(), trainable.end());
    setEntry(module, "trainable",
             Builder(module.getContext()).getStrArrayAttr(globs));
  }
  return addSettings(module);
}

LogicalResult AppendLoss::run(ModuleOp module) {
  if (loss != "cross_entropy" && loss != "mse")
    return module.emitError()
           << "expects a loss of cross_entropy or mse, found '" << loss << "'";
  if (loss == "mse" && (smoothing != 0 || ignore != kUsualIgnored))
    return module.emitError("has no labels of classes that could be smoothed "
                            "or ignored: the loss is mse");
  if (!(smoothing >= 0 && smoothing < 1))
    return module.emitError()
           << "expects a smoothing in [0, 1), found " << smoothing;
  for (StringRef name : {"loss", "eval"})
    if (Operation *other = module.lookupSymbol(name))
      return other->emitError() << "the model has a @" << name << " of its own";
  auto main = module.lookupSymbol<func::FuncOp>("main");
  if (!main)
    return module.emitError("has no @main to take the loss of");
  for (StringRef name : {"labels", "seed", "step", "first"})
    if (argumentNamed(main, name))
      return main.emitError()
             << "has an input '" << name << "', a name that training needs";
  auto result = findOutput(main);
  if (!result || failed(checkOutput(main, *result)) ||
      failed(markWeights(module, main, *result)) || failed(addSettings(module)))
    return failure();
  for (bool isEval : {true, false}) {
    auto [function, value] = copyOf(main, isEval ? "eval" : "loss", *result);
    OpBuilder builder(function.getBody().front().getTerminator());
    Site site{builder, function.getLoc()};
    Expr output = castTo({site, value}, builder.getF32Type());
    if (isEval)
      buildEval(output, function);
    else
      buildLoss(output, function);
  }
  return success();
}

} // namespace attune::differentiate
