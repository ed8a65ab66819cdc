// The importer's entry points and its walk over the nodes.
//
// First every node is looked up in the table, so that one error can list all
// operators that are missing; then nodes are imported in order. A node that
// fails is reported and what depends on it is skipped, so that the report holds
// all independent causes and no consequences.
#include "frontends/onnx/Import.h"

#include "dialects/nn/Symbols.h"
#include "dialects/nn/Weights.h"
#include "frontends/onnx/Binder.h"
#include "frontends/onnx/Constants.h"
#include "frontends/onnx/GraphToOnnx.h"
#include "frontends/onnx/Parameters.h"
#include "frontends/onnx/ReadFile.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

namespace attune::onnx {

using namespace mlir;

namespace {

/// Of inputs and outputs: what a tensor of the runtime holds (ATTUNE_MAX_RANK).
constexpr size_t mostDims = 8;

class Importer {
public:
  Importer(func::FuncOp graph, const ImportOptions &options, std::string file,
           std::string &error)
      : graph(graph), options(options), file(std::move(file)), error(error),
        module(ModuleOp::create(graph.getLoc())),
        symbols(graph.getContext(), options), ops(*module, symbols) {
    ops.trains = options.trains;
    ops.trained.insert_range(options.trained);
  }

  OwningOpRef<ModuleOp> run();

private:
  void report(const Twine &line);
  void reportNode(NodeOp node, const Twine &reason);
  bool lookUpAll();
  void declareSymbols();
  bool checkBindings();
  bool addArguments();
  bool addArgument(BlockArgument argument, StringRef name);
  bool checkRank(const Twine &what, size_t rank);
  NodeOp initializerNamed(StringRef name);
  bool keeps(StringRef name) const;
  void importBlock(Block &block);
  void importNode(NodeOp node);
  bool importBranch(NodeOp node);
  bool finish();

  func::FuncOp graph;
  const ImportOptions &options;
  std::string file, &error;
  OwningOpRef<ModuleOp> module;
  Symbols symbols;
  Ops ops;
  func::FuncOp main;
  DenseMap<Value, Imported> values;
  llvm::StringMap<NodeOp> initializers;
};

/// Text in quotes with everything escaped that could end or split a line.
std::string quotedName(StringRef name) {
  std::string out;
  llvm::raw_string_ostream os(out);
  os << '\'';
  llvm::printEscapedString(name.take_front(120), os);
  os << '\'';
  return out;
}

void Importer::report(const Twine &line) {
  // A reason may quote the model, and a model's texts have no end.
  constexpr size_t most = 600;
  std::string text = (file + ": " + line).str();
  if (text.size() > most)
    text = text.substr(0, most) + "...";
  error += text + "\n";
}

void Importer::reportNode(NodeOp node, const Twine &reason) {
  std::string name;
  if (auto loc = dyn_cast<NameLoc>(node.getLoc()))
    name = loc.getName().str();
  std::string op = node.getOp().str();
  if (!node.getDomain().empty())
    op = (node.getDomain() + "." + op).str();
  report("node " + quotedName(name) + " (" + quotedName(op) + ", opset " +
         Twine(node.getSince()) + "): " + reason);
}

bool Importer::lookUpAll() {
  bool good = true;
  const ImportTable &table = ImportTable::get();
  graph.walk([&](NodeOp node) {
    StringRef op = node.getOp();
    if ((op == "If" && node.getDomain().empty()) ||
        table.find(node.getDomain(), op, node.getSince()))
      return;
    good = false;
    reportNode(node, table.knows(node.getDomain(), op)
                         ? "this version of the operator is not supported"
                         : "the operator is not supported");
  });
  return good;
}

NodeOp Importer::initializerNamed(StringRef name) {
  if (initializers.empty())
    for (NodeOp node : graph.getBody().front().getOps<NodeOp>())
      if (auto loc = dyn_cast<NameLoc>(node.getLoc()))
        if (node.getInitializer())
          initializers[loc.getName()] = node;
  return initializers.lookup(name);
}

bool Importer::keeps(StringRef name) const {
  return options.inputs.empty() || llvm::is_contained(options.inputs, name);
}

bool Importer::checkRank(const Twine &what, size_t rank) {
  if (rank <= mostDims)
    return true;
  report(what + ": expected at most " + Twine(mostDims) +
         " dimensions, found " + Twine(rank) + "; merge some of them");
  return false;
}

bool Importer::addArgument(BlockArgument argument, StringRef name) {
  auto type = dyn_cast<RankedTensorType>(argument.getType());
  if (!type || !isNNElement(type.getElementType())) {
    std::string shown;
    llvm::raw_string_ostream(shown) << argument.getType();
    report("input " + quotedName(name) +
           ": expected a tensor of known rank and supported type, found " +
           shown + "; export the model with typed inputs");
    return false;
  }
  if (!checkRank("input " + quotedName(name), type.getRank()))
    return false;
  auto params =
      graph.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(), "onnx.dims");
  Dims dims;
  for (auto [i, extent] : llvm::enumerate(type.getShape())) {
    StringRef param = cast<StringAttr>(params[i]).getValue();
    if (!ShapedType::isDynamic(extent))
      dims.push_back(ops.dim(extent));
    else if (!param.empty())
      dims.push_back(symbols.fromParam(param));
    else
      dims.push_back(symbols.fromParam((name + "_dim" + Twine(i)).str()));
  }
  if (failed(ops.checkDims(dims))) {
    report("input " + quotedName(name) + ": " + ops.reason);
    return false;
  }
  Type nnType = nn::tensorType(dims, type.getElementType());
  unsigned index = main.getNumArguments();
  (void)main.insertArgument(index, nnType,
                            ops.b.getDictionaryAttr(ops.b.getNamedAttr(
                                "nn.name", ops.b.getStringAttr(name))),
                            NameLoc::get(ops.b.getStringAttr(name)));
  values[argument] = ops.fromValue(main.getArgument(index));
  if (index == 0 && !dims.empty())
    ops.batch = dims[0].getConstant();
  return true;
}

void Importer::declareSymbols() {
  for (BlockArgument argument : graph.getArguments())
    if (auto params = graph.getArgAttrOfType<ArrayAttr>(argument.getArgNumber(),
                                                        "onnx.dims"))
      for (auto param : params.getAsRange<StringAttr>())
        symbols.declare(param.getValue());
}

bool Importer::checkBindings() {
  std::string known;
  for (NamedAttribute symbol : symbols.ranges())
    known += (known.empty() ? "" : ", ") + quotedName(symbol.getName());
  std::vector<std::string> unused = symbols.unusedBindings();
  for (const std::string &name : unused)
    report("expected a symbolic dim " + quotedName(name) +
           ", found none of that name; the inputs have " +
           (known.empty() ? "none" : known));
  return unused.empty();
}

bool Importer::addArguments() {
  bool good = true;
  declareSymbols();
  for (BlockArgument argument : graph.getArguments()) {
    auto name =
        graph.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.name");
    NodeOp initializer = initializerNamed(name);
    // Up to IR version 3 every initializer is also an input; such an input
    // stays one only if asked for.
    bool listed = llvm::is_contained(options.inputs, name.getValue());
    if (initializer && !listed)
      continue;
    if (!keeps(name)) {
      if (argument.use_empty())
        continue;
      report("input " + quotedName(name) +
             ": expected an unused input or one to keep, found one that the "
             "model reads; add it to the inputs to keep");
      good = false;
      continue;
    }
    good &= addArgument(argument, name);
    if (initializer && good)
      values[initializer.getResult(0)] = values[argument];
  }
  for (const std::string &name : options.inputs) {
    auto named = [&](BlockArgument argument) {
      return graph.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                "nn.name") == name;
    };
    if (llvm::none_of(graph.getArguments(), named)) {
      report("expected an input " + quotedName(name) +
             ", found none; check the inputs to keep");
      good = false;
    }
  }
  return good && checkBindings();
}

/// If with a condition that is known: its branch takes the node's place.
bool Importer::importBranch(NodeOp node) {
  auto condition = values.find(node.getInputs().front());
  if (condition == values.end())
    return true; // A consequence of an earlier failure.
  auto truth = ops.knownSplat(condition->second);
  if (!truth) {
    reportNode(node, "a condition that depends on data is not supported");
    return false;
  }
  StringRef wanted = *truth != 0 ? "then_branch" : "else_branch";
  for (auto [name, region] :
       llvm::zip(node.getBodyNamesAttr(), node.getBodies())) {
    if (cast<StringAttr>(name).getValue() != wanted)
      continue;
    importBlock(region.front());
    auto yield = cast<YieldOp>(region.front().getTerminator());
    if (yield.getValues().size() != node.getNumResults()) {
      reportNode(node, "branch '" + wanted + "' gives " +
                           Twine(yield.getValues().size()) +
                           " values, the node has " +
                           Twine(node.getNumResults()) + " outputs");
      return false;
    }
    for (auto [result, value] : llvm::zip(node.getResults(), yield.getValues()))
      if (auto found = values.find(value); found != values.end()) {
        Imported copy = found->second;
        values[result] = copy;
      }
  }
  return true;
}

void Importer::importNode(NodeOp node) {
  if (node.getInitializer() && values.contains(node.getResult(0)))
    return; // An input that overrides its default.
  if (node.getOp() == "If" && node.getDomain().empty()) {
    importBranch(node);
    return;
  }
  size_t count = node.getInputs().size() + node.getAbsent().size();
  std::vector<Imported> copies;
  copies.reserve(count);
  SmallVector<const Imported *> inputs;
  auto next = node.getInputs().begin();
  for (size_t i = 0; i < count; ++i) {
    if (llvm::is_contained(node.getAbsent(), int64_t(i))) {
      inputs.push_back(nullptr);
      continue;
    }
    auto found = values.find(*next++);
    if (found == values.end())
      return; // A consequence of an earlier failure.
    copies.push_back(found->second);
    inputs.push_back(&copies.back());
  }
  while (!inputs.empty() && !inputs.back())
    inputs.pop_back();
  ops.loc = node.getLoc();
  ops.reason.clear();
  Binder binder(ops, node, std::move(inputs));
  ImportFunction import =
      ImportTable::get().find(node.getDomain(), node.getOp(), node.getSince());
  // Outputs that an importer does not make are only missed if read.
  LogicalResult done = import(binder);
  for (auto [result, output] : llvm::zip(node.getResults(), binder.results()))
    if (output && succeeded(done)) {
      values[result] = *output;
      done = ops.checkDims(output->dims);
    } else if (succeeded(done) && !result.use_empty())
      done = ops.fail("output " + Twine(result.getResultNumber()) +
                      " is not supported");
  if (failed(done))
    reportNode(node, ops.reason);
}

void Importer::importBlock(Block &block) {
  for (NodeOp node : block.getOps<NodeOp>())
    importNode(node);
}

bool Importer::finish() {
  auto outputs = graph.getBody().front().getTerminator()->getOperands();
  ops.loc = ops.b.getUnknownLoc();
  SmallVector<Value> results;
  SmallVector<Type> types;
  for (auto [i, output] : llvm::enumerate(outputs)) {
    auto found = values.find(output);
    if (found == values.end())
      return false;
    auto name = graph.getResultAttrOfType<StringAttr>(i, "nn.name");
    if (!checkRank("output " + quotedName(name), found->second.rank()))
      return false;
    auto declared = dyn_cast<ShapedType>(output.getType());
    if (declared && declared.getElementType() != found->second.element) {
      std::string types;
      llvm::raw_string_ostream(types)
          << "expected the declared type " << declared.getElementType()
          << ", found " << found->second.element;
      report("output " + quotedName(name) + ": " + types);
      return false;
    }
    ops.loc = NameLoc::get(name);
    results.push_back(ops.full(found->second));
    types.push_back(results.back().getType());
  }
  func::ReturnOp::create(ops.b, graph.getLoc(), results);
  main.setFunctionType(
      FunctionType::get(main.getContext(), main.getArgumentTypes(), types));
  for (unsigned i = 0; i < results.size(); ++i)
    main.setResultAttr(i, "nn.name", graph.getResultAttr(i, "nn.name"));
  main->setAttr(nn::symbolsAttr, symbols.ranges());
  if (!ops.leftOut.empty())
    (*module)->setAttr(
        nn::leftOutAttr,
        ops.b.getArrayAttr(llvm::to_vector_of<Attribute>(ops.leftOut)));
  // Shape arithmetic that was folded leaves ops that nobody reads.
  for (Operation &op :
       llvm::make_early_inc_range(llvm::reverse(main.getBody().front())))
    if (isOpTriviallyDead(&op))
      op.erase();
  return true;
}

OwningOpRef<ModuleOp> Importer::run() {
  if (!lookUpAll())
    return {};
  ops.b.setInsertionPointToEnd(module->getBody());
  main = func::FuncOp::create(ops.b, graph.getLoc(), "main",
                              ops.b.getFunctionType({}, {}));
  Block *entry = main.addEntryBlock();
  if (!addArguments())
    return {};
  ops.b.setInsertionPointToEnd(entry);
  importBlock(graph.getBody().front());
  if (!error.empty() || !finish())
    return {};
  return std::move(module);
}

/// Diagnostics of the verifier as lines of the error.
OwningOpRef<ModuleOp> verified(OwningOpRef<ModuleOp> module,
                               const std::string &file, std::string &error) {
  ScopedDiagnosticHandler collect(
      module->getContext(), [&](Diagnostic &diagnostic) {
        std::string where;
        llvm::raw_string_ostream(where) << diagnostic.getLocation();
        error += file +
                 ": internal error: the importer made invalid IR: " + where +
                 ": " + diagnostic.str() + "\n";
        return success();
      });
  if (failed(verify(*module)))
    return {};
  return module;
}

} // namespace

OwningOpRef<ModuleOp> importOnnxGraph(const std::filesystem::path &file,
                                      MLIRContext &context,
                                      std::string &error) {
  error.clear();
  OwningOpRef<ModuleOp> graph = readOnnx(file, context, error);
  return graph ? verified(std::move(graph), file.string(), error)
               : std::move(graph);
}

OwningOpRef<ModuleOp> importOnnx(const std::filesystem::path &file,
                                 const ImportOptions &options,
                                 MLIRContext &context, std::string &error) {
  OwningOpRef<ModuleOp> graph = importOnnxGraph(file, context, error);
  if (!graph)
    return {};
  context.loadDialect<nn::NNDialect, func::FuncDialect, arith::ArithDialect>();
  auto main = cast<func::FuncOp>(graph->lookupSymbol("main"));
  if (options.trains) {
    separateParameters(main);
    tieParameters(main);
  }
  OwningOpRef<ModuleOp> module =
      Importer(main, options, file.string(), error).run();
  return module ? verified(std::move(module), file.string(), error)
                : std::move(module);
}

} // namespace attune::onnx
