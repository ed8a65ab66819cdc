//===- Device.h - a GPU that runs PTX ------------------------------------===//
//
// The emulator as a test sees it: modules from PTX text, memory, launches.
//
//   Device device;
//   std::string error;
//   const LoadedModule *module = device.load(ptx, error);
//   uint64_t x = device.allocate(bytes, "x");
//   Report report = device.launch(*module, "kernel",
//                                 {.grid = 8, .block = {32, 4}},
//                                 Arguments().add(x).add(n));
//
//===----------------------------------------------------------------------===//
#pragma once
#include "tests/gpusim/Report.h"
#include "tests/gpusim/machine/Decoder.h"
#include "tests/gpusim/machine/Launch.h"

namespace attune::gpusim {

/// A module whose entries are all decoded.
struct LoadedModule {
  std::string text;
  std::vector<std::string_view> lines; ///< of text
  Module module;
  ModulePlaces places;
  std::vector<Program> programs;
  std::vector<uint64_t> allocations; ///< of its variables

  const Program *find(std::string_view name) const;
};

/// The bytes of a parameter block, each value aligned to its size.
class Arguments {
public:
  template <class T>
  Arguments &add(const T &value) {
    bytes.resize((bytes.size() + sizeof(T) - 1) / sizeof(T) * sizeof(T));
    const auto *first = reinterpret_cast<const std::byte *>(&value);
    bytes.insert(bytes.end(), first, first + sizeof(T));
    return *this;
  }
  std::vector<std::byte> bytes;
};

/// 8 and {8} are 8 x 1 x 1.
struct Shape : std::array<uint32_t, 3> {
  constexpr Shape(uint32_t x = 1, uint32_t y = 1, uint32_t z = 1)
      : std::array<uint32_t, 3>{x, y, z} {}
};

struct Configuration {
  Shape grid = {}, block = {};
  uint64_t dynamicShared = 0;
};

class Device {
public:
  explicit Device(LaunchOptions options = {}) : options(options) {}

  /// Null, and every complaint in `error`, where the text has a fault or an
  /// entry uses what is not supported.
  const LoadedModule *load(std::string_view text, std::string &error);
  /// False where `module` is not one of this device's.
  bool unload(const LoadedModule *module);

  /// Memory that nobody has written to yet.
  uint64_t allocate(uint64_t bytes, std::string name);
  /// Memory that holds `values`.
  template <class T>
  uint64_t upload(const std::vector<T> &values, std::string name) {
    uint64_t address = allocate(values.size() * sizeof(T), std::move(name));
    memory.write(address, std::as_bytes(std::span(values)));
    return address;
  }
  /// `count` values at `address`; empty where that is out of bounds.
  template <class T>
  std::vector<T> download(uint64_t address, size_t count) {
    std::vector<T> values(count);
    if (!memory.read(address, std::as_writable_bytes(std::span(values))))
      values.clear();
    return values;
  }

  Report launch(const LoadedModule &module, std::string_view kernel,
                const Configuration &configuration, const Arguments &arguments);

  LaunchOptions options;
  DeviceMemory memory;

private:
  std::vector<std::unique_ptr<LoadedModule>> modules;
};

} // namespace attune::gpusim
