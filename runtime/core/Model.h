//===- Model.h - a loaded package -----------------------------------------===//
//
// Enters: a path and options. Leaves: an immutable model: plan, kernels and
// weights of the best code version, ready for sessions. Shared by threads.
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
  size_t plan = 0; ///< Index into Model's plans.
  bool supported = false;
  uint64_t codeBytes = 0, weightBytes = 0;
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

  const Plan &plan() const { return plans[chosenPlan]; }
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
  /// One per kernel of the plan, on the processor.
  const std::vector<cpu::Task> &kernels() const { return tasks; }
  /// Where each buffer of the plan that is a weight lives, an address of the
  /// device on one; null for others.
  const std::vector<const std::byte *> &weights() const { return weightBase; }
  uint64_t weightBytes() const { return weightTotal; }

private:
  Error readManifest();
  Error readPlans();
  Error readCodeVersions(uint64_t features);
  Error choose(uint64_t features, const std::string &device);
  Error chooseCpu(uint64_t features, const Error &withoutCuda);
  Error chooseCuda(unsigned ordinal);
  void take(size_t version, std::string where);
  Error loadCode();
  Error placeWeights(attune_weights_mode mode);

  PackageFile file;
  std::string manifestText;
  std::vector<Plan> plans;
  std::vector<uint32_t> planVariants; ///< Section::variant of each plan.
  std::vector<CodeVersion> versions;
  std::optional<size_t> chosenVersion;
  size_t chosenPlan = 0;
  bool inspectOnly = false;

  std::string deviceText;

  CodeObject code;
  std::vector<cpu::Task> tasks;
  std::unique_ptr<CudaCode> cuda;
  Mapping weightArena;
  std::vector<const std::byte *> weightBase;
  uint64_t weightTotal = 0;
};

} // namespace attune::core
