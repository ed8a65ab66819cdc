// Reads the inputs that a user gives to diff.
#include "compiler/tools/NpyInput.h"

#include "runtime/tools/TensorFiles.h"

namespace attune::tools {

using namespace mlir;

static bool readInto(const std::string &path, nn::Array &input,
                     std::string &error) {
  NamedTensors tensors;
  if (Error failure = readTensors(path, tensors)) {
    error = failure.message();
    return false;
  }
  const Tensor &tensor = tensors.begin()->second;
  auto bytes = ArrayRef(reinterpret_cast<const char *>(tensor.data.data()),
                        tensor.data.size());
  size_t width = attune_dtype_bytes(tensor.dtype);
  if (int64_t(width) != nn::storageBytes(input.getElementType()) ||
      tensor.dims.size() != input.getShape().size()) {
    error = path + ": expected rank " + std::to_string(input.getRank()) +
            " and elements of " +
            std::to_string(nn::storageBytes(input.getElementType())) +
            " bytes, found rank " + std::to_string(tensor.dims.size()) +
            " and " + std::to_string(width) + " bytes";
    return false;
  }
  auto array = nn::Array::fromBytes(input.getElementType(), tensor.dims, bytes);
  if (failed(array)) {
    error = path + ": has too few bytes";
    return false;
  }
  input = *array;
  return true;
}

bool readNpyInputs(func::FuncOp function, const std::vector<std::string> &files,
                   std::vector<nn::Array> &inputs, std::string &error) {
  for (StringRef file : files) {
    auto [name, path] = file.split('=');
    bool found = false;
    for (auto [index, input] : llvm::enumerate(inputs)) {
      auto argument = function.getArgAttrOfType<StringAttr>(index, "nn.name");
      if (!argument || argument.getValue() != name)
        continue;
      found = true;
      if (!readInto(path.str(), input, error))
        return false;
    }
    if (!found) {
      error = "no input is called '" + name.str() + "'";
      return false;
    }
  }
  return true;
}

} // namespace attune::tools
