// Checks that every value of a model is made exactly once and before it is
// used, and puts nodes in such an order if the file does not have one.
//
// Rules:
// - Within a graph each node output has a name of its own, different from the
//   graph's inputs and initializers. A subgraph may reuse an outer name, which
//   is then hidden in it.
// - A node input names a value of its graph or of a graph around it.
// - Nodes in an order that works keep it. Others are sorted: the nodes are
//   visited in file order, and each is placed after the nodes it needs. A cycle
//   is an error.
// - Local functions do not call themselves, and expanding all of them stays
//   below ReadLimits::maxExpandedNodes.
//
// Time is O(n log n) in the number of names; recursion follows the nesting of
// subgraphs only, which the parser has bounded.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_GRAPHCHECK_H
#define ATTUNE_FRONTENDS_ONNX_READER_GRAPHCHECK_H

#include "frontends/onnx/reader/Error.h"
#include "frontends/onnx/reader/Model.h"
#include "frontends/onnx/reader/Reader.h"

namespace attune::onnx {

/// Returns whether all is well; else `error` holds the first complaint.
bool checkAndSort(Model &model, const ReadLimits &limits, ErrorSink &error);

// The two halves, in the files named after them.
bool checkGraph(Graph &graph, const std::vector<std::string_view> &inputs,
                const std::vector<std::string_view> &outputs,
                const Frame &frame, ErrorSink &error);
bool checkFunctions(const Model &model, const ReadLimits &limits,
                    ErrorSink &error);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_GRAPHCHECK_H
