// ModelProto, FunctionProto and the small messages around them.
#include "frontends/onnx/reader/Parser.h"

#include <algorithm>

namespace attune::onnx {

bool Parser::parseModel(Bytes bytes) {
  Frame frame{"model"};
  Message message(context, &frame, bytes);
  bool hasGraph = false;
  std::string_view ignored;
  while (message.next()) {
    switch (message.number()) {
    case 1:
      message.int64("ir_version", model.irVersion);
      break;
    case 2:
      message.text("producer_name", model.producer);
      break;
    case 3:
      message.text("producer_version", model.producerVersion);
      break;
    case 4:
      message.text("domain", model.domain);
      break;
    case 6:
      message.text("doc_string", ignored);
      break;
    case 7:
      parseGraph(message.message("graph"), frame, model.graph);
      hasGraph = true;
      break;
    case 8:
      parseOpset(message.element("opset_import"), frame, model.opsets);
      break;
    case 14:
      parseMetadata(message.element("metadata_props"), frame, model.metadata);
      break;
    case 25:
      parseFunction(message.element("functions"), frame,
                    model.functions.emplace_back());
      break;
    default: // Training information and device placement mean nothing here.
      break;
    }
  }
  checkModel(frame, hasGraph);
  return ok();
}

void Parser::checkModel(const Frame &frame, bool hasGraph) {
  if (!ok())
    return;
  if (model.irVersion < 1)
    error.report(&frame, describeMismatch(
                             "field 'ir_version'", "a positive number",
                             std::to_string(model.irVersion), adviceDamaged));
  else if (model.irVersion > newestIrVersion)
    error.report(&frame,
                 describeMismatch("field 'ir_version'",
                                  "at most " + std::to_string(newestIrVersion),
                                  std::to_string(model.irVersion),
                                  "export the model for an older IR version"));
  else if (!hasGraph)
    error.report(&frame, describeMismatch("field 'graph'", "a graph", "none",
                                          adviceDamaged));
  // Before IR version 3 there were no imports: everything is version 1.
  if (model.opsets.empty() && model.irVersion < 3)
    model.opsets.push_back({"", 1});
}

void Parser::parseOpset(Bytes bytes, const Frame &outer,
                        std::vector<OpsetImport> &out) {
  OpsetImport import;
  Frame frame{"opset_import", &import.domain, out.size(), nullptr, &outer};
  Message message(context, &frame, bytes);
  while (message.next()) {
    if (message.number() == 1)
      message.text("domain", import.domain);
    else if (message.number() == 2)
      message.int64("version", import.version);
  }
  if (!ok())
    return;
  import.domain = normalDomain(import.domain);
  if (import.version < 1)
    error.report(&frame, describeMismatch(
                             "field 'version'", "a positive number",
                             std::to_string(import.version), adviceExporter));
  for (const OpsetImport &other : out)
    if (other.domain == import.domain)
      error.report(&frame,
                   describeMismatch("field 'domain'", "each domain once",
                                    quoted(import.domain) + " twice",
                                    adviceExporter));
  out.push_back(import);
}

void Parser::parseMetadata(Bytes bytes, const Frame &outer, Metadata &out) {
  auto &[key, value] = out.emplace_back();
  Frame frame{"metadata", &key, out.size() - 1, nullptr, &outer};
  Message message(context, &frame, bytes);
  while (message.next()) {
    if (message.number() == 1)
      message.text("key", key);
    else if (message.number() == 2)
      message.text("value", value);
  }
}

void Parser::parseFunction(Bytes bytes, const Frame &outer, Function &out) {
  Frame frame{"function", &out.name, model.functions.size() - 1, nullptr,
              &outer};
  Message message(context, &frame, bytes);
  while (message.next()) {
    switch (message.number()) {
    case 1:
      message.text("name", out.name);
      break;
    case 4:
      message.texts("input", out.inputs);
      break;
    case 5:
      message.texts("output", out.outputs);
      break;
    case 6:
      message.texts("attribute", out.attributes);
      break;
    case 7: {
      Node &node = out.body.nodes.emplace_back();
      parseNode(
          message.element("node"),
          {"node", &node.name, out.body.nodes.size() - 1, &node.op, &frame},
          node);
      break;
    }
    case 9:
      parseOpset(message.element("opset_import"), frame, out.opsets);
      break;
    case 10:
      message.text("domain", out.domain);
      break;
    case 11: {
      Attribute &value = out.attributeDefaults.emplace_back();
      parseAttribute(message.element("attribute_proto"),
                     {"attribute", &value.name,
                      out.attributeDefaults.size() - 1, nullptr, &frame},
                     value);
      break;
    }
    case 12: {
      ValueInfo &value = out.body.valueInfos.emplace_back();
      parseValueInfo(message.element("value_info"),
                     {"value_info", &value.name, out.body.valueInfos.size() - 1,
                      nullptr, &frame},
                     value);
      break;
    }
    case 13:
      message.text("overload", out.overload);
      break;
    default:
      break;
    }
  }
  out.domain = normalDomain(out.domain);
  out.body.name = out.name;
  if (ok() && out.name.empty())
    error.report(&frame,
                 describeMismatch("field 'name'", "the name of the function",
                                  "none", adviceExporter));
}

} // namespace attune::onnx
