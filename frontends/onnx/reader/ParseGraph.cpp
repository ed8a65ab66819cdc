// GraphProto, NodeProto, AttributeProto and ValueInfoProto.
#include "frontends/onnx/reader/Parser.h"

#include <algorithm>
#include <bit>

namespace attune::onnx {

void Parser::parseGraph(Bytes bytes, const Frame &outer, Graph &out) {
  Frame frame{"graph", &out.name, 0, nullptr, &outer};
  if (++graphDepth > limits.maxDepth)
    error.report(&outer,
                 describeMismatch("subgraph",
                                  "at most " + std::to_string(limits.maxDepth) +
                                      " levels",
                                  "more", "flatten the model's control flow"));
  Message message(context, &frame, bytes);
  std::string_view ignored;
  auto valueInfo = [&](const char *kind, std::vector<ValueInfo> &list) {
    ValueInfo &value = list.emplace_back();
    parseValueInfo(message.element(kind),
                   {kind, &value.name, list.size() - 1, nullptr, &frame},
                   value);
  };
  while (message.next()) {
    switch (message.number()) {
    case 1: {
      Node &node = out.nodes.emplace_back();
      parseNode(message.element("node"),
                {"node", &node.name, out.nodes.size() - 1, &node.op, &frame},
                node);
      break;
    }
    case 2:
      message.text("name", out.name);
      break;
    case 5: {
      Tensor &tensor = out.initializers.emplace_back();
      parseTensor(message.element("initializer"),
                  {"initializer", &tensor.name, out.initializers.size() - 1,
                   nullptr, &frame},
                  tensor);
      if (ok() && tensor.name.empty())
        message.fail("initializer", "a tensor with a name", "one without",
                     adviceExporter);
      break;
    }
    case 10:
      message.text("doc_string", ignored);
      break;
    case 11:
      valueInfo("input", out.inputs);
      break;
    case 12:
      valueInfo("output", out.outputs);
      break;
    case 13:
      valueInfo("value_info", out.valueInfos);
      break;
    case 15:
      message.fail("sparse_initializer", "dense initializers",
                   "a sparse initializer",
                   "attune has no sparse tensors; export with dense weights");
      break;
    case 16:
      parseMetadata(message.element("metadata_props"), frame, out.metadata);
      break;
    default: // Quantization annotations are hints.
      break;
    }
  }
  --graphDepth;
}

void Parser::parseNode(Bytes bytes, Frame frame, Node &out) {
  Message message(context, &frame, bytes);
  std::string_view ignored;
  while (message.next()) {
    switch (message.number()) {
    case 1:
      message.texts("input", out.inputs);
      break;
    case 2:
      message.texts("output", out.outputs);
      break;
    case 3:
      message.text("name", out.name);
      break;
    case 4:
      message.text("op_type", out.op);
      break;
    case 5: {
      Attribute &attribute = out.attributes.emplace_back();
      parseAttribute(message.element("attribute"),
                     {"attribute", &attribute.name, out.attributes.size() - 1,
                      nullptr, &frame},
                     attribute);
      break;
    }
    case 6:
      message.text("doc_string", ignored);
      break;
    case 7:
      message.text("domain", out.domain);
      break;
    case 8:
      message.text("overload", out.overload);
      break;
    case 9:
      parseMetadata(message.element("metadata_props"), frame, out.metadata);
      break;
    default:
      break;
    }
  }
  out.domain = normalDomain(out.domain);
  if (ok() && out.op.empty())
    error.report(&frame,
                 describeMismatch("field 'op_type'", "the name of an operator",
                                  "none", adviceDamaged));
  checkAttributeNames(frame, out);
}

void Parser::checkAttributeNames(const Frame &frame, const Node &node) {
  if (!ok() || node.attributes.size() < 2)
    return;
  std::vector<std::string_view> names;
  for (const Attribute &attribute : node.attributes)
    names.push_back(attribute.name);
  std::sort(names.begin(), names.end());
  auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end())
    error.report(&frame,
                 describeMismatch("field 'attribute'", "each name once",
                                  quoted(*twice) + " twice", adviceExporter));
}

void Parser::parseValueInfo(Bytes bytes, Frame frame, ValueInfo &out) {
  Message message(context, &frame, bytes);
  while (message.next()) {
    if (message.number() == 1)
      message.text("name", out.name);
    else if (message.number() == 2)
      parseType(message.message("type"), frame, out.type);
  }
  if (ok() && out.name.empty())
    error.report(&frame, describeMismatch("field 'name'", "the name of a value",
                                          "none", adviceDamaged));
}

/// The value fields of an AttributeProto by number, with the type each holds.
static AttributeType typeOfField(uint32_t number) {
  switch (number) {
  case 2:
    return AttributeType::Float;
  case 3:
    return AttributeType::Int;
  case 4:
    return AttributeType::String;
  case 5:
    return AttributeType::Tensor;
  case 6:
    return AttributeType::Graph;
  case 7:
    return AttributeType::Floats;
  case 8:
    return AttributeType::Ints;
  case 9:
    return AttributeType::Strings;
  case 10:
    return AttributeType::Tensors;
  case 11:
    return AttributeType::Graphs;
  case 14:
    return AttributeType::Type;
  case 15:
    return AttributeType::Types;
  case 22:
    return AttributeType::SparseTensor;
  case 23:
    return AttributeType::SparseTensors;
  default:
    return AttributeType::Undefined;
  }
}

void Parser::parseAttribute(Bytes bytes, Frame frame, Attribute &out) {
  Message message(context, &frame, bytes);
  std::string_view ignored;
  int32_t type = 0;
  uint32_t present = 0; // One bit per AttributeType that has a value.
  auto addTensor = [&](Bytes value) {
    Tensor &tensor = out.tensors.emplace_back();
    parseTensor(
        value,
        {"tensor", &tensor.name, out.tensors.size() - 1, nullptr, &frame},
        tensor);
  };
  while (message.next()) {
    AttributeType held = typeOfField(message.number());
    if (held != AttributeType::Undefined)
      present |= 1u << static_cast<int32_t>(held);
    switch (message.number()) {
    case 1:
      message.text("name", out.name);
      break;
    case 2:
      message.float32("f", out.floats.emplace_back());
      break;
    case 3:
      message.int64("i", out.ints.emplace_back());
      break;
    case 4:
      message.bytes("s", out.strings.emplace_back());
      break;
    case 5:
      addTensor(message.message("t"));
      break;
    case 6:
      parseGraph(message.message("g"), frame, out.graphs.emplace_back());
      break;
    case 7:
      message.floats("floats", out.floats);
      break;
    case 8:
      message.int64s("ints", out.ints);
      break;
    case 9:
      message.byteStrings("strings", out.strings);
      break;
    case 10:
      addTensor(message.element("tensors"));
      break;
    case 11:
      parseGraph(message.element("graphs"), frame, out.graphs.emplace_back());
      break;
    case 13:
      message.text("doc_string", ignored);
      break;
    case 14:
      parseType(message.message("tp"), frame, out.types.emplace_back());
      break;
    case 15:
      parseType(message.element("type_protos"), frame,
                out.types.emplace_back());
      break;
    case 20:
      message.int32("type", type);
      break;
    case 21:
      message.text("ref_attr_name", out.reference);
      break;
    case 22:
    case 23:
      message.fail("sparse_tensor", "a dense tensor", "a sparse one",
                   "attune has no sparse tensors");
      break;
    default:
      break;
    }
  }
  out.type = static_cast<AttributeType>(type);
  finishAttribute(frame, present, out);
}

void Parser::finishAttribute(const Frame &frame, uint32_t present,
                             Attribute &out) {
  if (!ok())
    return;
  auto complain = [&](const char *field, const std::string &expected,
                      const std::string &found) {
    error.report(&frame,
                 describeMismatch(field, expected, found, adviceExporter));
  };
  if (out.name.empty())
    return complain("field 'name'", "the name of the attribute", "none");
  bool one = present && !(present & (present - 1));
  // Files of IR version 1 have no type; the field that is there decides.
  if (out.type == AttributeType::Undefined && one)
    out.type = static_cast<AttributeType>(std::countr_zero(present));
  auto type = static_cast<int32_t>(out.type);
  if (type < 1 || type > 14)
    return complain("field 'type'", "an attribute type from 1 to 14",
                    std::to_string(type));
  uint32_t allowed = 1u << type;
  if (present & ~allowed) {
    auto other = std::countr_zero(present & ~allowed);
    return complain("value", "a value of type " + attributeTypeName(out.type),
                    "one of type " +
                        attributeTypeName(static_cast<AttributeType>(other)));
  }
  if (present || !out.reference.empty())
    return;
  // Writers following proto3 leave out zeros and empty strings.
  if (out.type == AttributeType::Float)
    out.floats.push_back(0);
  else if (out.type == AttributeType::Int)
    out.ints.push_back(0);
  else if (out.type == AttributeType::String)
    out.strings.emplace_back();
  else if (out.type == AttributeType::Tensor ||
           out.type == AttributeType::Graph || out.type == AttributeType::Type)
    complain("value", "a value of type " + attributeTypeName(out.type), "none");
}

} // namespace attune::onnx
