// Names and calls, before anything is expanded: every module is looked at, also
// one that no model uses, and all mistakes are told at once.
#include "frontends/dsl/reader/Builtins.h"
#include "frontends/dsl/reader/Reader.h"

#include <algorithm>
#include <map>
#include <set>

namespace attune::dsl {

namespace {

/// Names that may be read, innermost last.
class Scope {
public:
  void add(std::string_view name) {
    order.push_back(name);
    ++counts[name];
  }
  bool contains(std::string_view name) const {
    auto found = counts.find(name);
    return found != counts.end() && found->second > 0;
  }
  size_t size() const { return order.size(); }
  /// Forgets what was added since there were `size` names.
  void shrink(size_t size) {
    for (; order.size() > size; order.pop_back())
      --counts[order.back()];
  }
  const std::vector<std::string_view> &names() const { return order; }

private:
  std::vector<std::string_view> order;
  std::map<std::string_view, size_t> counts;
};

class Checker {
public:
  Checker(const File &file, Errors &errors) : file(file), errors(errors) {}
  void run();

private:
  void declare(const Name &name, std::string_view what);
  void declareAll();
  void defineOnce(std::set<std::string_view> &seen, const Name &name,
                  std::string_view what);
  void define(const Name &name) { scope.add(name.text); }

  void module(const Module &module);
  void model(const Module &module);
  void function(const Function &function);
  void train(const Train &train);
  void type(const TensorType &type);
  void statements(const std::vector<Statement> &body);
  bool alwaysReturns(const std::vector<Statement> &body) const;
  void parameters(const std::vector<Parameter> &list);

  void expression(const Expression &expression);
  void call(const Expression &call);
  bool isKnown(std::string_view name) const {
    return findBuiltin(name) || globals.contains(name) || scope.contains(name);
  }
  void read(std::string_view name, Span span);
  void arguments(const std::vector<Argument> &given, Span span,
                 std::string_view callee,
                 const std::vector<std::string_view> &names, size_t required,
                 bool open);

  const File &file;
  Errors &errors;
  std::map<std::string_view, Span> globals;
  std::map<std::string_view, const Module *> modules;
  std::map<std::string_view, const Function *> functions;
  Scope scope;
};

// ---- declarations ----

void Checker::declare(const Name &name, std::string_view what) {
  if (findBuiltin(name.text))
    errors.report(name.span, quoted(name.text) +
                                 " belongs to the language; give the " +
                                 std::string(what) + " another name");
  else if (!globals.emplace(name.text, name.span).second)
    errors.report(name.span, quoted(name.text) +
                                 " is defined twice; give the " +
                                 std::string(what) + " another name");
}

void Checker::declareAll() {
  for (const Parameter &parameter : file.parameters)
    declare(parameter.name, "param");
  for (const Function &function : file.functions) {
    declare(function.name, "def");
    functions[function.name.text] = &function;
  }
  for (const Module &module : file.modules) {
    declare(module.name, module.isModel ? "model" : "module");
    modules[module.name.text] = &module;
  }
}

void Checker::run() {
  declareAll();
  for (const Parameter &parameter : file.parameters)
    expression(*parameter.fallback);
  for (const Default &entry : file.defaults) {
    const Builtin *builtin = findBuiltin(entry.layer.text);
    auto known = modules.find(entry.layer.text);
    if (known == modules.end() &&
        !(builtin && builtin->kind == Builtin::Kind::Layer)) {
      errors.report(entry.layer.span, "expected a layer or a module, found " +
                                          quoted(entry.layer.text));
      continue;
    }
    std::vector<std::string_view> names;
    if (known == modules.end())
      names = builtin->parameters();
    else
      for (const Parameter &parameter : known->second->parameters)
        names.emplace_back(parameter.name.text);
    for (const Argument &argument : entry.arguments)
      if (!argument.name)
        errors.report(argument.value->span,
                      "expected name = value, as in default Linear(bias = "
                      "false)");
    arguments(entry.arguments, entry.layer.span, entry.layer.text, names, 0,
              false);
  }
  for (const Function &candidate : file.functions)
    function(candidate);
  size_t models = 0;
  for (const Module &candidate : file.modules) {
    module(candidate);
    if (candidate.isModel && ++models == 2)
      errors.report(candidate.name.span, "expected one model in a file, found "
                                         "two; make one of them a module");
  }
  if (models == 0)
    errors.report({0, 0}, "expected a model in the file; write model NAME: "
                          "with a def forward(...)");
  if (file.train && models == 1)
    train(*file.train);
}

void Checker::defineOnce(std::set<std::string_view> &seen, const Name &name,
                         std::string_view what) {
  if (!seen.insert(name.text).second)
    errors.report(name.span, quoted(name.text) +
                                 " is defined twice; give the " +
                                 std::string(what) + " another name");
  define(name);
}

void Checker::parameters(const std::vector<Parameter> &list) {
  bool optional = false;
  for (const Parameter &parameter : list) {
    if (parameter.fallback)
      expression(*parameter.fallback);
    else if (optional)
      errors.report(parameter.name.span,
                    "expected parameters without a value before those that "
                    "have one; move it left");
    optional |= parameter.fallback != nullptr;
  }
}

void Checker::module(const Module &module) {
  size_t outer = scope.size();
  parameters(module.parameters);
  std::set<std::string_view> seen;
  for (const Parameter &parameter : module.parameters) {
    defineOnce(seen, parameter.name, "parameter");
    if (parameter.type)
      errors.report(parameter.type->span, "expected no type: a module is made "
                                          "of numbers; tensors go to its defs");
  }
  for (const Member &member : module.members) {
    expression(*member.value);
    defineOnce(seen, member.name, "member");
  }
  for (const Function &function : module.functions)
    defineOnce(seen, function.name, "def");
  for (const Function &candidate : module.functions)
    function(candidate);
  if (!module.find("forward"))
    errors.report(module.name.span,
                  "expected a def forward(...) in " + quoted(module.name.text) +
                      ", which says what the module computes");
  if (module.isModel)
    model(module);
  scope.shrink(outer);
}

/// The model's forward is what users call: it has names and types.
void Checker::model(const Module &module) {
  if (!module.parameters.empty())
    errors.report(module.parameters.front().name.span,
                  "expected a model without parameters; write param NAME = "
                  "VALUE above it");
  const Function *forward = module.find("forward");
  if (!forward)
    return;
  if (forward->parameters.empty())
    errors.report(forward->name.span, "expected an input of the model");
  for (const Parameter &parameter : forward->parameters) {
    if (!parameter.type)
      errors.report(parameter.name.span, "expected a type for an input of the "
                                         "model, as in tokens: i64[B, T]");
    if (parameter.fallback)
      errors.report(parameter.fallback->span,
                    "expected no value: an input is always given");
  }
  if (forward->results.empty())
    errors.report(forward->name.span,
                  "expected the names of what the model gives, as in -> "
                  "logits: f32[B, T, vocab]");
}

/// The names that a type's dims stand for are defined by it.
void Checker::type(const TensorType &type) {
  for (const TypeDim &dim : type.dims) {
    if (dim.size->kind == Expression::Kind::Name) {
      if (!isKnown(dim.size->text))
        scope.add(dim.size->text);
    } else {
      expression(*dim.size);
    }
    if (dim.most)
      expression(*dim.most);
  }
}

bool Checker::alwaysReturns(const std::vector<Statement> &body) const {
  return std::ranges::any_of(body, [&](const Statement &statement) {
    if (statement.kind == Statement::Kind::If)
      return alwaysReturns(statement.then) &&
             alwaysReturns(statement.otherwise);
    return statement.kind == Statement::Kind::Return;
  });
}

void Checker::function(const Function &function) {
  size_t outer = scope.size();
  parameters(function.parameters);
  std::set<std::string_view> seen;
  for (const Parameter &parameter : function.parameters)
    defineOnce(seen, parameter.name, "parameter");
  for (const Parameter &parameter : function.parameters)
    if (parameter.type)
      type(*parameter.type);
  statements(function.body);
  if (!alwaysReturns(function.body))
    errors.report(function.name.span, "expected a return at the end of " +
                                          quoted(function.name.text));
  std::set<std::string_view> results;
  for (const Result &result : function.results) {
    if (!results.insert(result.name.text).second)
      errors.report(result.name.span, quoted(result.name.text) +
                                          " is defined twice; give the result "
                                          "another name");
    if (result.type)
      for (const TypeDim &dim : result.type->dims)
        expression(*dim.size);
  }
  scope.shrink(outer);
}

void Checker::statements(const std::vector<Statement> &body) {
  for (const Statement &statement : body) {
    for (const ExpressionPtr &value : statement.values)
      expression(*value);
    if (statement.kind == Statement::Kind::Update)
      read(statement.targets.front().text, statement.targets.front().span);
    statements(statement.then);
    statements(statement.otherwise);
    for (const Name &target : statement.targets) {
      if (findBuiltin(target.text))
        errors.report(target.span, quoted(target.text) +
                                       " belongs to the language; give the "
                                       "value another name");
      define(target);
    }
  }
}

void Checker::train(const Train &train) {
  size_t outer = scope.size();
  const Function *forward = file.model()->find("forward");
  std::set<std::string_view> seen;
  if (forward) {
    for (const Parameter &parameter : forward->parameters) {
      defineOnce(seen, parameter.name, "label");
      if (parameter.type)
        type(*parameter.type);
    }
    for (const Result &result : forward->results)
      defineOnce(seen, result.name, "label");
  }
  for (const Parameter &label : train.labels) {
    defineOnce(seen, label.name, "label");
    if (label.type)
      type(*label.type);
    if (label.fallback)
      errors.report(label.fallback->span,
                    "expected no value: a label is always given");
  }
  // The functions of training have arguments and results of their own.
  for (std::string_view name :
       {"seed", "step", "first", "scale", "lr", "loss", "count", "correct"})
    if (seen.contains(name))
      errors.report(train.span, "expected no input, result or label " +
                                    quoted(name) +
                                    ": training has one of its own");
  std::set<std::string_view> given;
  for (const Member &setting : train.settings) {
    auto known = trainSettings();
    if (std::ranges::find(known, setting.name.text) == known.end())
      errors.report(
          setting.name.span,
          "expected a setting of the train section, found " +
              quoted(setting.name.text) +
              suggestion(setting.name.text, {known.begin(), known.end()}));
    else if (!given.insert(setting.name.text).second)
      errors.report(setting.name.span,
                    quoted(setting.name.text) + " is set twice; remove one");
    // The optimizer's name is a word of its own.
    if (setting.name.text != "optimizer")
      expression(*setting.value);
  }
  if (!train.find("loss"))
    errors.report(train.span, "expected a loss in the train section, as in "
                              "loss = cross_entropy(logits, labels)");
  scope.shrink(outer);
}

// ---- expressions ----

void Checker::read(std::string_view name, Span span) {
  if (isKnown(name))
    return;
  if (errors.full()) {
    errors.report(span, "");
    return;
  }
  std::vector<std::string_view> names(scope.names());
  for (const auto &[global, place] : globals)
    names.push_back(global);
  for (const Builtin &builtin : builtins())
    names.push_back(builtin.name);
  errors.report(span,
                quoted(name) + " is not defined" + suggestion(name, names));
}

void Checker::arguments(const std::vector<Argument> &given, Span span,
                        std::string_view callee,
                        const std::vector<std::string_view> &names,
                        size_t required, bool open) {
  std::set<std::string_view> seen;
  size_t position = 0;
  bool named = false;
  for (const Argument &argument : given) {
    expression(*argument.value);
    if (!argument.name) {
      if (named)
        errors.report(argument.value->span,
                      "expected values without a name before those with one; "
                      "move it left");
      if (position < names.size())
        seen.insert(names[position]);
      else if (!open) {
        errors.report(argument.value->span, quoted(callee) + " takes at most " +
                                                std::to_string(names.size()) +
                                                " values");
        return;
      }
      ++position;
      continue;
    }
    named = true;
    std::string_view name = argument.name->text;
    bool known = std::ranges::find(names, name) != names.end();
    if (!known && !open)
      errors.report(argument.name->span, quoted(callee) + " has no parameter " +
                                             quoted(name) +
                                             suggestion(name, names));
    else if (!seen.insert(name).second)
      errors.report(argument.name->span,
                    quoted(name) + " is given twice to " + quoted(callee));
  }
  for (size_t i = 0; i < std::min(required, names.size()); ++i)
    if (!seen.contains(names[i]))
      errors.report(span,
                    quoted(callee) + " needs a value for " + quoted(names[i]));
}

void Checker::call(const Expression &call) {
  const Expression &callee = *call.operands[0];
  std::string_view name = callee.text;
  bool global = callee.kind == Expression::Kind::Name && !scope.contains(name);
  if (!global) {
    expression(callee);
    for (const Argument &argument : call.arguments)
      expression(*argument.value);
    return;
  }
  auto ofParameters = [&](const std::vector<Parameter> &parameters) {
    std::vector<std::string_view> names;
    size_t required = 0;
    for (const Parameter &parameter : parameters) {
      names.emplace_back(parameter.name.text);
      required += parameter.fallback == nullptr;
    }
    arguments(call.arguments, callee.span, name, names, required, false);
  };
  if (auto module = modules.find(name); module != modules.end()) {
    // A default may fill in what is not given.
    bool filled = std::ranges::any_of(file.defaults, [&](const Default &entry) {
      return entry.layer.text == name;
    });
    if (!filled)
      return ofParameters(module->second->parameters);
    std::vector<std::string_view> names;
    for (const Parameter &parameter : module->second->parameters)
      names.emplace_back(parameter.name.text);
    return arguments(call.arguments, callee.span, name, names, 0, false);
  }
  if (auto function = functions.find(name); function != functions.end())
    return ofParameters(function->second->parameters);
  if (const Builtin *builtin = findBuiltin(name)) {
    if (builtin->kind == Builtin::Kind::Constant) {
      errors.report(callee.span, quoted(name) + " is a value and cannot be "
                                                "called");
      return;
    }
    bool open = builtin->signature.ends_with("...");
    return arguments(call.arguments, callee.span, name, builtin->parameters(),
                     builtin->required(), open);
  }
  read(name, callee.span);
  for (const Argument &argument : call.arguments)
    expression(*argument.value);
}

void Checker::expression(const Expression &node) {
  switch (node.kind) {
  case Expression::Kind::Name:
    return read(node.text, node.span);
  case Expression::Kind::Call:
    return call(node);
  case Expression::Kind::Repeat:
    expression(*node.operands[0]);
    scope.add(node.text);
    expression(*node.operands[1]);
    scope.shrink(scope.size() - 1);
    return;
  case Expression::Kind::Index:
    for (const Subscript &entry : node.subscripts)
      for (const ExpressionPtr *part : {&entry.first, &entry.last, &entry.step})
        if (*part)
          expression(**part);
    break;
  default:
    break;
  }
  for (const ExpressionPtr &operand : node.operands)
    expression(*operand);
}

} // namespace

void checkNames(const File &file, Errors &errors) {
  Checker(file, errors).run();
}

} // namespace attune::dsl
