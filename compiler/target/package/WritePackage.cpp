// Puts a package together: manifest, one section of weights, the state table,
// then the plans and the code sections of each version.
#include "compiler/target/package/WritePackage.h"

#include "compiler/target/package/StateJson.h"
#include "dialects/nn/reference/Evaluator.h"
#include "runtime/package/PackageWriter.h"
#include "llvm/Support/JSON.h"

namespace attune::target::package {

using namespace mlir;
using attune::package::PackageWriter;
using format::SectionKind;

namespace {

std::string manifestJson(const PackageInfo &info) {
  llvm::json::Object manifest{{"name", info.modelName},
                              {"producer", "attune 0.1.0"},
                              {"source_hash", info.sourceHash}};
  // Whoever reads labels tells by these what is ignored from what is wrong.
  if (!info.ignoredLabels.empty())
    manifest["ignored_labels"] = llvm::json::Array(info.ignoredLabels);
  if (!info.indexBounds.empty()) {
    llvm::json::Object bounds;
    for (const auto &[name, bound] : info.indexBounds)
      bounds[llvm::json::fixUTF8(name)] = bound;
    manifest["index_bounds"] = std::move(bounds);
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(manifest));
  return text;
}

// The raw bytes of a weight where its storage already is what kernels read.
std::optional<ArrayRef<char>> storedBytes(nn::WeightOp weight) {
  auto resource =
      dyn_cast_or_null<DenseResourceElementsAttr>(weight.getValueAttr());
  if (!resource || resource.getElementType().isInteger(1))
    return std::nullopt;
  AsmResourceBlob *blob = resource.getRawHandle().getBlob();
  auto type = weight.getTensorType();
  size_t bytes =
      type.getNumElements() * nn::storageBytes(type.getElementType());
  if (!blob || blob->getData().size() < bytes)
    return std::nullopt;
  return blob->getData().take_front(bytes);
}

auto programsOf(const CodeVersion &version) {
  ModuleOp module = version.module;
  return module.getOps<plan::ProgramOp>();
}

// What the runtime calls the entry point of a function.
StringRef entryName(plan::ProgramOp program) {
  StringRef name = program.getSymName();
  return name == "main" ? "infer" : name;
}

class Writer {
public:
  Writer(ArrayRef<CodeVersion> versions, const WeightProgress &progress)
      : versions(versions), progress(progress), places(versions.size()) {}

  LogicalResult write(const std::string &path, const PackageInfo &info,
                      const std::string &program);

private:
  LogicalResult writeWeights();
  LogicalResult writeInitialValues();
  bool writeStates();
  LogicalResult writeWeight(nn::Evaluator &evaluator, nn::WeightOp weight,
                            WeightPlace &place);
  bool writeVersion(uint32_t variant, const CodeVersion &version,
                    const llvm::StringMap<WeightPlace> &weights);
  LogicalResult failed(const std::string &message) {
    ModuleOp module = versions.front().module;
    return module.emitError() << message;
  }

  ArrayRef<CodeVersion> versions;
  const WeightProgress &progress;
  PackageWriter writer;
  std::vector<llvm::StringMap<WeightPlace>> places; // per version, by symbol
  SmallVector<nn::WeightOp> states;                 // the same in all versions
  llvm::StringMap<WeightPlace> initial; // of those that have a value
};

template <typename T>
std::span<const std::byte> bytesOf(const T &container) {
  return std::as_bytes(std::span(container.data(), container.size()));
}

LogicalResult Writer::writeWeight(nn::Evaluator &evaluator, nn::WeightOp weight,
                                  WeightPlace &place) {
  // The section that is open is the last one.
  place.section = writer.sectionCount() - 1;
  if (auto bytes = storedBytes(weight)) {
    if (!writer.blob(bytesOf(*bytes), place.offset))
      return failed(writer.error());
    return success();
  }
  auto value = evaluator.weight(weight);
  if (mlir::failed(value))
    return failure();
  if (!writer.blob(bytesOf(value->toBytes()), place.offset))
    return failed(writer.error());
  return success();
}

LogicalResult Writer::writeWeights() {
  uint64_t all = 0, done = 0;
  for (const CodeVersion &version : versions)
    version.module->walk(
        [&](plan::WeightOp weight) { all += weight.getBytes(); });
  for (auto [version, weights] : llvm::zip(versions, places)) {
    SymbolTable symbols(version.module);
    nn::Evaluator evaluator(version.module);
    for (plan::ProgramOp program : programsOf(version))
      for (auto use : program.getBody().front().getOps<plan::WeightOp>()) {
        auto [it, isNew] = weights.try_emplace(use.getWeight());
        auto weight = symbols.lookup<nn::WeightOp>(use.getWeight());
        if (isNew && mlir::failed(writeWeight(evaluator, weight, it->second)))
          return failure();
        done += use.getBytes();
        if (progress)
          progress(done, all);
      }
  }
  return writeInitialValues();
}

LogicalResult Writer::writeInitialValues() {
  states = stateWeights(versions.front().module);
  nn::Evaluator evaluator(versions.front().module);
  for (nn::WeightOp weight : states)
    if (weight.getValue() &&
        mlir::failed(
            writeWeight(evaluator, weight, initial[weight.getSymName()])))
      return failure();
  return success();
}

bool Writer::writeStates() {
  return states.empty() || writer.add({.kind = SectionKind::State, .name = {}},
                                      stateJson(states, initial));
}

bool Writer::writeVersion(uint32_t variant, const CodeVersion &version,
                          const llvm::StringMap<WeightPlace> &weights) {
  llvm::StringMap<int64_t> numbers;
  for (auto [number, weight] : llvm::enumerate(states))
    numbers[weight.getSymName()] = number;
  bool ok = true;
  for (plan::ProgramOp program : programsOf(version))
    ok =
        ok && writer.add({.kind = SectionKind::Plan,
                          .variant = variant,
                          .name = entryName(program)},
                         planJson(program, weights, numbers, version.launches));
  for (const CodeBlob &code : version.code)
    ok = ok && writer.add({.kind = code.kind,
                           .variant = variant,
                           .features = code.features,
                           .name = code.name},
                          bytesOf(code.bytes));
  return ok;
}

LogicalResult Writer::write(const std::string &path, const PackageInfo &info,
                            const std::string &program) {
  bool open = program.empty() ? writer.open(path)
                              : writer.openExecutable(path, program);
  if (!open ||
      !writer.add({.kind = SectionKind::Manifest, .name = {}},
                  manifestJson(info)) ||
      !writer.begin({.kind = SectionKind::Weights, .name = {}}))
    return failed(writer.error());
  if (mlir::failed(writeWeights()))
    return failure();
  if (!writer.end() || !writeStates())
    return failed(writer.error());
  for (auto [index, version] : llvm::enumerate(versions))
    if (!writeVersion(index + 1, version, places[index]))
      return failed(writer.error());
  return writer.finish() ? success() : failed(writer.error());
}

} // namespace

LogicalResult writePackage(const std::string &path, const PackageInfo &info,
                           ArrayRef<CodeVersion> versions,
                           const std::string &program,
                           const WeightProgress &progress) {
  return Writer(versions, progress).write(path, info, program);
}

} // namespace attune::target::package
