// Local functions: unique, not recursive, and not a bomb when expanded. Also
// checks that each operator comes from a domain the model imports.
#include "frontends/onnx/reader/GraphCheck.h"

#include <algorithm>
#include <tuple>

namespace attune::onnx {
namespace {

using Key = std::tuple<std::string_view, std::string_view, std::string_view>;

class Functions {
public:
  Functions(const Model &model, const ReadLimits &limits, ErrorSink &error)
      : model(model), limits(limits), error(error) {}
  bool check();

private:
  size_t find(const Node &node) const;
  bool collect(const Graph &graph, const std::vector<OpsetImport> &opsets,
               const Frame &frame, uint64_t &nodes, std::vector<size_t> &calls);
  bool checkDomain(const Node &node, const std::vector<OpsetImport> &opsets,
                   const Frame &frame);
  bool expand();
  Frame frameOf(size_t function) const {
    return {"function", &model.functions[function].name, function};
  }

  static constexpr size_t none = static_cast<size_t>(-1);
  const Model &model;
  const ReadLimits &limits;
  ErrorSink &error;
  std::vector<std::pair<Key, size_t>> sorted;
  /// Per function, and last for the main graph: own nodes, and callees.
  std::vector<uint64_t> nodes;
  std::vector<std::vector<size_t>> calls;
};

size_t Functions::find(const Node &node) const {
  Key key{node.domain, node.op, node.overload};
  auto at = std::lower_bound(
      sorted.begin(), sorted.end(), key,
      [](const auto &entry, const Key &k) { return entry.first < k; });
  return at != sorted.end() && at->first == key ? at->second : none;
}

bool Functions::checkDomain(const Node &node,
                            const std::vector<OpsetImport> &opsets,
                            const Frame &frame) {
  for (const OpsetImport &import : opsets)
    if (import.domain == node.domain)
      return true;
  return error.report(
      &frame, describeMismatch("field 'domain'", "a domain in opset_import",
                               quoted(node.domain), adviceExporter));
}

bool Functions::collect(const Graph &graph,
                        const std::vector<OpsetImport> &opsets,
                        const Frame &frame, uint64_t &count,
                        std::vector<size_t> &callees) {
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node &node = graph.nodes[i];
    Frame here{"node", &node.name, i, &node.op, &frame};
    size_t callee = find(node);
    ++count;
    if (callee != none)
      callees.push_back(callee);
    else if (!checkDomain(node, opsets, here))
      return false;
    for (const Attribute &attribute : node.attributes)
      for (const Graph &subgraph : attribute.graphs)
        if (!collect(subgraph, opsets, here, count, callees))
          return false;
  }
  return true;
}

/// Visits callees before callers (iteratively), adding up expanded sizes.
bool Functions::expand() {
  enum class Mark : uint8_t { New, Open, Done };
  std::vector<Mark> marks(calls.size(), Mark::New);
  std::vector<size_t> next(calls.size(), 0), stack;
  for (size_t root = 0; root < calls.size(); ++root) {
    if (marks[root] == Mark::New)
      stack.push_back(root);
    while (!stack.empty()) {
      size_t at = stack.back();
      marks[at] = Mark::Open;
      if (next[at] == calls[at].size()) {
        marks[at] = Mark::Done;
        stack.pop_back();
        continue;
      }
      size_t callee = calls[at][next[at]];
      if (marks[callee] == Mark::Open) {
        Frame frame = frameOf(callee);
        return error.report(
            &frame,
            describeMismatch("nodes", "calls of other functions",
                             "a call back to this function", adviceExporter));
      }
      if (marks[callee] == Mark::New) {
        stack.push_back(callee);
        continue;
      }
      ++next[at];
      nodes[at] += nodes[callee];
      if (nodes[at] > limits.maxExpandedNodes)
        return error.report(
            nullptr, describeMismatch(
                         "functions",
                         "at most " + std::to_string(limits.maxExpandedNodes) +
                             " nodes after expansion",
                         "more", "split the model"));
    }
  }
  return true;
}

bool Functions::check() {
  for (size_t i = 0; i < model.functions.size(); ++i) {
    const Function &f = model.functions[i];
    sorted.push_back({Key{f.domain, f.name, f.overload}, i});
  }
  std::sort(sorted.begin(), sorted.end());
  for (size_t i = 1; i < sorted.size(); ++i)
    if (sorted[i].first == sorted[i - 1].first) {
      Frame frame = frameOf(sorted[i].second);
      return error.report(
          &frame, describeMismatch("field 'name'", "each function once",
                                   "a second definition", adviceExporter));
    }
  nodes.resize(model.functions.size() + 1);
  calls.resize(model.functions.size() + 1);
  for (size_t i = 0; i < model.functions.size(); ++i) {
    const Function &f = model.functions[i];
    // Old files leave the imports of a function to the model's.
    if (!collect(f.body, f.opsets.empty() ? model.opsets : f.opsets, frameOf(i),
                 nodes[i], calls[i]))
      return false;
  }
  Frame frame{"graph", &model.graph.name};
  return collect(model.graph, model.opsets, frame, nodes.back(),
                 calls.back()) &&
         expand();
}

} // namespace

bool checkFunctions(const Model &model, const ReadLimits &limits,
                    ErrorSink &error) {
  return Functions(model, limits, error).check();
}

} // namespace attune::onnx
