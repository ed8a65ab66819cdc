// Takes a model through the stages: import, the shared stages once, then code
// for each version.
#include "compiler/tools/Driver.h"

#include "compiler/Pipeline.h"
#include "compiler/target/cuda/Machine.h"
#include "compiler/tools/Guard.h"
#include "compiler/tools/IndexBounds.h"
#include "compiler/tools/LoadModel.h"
#include "compiler/tools/MakeCode.h"
#include "compiler/tools/Output.h"
#include "compiler/tools/Registration.h"
#include "dialects/nn/NodeName.h"
#include "runtime/tools/Terminal.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/xxhash.h"
#include "llvm/TargetParser/Host.h"

namespace attune::tools {

using namespace mlir;
using target::cpu::CodeVersion;

Driver::Driver(const Request &request) : request(request) {
  DialectRegistry registry;
  registerAllDialects(registry);
  mlirContext = std::make_unique<MLIRContext>(registry);
  mlirContext->getDiagEngine().registerHandler(
      [this](Diagnostic &diagnostic) { printDiagnostic(diagnostic); });
}

Driver::~Driver() = default;

// One line: file, node, what is wrong. Notes are for compiler engineers and
// only shown with the error they belong to.
void Driver::printDiagnostic(Diagnostic &diagnostic) {
  if (diagnostic.getSeverity() != DiagnosticSeverity::Error &&
      diagnostic.getSeverity() != DiagnosticSeverity::Warning)
    return;
  std::string text = request.model;
  if (std::string node = nn::nodeName(diagnostic.getLocation()); !node.empty())
    text += ": node '" + node + "'";
  text += ": " + diagnostic.str();
  if (diagnostic.getSeverity() == DiagnosticSeverity::Warning)
    printWarning(text);
  else
    printError(text);
}

bool Driver::fail(ExitCode newCode, const llvm::Twine &message) {
  code = newCode;
  if (std::string text = message.str(); !text.empty())
    printError(text);
  return false;
}

bool Driver::failBroken(StringRef stage, StringRef reproducer) {
  std::string path =
      (llvm::sys::path::stem(request.model) + ".reproducer.mlir").str();
  bool written =
      writeOutput(path, [&](llvm::raw_ostream &os) { os << reproducer; });
  return fail(kInternalBug,
              request.model + ": a bug in attune, in stage " + stage +
                  (written ? "; please report it with " + path
                           : "; please report it with the model"));
}

// The best version that this machine runs.
static CodeVersion nativeVersion() {
  auto features = llvm::sys::getHostCPUFeatures();
  auto has = [&](std::initializer_list<StringRef> names) {
    return llvm::all_of(names,
                        [&](StringRef name) { return features.lookup(name); });
  };
  if (has({"avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"}))
    return CodeVersion::X86_64_V4;
  return has({"avx2", "fma", "bmi2", "f16c"}) ? CodeVersion::X86_64_V3
                                              : CodeVersion::X86_64_V2;
}

bool Driver::resolveTarget(StringRef text) {
  auto [device, name] = text.split(':');
  CodeTarget target;
  if (device == "cpu") {
    auto version = name.empty() || name == "native"
                       ? std::optional(nativeVersion())
                       : target::cpu::codeVersionFromName(name);
    if (!version)
      return fail(kUserError, "--target " + text +
                                  ": expected native, x86-64-v2, x86-64-v3 or "
                                  "x86-64-v4 after cpu:");
    target.cpu = *version;
  } else if (device == "cuda") {
    target.device = CodeTarget::Device::Cuda;
    target.binariesAreRequired = !name.empty();
    SmallVector<StringRef> names;
    if (name.empty())
      for (const auto &machine : target::cuda::Machine::all())
        names.push_back(machine.name);
    else
      name.split(names, ',');
    for (StringRef capability : names) {
      if (!target::cuda::Machine::find(capability))
        return fail(kUserError,
                    "--target " + text + ": '" + capability +
                        "' is none of the capabilities that binaries are made "
                        "for, sm_80 and sm_90a");
      target.binaries.push_back(capability.str());
    }
  } else {
    return fail(kUserError, "--target " + text +
                                ": expected cpu, cpu:native, cpu:x86-64-v2, "
                                "cpu:x86-64-v3, cpu:x86-64-v4, cuda or "
                                "cuda:sm_80,sm_90a");
  }
  auto same = llvm::find_if(options.versions, [&](const CodeTarget &other) {
    return other.name() == target.name();
  });
  if (same == options.versions.end()) {
    options.versions.push_back(std::move(target));
    return true;
  }
  // PTX is one, whatever binaries go beside it.
  same->binariesAreRequired |= target.binariesAreRequired;
  for (const std::string &binary : target.binaries)
    if (!llvm::is_contained(same->binaries, binary))
      same->binaries.push_back(binary);
  return true;
}

bool Driver::resolveOptions() {
  static constexpr StringLiteral precisions[] = {"f32", "tf32", "f16", "bf16"};
  if (!llvm::is_contained(precisions, request.precision))
    return fail(kUserError, "--precision " + request.precision +
                                ": expected f32, tf32, f16 or bf16");
  options.precision = request.precision;
  options.attention = request.attention;
  options.training = request.training;
  std::vector<std::string> targets = request.targets;
  if (targets.empty())
    targets = {StringRef(request.device).starts_with("cuda") ? "cuda"
                                                             : "cpu:native"};
  for (StringRef text : targets)
    if (!resolveTarget(text))
      return false;
  for (const CodeTarget &target : options.versions)
    if (target.device == CodeTarget::Device::Cpu && options.precision != "f32")
      return fail(kUserError, "--precision " + options.precision +
                                  " is for --target cuda alone: the CPU "
                                  "computes in f32");
  // The best CPU first, GPUs behind them.
  llvm::sort(options.versions, [](const CodeTarget &a, const CodeTarget &b) {
    return a.device != b.device ? a.device < b.device : a.cpu > b.cpu;
  });
  return true;
}

bool Driver::load() {
  std::string error;
  loaded = loadModel(request, *mlirContext, error);
  if (!loaded) {
    if (!error.empty())
      printErrors(error);
    return fail(kUserError, "");
  }
  if (auto file = llvm::MemoryBuffer::getFile(request.model, false, false))
    sourceHash = llvm::utohexstr(llvm::xxh3_64bits((*file)->getBuffer()),
                                 /*LowerCase=*/true);
  return dump(request.emit == "onnx" ? "onnx" : "nn", *loaded);
}

void printModule(ModuleOp module, llvm::raw_ostream &os) {
  OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(64).elideLargeResourceString(64);
  module->print(os, flags);
  os << '\n';
}

bool Driver::dump(StringRef stage, ModuleOp module) {
  if (request.dumpDir.empty())
    return true;
  size_t number = 0;
  for (const Stage &row : stages()) {
    if (row.name == stage)
      break;
    ++number;
  }
  SmallString<128> path(request.dumpDir);
  if (std::error_code error = llvm::sys::fs::create_directories(path))
    return fail(kUserError,
                path + ": cannot make the folder: " + error.message());
  llvm::sys::path::append(path, (number < 10 ? "0" : "") + llvm::Twine(number) +
                                    "-" + stage + ".mlir");
  return writeOutput(path,
                     [&](llvm::raw_ostream &os) { printModule(module, os); }) ||
         fail(kUserError, "");
}

bool Driver::runPasses(StringRef stage, ModuleOp module,
                       llvm::function_ref<void(OpPassManager &)> add) {
  PassManager passes(&*mlirContext, ModuleOp::getOperationName());
  add(passes);
  std::string reproducer;
  Outcome outcome = runGuarded(passes, module, reproducer);
  if (outcome == Outcome::Broken)
    return failBroken(stage, reproducer);
  return dump(stage, module) &&
         (outcome == Outcome::Done || fail(kUserError, ""));
}

bool Driver::runStage(StringRef name, ModuleOp module) {
  return runPasses(name, module, [&](OpPassManager &passes) {
    if (name == "cleanup")
      addCleanupStage(passes, options);
    else if (name == "detect")
      addDetectStage(passes);
    else if (name == "differentiate")
      addDifferentiateStage(passes, options);
    else
      addFusionStage(passes, options);
  });
}

// What the loss of a model that trains ignores, as long as there is one op for
// it.
static std::vector<int64_t> ignoredLabelsOf(ModuleOp module) {
  llvm::SetVector<int64_t> labels;
  if (auto step = module.lookupSymbol<func::FuncOp>("step"))
    step.walk(
        [&](nn::CrossEntropyOp op) { labels.insert(op.getIgnoreIndex()); });
  return {labels.begin(), labels.end()};
}

bool Driver::runShared(ModuleOp module, StringRef last) {
  for (StringRef stage : {"cleanup", "detect", "differentiate", "fusion"}) {
    if (!runStage(stage, module))
      return false;
    if (stage == "cleanup")
      indexBounds = indexBoundsOf(module);
    if (stage == "differentiate")
      ignoredLabels = ignoredLabelsOf(module);
    if (stage == last)
      break;
  }
  return true;
}

bool Driver::runTarget(ModuleOp module, const CodeTarget &target,
                       StringRef last) {
  auto addKernels = [&](OpPassManager &passes) {
    addKernelsStage(passes, target);
  };
  return runPasses("kernels", module, addKernels) &&
         (last == "kernels" || runPasses("memory", module, addMemoryStage));
}

bool Driver::makeOf(ModuleOp module, const CodeTarget &target,
                    llvm::function_ref<bool(std::string &)> make) {
  if (!runTarget(module, target))
    return false;
  OwningOpRef<ModuleOp> before(module.clone());
  std::string error;
  bool made = false;
  if (survives([&] { made = make(error); }) && made)
    return true;
  if (!error.empty())
    return fail(kUserError, error);
  // No code can be made, which is a bug: kernels are checked before.
  std::string reproducer;
  llvm::raw_string_ostream os(reproducer);
  os << "// the kernels of " << target.name() << '\n';
  printModule(*before, os);
  return failBroken("target", reproducer);
}

std::optional<target::package::CodeVersion>
Driver::makeVersion(ModuleOp module, const CodeTarget &target) {
  std::optional<target::package::CodeVersion> version;
  makeOf(module, target, [&](std::string &error) {
    version = target.device == CodeTarget::Device::Cpu
                  ? makeCpuCode(module, target.cpu, error)
                  : makeCudaCode(module, target, error);
    return version.has_value();
  });
  return version;
}

std::string Driver::sibling(StringRef program) const {
  SmallString<128> path(
      llvm::sys::path::parent_path(llvm::sys::fs::getMainExecutable(
          request.program.c_str(), reinterpret_cast<void *>(&printModule))));
  llvm::sys::path::append(path, program);
  return path.str().str();
}

bool Driver::writePackage(ModuleOp module, const std::string &path,
                          bool executable) {
  std::vector<target::package::CodeVersion> versions;
  std::vector<OwningOpRef<ModuleOp>> clones;
  {
    Progress progress("compiling", request.quiet);
    for (const CodeTarget &target : options.versions) {
      clones.emplace_back(module.clone());
      auto version = makeVersion(*clones.back(), target);
      if (!version)
        return false;
      versions.push_back(std::move(*version));
      progress.update(double(versions.size()) /
                      double(options.versions.size()));
    }
  }
  std::string program = executable ? sibling("attune-run") : "";
  target::package::PackageInfo info{llvm::sys::path::stem(request.model).str(),
                                    sourceHash, ignoredLabels, indexBounds};
  Progress progress("writing weights", request.quiet);
  auto report = [&](uint64_t done, uint64_t all) {
    progress.update(double(done) / double(std::max<uint64_t>(all, 1)));
  };
  return succeeded(target::package::writePackage(path, info, versions, program,
                                                 report)) ||
         fail(kUserError, "");
}

} // namespace attune::tools
