// Names, order and cycles of graphs.
#include "frontends/onnx/reader/GraphCheck.h"

#include <algorithm>

namespace attune::onnx {
namespace {

/// Where a name comes from: a node of the graph, or `external`.
constexpr size_t external = static_cast<size_t>(-1);

struct Definition {
  std::string_view name;
  size_t node;
};

/// One graph under examination. Names are kept sorted rather than hashed: a
/// hash table could be made quadratic by chosen names.
class Scope {
public:
  Scope(Graph &graph, const Frame &frame, const Scope *outer, ErrorSink &error)
      : graph(graph), frame(frame), outer(outer), error(error) {}

  /// Everything at once; false after reporting an error.
  bool check(const std::vector<std::string_view> &inputs,
             const std::vector<std::string_view> &outputs);

  /// Names of outer graphs that this one uses, possibly repeated.
  std::vector<std::string_view> captures;

private:
  const Definition *find(std::string_view name) const;
  bool isVisible(std::string_view name) const;
  bool define(const std::vector<std::string_view> &inputs);
  bool resolve(std::string_view name, const Frame &user, const char *role,
               size_t index);
  bool connect(size_t node);
  bool connectSubgraphs(size_t node, const Frame &nodeFrame);
  bool sort();
  bool reportCycle(size_t node);
  Frame frameOf(size_t node) const;

  Graph &graph;
  const Frame &frame;
  const Scope *outer;
  ErrorSink &error;
  std::vector<Definition> definitions;
  /// Producers each node needs: edges[firstEdge[n] .. firstEdge[n + 1]).
  std::vector<size_t> edges, firstEdge;
};

Frame Scope::frameOf(size_t node) const {
  const Node &n = graph.nodes[node];
  return {"node", &n.name, node, &n.op, &frame};
}

const Definition *Scope::find(std::string_view name) const {
  auto at = std::lower_bound(
      definitions.begin(), definitions.end(), name,
      [](const Definition &d, std::string_view n) { return d.name < n; });
  return at != definitions.end() && at->name == name ? &*at : nullptr;
}

bool Scope::isVisible(std::string_view name) const {
  for (const Scope *scope = this; scope; scope = scope->outer)
    if (scope->find(name))
      return true;
  return false;
}

/// Sorts `names` and reports one that occurs twice.
bool checkUnique(std::vector<std::string_view> names, const char *what,
                 const Frame &frame, ErrorSink &error) {
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice == names.end())
    return true;
  return error.report(&frame, describeMismatch(what, "each name once",
                                               quoted(*twice) + " twice",
                                               adviceExporter));
}

bool Scope::define(const std::vector<std::string_view> &inputs) {
  std::vector<std::string_view> weights;
  for (const Tensor &tensor : graph.initializers)
    weights.push_back(tensor.name);
  if (!checkUnique(inputs, "inputs", frame, error) ||
      !checkUnique(weights, "initializers", frame, error))
    return false;
  // An initializer may have the name of an input: it is then its default.
  for (std::string_view name : inputs)
    definitions.push_back({name, external});
  for (std::string_view name : weights)
    definitions.push_back({name, external});
  for (size_t i = 0; i < graph.nodes.size(); ++i)
    for (std::string_view name : graph.nodes[i].outputs)
      if (!name.empty())
        definitions.push_back({name, i});
  std::sort(definitions.begin(), definitions.end(),
            [](const Definition &a, const Definition &b) {
              // `external` is the largest number: nodes first.
              return a.name < b.name || (a.name == b.name && a.node < b.node);
            });
  for (size_t i = 1; i < definitions.size(); ++i) {
    const Definition &a = definitions[i - 1], &b = definitions[i];
    if (a.name != b.name || a.node == external)
      continue;
    Frame user = frameOf(b.node == external ? a.node : b.node);
    return error.report(
        &user,
        describeMismatch("output", "a name that nothing else defines",
                         quoted(a.name) + " defined twice", adviceExporter));
  }
  return true;
}

bool Scope::resolve(std::string_view name, const Frame &user, const char *role,
                    size_t index) {
  if (const Definition *definition = find(name)) {
    if (definition->node != external)
      edges.push_back(definition->node);
    return true;
  }
  if (outer && outer->isVisible(name)) {
    captures.push_back(name);
    return true;
  }
  return error.report(
      &user, describeMismatch(
                 role + (" " + std::to_string(index)),
                 "the name of an input, an initializer or a node output",
                 quoted(name) + ", which nothing defines", adviceExporter));
}

bool Scope::connect(size_t node) {
  Frame user = frameOf(node);
  const std::vector<std::string_view> &inputs = graph.nodes[node].inputs;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (!inputs[i].empty() && !resolve(inputs[i], user, "input", i))
      return false;
  return connectSubgraphs(node, user);
}

std::vector<std::string_view> namesOf(const std::vector<ValueInfo> &values) {
  std::vector<std::string_view> names;
  for (const ValueInfo &value : values)
    names.push_back(value.name);
  return names;
}

bool Scope::connectSubgraphs(size_t node, const Frame &nodeFrame) {
  for (Attribute &attribute : graph.nodes[node].attributes)
    for (Graph &subgraph : attribute.graphs) {
      Frame inner{"attribute", &attribute.name, 0, nullptr, &nodeFrame};
      Scope scope(subgraph, inner, this, error);
      if (!scope.check(namesOf(subgraph.inputs), namesOf(subgraph.outputs)))
        return false;
      // What the subgraph uses, the node needs.
      for (std::string_view name : scope.captures)
        if (!resolve(name, inner, "captured value", 0))
          return false;
    }
  return true;
}

bool Scope::reportCycle(size_t node) {
  Frame user = frameOf(node);
  return error.report(
      &user, describeMismatch("inputs", "values made by earlier nodes",
                              "a cycle back to this node", adviceExporter));
}

/// Depth-first post-order from the nodes in file order, which is the identity
/// on graphs that are in order.
bool Scope::sort() {
  enum class Mark : uint8_t { New, Open, Placed };
  size_t count = graph.nodes.size();
  std::vector<Mark> marks(count, Mark::New);
  std::vector<size_t> order, next(firstEdge.begin(), firstEdge.end()), stack;
  order.reserve(count);
  for (size_t root = 0; root < count; ++root) {
    if (marks[root] == Mark::New)
      stack.push_back(root);
    while (!stack.empty()) {
      size_t node = stack.back();
      marks[node] = Mark::Open;
      if (next[node] == firstEdge[node + 1]) {
        marks[node] = Mark::Placed;
        order.push_back(node);
        stack.pop_back();
        continue;
      }
      size_t producer = edges[next[node]++];
      if (marks[producer] == Mark::Open)
        return reportCycle(producer);
      if (marks[producer] == Mark::New)
        stack.push_back(producer);
    }
  }
  if (std::is_sorted(order.begin(), order.end()))
    return true;
  std::vector<Node> sorted;
  sorted.reserve(count);
  for (size_t node : order)
    sorted.push_back(std::move(graph.nodes[node]));
  graph.nodes = std::move(sorted);
  return true;
}

bool Scope::check(const std::vector<std::string_view> &inputs,
                  const std::vector<std::string_view> &outputs) {
  if (!define(inputs))
    return false;
  for (size_t node = 0; node < graph.nodes.size(); ++node) {
    firstEdge.push_back(edges.size());
    if (!connect(node))
      return false;
  }
  firstEdge.push_back(edges.size());
  for (size_t i = 0; i < outputs.size(); ++i)
    if (!resolve(outputs[i], frame, "output", i))
      return false;
  return sort();
}

} // namespace

bool checkGraph(Graph &graph, const std::vector<std::string_view> &inputs,
                const std::vector<std::string_view> &outputs,
                const Frame &frame, ErrorSink &error) {
  return Scope(graph, frame, nullptr, error).check(inputs, outputs);
}

bool checkAndSort(Model &model, const ReadLimits &limits, ErrorSink &error) {
  Frame frame{"graph", &model.graph.name};
  if (!checkGraph(model.graph, namesOf(model.graph.inputs),
                  namesOf(model.graph.outputs), frame, error))
    return false;
  for (size_t i = 0; i < model.functions.size(); ++i) {
    Function &function = model.functions[i];
    Frame inner{"function", &function.name, i};
    if (!checkGraph(function.body, function.inputs, function.outputs, inner,
                    error))
      return false;
  }
  return checkFunctions(model, limits, error);
}

} // namespace attune::onnx
