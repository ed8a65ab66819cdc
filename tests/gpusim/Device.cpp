//===- Device.cpp - a GPU that runs PTX ----------------------------------===//
//
// Loading: parse, place variables, decode. Launching: run, then sum up.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/Device.h"
#include "tests/gpusim/ptx/Parser.h"
#include <algorithm>

namespace attune::gpusim {

const Program *LoadedModule::find(std::string_view name) const {
  for (const Program &program : programs)
    if (program.name == name)
      return &program;
  return nullptr;
}

static std::vector<std::string_view> linesOf(std::string_view text) {
  std::vector<std::string_view> lines;
  for (size_t at = 0; at <= text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return lines;
}

/// Globals and constants are allocations, shared variables offsets.
static void placeVariables(LoadedModule &loaded, DeviceMemory &memory) {
  for (const Variable &variable : loaded.module.variables) {
    if (variable.space == Space::Shared) {
      uint64_t &at = loaded.places.staticShared;
      at = (at + variable.align - 1) / variable.align * variable.align;
      loaded.places.addresses.push_back(at);
      at += variable.external ? 0 : variable.size;
      continue;
    }
    uint64_t address = memory.allocate(variable.size, variable.name);
    std::vector<std::byte> initial = variable.initial;
    initial.resize(variable.size, std::byte(0));
    memory.write(address, initial);
    if (variable.size && variable.space == Space::Const)
      memory.find(address, 1)->readOnly = true;
    loaded.places.addresses.push_back(address);
    loaded.allocations.push_back(address);
  }
}

static bool decodeEntries(LoadedModule &loaded, std::string &error) {
  for (const Function &function : loaded.module.functions) {
    if (!function.entry || !function.defined)
      continue;
    std::string complaints;
    ProgramBuilder builder(loaded.module, loaded.places, function);
    if (auto program = builder.build(complaints))
      loaded.programs.push_back(std::move(*program));
    else
      error += (error.empty() ? "" : "\n") + complaints;
  }
  return error.empty();
}

const LoadedModule *Device::load(std::string_view text, std::string &error) {
  auto loaded = std::make_unique<LoadedModule>();
  error.clear();
  loaded->text = text;
  loaded->lines = linesOf(loaded->text);
  auto module = parseModule(loaded->text, error);
  if (!module)
    return nullptr;
  loaded->module = std::move(*module);
  placeVariables(*loaded, memory);
  bool decoded = decodeEntries(*loaded, error);
  modules.push_back(std::move(loaded));
  if (decoded)
    return modules.back().get();
  unload(modules.back().get());
  return nullptr;
}

bool Device::unload(const LoadedModule *module) {
  auto found =
      std::find_if(modules.begin(), modules.end(),
                   [&](const auto &own) { return own.get() == module; });
  if (found == modules.end())
    return false;
  for (uint64_t address : module->allocations)
    memory.free(address);
  modules.erase(found);
  return true;
}

uint64_t Device::allocate(uint64_t bytes, std::string name) {
  return memory.allocate(bytes, std::move(name));
}

/// Counts of the instructions that ran, in the order of the text.
static std::vector<LineCount> countLines(const Program &program,
                                         const Launch &launch) {
  std::vector<LineCount> lines;
  for (size_t i = 0; i < program.code.size(); ++i) {
    const InstCount &count = launch.counts[i];
    if (count.executed == 0)
      continue;
    LineCount line;
    line.line = program.code[i].line;
    line.opcode = program.opcodes[i];
    line.executed = count.executed;
    line.lanes = count.lanes;
    line.wavefronts = count.wavefronts;
    line.conflicts = count.conflicts;
    line.requests = count.requests;
    line.sectors = count.sectors;
    line.sectorsNeeded = count.sectorsNeeded;
    lines.push_back(std::move(line));
  }
  return lines;
}

Report Device::launch(const LoadedModule &module, std::string_view kernel,
                      const Configuration &configuration,
                      const Arguments &arguments) {
  Report report;
  report.seed = options.seed;
  const Program *program = module.find(kernel);
  if (!program) {
    report.error.emplace();
    report.error->message = "no entry " + std::string(kernel);
    return report;
  }
  Launch launch(*program, memory, module.lines, options);
  launch.grid = configuration.grid;
  launch.block = configuration.block;
  launch.dynamicShared = configuration.dynamicShared;
  launch.parameters = arguments.bytes;
  launch.run();
  report.error = launch.error;
  report.lines = countLines(*program, launch);
  return report;
}

} // namespace attune::gpusim
