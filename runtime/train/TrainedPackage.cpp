//===- TrainedPackage.cpp - a package that begins where training ended ----===//
#include "runtime/train/TrainedPackage.h"
#include "runtime/core/PackageFile.h"
#include "runtime/package/PackageWriter.h"
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

namespace attune::train {

using format::Section;
using format::SectionKind;
using nlohmann::ordered_json;
using package::PackageWriter;

namespace {

class Rewriter {
public:
  /// The weights that the package will begin with.
  Error take(attune_model *model, attune_state *state);
  Error run(const std::string &source, const std::string &path,
            const ordered_json &extra);
  /// Before a file is begun.
  Error check(const Progress &progress) const;

private:
  bool copySection(const Section &section, uint32_t weights);
  std::string states(std::span<const std::byte> json, uint32_t weights);
  bool writeValues();

  core::PackageFile file;
  PackageWriter writer;
  ordered_json more;
  std::map<std::string, attune_tensor> values; ///< By parameter.
};

} // namespace

Error Rewriter::take(attune_model *model, attune_state *state) {
  std::vector<attune_state_info> all;
  if (Error error = tensorsOf(model, state, all))
    return error;
  for (const attune_state_info &info : all)
    if (info.kind == ATTUNE_STATE_PARAMETER)
      values[info.name] = info.tensor;
  for (const attune_state_info &info : all)
    if (info.kind == ATTUNE_STATE_AVERAGE)
      if (auto it = values.find(parameterOf(info.name)); it != values.end())
        it->second = info.tensor;
  return {};
}

static ordered_json parse(std::span<const std::byte> bytes) {
  const auto *text = reinterpret_cast<const char *>(bytes.data());
  return ordered_json::parse(text, text + bytes.size(), nullptr, false);
}

static uint64_t aligned(uint64_t bytes) {
  return (bytes + format::kWeightAlign - 1) & ~(format::kWeightAlign - 1);
}

/// The state table, in which the parameters begin with what lies one behind the
/// other in section `weights`, and each average where its parameter does, so
/// that it can be trained further.
std::string Rewriter::states(std::span<const std::byte> json,
                             uint32_t weights) {
  std::map<std::string, uint64_t> places;
  uint64_t at = 0;
  for (const auto &[name, tensor] : values) {
    places[name] = at;
    at = aligned(at + tensor.bytes);
  }
  ordered_json table = parse(json); // was checked when the model was loaded
  for (ordered_json &tensor : table["tensors"]) {
    auto name = tensor["name"].get<std::string>();
    if (tensor["kind"] == "average")
      name = parameterOf(name);
    if (auto place = places.find(name); place != places.end()) {
      tensor["section"] = weights;
      tensor["at"] = place->second;
    }
  }
  return table.dump();
}

bool Rewriter::writeValues() {
  static constexpr std::byte padding[format::kWeightAlign] = {};
  if (!writer.begin({.kind = SectionKind::Weights, .name = {}}))
    return false;
  for (const auto &[name, tensor] : values) {
    std::span<const std::byte> bytes(
        static_cast<const std::byte *>(tensor.data), tensor.bytes);
    uint64_t rest = aligned(tensor.bytes) - tensor.bytes;
    if (!writer.write(bytes) || !writer.write(std::span(padding).first(rest)))
      return false;
  }
  return writer.end();
}

bool Rewriter::copySection(const Section &section, uint32_t weights) {
  auto payload = file.payload(section);
  package::SectionInfo info{SectionKind(section.kind), section.variant,
                            section.features, core::nameOf(section)};
  if (info.kind == SectionKind::State)
    return writer.add(info, states(payload, weights));
  if (info.kind != SectionKind::Manifest)
    return writer.add(info, payload);
  ordered_json manifest = parse(payload);
  manifest.update(more);
  return writer.add(info, manifest.dump());
}

Error Rewriter::check(const Progress &progress) const {
  for (const auto &[name, tensor] : values)
    if (Error error = checkFinite(name, tensor, progress))
      return error;
  return {};
}

Error Rewriter::run(const std::string &source, const std::string &path,
                    const ordered_json &extra) {
  more = extra;
  if (Error error = file.open(source.c_str()))
    return error;
  auto weights = uint32_t(file.sections().size());
  bool ok = writer.open(path);
  for (const Section &section : file.sections())
    ok = ok && copySection(section, weights);
  if (ok && writeValues() && writer.finish())
    return {};
  return {ATTUNE_IO_ERROR, writer.error()};
}

Error writeTrainedPackage(const std::string &source, const std::string &path,
                          attune_model *model, attune_state *state,
                          const Progress &progress,
                          const Vocabulary *vocabulary) {
  ordered_json extra = {{"trained_steps", progress.step}};
  // Bytes need no table.
  if (vocabulary && vocabulary->isText())
    extra["vocabulary"] = vocabulary->words;
  Rewriter rewriter;
  if (Error error = rewriter.take(model, state))
    return error;
  if (Error error = rewriter.check(progress))
    return error.in(path);
  return rewriter.run(source, path, extra);
}

} // namespace attune::train
