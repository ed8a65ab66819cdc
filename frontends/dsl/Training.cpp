// The train section to an attribute and to a loss.
#include "frontends/dsl/Training.h"

namespace attune::dsl {

using namespace mlir;

FailureOr<Loss> evaluateLoss(Expander &expander, const Train &train,
                             Frame &frame) {
  const Member &setting = *train.find("loss");
  frame.path = "loss";
  auto value = expander.evaluate(*setting.value, frame);
  if (failed(value))
    return failure();
  Graph &graph = expander.graph;
  graph.at = setting.value->span;
  if (value->is<std::shared_ptr<Loss>>())
    return **value->as<std::shared_ptr<Loss>>();
  // Any other number is one loss for the whole batch.
  MaybeTensor whole =
      value->isTensor() ? expander.tensor(*value) : MaybeTensor();
  if (failed(whole) || Graph::rankOf(*whole) != 0 ||
      !Graph::elementOf(*whole).isF32())
    return graph.fail("expected cross_entropy(...), mse(...) or a tensor "
                      "f32[] as the loss, found " +
                      value->describe());
  return Loss{*whole, graph.scalar(graph.b.getF32Type(), 1.0), Tensor()};
}

namespace {
/// What a setting may be.
struct Range {
  StringRef name;
  double least, most; ///< `most` does not belong to it.
  bool open = false;  ///< Nor does `least`.
};
} // namespace

static constexpr double infinity = std::numeric_limits<double>::infinity();

static const Range ranges[] = {
    {"beta1", 0, 1},
    {"beta2", 0, 1},
    {"epsilon", 0, infinity},
    {"weight_decay", 0, infinity},
    {"momentum", 0, 1},
    {"clip", 0, infinity, true},
    {"ema", 0, 1},
};

static FailureOr<ArrayAttr> globs(Expander &expander, const Value &value) {
  Graph &graph = expander.graph;
  SmallVector<Attribute> list;
  if (value.is<std::string>())
    list.push_back(graph.b.getStringAttr(*value.as<std::string>()));
  else if (value.is<List>())
    for (const Value &entry : **value.as<List>()) {
      if (!entry.is<std::string>())
        return graph.fail("expected a list of texts, found " +
                          entry.describe() + " in it");
      list.push_back(graph.b.getStringAttr(*entry.as<std::string>()));
    }
  else
    return graph.fail("expected a text or a list of texts such as "
                      "[\"*.bias\"], found " +
                      value.describe());
  if (list.empty())
    return graph.fail("expected texts in the list, found none; without "
                      "'trainable' all weights are trained");
  return graph.b.getArrayAttr(list);
}

FailureOr<DictionaryAttr> trainingSettings(Expander &expander,
                                           const Train &train) {
  Graph &graph = expander.graph;
  OpBuilder &b = graph.b;
  NamedAttrList settings;
  std::string optimizer = "adamw";
  if (const Member *setting = train.find("optimizer")) {
    graph.at = setting->value->span;
    optimizer = setting->value->kind == Expression::Kind::Name
                    ? setting->value->text
                    : std::string();
    if (optimizer != "adamw" && optimizer != "sgd")
      return graph.fail("expected adamw or sgd as the optimizer");
  }
  settings.set("optimizer", b.getStringAttr(optimizer));
  for (const Member &setting : train.settings) {
    StringRef name = setting.name.text;
    if (name == "loss" || name == "optimizer")
      continue;
    Frame frame;
    auto value = expander.evaluate(*setting.value, frame);
    if (failed(value))
      return failure();
    graph.at = setting.value->span;
    if (value->is<None>())
      continue;
    if (name == "trainable") {
      auto list = globs(expander, *value);
      if (failed(list))
        return failure();
      settings.set(name, *list);
      continue;
    }
    bool ofAdam = name.starts_with("beta") || name == "epsilon";
    if ((ofAdam && optimizer == "sgd") ||
        (name == "momentum" && optimizer == "adamw")) {
      graph.at = setting.name.span;
      return graph.fail(optimizer + " has no " + quoted(name) +
                        "; remove it or choose the other optimizer");
    }
    auto number = expander.real(*value, name);
    if (failed(number))
      return failure();
    const Range *known =
        llvm::find_if(ranges, [&](const Range &r) { return r.name == name; });
    if (known == std::end(ranges))
      llvm_unreachable("the reader knows all settings");
    const Range &range = *known;
    if (!(*number >= range.least && *number < range.most) ||
        (range.open && *number == range.least))
      return graph.fail("expected a number " +
                        Twine(range.open        ? "above 0"
                              : range.most == 1 ? "from 0 to below 1"
                                                : "of 0 or more") +
                        " for " + quoted(name) + ", found " +
                        value->describe());
    settings.set(name, b.getF64FloatAttr(*number));
  }
  return settings.getDictionary(b.getContext());
}

} // namespace attune::dsl
