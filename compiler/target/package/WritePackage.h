// Writes the .attune file: weights, plans and code of every code version.
#pragma once

#include "attune/format.h"
#include "compiler/target/package/PlanJson.h"
#include "dialects/plan/Plan.h"
#include "mlir/IR/BuiltinOps.h"
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace attune::target::package {

/// Code of one kind: an import-free shared object, PTX or a CUDA binary.
struct CodeBlob {
  format::SectionKind kind = format::SectionKind::Code;
  uint64_t features = 0; ///< see format::Section
  std::string name;      ///< "x86-64-v3", "sm_80"
  std::vector<char> bytes;
};

/// One code version of a model: its plans, and the code of its kernels, for
/// CUDA in several kinds.
struct CodeVersion {
  mlir::ModuleOp module; ///< after memory: plan.programs and their nn.weights
  std::vector<CodeBlob> code;
  /// What a launch on a GPU must know of a kernel, by symbol; for CUDA only.
  llvm::StringMap<GpuLaunch> launches;
};

struct PackageInfo {
  std::string modelName;                   ///< shown by `attune describe`
  std::string sourceHash;                  ///< of the model file, as text
  std::vector<int64_t> ignoredLabels = {}; ///< that the loss does not count
  /// By name of an input: what its elements, as indices, are to be below.
  std::map<std::string, int64_t> indexBounds = {};
};

/// Called with the bytes of weights written so far and in all, for a progress
/// bar.
using WeightProgress = std::function<void(uint64_t done, uint64_t all)>;

/// Writes `path` by way of a temporary file: it is complete or not there.
/// Weights are evaluated one at a time and equal bytes stored once. With
/// `program` not empty the file is that executable with the package appended.
/// Errors are diagnostics at the module.
mlir::LogicalResult writePackage(const std::string &path,
                                 const PackageInfo &info,
                                 llvm::ArrayRef<CodeVersion> versions,
                                 const std::string &program,
                                 const WeightProgress &progress = nullptr);

} // namespace attune::target::package
