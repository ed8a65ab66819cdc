// Turns protobuf messages into the structures of Model.h. Private to the
// reader.
//
// One method per message of onnx.proto; field numbers are theirs. Each fills
// its output and reports the first thing wrong to the ErrorSink; callers check
// `ok()` and stop. Recursion follows the nesting of subgraphs and types only,
// which ReadLimits::maxDepth bounds.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_PARSER_H
#define ATTUNE_FRONTENDS_ONNX_READER_PARSER_H

#include "frontends/onnx/reader/ExternalData.h"
#include "frontends/onnx/reader/Message.h"

namespace attune::onnx {

using Bytes = std::span<const std::byte>;

/// A TensorProto before its elements are understood.
struct RawTensor;

class Parser {
public:
  Parser(Model &model, ExternalData &external, ErrorSink &error,
         const ReadLimits &limits, Bytes file)
      : model(model), external(external), limits(limits), error(error),
        context{error, limits, file.data()} {}

  bool parseModel(Bytes bytes);

private:
  bool ok() const { return !error.any(); }

  // ParseModel.cpp
  void parseOpset(Bytes bytes, const Frame &outer,
                  std::vector<OpsetImport> &out);
  void parseMetadata(Bytes bytes, const Frame &outer, Metadata &out);
  void parseFunction(Bytes bytes, const Frame &outer, Function &out);
  void checkModel(const Frame &frame, bool hasGraph);

  // ParseGraph.cpp
  void parseGraph(Bytes bytes, const Frame &outer, Graph &out);
  void parseNode(Bytes bytes, Frame frame, Node &out);
  void parseAttribute(Bytes bytes, Frame frame, Attribute &out);
  void finishAttribute(const Frame &frame, uint32_t present, Attribute &out);
  void parseValueInfo(Bytes bytes, Frame frame, ValueInfo &out);
  void checkAttributeNames(const Frame &frame, const Node &node);

  // ParseType.cpp
  void parseType(Bytes bytes, const Frame &outer, Type &out);
  void parseTensorType(Bytes bytes, const Frame &outer, Type &out);
  void parseElementType(Bytes bytes, const Frame &outer, uint32_t number,
                        Type &out);
  void parseShape(Bytes bytes, const Frame &outer, Type &out);

  // ParseTensor.cpp
  void parseTensor(Bytes bytes, Frame frame, Tensor &out);
  void countElements(const Frame &frame, Tensor &out);
  void locateBytes(const Frame &frame, const RawTensor &raw, Tensor &out);
  void takeTyped(const Frame &frame, const RawTensor &raw, uint64_t size,
                 Tensor &out);
  void takeFixed(const Frame &frame, const RawTensor &raw, uint64_t size,
                 Tensor &out);
  void takeVarints(const Frame &frame, const RawTensor &raw, uint64_t size,
                   Tensor &out);

  Model &model;
  ExternalData &external;
  const ReadLimits &limits;
  ErrorSink &error;
  ReadContext context;
  uint32_t graphDepth = 0;
  uint32_t typeDepth = 0;
};

/// "ai.onnx" and "" are the same domain.
inline std::string_view normalDomain(std::string_view domain) {
  return domain == "ai.onnx" ? std::string_view() : domain;
}

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_PARSER_H
