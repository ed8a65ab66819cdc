// Lookups in the table, and the checks of a node against its schema.
#include "frontends/onnx/schema/Schema.h"

#include "frontends/onnx/reader/Error.h"

#include <algorithm>
#include <bit>
#include <charconv>
#include <cstdlib>
#include <tuple>

namespace attune::onnx {

static constexpr OperatorSchema table[] = {
#define NEWEST_OPSET(version)
// NOLINTNEXTLINE(bugprone-macro-parentheses): the macro is a braced row.
#define OPERATOR(...) {__VA_ARGS__},
#include "frontends/onnx/schema/SchemaTable.inc"
#undef NEWEST_OPSET
#undef OPERATOR
};

int newestOpset() {
#define NEWEST_OPSET(version) return version;
#define OPERATOR(...)
#include "frontends/onnx/schema/SchemaTable.inc"
#undef NEWEST_OPSET
#undef OPERATOR
}

const OperatorSchema *findSchema(std::string_view domain, std::string_view name,
                                 int64_t opset) {
  // The last row not after (domain, name, opset).
  auto after = std::upper_bound(
      std::begin(table), std::end(table), std::tuple(domain, name, opset),
      [](const auto &key, const OperatorSchema &row) {
        return key < std::tuple(row.domain, row.name, int64_t{row.since});
      });
  if (after == std::begin(table))
    return nullptr;
  const OperatorSchema &row = *(after - 1);
  return row.domain == domain && row.name == name ? &row : nullptr;
}

/// Removes the text before the first `separator` and returns it.
static std::string_view take(std::string_view &text, char separator) {
  size_t end = text.find(separator);
  std::string_view first = text.substr(0, end);
  text = end == std::string_view::npos ? "" : text.substr(end + 1);
  return first;
}

static int64_t toInteger(std::string_view text) {
  int64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

std::vector<AttributeSchema> attributesOf(const OperatorSchema &schema) {
  std::vector<AttributeSchema> attributes;
  std::string_view rest = schema.attributes;
  while (!rest.empty()) {
    std::string_view row = take(rest, '|');
    AttributeSchema &attribute = attributes.emplace_back();
    attribute.name = take(row, ':');
    attribute.type = static_cast<AttributeType>(toInteger(take(row, ':')));
    attribute.required = take(row, ':') == "1";
    attribute.defaultText = row;
  }
  return attributes;
}

std::optional<Attribute> defaultOf(const OperatorSchema &schema,
                                   std::string_view attribute) {
  for (const AttributeSchema &row : attributesOf(schema)) {
    if (row.name != attribute || row.defaultText.empty())
      continue;
    Attribute value;
    value.name = row.name;
    value.type = row.type;
    std::string_view rest = row.defaultText;
    if (row.type == AttributeType::Float)
      value.floats.push_back(std::strtof(std::string(rest).c_str(), nullptr));
    else if (row.type == AttributeType::String)
      value.strings.push_back(rest);
    else
      while (!rest.empty()) {
        std::string_view element = take(rest, ',');
        if (row.type == AttributeType::Strings)
          value.strings.push_back(element);
        else
          value.ints.push_back(toInteger(element));
      }
    return value;
  }
  return std::nullopt;
}

bool requiresInput(const OperatorSchema &schema, size_t i) {
  // The last input of a variadic operator stands for all that follow.
  size_t formal = std::bit_width(schema.requiredInputs);
  if (schema.maxInputs < 0 && formal > 0 && i >= formal)
    i = formal - 1;
  return i < 32 && (schema.requiredInputs >> i & 1) != 0;
}

static std::string checkCount(const char *what, size_t count, int from,
                              int to) {
  auto found = static_cast<int64_t>(count);
  if (found >= from && (to < 0 || found <= to))
    return {};
  std::string expected = std::to_string(from);
  if (to != from)
    expected += to < 0 ? " or more" : " to " + std::to_string(to);
  return describeMismatch(what, expected, std::to_string(count),
                          adviceExporter);
}

static std::string checkAttribute(const Attribute &attribute,
                                  const std::vector<AttributeSchema> &rows) {
  for (const AttributeSchema &row : rows) {
    if (row.name != attribute.name)
      continue;
    if (row.type == attribute.type)
      return {};
    return describeMismatch("attribute " + quoted(attribute.name),
                            attributeTypeName(row.type),
                            attributeTypeName(attribute.type), adviceExporter);
  }
  return describeMismatch("attribute " + quoted(attribute.name),
                          "an attribute that the operator has",
                          "one that it does not have", adviceExporter);
}

std::string checkNode(const Node &node, const OperatorSchema &schema) {
  if (schema.deprecated)
    return describeMismatch("field 'op_type'", "a current operator",
                            "one deprecated in opset " +
                                std::to_string(schema.since),
                            "convert the model to a newer opset");
  std::string complaint = checkCount("inputs", node.inputs.size(),
                                     schema.minInputs, schema.maxInputs);
  if (complaint.empty())
    complaint = checkCount("outputs", node.outputs.size(), schema.minOutputs,
                           schema.maxOutputs);
  std::vector<AttributeSchema> rows = attributesOf(schema);
  for (const Attribute &attribute : node.attributes)
    if (complaint.empty())
      complaint = checkAttribute(attribute, rows);
  for (const AttributeSchema &row : rows)
    if (complaint.empty() && row.required && !node.find(row.name))
      complaint = describeMismatch("attribute " + quoted(row.name), "a value",
                                   "none", adviceExporter);
  return complaint;
}

} // namespace attune::onnx
