//===- Groups.cpp ---------------------------------------------------------===//
#include "compiler/target/common/testing/Groups.h"
#include "compiler/fusion/Cost.h"
#include "compiler/kernels/Passes.h"
#include "compiler/target/common/testing/Memory.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include <cmath>
#include <cstring>

using namespace mlir;
using namespace attune;
using namespace attune::target::common::testing;

static constexpr int64_t kGuard = 128;
static constexpr char kGuardByte = 0x5a;

/// The bytes of a tensor between guards.
struct Groups::Buffer {
  std::shared_ptr<char> bytes;
  int64_t size = 0, shift = 0; ///< in bytes

  static int64_t lengthFor(int64_t size) { return size + 2 * kGuard; }
  /// `shift` in elements of so many bytes; less than a guard.
  static Buffer make(int64_t size, int64_t shift, Type element) {
    Buffer buffer{allocate(lengthFor(size)), size,
                  shift * nn::storageBytes(element)};
    std::memset(buffer.bytes.get(), kGuardByte, lengthFor(size));
    return buffer;
  }
  char *data() const { return bytes.get() + kGuard + shift; }
  bool isIntact() const {
    auto isGuard = [](char byte) { return byte == kGuardByte; };
    char *begin = bytes.get(), *end = begin + lengthFor(size);
    return std::all_of(begin, data(), isGuard) &&
           std::all_of(data() + size, end, isGuard);
  }
};

std::unique_ptr<Groups> Groups::compile(const std::string &text,
                                        const TestTarget &target) {
  std::unique_ptr<Groups> result(new Groups);
  DialectRegistry registry;
  registry.insert<tile::TileDialect, func::FuncDialect, nn::NNDialect,
                  arith::ArithDialect>();
  nn::registerEvaluators(registry);
  fusion::registerCostModels(
      registry); // a launch says what it reads and writes
  result->owner =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  result->owner->loadAllAvailableDialects();
  result->source = parseSourceString<ModuleOp>(text, result->owner.get());
  if (!result->source)
    return nullptr;
  result->lowered = result->source->clone();
  kernels::BuildKernelsOptions options;
  options.target = target.machine;
  PassManager passes(result->owner.get());
  passes.addPass(kernels::createBuildKernels(options));
  kernels::PlanScratchOptions scratch;
  scratch.target = options.target;
  passes.addPass(kernels::createPlanScratch(scratch));
  passes.addPass(kernels::createVerifyKernels());
  if (failed(passes.run(*result->lowered)))
    return nullptr;
  std::string kernelText;
  llvm::raw_string_ostream stream(kernelText);
  for (auto kernel : result->lowered->getOps<tile::KernelOp>())
    stream << kernel << "\n";
  result->kernels = target.compile(kernelText, target.machine);
  if (!result->kernels)
    llvm::errs() << kernelText;
  return result->kernels ? std::move(result) : nullptr;
}

unsigned Groups::variants() {
  size_t most = 1;
  for (auto op : mainOf(*lowered).getOps<nn::LaunchOp>())
    most = std::max(most, op.getKernels().size());
  return unsigned(most);
}

FailureOr<SmallVector<nn::Array>> Groups::evaluate(ArrayRef<nn::Array> inputs) {
  return nn::Evaluator(*source).run(mainOf(*source), inputs);
}

//===----------------------------------------------------------------------===//
// Running
//===----------------------------------------------------------------------===//

static int64_t sizeOf(RankedTensorType type,
                      const llvm::StringMap<int64_t> &symbols,
                      nn::Extents *extents = nullptr) {
  int64_t bytes = nn::storageBytes(type.getElementType());
  for (nn::DimAttr dim : nn::getDims(type)) {
    int64_t extent = *dim.evaluate(symbols);
    bytes *= extent;
    if (extents)
      extents->push_back(extent);
  }
  return bytes;
}

/// The arguments of a kernel: memrefs with their run-time sizes and strides,
/// which `integers` gives in the order of the value slots.
static std::vector<Argument> argumentsOf(tile::KernelOp kernel,
                                         ArrayRef<char *> pointers,
                                         ArrayRef<int64_t> integers) {
  std::vector<Argument> arguments;
  auto take = [&](int64_t known) {
    if (!ShapedType::isDynamic(known))
      return known;
    int64_t next = integers.front();
    integers = integers.drop_front();
    return next;
  };
  for (BlockArgument argument : kernel.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type) {
      arguments.emplace_back(take(ShapedType::kDynamic));
      continue;
    }
    std::vector<int64_t> sizes, strides;
    for (int64_t size : type.getShape())
      sizes.push_back(take(size));
    for (int64_t stride : type.getStridesAndOffset().first)
      strides.push_back(take(stride));
    arguments.emplace_back(pointers.front(), sizes, strides);
    pointers = pointers.drop_front();
  }
  return arguments;
}

Groups::Call Groups::prepare(nn::LaunchOp op,
                             const llvm::StringMap<int64_t> &symbols,
                             Buffers &buffers, Options options) {
  SmallVector<char *> pointers;
  auto addPointer = [&](Value tensor, Attribute layout) {
    int64_t offset =
        *cast<nn::LayoutAttr>(layout).getOffset().evaluate(symbols);
    Type element = cast<RankedTensorType>(tensor.getType()).getElementType();
    pointers.push_back(buffers[tensor].data() +
                       offset * nn::storageBytes(element));
  };
  for (auto [input, layout] :
       llvm::zip(op.getInputs(), op.getInputLayouts().getValue()))
    addPointer(input, layout);
  std::optional<ArrayRef<int64_t>> sharing = op.getInPlace();
  for (auto [number, result] : llvm::enumerate(op.getResults())) {
    auto type = cast<RankedTensorType>(result.getType());
    int64_t size = sizeOf(type, symbols);
    int64_t shared = options.inPlace && sharing ? (*sharing)[number] : -1;
    Buffer buffer =
        shared >= 0 ? buffers[op.getInputs()[shared]]
                    : Buffer::make(size, options.shift, type.getElementType());
    buffers[result] = buffer;
    addPointer(result, op.getResultLayouts()[number]);
  }
  SmallVector<int64_t> integers;
  for (nn::DimAttr dim : op.getIntegers().getDims())
    integers.push_back(*dim.evaluate(symbols));
  auto names = op.getKernels();
  size_t variant = options.variant % names.size();
  auto kernel = lowered->lookupSymbol<tile::KernelOp>(names[variant].getAttr());
  return {kernel.getSymName().str(), argumentsOf(kernel, pointers, integers),
          *op.getGrids()[variant].evaluate(symbols)};
}

LogicalResult Groups::launch(nn::LaunchOp op,
                             const llvm::StringMap<int64_t> &symbols,
                             Buffers &buffers, Options options) {
  Call call = prepare(op, symbols, buffers, options);
  auto kernel = lowered->lookupSymbol<tile::KernelOp>(call.kernel);
  int64_t items = gridSize(kernel, call.arguments);
  if (items != call.grid)
    return op.emitError() << "the launch says " << call.grid
                          << " work items, the kernel " << items;
  if (!kernels->run(call.kernel, call.arguments, options.order))
    return op.emitError("the kernel did something wrong");
  for (Value result : op.getResults())
    if (!buffers[result].isIntact())
      return op.emitError("the kernel wrote beyond a result");
  return success();
}

/// Values of the symbols, and the inputs in storage form.
FailureOr<llvm::StringMap<int64_t>>
Groups::bind(ArrayRef<nn::Array> inputs, Buffers &buffers, int64_t shift) {
  func::FuncOp function = mainOf(*lowered);
  SmallVector<nn::Dims> dims;
  SmallVector<nn::Extents> shapes;
  for (auto [argument, input] : llvm::zip(function.getArguments(), inputs)) {
    dims.push_back(nn::getDims(argument));
    shapes.emplace_back(input.getShape());
    std::vector<char> bytes = input.toBytes();
    Buffer buffer = Buffer::make(
        bytes.size(), shift,
        cast<RankedTensorType>(argument.getType()).getElementType());
    std::memcpy(buffer.data(), bytes.data(), bytes.size());
    buffers[argument] = buffer;
  }
  llvm::StringMap<int64_t> symbols;
  if (failed(nn::bindSymbols(function.getLoc(), dims, shapes, symbols)))
    return failure();
  return symbols;
}

FailureOr<Groups::Call> Groups::prepareOnly(ArrayRef<nn::Array> inputs,
                                            int64_t &bytes) {
  auto owned = std::make_shared<Buffers>();
  kept.push_back(owned);
  Buffers &buffers = *owned;
  auto symbols = bind(inputs, buffers, /*shift=*/0);
  if (failed(symbols))
    return failure();
  auto launches = mainOf(*lowered).getOps<nn::LaunchOp>();
  if (!llvm::hasSingleElement(launches))
    return mainOf(*lowered).emitError("expected one launch");
  nn::LaunchOp op = *launches.begin();
  bytes = *op.getBytes().evaluate(*symbols);
  return prepare(op, *symbols, buffers, {});
}

FailureOr<std::vector<nn::Array>> Groups::run(ArrayRef<nn::Array> inputs,
                                              Options options) {
  func::FuncOp function = mainOf(*lowered);
  Buffers buffers;
  auto symbols = bind(inputs, buffers, options.shift);
  if (failed(symbols))
    return failure();
  for (auto op : function.getOps<nn::LaunchOp>())
    if (failed(launch(op, *symbols, buffers, options)))
      return failure();
  std::vector<nn::Array> results;
  for (Value value : function.front().getTerminator()->getOperands()) {
    auto type = cast<RankedTensorType>(value.getType());
    nn::Extents extents;
    int64_t size = sizeOf(type, *symbols, &extents);
    auto array = nn::Array::fromBytes(type.getElementType(), extents,
                                      ArrayRef(buffers[value].data(), size));
    if (failed(array))
      return failure();
    results.push_back(*array);
  }
  return results;
}

double attune::target::common::testing::errorOf(const nn::Array &computed,
                                                const nn::Array &expected) {
  if (computed.getShape() != expected.getShape())
    return INFINITY;
  double worst = 0, largest = 0;
  for (int64_t i = 0, n = expected.size(); i < n; ++i) {
    double a = computed.get<double>(i), b = expected.get<double>(i);
    if (!expected.isFloat()) {
      worst += computed.ints()[i] != expected.ints()[i];
      continue;
    }
    if (std::isnan(a) != std::isnan(b) ||
        ((std::isinf(a) || std::isinf(b)) && a != b))
      return INFINITY;
    if (!std::isfinite(b))
      continue;
    worst = std::max(worst, std::abs(a - b));
    largest = std::max(largest, std::abs(b));
  }
  return expected.isFloat() ? worst / std::max(largest, 1e-30) : worst;
}
