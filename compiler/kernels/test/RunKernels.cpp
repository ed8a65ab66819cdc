// Runs a module by kernels and by the evaluator. See RunKernels.h.
#include "compiler/kernels/test/RunKernels.h"

#include "compiler/fusion/Cost.h"
#include "compiler/fusion/Passes.h"
#include "compiler/kernels/Passes.h"
#include "compiler/target/common/testing/Memory.h"
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "dialects/nn/reference/Evaluator.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <random>

namespace attune::kernels::testing {

using namespace mlir;
using nn::Array;
using nn::Dims;
using target::cpu::testing::Argument;
using target::cpu::testing::CompiledKernels;

namespace {

// The bytes of a root tensor, with guards on both sides. NaN until written.
class Buffer {
public:
  explicit Buffer(size_t bytes)
      : size(bytes), storage(target::common::testing::allocate(
                         int64_t(bytes + 2 * kGuard))) {
    std::memset(storage.get(), kGuardByte, kGuard);
    std::memset(data(), 0xff, size);
    std::memset(data() + size, kGuardByte, kGuard);
  }
  explicit Buffer(const std::vector<char> &bytes) : Buffer(bytes.size()) {
    std::memcpy(data(), bytes.data(), size);
  }
  Buffer(const Buffer &) = delete;

  char *data() { return storage.get() + kGuard; }
  bool isIntact() {
    for (size_t i = 0; i < kGuard; ++i)
      if (storage.get()[i] != kGuardByte || data()[size + i] != kGuardByte)
        return false;
    return true;
  }
  std::vector<char> bytes() { return {data(), data() + size}; }

  const size_t size;

private:
  static constexpr size_t kGuard = 64;
  static constexpr char kGuardByte = 0x5a;
  std::shared_ptr<char> storage;
};

class Runner {
public:
  Runner(ModuleOp module, CompiledKernels &kernels,
         const llvm::StringMap<int64_t> &symbols, std::string &failure)
      : module(module), weights(module), kernels(kernels), symbols(symbols),
        failure(failure) {}

  std::vector<Array> run(ArrayRef<Array> inputs);

  /// Set: launches are kept here and run once, without a look at what they do.
  std::vector<CompiledKernels::Call> *kept = nullptr;

private:
  void runOp(Operation &op);
  void launch(nn::LaunchOp op);
  std::vector<Argument> arguments(nn::LaunchOp op, tile::KernelOp kernel);
  int64_t value(nn::DimAttr dim) { return *dim.evaluate(symbols); }
  nn::Extents extents(Value tensor) {
    nn::Extents result;
    for (nn::DimAttr dim : nn::getDims(tensor))
      result.push_back(value(dim));
    return result;
  }
  Type elementOf(Value tensor) {
    return cast<RankedTensorType>(tensor.getType()).getElementType();
  }

  ModuleOp module;
  nn::Evaluator weights;
  CompiledKernels &kernels;
  const llvm::StringMap<int64_t> &symbols;
  std::string &failure;
  llvm::DenseMap<Value, std::shared_ptr<Buffer>> buffers;
};

// Sizes, strides and scalars as the launch passes them.
std::vector<Argument> Runner::arguments(nn::LaunchOp op,
                                        tile::KernelOp kernel) {
  std::vector<Argument> result;
  size_t next = 0;
  auto take = [&](int64_t known) {
    return ShapedType::isDynamic(known) ? value(op.getIntegers()[next++])
                                        : known;
  };
  for (BlockArgument argument : kernel.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type) {
      result.push_back(Argument(value(op.getIntegers()[next++])));
      continue;
    }
    unsigned number = argument.getArgNumber(), inputs = op.getInputs().size();
    bool isInput = number < inputs;
    Value root =
        isInput ? op.getInputs()[number] : Value(op.getResult(number - inputs));
    auto layout =
        cast<nn::LayoutAttr>(isInput ? op.getInputLayouts()[number]
                                     : op.getResultLayouts()[number - inputs]);
    char *data = buffers.lookup(root)->data() +
                 value(layout.getOffset()) * nn::storageBytes(elementOf(root));
    auto [memrefStrides, offset] = type.getStridesAndOffset();
    std::vector<int64_t> sizes, strides;
    for (int64_t size : type.getShape())
      sizes.push_back(take(size));
    for (int64_t stride : memrefStrides)
      strides.push_back(take(stride));
    result.push_back(Argument(data, sizes, strides));
  }
  return result;
}

void Runner::launch(nn::LaunchOp op) {
  auto kernel = module.lookupSymbol<tile::KernelOp>(op.getKernel());
  for (auto [index, result] : llvm::enumerate(op.getResults())) {
    int64_t reuse = op.getInPlace() ? (*op.getInPlace())[index] : -1;
    Value input = reuse >= 0 ? op.getInputs()[reuse] : Value();
    // As the memory planner does: a dying temporary that is passed once.
    if (input && input.getDefiningOp<nn::LaunchOp>() && input.hasOneUse())
      buffers[result] = buffers.lookup(input);
    else
      buffers[result] = std::make_shared<Buffer>(
          Array(elementOf(result), extents(result)).toBytes().size());
  }
  if (kept) {
    kept->push_back(
        kernels.prepare(op.getKernel().str(), arguments(op, kernel)));
    return kept->back().runAll();
  }
  // One item at a time by several workers first: where that writes in place
  // there is no second run to compare with.
  auto call = kernels.prepare(op.getKernel().str(), arguments(op, kernel), 3);
  if (call.items != value(op.getGrid()))
    failure = "the grid has " + std::to_string(call.items) +
              " items, the launch " + std::to_string(value(op.getGrid()));
  if (call.scratchBytes != value(op.getScratch()))
    failure = "the launch gives another number of bytes of scratch";
  call.runAll(1, 3);
  std::vector<std::vector<char>> divided;
  for (Value result : op.getResults())
    divided.push_back(buffers.lookup(result)->bytes());
  if (!op.getInPlace()) {
    auto whole = kernels.prepare(op.getKernel().str(), arguments(op, kernel));
    whole.runAll();
    for (auto [result, before] : llvm::zip(op.getResults(), divided))
      if (buffers.lookup(result)->bytes() != before)
        failure = "the result depends on how the work is divided";
  }
  if (!call.scratchIsIntact())
    failure = "a kernel wrote beyond its scratch";
  for (Value result : op.getResults())
    if (!buffers.lookup(result)->isIntact())
      failure = "a kernel wrote beyond its result";
}

void Runner::runOp(Operation &op) {
  auto keep = [&](Value value, const Array &array) {
    buffers[value] = std::make_shared<Buffer>(array.toBytes());
  };
  if (auto launched = dyn_cast<nn::LaunchOp>(op))
    launch(launched);
  else if (auto load = dyn_cast<nn::LoadWeightOp>(op))
    keep(load, *weights.weight(load.getWeight(), load));
  else if (auto constant = dyn_cast<arith::ConstantOp>(op))
    keep(constant,
         *Array::fromAttribute(cast<ElementsAttr>(constant.getValue())));
  else if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
    buffers[reshape] = buffers.lookup(reshape.getInput());
}

std::vector<Array> Runner::run(ArrayRef<Array> inputs) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  Block &body = function.getBody().front();
  for (auto [argument, array] : llvm::zip(body.getArguments(), inputs))
    buffers[argument] = std::make_shared<Buffer>(array.toBytes());
  for (Operation &op : body.without_terminator())
    runOp(op);
  std::vector<Array> outputs;
  for (Value output : body.getTerminator()->getOperands())
    outputs.push_back(*Array::fromBytes(elementOf(output), extents(output),
                                        buffers.lookup(output)->bytes()));
  return outputs;
}

std::vector<Array> drawInputs(func::FuncOp function,
                              const llvm::StringMap<int64_t> &symbols,
                              unsigned seed) {
  std::mt19937 random(seed);
  std::vector<Array> inputs;
  for (Value argument : function.getArguments()) {
    nn::Extents shape;
    for (nn::DimAttr dim : nn::getDims(argument))
      shape.push_back(*dim.evaluate(symbols));
    Type element = cast<RankedTensorType>(argument.getType()).getElementType();
    Array array(element, shape);
    if (array.isFloat()) // as a kernel sees it, in f32
      for (double &x : array.floats())
        x = float(std::uniform_real_distribution<double>(-1, 1)(random));
    else
      for (int64_t &x : array.ints())
        x = random() % (element.isInteger(1) ? 2 : 8);
    inputs.push_back(array);
  }
  return inputs;
}

double errorOf(const Array &found, const Array &expected) {
  double worst = 0, greatest = 0;
  for (int64_t i = 0; i < expected.size(); ++i) {
    double a = found.get<double>(i), b = expected.get<double>(i);
    if (std::isnan(a) != std::isnan(b) || std::isinf(a) != std::isinf(b))
      return INFINITY;
    if (std::isfinite(a))
      worst = std::max(worst, std::fabs(a - b));
    if (std::isfinite(b))
      greatest = std::max(greatest, std::fabs(b));
  }
  // What is zero but for the evaluator's own rounding has no size.
  return greatest > 1e-12 ? worst / greatest : worst;
}

bool runPasses(ModuleOp module, target::cpu::CodeVersion version,
               const std::string &attention) {
  PassManager passes(module.getContext());
  if (!attention.empty()) {
    fusion::PipelineOptions strategy;
    strategy.attention = attention;
    fusion::buildPipeline(passes, strategy);
  }
  BuildKernelsOptions options;
  options.target = target::cpu::codeVersionName(version).str();
  passes.addNestedPass<func::FuncOp>(createAssignLayouts());
  passes.addPass(createBuildKernels(options));
  PlanScratchOptions scratch;
  scratch.target = options.target;
  passes.addPass(createPlanScratch(scratch));
  passes.addPass(createVerifyKernels());
  return succeeded(passes.run(module));
}

} // namespace

using Adjust = std::function<void(MutableArrayRef<Array>)>;

// Adds one run to `result`.
static void compareOnce(ModuleOp model, ModuleOp built,
                        CompiledKernels &kernels, const Symbols &values,
                        unsigned seed, const Adjust &adjust,
                        Comparison &result) {
  llvm::StringMap<int64_t> symbols;
  for (auto &[name, value] : values)
    symbols[name] = value;
  auto function = model.lookupSymbol<func::FuncOp>("main");
  std::vector<Array> inputs = drawInputs(function, symbols, seed);
  if (adjust)
    adjust(inputs);
  auto expected = nn::Evaluator(model).run(function, inputs);
  if (failed(expected)) {
    result.failure = "the evaluator failed";
    return;
  }
  std::vector<Array> found =
      Runner(built, kernels, symbols, result.failure).run(inputs);
  for (auto [a, b] : llvm::zip(found, *expected))
    result.error = std::max(result.error, errorOf(a, b));
}

static std::unique_ptr<MLIRContext> makeContext() {
  DialectRegistry registry;
  registry.insert<nn::NNDialect, tile::TileDialect, func::FuncDialect>();
  nn::registerEvaluators(registry);
  fusion::registerCostModels(registry);
  auto context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  context->loadAllAvailableDialects();
  return context;
}

static std::unique_ptr<CompiledKernels>
compileKernels(ModuleOp built, target::cpu::CodeVersion version) {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (auto kernel : built.getOps<tile::KernelOp>()) {
    kernel->print(os, OpPrintingFlags().useLocalScope());
    os << "\n";
  }
  return CompiledKernels::compile(text, version);
}

Comparison compareWithEvaluator(const std::string &text,
                                const std::vector<Symbols> &symbols,
                                unsigned seed, target::cpu::CodeVersion version,
                                const std::string &attention,
                                const Adjust &adjust) {
  Comparison result;
  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> model =
      parseSourceString<ModuleOp>(text, context.get());
  if (!model)
    return {0, 0, 0, "the text is no module"};
  OwningOpRef<ModuleOp> built = model->clone();
  if (!runPasses(*built, version, attention))
    return {0, 0, 0, "the kernels stage failed"};
  built->walk([&](nn::LaunchOp) { ++result.launches; });
  result.kernels = llvm::range_size(built->getOps<tile::KernelOp>());
  std::unique_ptr<CompiledKernels> kernels = compileKernels(*built, version);
  if (!kernels)
    return {0, 0, 0, "the target failed"};

  for (const Symbols &values : symbols)
    compareOnce(*model, *built, *kernels, values, seed, adjust, result);
  return result;
}

namespace {
class Prepared : public PreparedModule {
public:
  bool make(const std::string &text, const Symbols &values, unsigned seed,
            target::cpu::CodeVersion version, const std::string &attention) {
    module = parseSourceString<ModuleOp>(text, context.get());
    if (!module)
      return false;
    for (auto &[name, value] : values)
      symbols[name] = value;
    auto function = module->lookupSymbol<func::FuncOp>("main");
    std::vector<Array> inputs = drawInputs(function, symbols, seed);
    if (!runPasses(*module, version, attention))
      return false;
    kernels = compileKernels(*module, version);
    if (!kernels)
      return false;
    runner.emplace(*module, *kernels, symbols, failure);
    runner->kept = &calls;
    runner->run(inputs);
    module->walk([&](nn::LaunchOp op) {
      for (auto [index, result] : llvm::enumerate(op.getResults())) {
        nn::Extents shape;
        for (nn::DimAttr dim : nn::getDims(result))
          shape.push_back(*dim.evaluate(symbols));
        Type element =
            cast<RankedTensorType>(result.getType()).getElementType();
        int64_t size = nn::storageBytes(element);
        for (int64_t extent : shape)
          size *= extent;
        bytes += op.getInPlace() && (*op.getInPlace())[index] >= 0 ? 0 : size;
      }
      scratchBytes = std::max(scratchBytes, *op.getScratch().evaluate(symbols));
    });
    return true;
  }
  void run() override {
    for (const CompiledKernels::Call &call : calls)
      call.runAll();
  }

private:
  std::unique_ptr<MLIRContext> context = makeContext();
  OwningOpRef<ModuleOp> module;
  std::unique_ptr<CompiledKernels> kernels;
  llvm::StringMap<int64_t> symbols;
  std::string failure;
  std::optional<Runner> runner;
  std::vector<CompiledKernels::Call> calls;
};
} // namespace

std::unique_ptr<PreparedModule>
PreparedModule::make(const std::string &text, const Symbols &symbols,
                     unsigned seed, target::cpu::CodeVersion version,
                     const std::string &attention) {
  auto prepared = std::make_unique<Prepared>();
  if (!prepared->make(text, symbols, seed, version, attention))
    return nullptr;
  return prepared;
}

} // namespace attune::kernels::testing
