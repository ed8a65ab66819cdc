// Extensions to frontends, and the options that each has.
#include "compiler/tools/LoadModel.h"

#include "dialects/nn/Symbols.h"
#include "frontends/dsl/Import.h"
#include "frontends/onnx/Import.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
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

// ---- .mlir, where no frontend has seen to what all stages rely on ----

/// A run reads the value of a symbol off an input.
static LogicalResult checkSymbols(func::FuncOp function) {
  llvm::SetVector<StringRef> known, used;
  for (BlockArgument input : function.getArguments())
    for (nn::DimAttr dim : nn::getDims(input)) {
      known.insert(dim.getSymbol());
      dim.collectSymbols(used);
    }
  function.walk([&](Operation *op) { nn::collectSymbols(op, used); });
  nn::SymbolRanges ranges = nn::symbolRanges(function);
  for (StringRef name : used) {
    if (!known.contains(name))
      return function.emitError()
             << "'" << name << "' of @" << function.getSymName()
             << " is no whole dim of any input";
    if (!ranges.contains(name))
      return function.emitError()
             << nn::symbolsAttr << " of @" << function.getSymName()
             << " does not say what '" << name << "' may be; add it, such as "
             << name << " = #nn.range<min = 1, max = -1, divisor = 1>";
  }
  return success();
}

static LogicalResult checkFunction(func::FuncOp function) {
  if (function.isExternal())
    return function.emitError()
           << "@" << function.getSymName() << " has no body";
  for (Type type : function.getArgumentTypes())
    if (!nn::isCanonicalTensorType(type))
      return function.emitError()
             << "@" << function.getSymName()
             << " takes tensors whose dims are known or named, found " << type;
  return checkSymbols(function);
}

static OwningOpRef<ModuleOp> loadText(const Request &request,
                                      MLIRContext &context) {
  auto module = parseSourceFile<ModuleOp>(request.model, &context);
  if (!module)
    return {};
  auto functions = llvm::to_vector(module->getOps<func::FuncOp>());
  if (functions.empty())
    module->emitError("expected a function");
  bool isRight = !functions.empty();
  for (func::FuncOp function : functions)
    isRight &= succeeded(checkFunction(function));
  return isRight ? std::move(module) : OwningOpRef<ModuleOp>();
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
    return loadText(request, context);
  if (extension != ".onnx") {
    error = request.model + ": expected a .onnx, .attn or .mlir file";
    return {};
  }
  if (request.emit == "onnx")
    return onnx::importOnnxGraph(request.model, context, error);
  onnx::ImportOptions options;
  options.trains = !request.training.loss.empty();
  options.trained = request.training.trainable;
  for (const auto &[name, binding] : request.shapes)
    options.shapes[name] = {binding.min, binding.max};
  return onnx::importOnnx(request.model, options, context, error);
}

} // namespace attune::tools
