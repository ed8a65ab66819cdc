// How a model is trained. See Training.h.
#include "compiler/differentiate/Training.h"
#include "llvm/Support/Format.h"
#include <cmath>

namespace attune::differentiate {

using namespace mlir;

// ---- nn.training ----

namespace {
// Reads entries of the dictionary and remembers what was wrong.
class Reader {
public:
  explicit Reader(ModuleOp module)
      : module(module),
        entries(module->getAttrOfType<DictionaryAttr>(names::training)) {}

  /// Which numbers an entry may be.
  enum class Range { NotNegative, Positive, BelowOne };

  std::optional<double> number(StringRef key, Range range) {
    Attribute value = take(key);
    if (!value)
      return std::nullopt;
    std::optional<double> found;
    if (auto real = dyn_cast<FloatAttr>(value))
      found = real.getValueAsDouble();
    else if (auto integer = dyn_cast<IntegerAttr>(value))
      found = double(integer.getInt());
    bool isInside = found && std::isfinite(*found) && *found >= 0 &&
                    (range != Range::Positive || *found > 0) &&
                    (range != Range::BelowOne || *found < 1);
    if (isInside)
      return found;
    error() << "'" << key << "' is to be "
            << (range == Range::Positive   ? "a number above 0"
                : range == Range::BelowOne ? "a number from 0 to below 1"
                                           : "a number from 0 on")
            << ", found " << shown(value);
    return std::nullopt;
  }
  StringRef text(StringRef key) {
    Attribute value = take(key);
    if (!value || isa<StringAttr>(value))
      return value ? cast<StringAttr>(value).getValue() : StringRef();
    error() << "'" << key << "' is to be text, found " << shown(value);
    return {};
  }
  SmallVector<std::string> texts(StringRef key) {
    Attribute value = take(key);
    SmallVector<std::string> found;
    auto array = dyn_cast_or_null<ArrayAttr>(value);
    for (Attribute element : array ? array.getValue() : ArrayRef<Attribute>())
      if (auto text = dyn_cast<StringAttr>(element))
        found.push_back(text.str());
    if (value && (!array || found.size() != array.size()))
      error() << "'" << key << "' is to be a list of texts, found "
              << shown(value);
    return found;
  }
  /// Whether all entries were right, and known.
  bool finish() {
    for (NamedAttribute entry :
         entries ? entries.getValue() : ArrayRef<NamedAttribute>())
      if (!llvm::is_contained(known, entry.getName().getValue()))
        error() << "there is no '" << entry.getName().getValue() << "'";
    return !isBroken;
  }
  InFlightDiagnostic error() {
    isBroken = true;
    return module.emitError() << "training: ";
  }

private:
  /// As a user writes it.
  static std::string shown(Attribute value) {
    std::string text;
    llvm::raw_string_ostream os(text);
    if (auto real = dyn_cast<FloatAttr>(value))
      os << llvm::format("%g", real.getValueAsDouble());
    else
      os << value;
    return text;
  }
  Attribute take(StringRef key) {
    known.push_back(key);
    return entries ? entries.get(key) : Attribute();
  }

  ModuleOp module;
  DictionaryAttr entries;
  SmallVector<StringRef> known;
  bool isBroken = false;
};
} // namespace

FailureOr<Training> readTraining(ModuleOp module) {
  if (Attribute attribute = module->getAttr(names::training);
      attribute && !isa<DictionaryAttr>(attribute))
    return module.emitError()
           << names::training << " is no dictionary: " << attribute;
  Reader reader(module);
  Training training;
  StringRef optimizer = reader.text("optimizer");
  if (optimizer == "sgd")
    training.optimizer = Optimizer::Sgd;
  else if (!optimizer.empty() && optimizer != "adamw")
    reader.error() << "'optimizer' is to be adamw or sgd, found '" << optimizer
                   << "'";
  using Range = Reader::Range;
  auto below1 = [&](StringRef key, double otherwise) {
    return reader.number(key, Range::BelowOne).value_or(otherwise);
  };
  training.beta1 = below1("beta1", training.beta1);
  training.beta2 = below1("beta2", training.beta2);
  training.epsilon =
      reader.number("epsilon", Range::NotNegative).value_or(training.epsilon);
  training.momentum = below1("momentum", training.momentum);
  training.weightDecay =
      reader.number("weight_decay", Range::NotNegative)
          .value_or(training.optimizer == Optimizer::AdamW ? 0.01 : 0);
  training.clip = reader.number("clip", Range::Positive);
  // Of 1 the average would stay what the weights were at first.
  training.average = reader.number("ema", Range::BelowOne);
  training.trainable = reader.texts("trainable");
  if (!reader.finish())
    return failure();
  return training;
}

// ---- weights ----

nn::WeightOp stateOf(const SymbolTable &symbols, nn::WeightOp weight,
                     StringRef suffix) {
  return symbols.lookup<nn::WeightOp>(
      (weight.getSymName() + "." + suffix).str());
}

SmallVector<nn::WeightOp> trainedWeights(ModuleOp module) {
  SymbolTable symbols(module);
  SmallVector<nn::WeightOp> trained;
  for (auto weight : module.getOps<nn::WeightOp>())
    if (weight.getState() == nn::StateKind::Parameter &&
        stateOf(symbols, weight, "grad"))
      trained.push_back(weight);
  return trained;
}

FailureOr<nn::WeightOp> addState(SymbolTable &symbols, nn::WeightOp weight,
                                 StringRef suffix, nn::StateKind kind) {
  std::string name = (weight.getSymName() + "." + suffix).str();
  if (symbols.lookup(name))
    return weight.emitError()
           << "@" << name << " is the name of another weight, but training @"
           << weight.getSymName() << " needs it";
  OpBuilder builder(weight->getContext());
  builder.setInsertionPointAfter(weight);
  auto state = nn::WeightOp::create(builder, weight.getLoc(), name,
                                    weight.getTensorType());
  state.setState(kind);
  symbols.insert(state);
  return state;
}

// ---- functions ----

Value addArgument(func::FuncOp function, StringRef name, Type type) {
  MLIRContext *context = function.getContext();
  auto attributes = DictionaryAttr::get(
      context, NamedAttribute(StringAttr::get(context, names::name),
                              StringAttr::get(context, name)));
  unsigned index = function.getNumArguments();
  (void)function.insertArgument(index, type, attributes, function.getLoc());
  return function.getArgument(index);
}

void Results::add(StringAttr key, Attribute attribute, Value value) {
  values.push_back(value);
  attributes.push_back(
      DictionaryAttr::get(key.getContext(), NamedAttribute(key, attribute)));
}

void Results::add(StringRef name, Value value) {
  MLIRContext *context = value.getContext();
  add(StringAttr::get(context, names::name), StringAttr::get(context, name),
      value);
}

void Results::addUpdate(nn::WeightOp weight, Value value) {
  add(StringAttr::get(value.getContext(), nn::updatesAttr),
      FlatSymbolRefAttr::get(weight.getSymNameAttr()), value);
}

void Results::appendTo(func::FuncOp function) const {
  SmallVector<unsigned> places(values.size(), function.getNumResults());
  (void)function.insertResults(places, TypeRange(ValueRange(values)),
                               attributes);
  Operation *end = function.getBody().front().getTerminator();
  end->insertOperands(end->getNumOperands(), values);
}

llvm::StringMap<OpOperand *> updatesOf(func::FuncOp function) {
  llvm::StringMap<OpOperand *> updates;
  Operation *end = function.getBody().front().getTerminator();
  for (OpOperand &output : end->getOpOperands())
    if (auto weight = nn::updatedBy(function, output.getOperandNumber()))
      updates[weight.getValue()] = &output;
  return updates;
}

std::optional<unsigned> resultNamed(func::FuncOp function, StringRef name) {
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    if (auto found = function.getResultAttrOfType<StringAttr>(i, names::name);
        found && found.getValue() == name)
      return i;
  return std::nullopt;
}

Value argumentNamed(func::FuncOp function, StringRef name) {
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    if (auto found = function.getArgAttrOfType<StringAttr>(i, names::name);
        found && found.getValue() == name)
      return function.getArgument(i);
  return {};
}

} // namespace attune::differentiate
