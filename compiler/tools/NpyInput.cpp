// Reads the inputs that a user gives to diff, and holds them against the model.
#include "compiler/tools/NpyInput.h"

#include "compiler/tools/Runner.h"
#include "dialects/nn/NN.h"
#include "runtime/tools/TensorFiles.h"

namespace attune::tools {

using namespace mlir;

namespace {
class Reader {
public:
  Reader(func::FuncOp function, GivenInputs &given,
         llvm::StringMap<int64_t> &symbols, std::string &error)
      : function(function), given(given), symbols(symbols), error(error) {}

  bool read(StringRef argument);

private:
  bool take(StringRef name, const Tensor &tensor);
  bool fits(size_t index, const Tensor &tensor);
  std::optional<size_t> indexOf(StringRef name);
  bool fail(const Twine &message) { return error = message.str(), false; }

  func::FuncOp function;
  GivenInputs &given;
  llvm::StringMap<int64_t> &symbols;
  std::string &error;
};
} // namespace

std::optional<size_t> Reader::indexOf(StringRef name) {
  for (size_t index = 0; index < function.getNumArguments(); ++index) {
    auto known = function.getArgAttrOfType<StringAttr>(index, "nn.name");
    if (known && known.getValue() == name)
      return index;
  }
  return std::nullopt;
}

static std::string shapeText(ArrayRef<int64_t> dims) {
  std::string text;
  for (int64_t dim : dims)
    text += (text.empty() ? "" : ", ") + std::to_string(dim);
  return "[" + text + "]";
}

// The shape, dim by dim; a symbol without a value takes the file's.
bool Reader::fits(size_t index, const Tensor &tensor) {
  nn::Dims dims = nn::getDims(function.getArgument(index));
  bool good = dims.size() == tensor.dims.size();
  std::string expected;
  for (auto [i, dim] : llvm::enumerate(dims)) {
    expected += (i ? ", " : "") + dim.str();
    if (!good)
      continue;
    if (StringRef symbol = dim.getSymbol(); !symbol.empty())
      symbols.try_emplace(symbol, tensor.dims[i]);
    auto value = dim.evaluate(symbols);
    good = !value || *value == tensor.dims[i];
  }
  return good || fail("expected shape [" + expected + "], found " +
                      shapeText(tensor.dims));
}

bool Reader::take(StringRef name, const Tensor &tensor) {
  auto index = indexOf(name);
  if (!index)
    return fail("the model has no input '" + name + "'");
  auto type = cast<RankedTensorType>(function.getArgument(*index).getType());
  if (elementType(tensor.dtype, *function.getContext()) !=
      type.getElementType()) {
    std::string expected;
    llvm::raw_string_ostream(expected) << type.getElementType();
    return fail("input '" + name + "': expected " + expected + ", found " +
                attune_dtype_name(tensor.dtype));
  }
  if (!fits(*index, tensor))
    return fail("input '" + name + "': " + error);
  auto array = nn::Array::fromBytes(
      type.getElementType(), tensor.dims,
      ArrayRef(reinterpret_cast<const char *>(tensor.data.data()),
               tensor.data.size()));
  if (failed(array))
    return fail("input '" + name + "': too few bytes");
  if (!given.emplace(*index, *array).second)
    return fail("input '" + name + "' is given twice");
  return true;
}

bool Reader::read(StringRef argument) {
  auto [name, path] = argument.split('=');
  if (path.empty())
    std::swap(name, path);
  NamedTensors tensors;
  if (Error failure = readTensors(path.str(), tensors))
    return fail(failure.message());
  if (tensors.count("") && name.empty())
    return fail(path + ": an .npy has no name; use --input NAME=" + path);
  // A name picks one of several tensors, or names the only one.
  if (!name.empty() && tensors.size() > 1) {
    auto found = tensors.find(name.str());
    if (found == tensors.end())
      return fail(path + ": it has no tensor '" + name + "'");
    tensors = {*found};
  }
  for (const auto &[key, tensor] : tensors)
    if (!take(name.empty() ? StringRef(key) : name, tensor))
      return fail(path + ": " + error);
  return true;
}

bool readInputFiles(func::FuncOp function,
                    const std::vector<std::string> &files, GivenInputs &given,
                    llvm::StringMap<int64_t> &symbols, std::string &error) {
  Reader reader(function, given, symbols, error);
  return llvm::all_of(
      files, [&](const std::string &file) { return reader.read(file); });
}

} // namespace attune::tools
