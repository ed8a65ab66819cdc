//===- Model.h - a loaded package -----------------------------------------===//
//
// Enters: a path and options. Leaves: an immutable model: the entry points of
// the best code version with their plans, kernels and weights, ready for
// sessions. Shared by threads.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/CodeObject.h"
#include "runtime/core/CudaCode.h"
#include "runtime/core/PackageFile.h"
#include "runtime/core/Plan.h"
#include <optional>

namespace attune::core {

/// What the package offers for one ISA, or one capability of CUDA devices.
struct CodeVersion {
  std::string name;
  bool isCuda = false;
  bool isBinary = false; ///< Of a device: not PTX.
  size_t section = 0;
  uint64_t features = 0;
  std::vector<size_t> programs; ///< Of Model's, each of another name.
  bool supported = false;
  uint64_t codeBytes = 0, weightBytes = 0;
};

class Model;

/// An entry point, in one code version or for all. Part of its model.
struct Program {
  const Model *model = nullptr;
  std::string name;     ///< "infer", "step"
  uint32_t variant = 0; ///< Section::variant
  Plan plan;
  // Of the code version in use; else empty.
  std::vector<cpu::Task> kernels; ///< One per kernel, on the processor.
  /// Where each buffer that is a weight lives, an address of the device on one;
  /// null for others.
  std::vector<const std::byte *> weights;
};

struct LoadOptions {
  attune_weights_mode weights = ATTUNE_WEIGHTS_AUTO;
  std::string cpuMask;
  bool inspectOnly = false;
  std::string device; ///< "auto" or "", "cpu", "cuda", "cuda:1"
};

class Model {
public:
  Error load(const char *path, const LoadOptions &options);

  Model() = default;
  Model(const Model &) = delete; // programs know where it is

  /// The entry points of the version in use, "infer" first if there is one.
  std::span<const Program *const> entries() const { return chosenPrograms; }
  const Program *find(std::string_view name) const;
  const std::string &manifest() const { return manifestText; }
  const std::vector<CodeVersion> &codeVersions() const { return versions; }
  /// The version in use; empty when inspected on a processor without one.
  const CodeVersion *chosen() const {
    return chosenVersion ? &versions[*chosenVersion] : nullptr;
  }
  /// False after an inspecting load: there is nothing to run.
  bool runnable() const { return !inspectOnly; }
  /// Kernels on a device; null where the model runs on the processor.
  const CudaCode *cudaCode() const { return cuda.get(); }
  /// "cpu", "cuda:0 NVIDIA H200", or "" where nothing here can run it.
  const std::string &device() const { return deviceText; }
  const StateTable &states() const { return stateTable; }
  /// Bytes of a blob of the file, for what a state begins with.
  std::span<const std::byte> initial(const StateTensor &tensor) const;
  uint64_t weightBytes() const { return weightTotal; }

private:
  Error readManifest();
  Error readStates();
  Error readPlans();
  Error readCodeVersions(uint64_t features);
  Error choose(uint64_t features, const std::string &device);
  Error chooseCpu(uint64_t features, const Error &withoutCuda);
  Error chooseCuda(unsigned ordinal);
  void take(size_t version, std::string where);
  void takePrograms(size_t version);
  Error loadCode();
  Error placeWeights(attune_weights_mode mode);

  PackageFile file;
  std::string manifestText;
  StateTable stateTable;
  std::vector<Program> programs;
  std::vector<CodeVersion> versions;
  std::optional<size_t> chosenVersion;
  std::vector<Program *> chosenPrograms; ///< entries()
  bool inspectOnly = false;

  std::string deviceText;

  CodeObject code;
  std::unique_ptr<CudaCode> cuda;
  Mapping weightArena;
  uint64_t weightTotal = 0;
};

} // namespace attune::core
