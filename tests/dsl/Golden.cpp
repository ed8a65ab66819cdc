// Reads golden files and fills models.
#include "tests/dsl/Golden.h"

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>

namespace attune::golden {

using namespace mlir;

Golden::Golden(const std::string &name) : name(name) {
  std::string path = std::string(ATTUNE_GOLDEN) + "/" + name + ".npz";
  tools::Error error = tools::readTensors(path, arrays);
  EXPECT_FALSE(error) << error.message();
}

nn::Array Golden::array(const std::string &name, Type element) const {
  auto found = arrays.find(name);
  EXPECT_NE(found, arrays.end()) << name;
  const tools::Tensor &tensor = found->second;
  nn::Array array(element, tensor.dims);
  auto bytes = reinterpret_cast<const char *>(tensor.data.data());
  for (int64_t i = 0; i < array.size(); ++i) {
    auto read = [&]<typename T>(T value) {
      std::memcpy(&value, bytes + size_t(i) * sizeof value, sizeof value);
      if (array.isFloat())
        array.floats()[size_t(i)] = double(value);
      else
        array.ints()[size_t(i)] = int64_t(value);
    };
    if (tensor.dtype == ATTUNE_F32)
      read(float());
    else if (tensor.dtype == ATTUNE_F64)
      read(double());
    else
      read(int64_t());
  }
  return array;
}

double Golden::number(const std::string &name) const {
  MLIRContext context;
  return array(name, Float64Type::get(&context)).floats()[0];
}

std::vector<std::pair<std::string, std::string>> Golden::settings(
    const std::vector<std::pair<std::string, std::string>> &more) const {
  std::vector<std::pair<std::string, std::string>> list;
  for (const auto &[array, tensor] : arrays)
    if (array.starts_with("set."))
      list.emplace_back(array.substr(4),
                        std::to_string(int64_t(number(array))));
  list.insert(list.end(), more.begin(), more.end());
  return list;
}

std::string Golden::path() const {
  return std::string(ATTUNE_MODELS) + "/" + name + ".attn";
}

std::string Golden::text() const {
  std::ifstream file(path());
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::pair<std::string, std::string>>
Golden::dropout(const std::string &rate) const {
  std::vector<std::pair<std::string, std::string>> settings;
  std::string source = text();
  for (const char *name : {"rate", "path_rate"})
    if (source.find(" " + std::string(name) + " = ") != std::string::npos)
      settings.emplace_back(name, rate);
  return settings;
}

std::vector<float> parameter(StringRef name, ArrayRef<int64_t> shape) {
  uint64_t seed = 0xCBF29CE484222325;
  for (char byte : name)
    seed = (seed ^ static_cast<unsigned char>(byte)) * 0x100000001B3;
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  bool isVector = shape.size() == 1;
  double offset = isVector && name.ends_with("weight") ? 1 : 0;
  double scale = isVector ? 0.1 : 1 / std::sqrt(double(shape.back()));
  std::vector<float> values;
  for (int64_t i = 1; i <= count; ++i) {
    uint64_t z = seed + uint64_t(i) * 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    z ^= z >> 31;
    double uniform = std::ldexp(double(z >> 40), -24);
    values.push_back(float((2 * uniform - 1) * scale + offset));
  }
  return values;
}

OwningOpRef<ModuleOp> Golden::import(
    MLIRContext &context, bool values,
    const std::vector<std::pair<std::string, std::string>> &more) const {
  dsl::WeightSource source;
  source.get = [](StringRef name, RankedTensorType type,
                  std::string &) -> ElementsAttr {
    return DenseElementsAttr::get(
        type, ArrayRef<float>(parameter(name, type.getShape())));
  };
  dsl::ImportOptions options;
  options.parameters = settings(more);
  if (values)
    options.weights = &source;
  std::string error;
  auto module = dsl::importDsl(path(), options, context, error);
  EXPECT_TRUE(module) << error;
  return module;
}

SmallVector<nn::Array> Golden::arguments(func::FuncOp function,
                                         const Scalars &given) const {
  SmallVector<nn::Array> inputs;
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    std::string name =
        function.getArgAttrOfType<StringAttr>(i, "nn.name").str();
    Type element = cast<RankedTensorType>(function.getArgument(i).getType())
                       .getElementType();
    if (auto number = given.find(name); number != given.end()) {
      nn::Array scalar(element, {});
      if (scalar.isFloat())
        scalar.floats()[0] = number->second;
      else
        scalar.ints()[0] = int64_t(number->second);
      inputs.push_back(scalar);
      continue;
    }
    inputs.push_back(
        array((has("input." + name) ? "input." : "label.") + name, element));
  }
  return inputs;
}

std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  nn::registerEvaluators(registry);
  return std::make_unique<MLIRContext>(registry,
                                       MLIRContext::Threading::DISABLED);
}

double distance(const nn::Array &a, const nn::Array &b) {
  if (a.getShape() != b.getShape())
    return INFINITY;
  double difference = 0, greatest = 0;
  for (int64_t i = 0; i < a.size(); ++i) {
    difference =
        std::fmax(difference, std::fabs(a.get<double>(i) - b.get<double>(i)));
    // fmax would take the other for a NaN.
    if (std::isnan(a.get<double>(i)))
      return INFINITY;
    greatest = std::fmax(greatest, std::fabs(b.get<double>(i)));
  }
  return greatest > 0 ? difference / greatest : difference;
}

SmallVector<nn::Array> evaluate(ModuleOp module, StringRef name,
                                ArrayRef<nn::Array> inputs) {
  auto function = module.lookupSymbol<func::FuncOp>(name);
  EXPECT_TRUE(function) << name.str();
  if (!function)
    return {};
  auto results = nn::Evaluator(module).run(function, inputs);
  EXPECT_TRUE(succeeded(results)) << name.str();
  return failed(results) ? SmallVector<nn::Array>() : *results;
}

} // namespace attune::golden
