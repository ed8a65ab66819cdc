//===- SimulatedKernels.cpp -----------------------------------------------===//
#include "compiler/target/cuda/testing/SimulatedKernels.h"
#include "compiler/target/cuda/testing/DeviceBuffers.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"

using namespace mlir;
using namespace attune;
using namespace attune::target::cuda;
using namespace attune::target::cuda::testing;
using attune::target::common::testing::TestTarget;

std::unique_ptr<SimulatedKernels>
SimulatedKernels::compile(const std::string &text, const Machine &machine) {
  std::unique_ptr<SimulatedKernels> result(new SimulatedKernels);
  DialectRegistry registry;
  registry.insert<tile::TileDialect>();
  registerTranslations(registry);
  result->context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  result->module = parseSourceString<ModuleOp>(text, result->context.get());
  if (!result->module)
    return nullptr;
  FailureOr<Ptx> ptx = emitPtx(*result->module, machine);
  if (failed(ptx))
    return nullptr;
  result->code = std::move(*ptx);
  return result;
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
  DeviceBuffers buffers(device, kernel, arguments, offset);
  gpusim::Arguments slots;
  for (int64_t slot :
       target::common::testing::slotsOf(kernel, arguments, [&](unsigned i) {
         return int64_t(buffers.addressOf(i));
       }))
    slots.add(slot);
  int64_t items = target::common::testing::gridSize(kernel, arguments);
  if (items)
    report = device.launch(*loaded, name,
                           {.grid = gpusim::Shape(uint32_t(llvm::divideCeil(
                                items, launch->itemsPerBlock))),
                            .block = gpusim::Shape(uint32_t(launch->threads)),
                            .dynamicShared = uint64_t(launch->sharedBytes)},
                           slots);
  buffers.copyBack();
  return report;
}

namespace {
/// As tests of all targets want it.
class Runner : public target::common::testing::RunnableKernels {
public:
  explicit Runner(std::unique_ptr<SimulatedKernels> kernels)
      : kernels(std::move(kernels)) {}
  bool run(const std::string &name, const std::vector<Argument> &arguments,
           uint64_t order) override {
    gpusim::Report report = kernels->run(name, arguments, order);
    if (report.error)
      llvm::errs() << "error: " << name << ": " << report.error->text() << "\n";
    return !report.error;
  }

private:
  std::unique_ptr<SimulatedKernels> kernels;
};
} // namespace

const std::vector<TestTarget> &target::common::testing::testTargets() {
  static const std::vector<TestTarget> targets = [] {
    TestTarget target;
    target.name = target.machine = Machine::least().name.str();
    target.place = "for CUDA";
    target.compile = [](const std::string &text, const std::string &machine)
        -> std::unique_ptr<common::testing::RunnableKernels> {
      auto kernels = SimulatedKernels::compile(text, *Machine::find(machine));
      if (!kernels)
        return nullptr;
      return std::make_unique<Runner>(std::move(kernels));
    };
    return std::vector<TestTarget>{target};
  }();
  return targets;
}
