//===- TestPackage.h - packages for tests ---------------------------------===//
//
// Enters: what a test wants to be special. Leaves: a package file around the
// kernels of Kernels.c in a temporary folder that removes itself.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/attune.h"
#include "runtime/package/PackageWriter.h"
#include <string>
#include <vector>

namespace attune::testing {

/// A folder under the system's temporary folder, removed with its files.
class TempFolder {
public:
  TempFolder();
  ~TempFolder();
  std::string file(const std::string &name) const { return path + "/" + name; }
  const std::string path;
};

/// The plan of the test model, over symbol "batch" (1 to 64):
///   x [batch, 4] f32 -> t = x + w           arena
///   y [batch] = row_sum(t)
///   z [batch, 4] = t (copied)
///   s [4]: filled with 1 when batch >= 10 (through two kernels), else with 2
/// w is {1, 2, 3, 4} in section `weightSection`.
std::string testPlan(uint32_t weightSection = 1);

/// An x for it, of so many rows.
std::vector<float> testInput(int64_t rows);
/// A matrix over `data`.
attune_tensor matrixOf(std::vector<float> &data, int64_t rows, int64_t columns);
/// Holds the outputs of a run on `testInput(rows)` to what the plan says.
void expectTestOutputs(attune_session *session, int64_t rows);

struct Variant {
  std::string name = "x86-64";
  uint64_t features = 0;
  uint32_t variant = 1;
};

struct PackageOptions {
  std::string plan = testPlan();
  uint32_t planVariant = 0;
  /// The names of the entry points, which all have the same plan.
  std::vector<std::string> entries = {""};
  /// The table of a state; empty: none.
  std::string state;
  std::vector<Variant> code = {Variant{}};
  /// PTX for devices, with a plan of its own; empty: none.
  std::string ptx;
  bool withManifest = true;
  /// Not empty: write an executable that starts with this program.
  std::string program;
};

/// Writes the package; fails the test when it cannot.
void writePackage(const std::string &path, const PackageOptions &options = {});

/// The plan of the test model for kernels of a device.
std::string cudaTestPlan();
/// Kernels.ptx: those of Kernels.c for a device.
std::string testPtx();

/// The shared object made of Kernels.c.
std::vector<char> testKernels();

std::vector<char> readFile(const std::string &path);
void writeFile(const std::string &path, const std::vector<char> &bytes);

/// Loads with an expected failure and returns "STATUS: message"; "ok" if none.
std::string loadError(const std::string &path,
                      const attune_load_options *options = nullptr);

} // namespace attune::testing
