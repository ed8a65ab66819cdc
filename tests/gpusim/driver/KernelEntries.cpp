//===- KernelEntries.cpp - libraries, kernels, launches -------------------===//
#include "tests/gpusim/driver/Entry.h"
#include <cstring>

using namespace attune::gpusim;
using namespace attune::gpusim::driver;

/// CUjit_option.
static constexpr int kErrorLog = 5, kErrorLogBytes = 6;
/// CUfunction_attribute.
static constexpr int kMaxDynamicSharedBytes = 8;

/// Writes to the log that the caller has given, if any.
static void logTo(const int *options, void **values, unsigned count,
                  const std::string &text) {
  char *log = nullptr;
  size_t bytes = 0;
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == kErrorLog)
      log = static_cast<char *>(values[i]);
    else if (options[i] == kErrorLogBytes)
      bytes = reinterpret_cast<size_t>(values[i]);
  }
  if (log && bytes)
    snprintf(log, bytes, "%s", text.c_str());
}

/// The parameters of a launch, read now: the caller's memory is its own after
/// the call.
static Arguments argumentsOf(const Program &program, void **parameters) {
  Arguments arguments;
  arguments.bytes.resize(program.parameterBytes);
  for (size_t i = 0; i < program.parameters.size(); ++i)
    std::memcpy(arguments.bytes.data() + program.parameterPlaces[i].offset,
                parameters[i], program.parameters[i].size);
  return arguments;
}

static Result launch(State &state, const Kernel &kernel,
                     const Configuration &configuration,
                     const Arguments &arguments) {
  const std::string &name = kernel.program->name;
  Report report = state.device.launch(*kernel.library->module, name,
                                      configuration, arguments);
  ++state.device.options.seed;
  if (report.ok())
    return Success;
  state.lastReport = report.text();
  fprintf(stderr, "%s: %s: %s\n", kDeviceName, name.c_str(),
          state.lastReport.c_str());
  return state.sticky = LaunchFailed;
}

extern "C" {

int cuLibraryLoadData(void **library, const void *code, int *options,
                      void **values, unsigned count, int *, void **, unsigned) {
  return answer([&](State &state) {
    const char *text = static_cast<const char *>(code);
    if (std::memcmp(text, "\177ELF", 4) == 0)
      return NoBinaryForGpu;
    std::string complaints;
    const LoadedModule *module = state.device.load(text, complaints);
    if (!module) {
      logTo(options, values, count, complaints);
      return InvalidPtx;
    }
    *library = state.libraries.add({module, {}});
    return Success;
  });
}

int cuLibraryUnload(void *handle) {
  State &state = State::get();
  std::lock_guard lock(state.mutex);
  if (const Library *library = state.libraries.find(handle))
    state.device.unload(library->module);
  return state.libraries.release(handle) ? Success : InvalidHandle;
}

int cuLibraryGetKernel(void **kernel, void *handle, const char *name) {
  return answer([&](State &state) {
    Library *library = state.libraries.find(handle);
    if (!library)
      return InvalidHandle;
    const Program *program = library->module->find(name);
    if (!program)
      return NotFound;
    *kernel = library->kernels.add({library, program});
    return Success;
  });
}

int cuKernelSetAttribute(int attribute, int value, void *kernel, int) {
  return answer([&](State &state) {
    if (attribute != kMaxDynamicSharedBytes ||
        uint64_t(value) > state.device.options.maxSharedBytes)
      return InvalidValue;
    static_cast<Kernel *>(kernel)->dynamicShared = uint64_t(value);
    return Success;
  });
}

int cuLaunchKernel(void *handle, unsigned gridX, unsigned gridY, unsigned gridZ,
                   unsigned blockX, unsigned blockY, unsigned blockZ,
                   unsigned sharedBytes, void *stream, void **parameters,
                   void **) {
  return answer([&](State &state) {
    auto *kernel = static_cast<const Kernel *>(handle);
    bool fits = gridX > 0 && gridY > 0 && gridZ > 0 && gridX <= 0x7fffffff &&
                gridY <= 65535 && gridZ <= 65535 &&
                sharedBytes <= kernel->dynamicShared;
    if (!fits)
      return InvalidValue;
    Configuration configuration{
        {gridX, gridY, gridZ}, {blockX, blockY, blockZ}, sharedBytes};
    return state.enqueue(
        stream, [&state, kernel, configuration,
                 arguments = argumentsOf(*kernel->program, parameters)] {
          return launch(state, *kernel, configuration, arguments);
        });
  });
}
}
