//===- CompiledKernels.cpp ------------------------------------------------===//
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "compiler/target/cpu/EmitObject.h"
#include "compiler/target/cpu/LowerKernels.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/AffineMap.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Program.h"
#include <cmath>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

using namespace mlir;
using namespace attune;
using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;
using attune::target::common::testing::TestTarget;

std::vector<CodeVersion> testing::runnableVersions() {
  std::vector<CodeVersion> versions;
  __builtin_cpu_init();
  if (__builtin_cpu_supports("x86-64-v2"))
    versions.push_back(CodeVersion::X86_64_V2);
  if (__builtin_cpu_supports("x86-64-v3"))
    versions.push_back(CodeVersion::X86_64_V3);
  if (__builtin_cpu_supports("x86-64-v4"))
    versions.push_back(CodeVersion::X86_64_V4);
  return versions;
}

TestTarget testing::targetOf(CodeVersion version) {
  TestTarget target;
  target.machine = codeVersionName(version).str();
  target.name = target.machine.substr(target.machine.size() - 2);
  target.place = "on the CPU";
  target.hasF16 = version != CodeVersion::X86_64_V2;
  target.hasBF16 = false;
  target.compile = [](const std::string &text, const std::string &machine)
      -> std::unique_ptr<common::testing::RunnableKernels> {
    return CompiledKernels::compile(text, *codeVersionFromName(machine));
  };
  return target;
}

const std::vector<TestTarget> &target::common::testing::testTargets() {
  static const std::vector<TestTarget> targets = [] {
    std::vector<TestTarget> all;
    for (CodeVersion version : runnableVersions())
      all.push_back(targetOf(version));
    return all;
  }();
  return targets;
}

//===----------------------------------------------------------------------===//
// Compiling
//===----------------------------------------------------------------------===//

/// Links the object into a shared one that needs nothing, and loads it.
static void *linkAndLoad(llvm::ArrayRef<char> object) {
  llvm::SmallString<64> input, output;
  int descriptor = -1;
  if (llvm::sys::fs::createTemporaryFile("kernels", "o", descriptor, input) ||
      llvm::sys::fs::createTemporaryFile("kernels", "so", output))
    return nullptr;
  llvm::raw_fd_ostream(descriptor, /*shouldClose=*/true)
      .write(object.data(), object.size());
  auto linker = llvm::sys::findProgramByName(ATTUNE_TEST_LINKER);
  llvm::StringRef command[] = {"ld.lld",         "-shared", "-nostdlib",
                               "--no-undefined", input,     "-z",
                               "defs",           "-o",      output};
  void *library = nullptr;
  if (linker && llvm::sys::ExecuteAndWait(*linker, command) == 0)
    library = dlopen(output.c_str(), RTLD_NOW | RTLD_LOCAL);
  llvm::sys::fs::remove(input);
  llvm::sys::fs::remove(output);
  return library;
}

std::unique_ptr<CompiledKernels>
CompiledKernels::compile(const std::string &text, CodeVersion version) {
  std::unique_ptr<CompiledKernels> result(new CompiledKernels);
  DialectRegistry registry;
  registry.insert<tile::TileDialect, func::FuncDialect>();
  registerTranslations(registry);
  result->context =
      std::make_unique<MLIRContext>(registry, MLIRContext::Threading::DISABLED);
  result->module = parseSourceString<ModuleOp>(text, result->context.get());
  if (!result->module)
    return nullptr;
  for (auto kernel : result->module->getOps<tile::KernelOp>()) {
    FailureOr<AffineMap> scratch = scratchBytes(kernel, version);
    if (failed(scratch))
      return nullptr;
    if (*scratch)
      kernel.setScratch(*scratch);
  }
  llvm::SmallVector<char> object;
  if (failed(emitCpuObject(*result->module, version, object)))
    return nullptr;
  result->bytes.assign(object.begin(), object.end());
  result->library = linkAndLoad(object);
  return result->library ? std::move(result) : nullptr;
}

CompiledKernels::~CompiledKernels() {
  if (library)
    dlclose(library);
}

//===----------------------------------------------------------------------===//
// Calling
//===----------------------------------------------------------------------===//

static constexpr size_t kGuard = 256;
static constexpr char kGuardByte = 0x5a;

CompiledKernels::Call
CompiledKernels::prepare(const std::string &name,
                         const std::vector<Argument> &arguments,
                         int64_t workers) {
  Call call;
  auto kernel = module->lookupSymbol<tile::KernelOp>(name);
  call.function =
      reinterpret_cast<Call::Function>(dlsym(library, name.c_str()));
  call.items = target::common::testing::gridSize(kernel, arguments);
  call.slots = target::common::testing::slotsOf(
      kernel, arguments, [&](unsigned argument) {
        return reinterpret_cast<int64_t>(arguments[argument].data);
      });
  if (AffineMap scratch = kernel.getScratch()) {
    Builder builder(context.get());
    SmallVector<Attribute> values, result;
    for (auto [slot, value] : llvm::zip(kernel.getSlots(), call.slots))
      if (slot.kind != tile::KernelOp::Slot::Pointer)
        values.push_back(builder.getIndexAttr(value));
    (void)scratch.constantFold(values, result);
    call.scratchBytes = cast<IntegerAttr>(result.front()).getInt();
    // NaN everywhere, so that reading what was not written shows.
    call.scratch.assign(call.scratchBytes * workers + 2 * kGuard, kGuardByte);
    auto address = reinterpret_cast<uintptr_t>(call.scratch.data());
    char *base = reinterpret_cast<char *>((address + 63) / 64 * 64);
    std::fill_n(reinterpret_cast<float *>(base),
                call.scratchBytes * workers / 4, NAN);
    call.slots.push_back(call.scratchBytes);
    call.slots.push_back(reinterpret_cast<int64_t>(base));
  }
  return call;
}

bool CompiledKernels::run(const std::string &name,
                          const std::vector<Argument> &arguments,
                          uint64_t order) {
  constexpr int64_t kWorkers = 2, kMostItems = 3;
  Call call = prepare(name, arguments, kWorkers);
  int64_t chunk = order ? int64_t(order % kMostItems) + 1 : int64_t(1) << 40;
  call.runAll(chunk, kWorkers);
  if (!call.scratchIsIntact())
    llvm::errs() << "error: " << name << " wrote beyond its scratch\n";
  return call.scratchIsIntact();
}

void CompiledKernels::Call::runAll(int64_t chunk, int64_t workers) const {
  int64_t turn = 0;
  for (int64_t begin = 0; begin < items;
       begin += std::min(chunk, items - begin))
    run(begin, begin + std::min(chunk, items - begin), turn++ % workers);
}

bool CompiledKernels::Call::scratchIsIntact() const {
  if (scratch.empty())
    return true;
  auto address = reinterpret_cast<uintptr_t>(scratch.data());
  size_t used = (address + 63) / 64 * 64 - address;
  size_t workers =
      (scratch.size() - 2 * kGuard) / std::max<int64_t>(scratchBytes, 1);
  used += workers * scratchBytes;
  return std::all_of(scratch.begin() + used, scratch.end(),
                     [](char byte) { return byte == kGuardByte; });
}
