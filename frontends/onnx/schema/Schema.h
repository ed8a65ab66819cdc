// The operators of ONNX: which versions there are, what each takes.
//
// A table of every schema of the onnx package (SchemaTable.inc). Lookups follow
// ONNX: the schema in force is the newest one not newer than the opset.
// All data is static; every function is thread-safe.
#ifndef ATTUNE_FRONTENDS_ONNX_SCHEMA_SCHEMA_H
#define ATTUNE_FRONTENDS_ONNX_SCHEMA_SCHEMA_H

#include "frontends/onnx/reader/Model.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace attune::onnx {

struct OperatorSchema {
  std::string_view domain; ///< "" is ai.onnx.
  std::string_view name;
  int since;
  bool deprecated;             ///< Must not be used from this version on.
  int minInputs, maxInputs;    ///< -1: no limit.
  unsigned requiredInputs;     ///< See requiresInput.
  int minOutputs, maxOutputs;  ///< -1: no limit.
  std::string_view attributes; ///< See SchemaTable.inc; use attributesOf.
};

struct AttributeSchema {
  std::string_view name;
  AttributeType type;
  bool required;
  std::string_view defaultText; ///< Empty: no default.
};

/// The newest opset of the default domain that the table knows.
int newestOpset();

/// The schema in force for `opset`; null if the operator does not exist then.
const OperatorSchema *findSchema(std::string_view domain, std::string_view name,
                                 int64_t opset);

std::vector<AttributeSchema> attributesOf(const OperatorSchema &schema);

/// The value an attribute has where a node leaves it out; nothing if it then
/// has none. Its strings live for ever.
std::optional<Attribute> defaultOf(const OperatorSchema &schema,
                                   std::string_view attribute);

/// Whether input `i` may not be left out (given as an empty name).
bool requiresInput(const OperatorSchema &schema, size_t i);

/// Why `node` is no valid use of the operator (number of inputs and outputs,
/// unknown, missing or mistyped attributes); empty if it is.
std::string checkNode(const Node &node, const OperatorSchema &schema);

} // namespace attune::onnx

#endif // ATTUNE_FRONTENDS_ONNX_SCHEMA_SCHEMA_H
