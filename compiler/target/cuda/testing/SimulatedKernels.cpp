//===- SimulatedKernels.cpp -----------------------------------------------===//
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;

std::unique_ptr<SimulatedKernels>
SimulatedKernels::compile(const std::string &text) {
  std::unique_ptr<SimulatedKernels> result(new SimulatedKernels);
  DialectRegistry registry;
  registry.insert<tile::TileDialect>();
  registerTranslations(registry);
  result->context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  result->module = parseSourceString<ModuleOp>(text, result->context.get());
  if (!result->module)
    return nullptr;
  FailureOr<Ptx> ptx = emitPtx(*result->module, Machine::all().front());
  if (failed(ptx))
    return nullptr;
  result->code = std::move(*ptx);
  return result;
}

static int64_t elementBytes(MemRefType type) {
  Type element = type.getElementType();
  if (element.isIndex())
    return 8;
  return std::max<int64_t>(1, element.getIntOrFloatBitWidth() / 8);
}

gpusim::Report SimulatedKernels::run(const std::string &name,
                                     const std::vector<Argument> &arguments,
                                     uint64_t seed, uint64_t offset) {
  gpusim::LaunchOptions options;
  options.seed = seed;
  gpusim::Device device(options);
  gpusim::Report report;
  std::string error;
  const gpusim::LoadedModule *loaded = device.load(code.text, error);
  auto kernel = module->lookupSymbol<tile::KernelOp>(name);
  auto launch = llvm::find_if(
      code.kernels, [&](const PtxKernel &k) { return k.name == name; });
  if (!loaded || !kernel || launch == code.kernels.end()) {
    gpusim::Error fault;
    fault.message = "cannot be loaded: " + error;
    report.error = fault;
    return report;
  }
  std::vector<uint64_t> addresses(arguments.size());
  auto bytesOf = [&](unsigned index) {
    auto type = cast<MemRefType>(kernel.getArguments()[index].getType());
    return std::span(static_cast<std::byte *>(arguments[index].data),
                     size_t(arguments[index].extent() * elementBytes(type)));
  };
  auto isBuffer = [&](unsigned index) {
    return isa<MemRefType>(kernel.getArguments()[index].getType());
  };
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (isBuffer(i)) {
      addresses[i] = offset + device.allocate(offset + bytesOf(i).size(),
                                              "argument " + std::to_string(i));
      device.memory.write(addresses[i], bytesOf(i));
    }
  gpusim::Arguments slots;
  for (int64_t slot :
       target::common::testing::slotsOf(kernel, arguments, [&](unsigned i) {
         return int64_t(addresses[i]);
       }))
    slots.add(slot);
  auto items = uint32_t(target::common::testing::gridSize(kernel, arguments));
  if (items)
    report = device.launch(*loaded, name,
                           {.grid = gpusim::shape(items),
                            .block = gpusim::shape(uint32_t(launch->threads)),
                            .dynamicShared = uint64_t(launch->sharedBytes)},
                           slots);
  for (unsigned i = 0; i < arguments.size(); ++i)
    if (isBuffer(i))
      device.memory.read(addresses[i], bytesOf(i));
  return report;
}
