// An ONNX model as data: what the reader hands to the importer.
//
// Every string_view and span points into memory that the Model owns (the mapped
// model file, mapped external data files, or decoded copies of the few tensors
// that the file stores as varints). Weights are therefore never copied, and
// everything here is valid exactly as long as the Model lives. A Model is
// immutable after reading and may be used by several threads.
//
// Tensor bytes are little-endian and packed without gaps, but NOT aligned:
// protobuf aligns nothing. Read elements with memcpy.
#ifndef ATTUNE_FRONTENDS_ONNX_READER_MODEL_H
#define ATTUNE_FRONTENDS_ONNX_READER_MODEL_H

#include "frontends/onnx/reader/DataType.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace attune::onnx {

class MappedFile;
struct Graph;

using Metadata = std::vector<std::pair<std::string_view, std::string_view>>;

/// One dimension of a declared shape: a number, a name, or neither (unknown).
struct Dim {
  bool hasValue = false;
  int64_t value = 0; ///< Not negative; meaningful if `hasValue`.
  std::string_view param;
};

/// A declared type.
struct Type {
  enum class Kind : uint8_t {
    None,
    Tensor,
    SparseTensor,
    Sequence,
    Optional,
    Map,
    Opaque
  };
  Kind kind = Kind::None;
  DataType elementType = DataType::Undefined; ///< Tensors; the key of a map.
  bool hasShape = false;                      ///< False: the rank is unknown.
  std::vector<Dim> dims;
  std::vector<Type> element; ///< One entry for Sequence, Optional and Map.
};

struct ValueInfo {
  std::string_view name;
  Type type;
};

/// A constant: the elements as raw_data would store them, wherever they were.
struct Tensor {
  std::string_view name;
  DataType type = DataType::Undefined;
  std::vector<int64_t> dims; ///< None negative.
  int64_t elements = 0;      ///< Product of `dims`.
  std::span<const std::byte> bytes;
  std::vector<std::string_view> strings; ///< For STRING, instead of `bytes`.
  bool external = false;                 ///< The bytes lie in another file.
};

enum class AttributeType : int32_t {
  Undefined = 0,
  Float = 1,
  Int = 2,
  String = 3,
  Tensor = 4,
  Graph = 5,
  Floats = 6,
  Ints = 7,
  Strings = 8,
  Tensors = 9,
  Graphs = 10,
  SparseTensor = 11,
  SparseTensors = 12,
  Type = 13,
  Types = 14,
};

/// "INT", "FLOATS"...; "type N" for numbers without a name.
std::string attributeTypeName(AttributeType type);

/// A named constant of a node. Singular values are the only entry of the list:
/// an INT is `ints[0]`.
struct Attribute {
  std::string_view name;
  AttributeType type = AttributeType::Undefined;
  /// Within a local function: the attribute of the caller whose value this is.
  std::string_view reference;
  std::vector<float> floats;
  std::vector<int64_t> ints;
  std::vector<std::string_view> strings; ///< Bytes; not necessarily UTF-8.
  std::vector<Tensor> tensors;
  std::vector<Graph> graphs;
  std::vector<Type> types;
};

struct Node {
  std::string_view name; ///< Often empty.
  std::string_view op;
  std::string_view domain; ///< "ai.onnx" is given as "".
  std::string_view overload;
  std::vector<std::string_view> inputs;  ///< Empty: an optional one left out.
  std::vector<std::string_view> outputs; ///< Empty: not wanted.
  std::vector<Attribute> attributes;     ///< Names are unique.
  Metadata metadata;

  /// Null if the node has no such attribute.
  const Attribute *find(std::string_view attribute) const;
};

/// Nodes in an order in which every value is made before it is used: the
/// file's own order if it is one, else sorted (see GraphCheck.h). Names are
/// unique within a graph; a subgraph may use names of the graphs around it.
struct Graph {
  std::string_view name;
  std::vector<Node> nodes;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
  std::vector<ValueInfo> valueInfos;
  std::vector<Tensor> initializers;
  Metadata metadata;
};

struct OpsetImport {
  std::string_view domain; ///< "ai.onnx" is given as "".
  int64_t version = 0;
};

/// A model-local function: a node whose (domain, op, overload) match stands
/// for its body. Functions do not call themselves, however indirectly.
struct Function {
  std::string_view name;
  std::string_view domain;
  std::string_view overload;
  std::vector<std::string_view> attributes; ///< Without default.
  std::vector<Attribute> attributeDefaults;
  std::vector<OpsetImport> opsets;
  std::vector<std::string_view> inputs;
  std::vector<std::string_view> outputs;
  Graph body; ///< Nodes and valueInfos only.
};

struct Model {
  Model();
  ~Model();
  Model(const Model &) = delete;
  Model &operator=(const Model &) = delete;

  std::string file; ///< As given by the caller; for messages.
  int64_t irVersion = 0;
  std::vector<OpsetImport> opsets;
  std::string_view producer, producerVersion, domain;
  Metadata metadata;
  Graph graph;
  std::vector<Function> functions;

  /// The version imported for `domain`; 0 if there is none.
  int64_t opset(std::string_view domain) const;

  // What the views point into.
  std::vector<std::unique_ptr<MappedFile>> mappings;
  std::deque<std::vector<std::byte>> decoded;
};

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_READER_MODEL_H
