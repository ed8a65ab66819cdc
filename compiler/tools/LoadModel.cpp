// Extensions to frontends, and the options that each has.
#include "compiler/tools/LoadModel.h"

#include "frontends/dsl/Import.h"
#include "frontends/onnx/Import.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/Parser/Parser.h"
#include "runtime/tools/TensorFiles.h"
#include "runtime/tools/Terminal.h"
#include "llvm/Support/Path.h"

namespace attune::tools {

using namespace mlir;

/// Options of .attn models mean nothing to others.
static bool refuseParameters(const Request &request, std::string &error) {
  if (request.parameters.empty() && request.weights.empty())
    return true;
  error = std::string(request.weights.empty() ? "--set" : "--weights") +
          " is for .attn models";
  return false;
}

static std::string shapeText(llvm::ArrayRef<int64_t> shape) {
  std::string text = "[";
  for (auto [i, extent] : llvm::enumerate(shape))
    text += (i ? ", " : "") + std::to_string(extent);
  return text + "]";
}

/// The tensors of a file as values of weights. They share its memory.
static dsl::WeightSource
weightSource(const std::shared_ptr<const NamedTensors> &tensors) {
  dsl::WeightSource source;
  for (const auto &[name, tensor] : *tensors)
    source.names.push_back(name);
  source.get = [tensors](StringRef name, RankedTensorType type,
                         std::string &why) -> ElementsAttr {
    auto found = tensors->find(name.str());
    if (found == tensors->end()) {
      why = "is missing in the file";
      return {};
    }
    const Tensor &tensor = found->second;
    llvm::ArrayRef<int64_t> shape(tensor.dims);
    if (tensor.dtype != ATTUNE_F32 || shape != type.getShape()) {
      why = "expected f32" + shapeText(type.getShape()) + ", found " +
            attune_dtype_name(tensor.dtype) + shapeText(shape);
      return {};
    }
    AsmResourceBlob blob(
        llvm::ArrayRef(reinterpret_cast<const char *>(tensor.data.data()),
                       tensor.data.size()),
        alignof(float), [tensors](void *, size_t, size_t) {},
        /*dataIsMutable=*/false);
    return DenseResourceElementsAttr::get(type, name, std::move(blob));
  };
  return source;
}

static OwningOpRef<ModuleOp> loadDsl(const Request &request,
                                     MLIRContext &context, std::string &error) {
  dsl::ImportOptions options;
  for (const auto &[name, binding] : request.shapes)
    options.shapes[name] = {binding.min, binding.max};
  options.parameters = request.parameters;
  dsl::WeightSource source;
  if (!request.weights.empty()) {
    auto tensors = std::make_shared<NamedTensors>();
    if (Error failed = readTensors(request.weights, *tensors)) {
      error = failed.message();
      return {};
    }
    source = weightSource(tensors);
    options.weights = &source;
  }
  return dsl::importDsl(request.model, options, context, error);
}

void printErrors(const std::string &errors) {
  SmallVector<StringRef> lines;
  StringRef(errors).split(lines, '\n', -1, /*KeepEmpty=*/false);
  for (StringRef line : lines)
    if (line.starts_with("  "))
      llvm::errs() << printable(line) << '\n';
    else
      printError(line);
}

OwningOpRef<ModuleOp> loadModel(const Request &request, MLIRContext &context,
                                std::string &error) {
  StringRef extension = llvm::sys::path::extension(request.model);
  if (extension == ".attn")
    return loadDsl(request, context, error);
  if (!refuseParameters(request, error))
    return {};
  if (extension == ".mlir")
    return parseSourceFile<ModuleOp>(request.model, &context);
  if (extension != ".onnx") {
    error = request.model + ": expected a .onnx, .attn or .mlir file";
    return {};
  }
  if (request.emit == "onnx")
    return onnx::importOnnxGraph(request.model, context, error);
  onnx::ImportOptions options;
  for (const auto &[name, binding] : request.shapes)
    options.shapes[name] = {binding.min, binding.max};
  return onnx::importOnnx(request.model, options, context, error);
}

} // namespace attune::tools
