// Carries out a model's text: makes its layers once, then walks forward() for
// each function of the module, where every call of a def, a module or a builtin
// is expanded in place.
//
// An error is reported where the text is wrong, followed by the calls that led
// there. Nothing is expanded behind the first error: what follows would be its
// consequence, in each of a model's equal layers.
#ifndef ATTUNE_FRONTENDS_DSL_EXPANDER_H
#define ATTUNE_FRONTENDS_DSL_EXPANDER_H

#include "frontends/dsl/Graph.h"
#include "frontends/dsl/Import.h"
#include "frontends/dsl/reader/Reader.h"

namespace attune::dsl {

using MaybeValue = mlir::FailureOr<Value>;
class Call;
using BuiltinFunction = MaybeValue (*)(Call &call);

/// The loss of a batch; 0 where nothing counts.
MaybeTensor meanOf(Graph &graph, const Loss &loss);

/// The functions behind the table of reader/Builtins.h.
BuiltinFunction findFunction(llvm::StringRef name);

/// The names that a text may read at one place.
struct Frame {
  std::map<std::string, Value, std::less<>> names;
  InstancePtr self; ///< Null in a global def.
  std::string path; ///< For locations: of the module that is expanded.
};

class Expander {
public:
  Expander(const Model &model, const ImportOptions &options,
           mlir::MLIRContext *context, Errors &errors);

  /// Evaluates the params, then makes the model and so all weights.
  mlir::LogicalResult prepare();

  const std::vector<std::unique_ptr<Weight>> &weights() const {
    return allWeights;
  }
  /// A function of this module begins: forgets loads and random ids.
  void begin(RandomState *random);
  /// Calls the model's forward. The frame of the call comes back, with the
  /// names of parameters, dims and results.
  mlir::FailureOr<std::vector<Value>> forward(llvm::ArrayRef<Value> inputs,
                                              Frame &frame);

  MaybeValue evaluate(const Expression &expression, Frame &frame);
  /// A tensor of what has one: tensors, weights, and numbers as rank 0.
  MaybeTensor tensor(const Value &value, mlir::Type elementOfNumbers = {});
  /// The dims of a type, where names that stand for nothing yet take what is in
  /// `found`, or a symbol of their own.
  mlir::FailureOr<Dims> dims(const TensorType &type, Frame &frame,
                             const Dims *found);
  mlir::Type element(const TensorType &type) const;
  Tensor load(const Weight &weight);
  MaybeValue call(const Value &callee, llvm::ArrayRef<Value> positional,
                  Span span);
  mlir::FailureOr<int64_t> constant(const Value &value, llvm::StringRef what);
  mlir::FailureOr<double> real(const Value &value, llvm::StringRef what);

  Graph graph;
  const Model &model;

private:
  friend class Call;

  // Making layers (Make.cpp).
  mlir::LogicalResult parameters();
  mlir::FailureOr<Value> overridden(const Parameter &parameter,
                                    const std::string &text);
  MaybeValue make(const Callable &callee, const Expression &call, Frame &frame);
  MaybeValue makeModule(const Module &module, const Expression *call,
                        Frame &frame);
  MaybeValue makeLayer(const Builtin &layer, const Expression &call,
                       Frame &frame);
  MaybeValue makeSequential(const Expression &call, Frame &frame);
  MaybeValue makeRepeat(const Expression &repeat, Frame &frame);
  MaybeValue makeLinear(Call &call);
  mlir::FailureOr<const Weight *> addWeight(llvm::StringRef member,
                                            llvm::ArrayRef<int64_t> shape,
                                            const Value *init, Init fallback,
                                            Span span);
  const Default *defaultOf(llvm::StringRef layer) const;

  // Expressions (ExpandExpression.cpp, ExpandArithmetic.cpp, ExpandIndex.cpp).
  MaybeValue dispatch(const Expression &expression, Frame &frame);
  MaybeValue name(const Expression &expression, Frame &frame);
  MaybeValue unary(const Expression &expression, Frame &frame);
  MaybeValue binary(const Expression &expression, Frame &frame);
  MaybeValue arithmetic(Operator op, const Value &lhs, const Value &rhs);
  MaybeValue numbers(Operator op, const Value &lhs, const Value &rhs);
  MaybeValue integers(Operator op, DimAttr lhs, DimAttr rhs);
  MaybeValue tensors(Operator op, const Value &lhs, const Value &rhs);
  MaybeValue logic(const Expression &expression, Frame &frame);
  MaybeValue conditional(const Expression &expression, Frame &frame);
  MaybeValue member(const Expression &expression, Frame &frame);
  MaybeValue index(const Expression &expression, Frame &frame);
  MaybeValue indexList(const std::vector<Value> &list,
                       const Expression &expression, Frame &frame);
  /// `only` is the value of the one index, where that is known already.
  MaybeTensor indexTensor(Tensor x, const Expression &expression, Frame &frame,
                          const Value *only);
  MaybeTensor indexAxis(Tensor x, int64_t axis, const Subscript &entry,
                        Frame &frame, const Value *only);
  mlir::FailureOr<bool> condition(const Expression &expression, Frame &frame);

  // Calls and statements (Expander.cpp), types (Types.cpp).
  MaybeValue call(const Expression &expression, Frame &frame);
  MaybeValue callBuiltin(const Builtin &builtin, const Expression &expression,
                         Frame &frame);
  MaybeValue callFunction(const Function &function, const InstancePtr &self,
                          llvm::ArrayRef<Value> positional,
                          llvm::ArrayRef<std::pair<const Name *, Value>> named,
                          Span span);
  MaybeValue callInstance(const InstancePtr &instance,
                          llvm::ArrayRef<Value> positional,
                          llvm::ArrayRef<std::pair<const Name *, Value>> named,
                          Span span);
  MaybeValue callLayer(const Instance &layer, llvm::ArrayRef<Value> positional,
                       Span span);
  mlir::LogicalResult bind(const Function &function,
                           llvm::ArrayRef<Value> positional,
                           llvm::ArrayRef<std::pair<const Name *, Value>> named,
                           Frame &frame, Span span);
  mlir::FailureOr<DimAttr> symbol(const TypeDim &dim, Frame &frame);
  mlir::LogicalResult checkBound(DimAttr size, const Expression &bound,
                                 llvm::StringRef name, Frame &frame);
  mlir::LogicalResult checkParameter(const Parameter &parameter, Frame &frame,
                                     Span span);
  mlir::FailureOr<std::vector<Value>> run(const Function &function,
                                          Frame &frame);
  mlir::LogicalResult run(const std::vector<Statement> &body, Frame &frame,
                          std::optional<std::vector<Value>> &returned);
  mlir::LogicalResult assign(const Statement &statement, Frame &frame);
  mlir::LogicalResult
  evaluateArguments(const Expression &call, Frame &frame,
                    llvm::SmallVectorImpl<Value> &positional,
                    std::vector<std::pair<const Name *, Value>> &named);
  mlir::LogicalResult checkResults(const Function &function, Frame &frame,
                                   llvm::ArrayRef<Value> values);
  /// Names the ops made from here on; restores what was there at its end.
  struct Place {
    explicit Place(Graph &graph) : graph(graph), loc(graph.loc), at(graph.at) {}
    Place(const Place &) = delete;
    ~Place() {
      graph.loc = loc;
      graph.at = at;
    }
    Graph &graph;
    mlir::Location loc;
    Span at;
  };
  void locate(const llvm::Twine &name, Span span);
  void locate(const Frame &frame, llvm::StringRef name, Span span);

  const ImportOptions &options;
  std::map<std::string, Value, std::less<>> globals;
  std::vector<std::unique_ptr<Weight>> allWeights;
  InstancePtr root;
  /// Where a layer that is made now gets its path; nothing outside of members.
  std::optional<std::string> making;
  llvm::DenseMap<const Weight *, Tensor> loads;
  mlir::Operation *lastLoad = nullptr;
  unsigned depth = 0;   ///< Of calls inside each other.
  unsigned nesting = 0; ///< Of expressions, over all calls.
  uint64_t steps = 0;
};

/// What the function behind a builtin sees: its arguments by name.
class Call {
public:
  Call(Expander &expander, const Builtin &builtin, Span span)
      : expander(expander), graph(expander.graph), builtin(builtin), span(span),
        names(builtin.parameters()), values(names.size()) {}

  Expander &expander;
  Graph &graph;
  const Builtin &builtin;
  Span span;
  /// Named arguments beyond the signature, of rearrange.
  std::vector<std::pair<std::string, Value>> extra;

  mlir::LogicalResult bind(const Expression &call, Frame &frame);
  void set(size_t i, Value value) { values[i] = std::move(value); }
  /// Fills in what a `default` says.
  mlir::LogicalResult fill(const Default &defaults, Frame &frame);
  mlir::LogicalResult checkRequired();

  /// Null if not given, or given as none.
  const Value *get(llvm::StringRef name) const;
  bool has(llvm::StringRef name) const { return get(name) != nullptr; }
  MaybeTensor tensor(llvm::StringRef name, mlir::Type elementOfNumbers = {});
  /// A null tensor if not given.
  MaybeTensor optionalTensor(llvm::StringRef name);
  mlir::FailureOr<DimAttr> integer(llvm::StringRef name);
  mlir::FailureOr<int64_t> constant(llvm::StringRef name);
  mlir::FailureOr<double> real(llvm::StringRef name, double fallback);
  mlir::FailureOr<bool> flag(llvm::StringRef name, bool fallback);
  mlir::FailureOr<std::string> text(llvm::StringRef name);
  mlir::FailureOr<Dims> shape(llvm::StringRef name);
  /// One axis or a list of them, counted from the front, sorted and distinct.
  mlir::FailureOr<llvm::SmallVector<int64_t>> axes(llvm::StringRef name,
                                                   int64_t rank);
  mlir::FailureOr<int64_t> axis(llvm::StringRef name, int64_t rank,
                                int64_t fallback);
  mlir::LogicalResult wrong(llvm::StringRef name, const llvm::Twine &expected);

private:
  std::vector<std::string_view> names;
  std::vector<std::optional<Value>> values;
};

/// A function's result as a value.
inline MaybeValue asValue(MaybeTensor tensor) {
  return mlir::failed(tensor) ? MaybeValue(mlir::failure())
                              : MaybeValue(Value(*tensor));
}

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_EXPANDER_H
