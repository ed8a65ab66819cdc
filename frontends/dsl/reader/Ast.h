// A model as the parser understands it: README.md has the grammar.
#ifndef ATTUNE_FRONTENDS_DSL_READER_AST_H
#define ATTUNE_FRONTENDS_DSL_READER_AST_H

#include "frontends/dsl/reader/Source.h"

#include <memory>
#include <optional>

namespace attune::dsl {

struct Name {
  std::string text;
  Span span;
};

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

/// One value of a call, `name = value` or `value`.
struct Argument {
  std::optional<Name> name;
  ExpressionPtr value;
};

/// One entry of x[...]: an index, first:last:step, or `...`.
struct Subscript {
  enum class Kind { Index, Slice, Ellipsis };
  Kind kind = Kind::Index;
  Span span;
  ExpressionPtr first, last, step; ///< An index is `first`.
};

enum class Operator {
  Or,
  And,
  Not,
  Equal,
  NotEqual,
  Less,
  LessEqual,
  Greater,
  GreaterEqual,
  Add,
  Subtract,
  Multiply,
  Divide,
  FloorDivide,
  Remainder,
  MatrixMultiply,
  Negate,
  Power,
};

/// As it is written.
std::string_view spelling(Operator op);

struct Expression {
  enum class Kind {
    Integer,     ///< integer
    Real,        ///< real
    Text,        ///< text, without its quotes
    Name,        ///< text
    List,        ///< operands
    Unary,       ///< op operands[0]
    Binary,      ///< operands[0] op operands[1]
    Conditional, ///< operands[0] if operands[1] else operands[2]
    Member,      ///< operands[0].text
    Index,       ///< operands[0][subscripts]
    Call,        ///< operands[0](arguments)
    Repeat,      ///< repeat(text in operands[0], operands[1]); text may be ""
  };
  Kind kind;
  Span span;
  /// Of the operator, the member's name or the repeat's variable.
  Span inner;
  int64_t integer = 0;
  double real = 0;
  std::string text;
  Operator op = Operator::Add;
  std::vector<ExpressionPtr> operands;
  std::vector<Argument> arguments;
  std::vector<Subscript> subscripts;
  /// How many expressions stand inside each other; bounded by the parser, so
  /// that walks over a tree may recurse.
  unsigned depth = 1;
};

/// One extent of a type: a number, or a name that stands for what is there.
struct TypeDim {
  ExpressionPtr size;
  ExpressionPtr most; ///< `T <= 64`; null without a bound.
};

/// f32[B, T, width]
struct TensorType {
  Name element;
  std::vector<TypeDim> dims;
  Span span;
};

struct Parameter {
  Name name;
  std::optional<TensorType> type;
  ExpressionPtr fallback; ///< Null: must be given.
};

/// What a function gives, `-> logits: f32[B, T, vocab]`.
struct Result {
  Name name;
  std::optional<TensorType> type;
};

struct Statement {
  enum class Kind {
    Assign, ///< targets = values[0]
    Update, ///< targets[0] op= values[0]
    Return, ///< return values
    If,     ///< if values[0]: then else: otherwise
  };
  Kind kind;
  Span span;
  Operator op = Operator::Add;
  std::vector<Name> targets;
  std::vector<ExpressionPtr> values;
  std::vector<Statement> then, otherwise;
};

struct Function {
  Name name;
  std::vector<Parameter> parameters;
  std::vector<Result> results;
  std::vector<Statement> body;
};

/// `name = value` in a module: a layer, a module, a weight or a number.
struct Member {
  Name name;
  ExpressionPtr value;
};

struct Module {
  Name name;
  bool isModel = false;
  std::vector<Parameter> parameters;
  std::vector<Member> members;
  std::vector<Function> functions;

  const Function *find(std::string_view function) const {
    for (const Function &candidate : functions)
      if (candidate.name.text == function)
        return &candidate;
    return nullptr;
  }
};

/// `default Linear(bias = false)`.
struct Default {
  Name layer;
  std::vector<Argument> arguments;
};

/// The train section: labels and settings.
struct Train {
  Span span;
  std::vector<Parameter> labels;
  std::vector<Member> settings;

  const Member *find(std::string_view setting) const {
    for (const Member &candidate : settings)
      if (candidate.name.text == setting)
        return &candidate;
    return nullptr;
  }
};

struct File {
  std::vector<Parameter> parameters; ///< `param`, in order.
  std::vector<Default> defaults;
  std::vector<Function> functions;
  std::vector<Module> modules;
  std::optional<Train> train;

  const Module *model() const {
    for (const Module &module : modules)
      if (module.isModel)
        return &module;
    return nullptr;
  }
};

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_READER_AST_H
