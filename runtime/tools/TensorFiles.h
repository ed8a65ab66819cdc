//===- TensorFiles.h - .npy, .npz and .safetensors ------------------------===//
//
// Enters: a file that nobody vouches for. Leaves: tensors, or one error that
// names the file, what was found and what was expected. Sizes are checked
// against the file before memory is taken.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/tools/Tensor.h"

namespace attune::tools {

/// NumPy's format, versions 1 to 3: little endian, C order, numbers and bool.
Error parseNpy(std::span<const std::byte> bytes, Tensor &out);
/// bfloat16, which NumPy lacks, is written as float32.
std::vector<std::byte> formatNpy(const Tensor &tensor);

/// A zip of .npy files as np.savez and np.savez_compressed write it.
Error parseNpz(std::span<const std::byte> bytes, NamedTensors &out);
std::vector<std::byte> formatNpz(const NamedTensors &tensors);

/// The strings under "__metadata__" of a .safetensors.
using Metadata = std::map<std::string, std::string>;

/// https://github.com/huggingface/safetensors: header of at most 100 MB, no
/// overlaps, no holes.
Error parseSafetensors(std::span<const std::byte> bytes, NamedTensors &out,
                       Metadata *metadata = nullptr);
std::vector<std::byte> formatSafetensors(const NamedTensors &tensors);
/// The same of tensors in somebody's memory, in their order, as a file.
Error writeSafetensors(
    const std::string &path,
    std::span<const std::pair<std::string, attune_tensor>> tensors,
    const Metadata &metadata);

/// Writes a file of these parts, durably, under another name first: a reader
/// sees the old file or the new one. A link is followed; what is no regular
/// file is refused.
Error writeFile(const std::string &path,
                std::span<const std::span<const std::byte>> parts);

/// Whether writeFile could put a file there, as far as can be told before.
Error checkWritable(const std::string &path);

/// All tensors of a file, by its extension; an .npy has the name "".
Error readTensors(const std::string &path, NamedTensors &out);
/// Writes .npz or .safetensors, or .npy where there is one tensor.
Error writeTensors(const std::string &path, const NamedTensors &tensors);

} // namespace attune::tools
