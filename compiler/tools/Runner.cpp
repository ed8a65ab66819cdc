// Packages, sessions and random inputs for the measuring commands.
#include "compiler/tools/Runner.h"

#include "dialects/nn/NN.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <cmath>
#include <random>

namespace attune::tools {

using namespace mlir;

// ---- inputs ----

// The extent of the table that `value` indexes, looking through what only moves
// or converts it; nothing if it indexes none.
static std::optional<int64_t> indexedExtent(Value value) {
  for (Operation *user : value.getUsers()) {
    if (auto gather = dyn_cast<nn::GatherOp>(user);
        gather && gather.getIndices() == value)
      return cast<RankedTensorType>(gather.getData().getType())
          .getDimSize(gather.getAxis());
    bool passes =
        isa<nn::ReshapeOp, nn::TransposeOp, nn::SliceOp, nn::BroadcastOp>(user);
    if (auto elementwise = dyn_cast<nn::ElementwiseOp>(user))
      passes = elementwise.getKind() == nn::ElementwiseKind::Cast;
    if (passes)
      if (auto extent = indexedExtent(user->getResult(0)))
        return extent;
  }
  return std::nullopt;
}

std::optional<std::vector<nn::Array>>
randomInputs(func::FuncOp function, const llvm::StringMap<int64_t> &symbols,
             uint64_t seed, std::string &error) {
  std::vector<nn::Array> inputs;
  std::mt19937_64 random(seed);
  for (BlockArgument argument : function.getArguments()) {
    nn::Extents shape;
    for (nn::DimAttr dim : nn::getDims(argument)) {
      auto extent = dim.evaluate(symbols);
      if (!extent) {
        error = "the size '" + dim.str() + "' is not known; give it by --shape";
        return std::nullopt;
      }
      shape.push_back(*extent);
    }
    nn::Array array(cast<RankedTensorType>(argument.getType()).getElementType(),
                    shape);
    if (array.isFloat()) {
      std::normal_distribution<float> normal;
      for (double &value : array.floats())
        value = normal(random);
    } else {
      auto extent = indexedExtent(argument);
      for (int64_t &value : array.ints())
        value =
            extent && *extent > 0 ? int64_t(random() % uint64_t(*extent)) : 1;
    }
    inputs.push_back(std::move(array));
  }
  return inputs;
}

// ---- sessions ----

std::unique_ptr<Runner> Runner::open(const std::string &package,
                                     unsigned threads,
                                     const std::string &device,
                                     std::string &error) {
  std::unique_ptr<Runner> runner(new Runner);
  attune_load_options load;
  attune_load_options_init(&load);
  load.device = device.c_str();
  attune_session_options options;
  attune_session_options_init(&options);
  options.threads = threads;
  if (attune_model_load(package.c_str(), &load, &runner->model) != ATTUNE_OK ||
      attune_session_create(runner->model, &options, &runner->session) !=
          ATTUNE_OK) {
    error = attune_error_message();
    return nullptr;
  }
  return runner;
}

bool Runner::isOnDevice() const {
  return StringRef(attune_model_device(model)) != "cpu";
}

Runner::~Runner() {
  attune_session_release(session);
  attune_model_release(model);
}

bool Runner::setInputs(ArrayRef<nn::Array> inputs, std::string &error) {
  inputBytes.clear();
  for (const auto &[index, input] : llvm::enumerate(inputs)) {
    inputBytes.push_back(input.toBytes());
    attune_value_info info;
    attune_tensor tensor{};
    if (attune_model_input(model, index, &info) == ATTUNE_OK)
      tensor.dtype = info.dtype;
    tensor.rank = input.getRank();
    llvm::copy(input.getShape(), tensor.dims);
    tensor.data = inputBytes.back().data();
    tensor.bytes = inputBytes.back().size();
    if (attune_session_set_input(session, index, &tensor) != ATTUNE_OK) {
      error = attune_error_message();
      return false;
    }
  }
  if (attune_session_prepare(session) == ATTUNE_OK)
    return true;
  error = attune_error_message();
  return false;
}

bool Runner::run(std::string &error) {
  if (attune_session_run(session) == ATTUNE_OK)
    return true;
  error = attune_error_message();
  return false;
}

Type elementType(attune_dtype dtype, MLIRContext &context) {
  Builder builder(&context);
  switch (dtype) {
  case ATTUNE_F32:
    return builder.getF32Type();
  case ATTUNE_F64:
    return builder.getF64Type();
  case ATTUNE_F16:
    return builder.getF16Type();
  case ATTUNE_BF16:
    return builder.getBF16Type();
  case ATTUNE_BOOL:
    return builder.getI1Type();
  default:
    return builder.getIntegerType(8 * attune_dtype_bytes(dtype));
  }
}

nn::Array Runner::output(size_t index, MLIRContext &context) {
  attune_tensor tensor{};
  if (attune_session_get_output(session, index, &tensor) != ATTUNE_OK)
    return {};
  auto array = nn::Array::fromBytes(
      elementType(tensor.dtype, context), ArrayRef(tensor.dims, tensor.rank),
      ArrayRef(static_cast<char *>(tensor.data), tensor.bytes));
  return succeeded(array) ? *array : nn::Array();
}

size_t Runner::outputCount() const { return attune_model_output_count(model); }

attune_cost Runner::cost() const {
  attune_cost cost{};
  (void)!attune_session_cost(session, &cost);
  return cost;
}

std::string Runner::codeVersion() const {
  return attune_model_code_version(model);
}

// ---- metric, files ----

llvm::json::Value jsonNumber(double value) {
  return std::isfinite(value) ? value : 1e308;
}

double relativeDifference(const nn::Array &a, const nn::Array &b) {
  if (a.size() != b.size())
    return INFINITY;
  double difference = 0, largest = 0;
  for (int64_t i = 0; i < b.size(); ++i) {
    double x = a.get<double>(i), y = b.get<double>(i);
    if (std::isnan(x) != std::isnan(y))
      return INFINITY;
    if (x != y && !std::isnan(y))
      difference = std::fmax(difference, std::fabs(x - y));
    if (std::isfinite(y))
      largest = std::fmax(largest, std::fabs(y));
  }
  return difference == 0 ? 0 : difference / largest;
}

TemporaryFolder::TemporaryFolder() {
  SmallString<128> folder;
  if (!llvm::sys::fs::createUniqueDirectory("attune", folder))
    path = folder.str().str();
}

TemporaryFolder::~TemporaryFolder() {
  if (!path.empty())
    llvm::sys::fs::remove_directories(path);
}

std::string TemporaryFolder::file(StringRef name) const {
  SmallString<128> file(path);
  llvm::sys::path::append(file, name);
  return file.str().str();
}

} // namespace attune::tools
