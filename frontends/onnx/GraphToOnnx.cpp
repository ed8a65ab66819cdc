// Model -> onnx dialect: one onnx.node per node, functions expanded in place.
#include "frontends/onnx/GraphToOnnx.h"

#include "frontends/onnx/ONNX.h"
#include "frontends/onnx/ReadFile.h"
#include "frontends/onnx/reader/Error.h"
#include "frontends/onnx/reader/Model.h"
#include "frontends/onnx/reader/Reader.h"
#include "frontends/onnx/schema/Schema.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/DialectResourceBlobManager.h"

#include <array>
#include <map>

namespace attune::onnx {
namespace {

llvm::StringRef ref(std::string_view text) {
  return {text.data(), text.size()};
}

/// The MLIR type of elements; null for strings and undefined.
mlir::Type elementType(DataType type, mlir::Builder &b) {
  mlir::MLIRContext *c = b.getContext();
  auto integer = [&](unsigned bits) { return b.getIntegerType(bits); };
  auto natural = [&](unsigned bits) { return b.getIntegerType(bits, false); };
  switch (type) {
  case DataType::Undefined:
  case DataType::String:
    return {};
  case DataType::Float:
    return b.getF32Type();
  case DataType::Double:
    return b.getF64Type();
  case DataType::Float16:
    return b.getF16Type();
  case DataType::Bfloat16:
    return b.getBF16Type();
  case DataType::Bool:
    return b.getI1Type();
  case DataType::Int8:
    return integer(8);
  case DataType::Int16:
    return integer(16);
  case DataType::Int32:
    return integer(32);
  case DataType::Int64:
    return integer(64);
  case DataType::Int4:
    return integer(4);
  case DataType::Int2:
    return integer(2);
  case DataType::Uint8:
    return natural(8);
  case DataType::Uint16:
    return natural(16);
  case DataType::Uint32:
    return natural(32);
  case DataType::Uint64:
    return natural(64);
  case DataType::Uint4:
    return natural(4);
  case DataType::Uint2:
    return natural(2);
  case DataType::Complex64:
    return mlir::ComplexType::get(b.getF32Type());
  case DataType::Complex128:
    return mlir::ComplexType::get(b.getF64Type());
  case DataType::Float8E4M3FN:
    return mlir::Float8E4M3FNType::get(c);
  case DataType::Float8E4M3FNUZ:
    return mlir::Float8E4M3FNUZType::get(c);
  case DataType::Float8E5M2:
    return mlir::Float8E5M2Type::get(c);
  case DataType::Float8E5M2FNUZ:
    return mlir::Float8E5M2FNUZType::get(c);
  case DataType::Float8E8M0:
    return mlir::Float8E8M0FNUType::get(c);
  case DataType::Float4E2M1:
    return mlir::Float4E2M1FNType::get(c);
  case DataType::Float6E2M3:
    return mlir::Float6E2M3FNType::get(c);
  case DataType::Float6E3M2:
    return mlir::Float6E3M2FNType::get(c);
  }
  return {};
}

/// Values by name. An inner scope hides the names of the one around it.
struct Scope {
  llvm::StringMap<mlir::Value> values;
  const Scope *outer = nullptr;
  /// Within the expansion of a function: the node that calls it and what
  /// attribute references in the body stand for.
  const Node *caller = nullptr;
  const Function *function = nullptr;
  const Scope *callerScope = nullptr;
  std::string prefix; ///< Of the names of expanded nodes.

  mlir::Value find(std::string_view name) const {
    for (const Scope *scope = this; scope; scope = scope->outer)
      if (auto found = scope->values.find(ref(name));
          found != scope->values.end())
        return found->second;
    return {};
  }
};

class GraphBuilder {
public:
  GraphBuilder(std::shared_ptr<const Model> model, mlir::MLIRContext &context,
               std::string &error)
      : model(std::move(model)), b(&context), error(error) {}

  mlir::OwningOpRef<mlir::ModuleOp> build();

private:
  mlir::Type typeOf(const Type &type);
  mlir::Attribute dimNames(const Type &type);
  mlir::Attribute tensorAttribute(const Tensor &tensor);
  mlir::Attribute attribute(const Attribute &attribute);
  const Attribute *resolve(const Attribute &attribute, const Scope &scope);
  mlir::Location locationOf(const Node &node, const Scope &scope);
  const Function *functionOf(const Node &node) const;

  void report(const Node &node, const std::string &complaint) {
    error += model->file + ": node " + quoted(node.name) + " (" +
             quoted(node.op) + "): " + complaint + "\n";
  }
  void addInitializers(const Graph &graph, Scope &scope);
  void addNodes(const Graph &graph, Scope &scope,
                const std::vector<OpsetImport> &opsets);
  void addNode(const Node &node, Scope &scope,
               const std::vector<OpsetImport> &opsets,
               const llvm::StringMap<mlir::Type> &types);
  void expand(const Node &node, const Function &function, Scope &scope);
  void addBody(const Graph &graph, mlir::Region &region, const Scope &scope,
               const std::vector<OpsetImport> &opsets);

  std::shared_ptr<const Model> model;
  std::map<std::array<std::string_view, 3>, const Function *> functions;
  mlir::OpBuilder b;
  std::string &error;
};

mlir::Type GraphBuilder::typeOf(const Type &type) {
  mlir::Type element = elementType(type.elementType, b);
  if (type.kind != Type::Kind::Tensor || !element)
    return b.getNoneType();
  if (!type.hasShape)
    return mlir::UnrankedTensorType::get(element);
  llvm::SmallVector<int64_t> extents;
  for (const Dim &dim : type.dims)
    extents.push_back(dim.hasValue ? dim.value : mlir::ShapedType::kDynamic);
  return mlir::RankedTensorType::get(extents, element);
}

mlir::Attribute GraphBuilder::dimNames(const Type &type) {
  llvm::SmallVector<mlir::Attribute> names;
  for (const Dim &dim : type.dims)
    names.push_back(b.getStringAttr(ref(dim.param)));
  return b.getArrayAttr(names);
}

mlir::Attribute GraphBuilder::tensorAttribute(const Tensor &tensor) {
  if (tensor.type == DataType::String) {
    llvm::SmallVector<mlir::Attribute> strings;
    for (std::string_view text : tensor.strings)
      strings.push_back(b.getStringAttr(ref(text)));
    return b.getArrayAttr(strings);
  }
  auto type =
      mlir::RankedTensorType::get(tensor.dims, elementType(tensor.type, b));
  llvm::ArrayRef<char> bytes(
      reinterpret_cast<const char *>(tensor.bytes.data()), tensor.bytes.size());
  // Alignment 1: protobuf aligns nothing. The deleter holds the mapping.
  auto blob = mlir::UnmanagedAsmResourceBlob::allocateWithAlign(
      bytes, 1, [keep = model](void *, size_t, size_t) {});
  std::string name =
      tensor.name.empty() ? "constant" : std::string(tensor.name);
  return mlir::DenseResourceElementsAttr::get(type, name, std::move(blob));
}

mlir::Attribute GraphBuilder::attribute(const Attribute &a) {
  llvm::SmallVector<mlir::Attribute> list;
  switch (a.type) {
  case AttributeType::Float:
    return b.getF32FloatAttr(a.floats.front());
  case AttributeType::Int:
    return b.getI64IntegerAttr(a.ints.front());
  case AttributeType::String:
    return b.getStringAttr(ref(a.strings.front()));
  case AttributeType::Tensor:
    return tensorAttribute(a.tensors.front());
  case AttributeType::Floats:
    return b.getDenseF32ArrayAttr(a.floats);
  case AttributeType::Ints:
    return b.getDenseI64ArrayAttr(a.ints);
  case AttributeType::Strings:
    for (std::string_view text : a.strings)
      list.push_back(b.getStringAttr(ref(text)));
    return b.getArrayAttr(list);
  case AttributeType::Tensors:
    for (const Tensor &tensor : a.tensors)
      list.push_back(tensorAttribute(tensor));
    return b.getArrayAttr(list);
  case AttributeType::Type:
    return mlir::TypeAttr::get(typeOf(a.types.front()));
  case AttributeType::Types:
    for (const Type &type : a.types)
      list.push_back(mlir::TypeAttr::get(typeOf(type)));
    return b.getArrayAttr(list);
  default: // Graphs become bodies; the reader refuses sparse tensors.
    return b.getUnitAttr();
  }
}

const Attribute *GraphBuilder::resolve(const Attribute &attribute,
                                       const Scope &scope) {
  const Attribute *current = &attribute;
  const Scope *at = &scope;
  while (current && !current->reference.empty()) {
    while (at && !at->caller)
      at = at->outer;
    if (!at)
      return nullptr;
    const Attribute *given = at->caller->find(current->reference);
    if (!given)
      for (const Attribute &fallback : at->function->attributeDefaults)
        if (fallback.name == current->reference)
          given = &fallback;
    current = given;
    at = at->callerScope;
  }
  return current;
}

mlir::Location GraphBuilder::locationOf(const Node &node, const Scope &scope) {
  std::string_view name = node.name;
  for (std::string_view output : node.outputs)
    if (name.empty())
      name = output;
  return mlir::NameLoc::get(b.getStringAttr(scope.prefix + std::string(name)));
}

const Function *GraphBuilder::functionOf(const Node &node) const {
  auto found = functions.find({node.domain, node.op, node.overload});
  return found == functions.end() ? nullptr : found->second;
}

void GraphBuilder::addInitializers(const Graph &graph, Scope &scope) {
  for (const Tensor &tensor : graph.initializers) {
    auto loc = mlir::NameLoc::get(b.getStringAttr(ref(tensor.name)));
    mlir::Attribute value = tensorAttribute(tensor);
    mlir::Type type = b.getNoneType();
    if (auto elements = llvm::dyn_cast<mlir::ElementsAttr>(value))
      type = elements.getType();
    auto node =
        NodeOp::create(b, loc, type, b.getStringAttr("Constant"), nullptr,
                       b.getI64IntegerAttr(1), mlir::ValueRange(), nullptr,
                       b.getDictionaryAttr(b.getNamedAttr("value", value)),
                       b.getUnitAttr(), nullptr, 0);
    scope.values[ref(tensor.name)] = node.getResult(0);
  }
}

void GraphBuilder::addBody(const Graph &graph, mlir::Region &region,
                           const Scope &outer,
                           const std::vector<OpsetImport> &opsets) {
  mlir::OpBuilder::InsertionGuard guard(b);
  mlir::Block *block = b.createBlock(&region);
  Scope scope;
  scope.outer = &outer;
  scope.prefix = outer.prefix;
  for (const ValueInfo &input : graph.inputs)
    scope.values[ref(input.name)] =
        block->addArgument(typeOf(input.type), b.getUnknownLoc());
  addInitializers(graph, scope);
  addNodes(graph, scope, opsets);
  llvm::SmallVector<mlir::Value> outputs;
  for (const ValueInfo &output : graph.outputs)
    if (mlir::Value value = scope.find(output.name))
      outputs.push_back(value);
  YieldOp::create(b, b.getUnknownLoc(), outputs);
}

void GraphBuilder::expand(const Node &node, const Function &function,
                          Scope &scope) {
  Scope inner;
  inner.caller = &node;
  inner.function = &function;
  inner.callerScope = &scope;
  inner.prefix =
      scope.prefix + std::string(node.name.empty() ? node.op : node.name) + "/";
  for (size_t i = 0; i < function.inputs.size() && i < node.inputs.size(); ++i)
    if (!node.inputs[i].empty())
      inner.values[ref(function.inputs[i])] = scope.find(node.inputs[i]);
  addNodes(function.body, inner,
           function.opsets.empty() ? model->opsets : function.opsets);
  for (size_t i = 0; i < node.outputs.size() && i < function.outputs.size();
       ++i)
    if (mlir::Value value = inner.find(function.outputs[i]))
      scope.values[ref(node.outputs[i])] = value;
}

void GraphBuilder::addNode(const Node &node, Scope &scope,
                           const std::vector<OpsetImport> &opsets,
                           const llvm::StringMap<mlir::Type> &types) {
  int64_t opset = 0;
  for (const OpsetImport &import : opsets)
    if (import.domain == node.domain)
      opset = import.version;
  const OperatorSchema *schema = findSchema(node.domain, node.op, opset);
  llvm::SmallVector<mlir::Value> inputs;
  llvm::SmallVector<int64_t> absent;
  for (auto [i, name] : llvm::enumerate(node.inputs)) {
    // In functions a name may stand for an input that the caller left out.
    mlir::Value value = name.empty() ? mlir::Value() : scope.find(name);
    if (value)
      inputs.push_back(value);
    else
      absent.push_back(i);
    if (!value && schema && requiresInput(*schema, i))
      report(node, describeMismatch("input " + std::to_string(i), "a value",
                                    "none", adviceExporter));
  }
  mlir::NamedAttrList attributes;
  llvm::SmallVector<mlir::Attribute> bodyNames;
  llvm::SmallVector<const Graph *> bodies;
  for (const Attribute &given : node.attributes) {
    const Attribute *value = resolve(given, scope);
    if (!value)
      continue;
    for (const Graph &graph : value->graphs) {
      bodyNames.push_back(b.getStringAttr(ref(given.name)));
      bodies.push_back(&graph);
    }
    if (value->graphs.empty())
      attributes.set(ref(given.name), attribute(*value));
  }
  if (schema) {
    if (std::string complaint = checkNode(node, *schema); !complaint.empty())
      report(node, complaint);
    for (const AttributeSchema &row : attributesOf(*schema))
      if (!attributes.get(ref(row.name)))
        if (auto value = defaultOf(*schema, row.name))
          attributes.set(ref(row.name), attribute(*value));
  }
  llvm::SmallVector<mlir::Type> outputTypes;
  for (std::string_view output : node.outputs) {
    mlir::Type type = types.lookup(ref(output));
    outputTypes.push_back(type ? type : b.getNoneType());
  }
  auto op = NodeOp::create(
      b, locationOf(node, scope), outputTypes, b.getStringAttr(ref(node.op)),
      node.domain.empty() ? nullptr : b.getStringAttr(ref(node.domain)),
      b.getI64IntegerAttr(schema ? schema->since : opset), inputs,
      absent.empty() ? nullptr : b.getDenseI64ArrayAttr(absent),
      attributes.getDictionary(b.getContext()), nullptr,
      bodies.empty() ? nullptr : b.getArrayAttr(bodyNames), bodies.size());
  for (auto [graph, region] : llvm::zip(bodies, op.getBodies()))
    addBody(*graph, region, scope, opsets);
  for (auto [name, value] : llvm::zip(node.outputs, op.getOutputs()))
    if (!name.empty())
      scope.values[ref(name)] = value;
}

void GraphBuilder::addNodes(const Graph &graph, Scope &scope,
                            const std::vector<OpsetImport> &opsets) {
  llvm::StringMap<mlir::Type> types;
  for (const ValueInfo &value : graph.valueInfos)
    types[ref(value.name)] = typeOf(value.type);
  for (const ValueInfo &value : graph.outputs)
    types[ref(value.name)] = typeOf(value.type);
  for (const Node &node : graph.nodes) {
    if (const Function *function = functionOf(node))
      expand(node, *function, scope);
    else
      addNode(node, scope, opsets, types);
  }
}

mlir::OwningOpRef<mlir::ModuleOp> GraphBuilder::build() {
  const Graph &graph = model->graph;
  for (const Function &f : model->functions)
    functions[{f.domain, f.name, f.overload}] = &f;
  mlir::OwningOpRef<mlir::ModuleOp> module =
      mlir::ModuleOp::create(b.getUnknownLoc());
  b.setInsertionPointToEnd(module->getBody());
  llvm::SmallVector<mlir::Type> inputTypes, outputTypes;
  for (const ValueInfo &input : graph.inputs)
    inputTypes.push_back(typeOf(input.type));
  auto func = mlir::func::FuncOp::create(b, b.getUnknownLoc(), "main",
                                         b.getFunctionType(inputTypes, {}));
  mlir::Block *block = func.addEntryBlock();
  b.setInsertionPointToEnd(block);
  Scope scope;
  for (auto [i, input] : llvm::enumerate(graph.inputs)) {
    func.setArgAttr(i, "nn.name", b.getStringAttr(ref(input.name)));
    if (input.type.hasShape)
      func.setArgAttr(i, "onnx.dims", dimNames(input.type));
    scope.values[ref(input.name)] = block->getArgument(i);
  }
  if (int64_t opset = model->opset(""); opset > newestOpset())
    error += model->file + ": " +
             describeMismatch("opset_import",
                              "opset " + std::to_string(newestOpset()) +
                                  " of ONNX or an older one",
                              std::to_string(opset),
                              "export the model for an older opset") +
             "\n";
  // An initializer of an input's name is its default; importing uses that.
  addInitializers(graph, scope);
  addNodes(graph, scope, model->opsets);
  llvm::SmallVector<mlir::Value> outputs;
  for (const ValueInfo &output : graph.outputs) {
    outputs.push_back(scope.find(output.name));
    outputTypes.push_back(outputs.back().getType());
  }
  mlir::func::ReturnOp::create(b, b.getUnknownLoc(), outputs);
  func.setFunctionType(b.getFunctionType(inputTypes, outputTypes));
  for (auto [i, output] : llvm::enumerate(graph.outputs))
    func.setResultAttr(i, "nn.name", b.getStringAttr(ref(output.name)));
  if (!error.empty())
    return {};
  return module;
}

} // namespace

mlir::OwningOpRef<mlir::ModuleOp>
graphToOnnx(std::shared_ptr<const Model> model, mlir::MLIRContext &context,
            std::string &error) {
  context.loadDialect<ONNXDialect, mlir::func::FuncDialect>();
  return GraphBuilder(std::move(model), context, error).build();
}

mlir::OwningOpRef<mlir::ModuleOp> readOnnx(const std::filesystem::path &file,
                                           mlir::MLIRContext &context,
                                           std::string &error) {
  std::shared_ptr<const Model> model = readModel(file, error);
  if (!model) {
    error += '\n';
    return {};
  }
  return graphToOnnx(std::move(model), context, error);
}

} // namespace attune::onnx
