// The few lookups of Model.h.
#include "frontends/onnx/reader/Model.h"

#include "frontends/onnx/reader/MappedFile.h"

#include <array>

namespace attune::onnx {

Model::Model() = default;
Model::~Model() = default;

std::string attributeTypeName(AttributeType type) {
  static constexpr std::array<const char *, 15> names = {
      "UNDEFINED",      "FLOAT",      "INT",        "STRING",
      "TENSOR",         "GRAPH",      "FLOATS",     "INTS",
      "STRINGS",        "TENSORS",    "GRAPHS",     "SPARSE_TENSOR",
      "SPARSE_TENSORS", "TYPE_PROTO", "TYPE_PROTOS"};
  auto number = static_cast<int32_t>(type);
  if (number < 0 || number >= static_cast<int32_t>(names.size()))
    return "type " + std::to_string(number);
  return names[number];
}

const Attribute *Node::find(std::string_view attribute) const {
  for (const Attribute &candidate : attributes)
    if (candidate.name == attribute)
      return &candidate;
  return nullptr;
}

int64_t Model::opset(std::string_view domain) const {
  for (const OpsetImport &import : opsets)
    if (import.domain == domain)
      return import.version;
  return 0;
}

} // namespace attune::onnx
