//===- Launch.cpp - a grid while it runs ----------------------------------===//
//
// CTAs in random order, a few at a time.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/Launch.h"
#include <algorithm>
#include <numeric>

namespace attune::gpusim {

Launch::Launch(const Program &program, DeviceMemory &memory,
               const std::vector<std::string_view> &sourceLines,
               const LaunchOptions &options)
    : program(program), memory(memory), sourceLines(sourceLines),
      options(options), counts(program.code.size()),
      generator(uint32_t(options.seed ^ options.seed >> 32)) {}

std::string Launch::sourceLine(uint32_t line) const {
  if (line == 0 || line > sourceLines.size())
    return "";
  std::string_view text = sourceLines[line - 1];
  size_t first = text.find_first_not_of(" \t");
  if (first == text.npos)
    return "";
  size_t last = text.find_last_not_of(" \t\r");
  return std::string(
      text.substr(first, std::min<size_t>(last - first + 1, 120)));
}

void Launch::fail(std::string message) {
  error.emplace();
  error->kind = ErrorKind::BadLaunch;
  error->message = program.name + ": " + std::move(message);
}

static std::string shapeText(const std::array<uint32_t, 3> &shape) {
  return std::to_string(shape[0]) + "x" + std::to_string(shape[1]) + "x" +
         std::to_string(shape[2]);
}

bool Launch::check() {
  uint64_t threads = uint64_t(block[0]) * block[1] * block[2];
  if (threads == 0 || threads > 1024 || block[0] > 1024 || block[1] > 1024 ||
      block[2] > 64)
    fail("a block of " + shapeText(block) + " threads");
  else if (!grid[0] || !grid[1] || !grid[2] || grid[0] > 0x7fffffff ||
           grid[1] > 65535 || grid[2] > 65535)
    fail("a grid of " + shapeText(grid) + " blocks");
  else if (program.requiredBlock[0] && program.requiredBlock != block)
    fail("blocks must be " + shapeText(program.requiredBlock) + ", not " +
         shapeText(block));
  else if (const auto &most = program.maximumBlock;
           most[0] && threads > uint64_t(most[0]) * most[1] * most[2])
    fail("blocks may have " + shapeText(most) + " threads, not " +
         shapeText(block));
  else if (parameters.size() != program.parameterBytes)
    fail("takes " + std::to_string(program.parameterBytes) +
         " bytes of parameters, not " + std::to_string(parameters.size()));
  else if (dynamicShared > options.maxSharedBytes ||
           program.staticShared > options.maxSharedBytes - dynamicShared)
    fail("wants " + std::to_string(program.staticShared + dynamicShared) +
         " bytes of shared memory, there are " +
         std::to_string(options.maxSharedBytes));
  return !error;
}

void Launch::run() {
  if (!check())
    return;
  uint64_t total = uint64_t(grid[0]) * grid[1] * grid[2];
  // A walk through all CTAs in an order of its own: start + i * step modulo
  // total, where step and total have no common factor.
  uint64_t start = random() % total, step = 1 + random() % total;
  while (std::gcd(step, total) != 1)
    ++step;
  uint64_t begun = 0;
  std::vector<std::unique_ptr<Cta>> resident;
  while (!error && (begun < total || !resident.empty())) {
    while (begun < total &&
           resident.size() < std::max(1u, options.residentCtas)) {
      auto id =
          uint64_t((unsigned __int128)(begun++) * step % total + start) % total;
      resident.push_back(std::make_unique<Cta>(
          *this, std::array<uint32_t, 3>{uint32_t(id % grid[0]),
                                         uint32_t(id / grid[0] % grid[1]),
                                         uint32_t(id / grid[0] / grid[1])}));
    }
    size_t chosen = random() % resident.size();
    resident[chosen]->step();
    if (resident[chosen]->done())
      resident.erase(resident.begin() + long(chosen));
  }
}

} // namespace attune::gpusim
