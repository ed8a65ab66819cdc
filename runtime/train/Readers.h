//===- Readers.h - one opener for each format, and what they share --------===//
//
// Enters: the path of a dataset whose format is known. Leaves: the dataset, all
// of it checked, so that reading a sample cannot fail. Nobody but openDataset
// calls these.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Memory.h"
#include "runtime/train/Dataset.h"

namespace attune::train {

using core::mapFile;
using OpenedDataset = std::unique_ptr<Dataset>;

/// Of folders, which have files for each.
enum class Part { Training, Validation };

Error openIdx(const std::string &folder, Part part, const Row &data,
              const Row &labels, OpenedDataset &out);
/// Of 10 classes or of 100.
Error openCifar(const std::string &folder, int64_t classes, Part part,
                const Row &data, const Row &labels, OpenedDataset &out);
Error openImageFolder(const std::string &folder, Part part, const Row &data,
                      const Row &labels, OpenedDataset &out);
Error openTokens(const DatasetOptions &options, const Row &data,
                 const Row &labels, Parts &out);
/// "" where there is none: the validation part of NAME_train.bin.
std::string validationBeside(const std::string &tokens);
Error openText(const DatasetOptions &options, const Row &data,
               const Row &labels, Parts &out);

/// The failure of a dataset: its path, then what was expected and found.
Error badData(std::string_view path, std::string_view fact);

/// Whether there is a file or folder, or a link to one.
bool isFile(const std::string &path);
bool isFolder(const std::string &path);

/// The names in a folder, sorted, less the hidden ones.
Error listFolder(const std::string &path, std::vector<std::string> &names);

using tools::checkMemory;

/// "input \"x\", f32 [1, 28, 28]"
std::string describe(const Row &row);

/// Labels and tokens come as i64 or i32.
bool isInteger(const Row &row);
/// Writes element `index` of a row of that dtype.
void writeInteger(attune_dtype dtype, std::byte *row, int64_t index,
                  int64_t value);

} // namespace attune::train
