//===- Driver.cpp - the CUDA driver, found at run time --------------------===//
#include "runtime/cuda/Driver.h"
#include <cstdlib>
#include <dlfcn.h>
#include <map>
#include <mutex>

namespace attune::cuda {

using core::cat;

/// cuLibraryLoadData and kernels without a context came with it.
static constexpr int kLeastVersion = 12000;

static Error noDevice(std::string fact) {
  return {ATTUNE_NO_DEVICE, std::move(fact)};
}

static std::string versionText(int version) {
  return cat(version / 1000, ".", version % 1000 / 10);
}

/// Fills in `driver` from the library; an error if any entry is missing.
static Error find(void *library, const std::string &path, Driver &driver) {
  std::string missing;
  auto look = [&](auto &member, const char *name) {
    void *symbol = ::dlsym(library, name);
    if (!symbol)
      missing += cat(missing.empty() ? "" : ", ", name);
    member =
        reinterpret_cast<std::remove_reference_t<decltype(member)>>(symbol);
  };
#define ATTUNE_CUDA_LOOK(member, name, ...) look(driver.member, name);
  ATTUNE_CUDA_ENTRIES(ATTUNE_CUDA_LOOK)
#undef ATTUNE_CUDA_LOOK
  if (missing.empty())
    return {};
  // An old driver answers how old it is, if it has the entry at all.
  int version = 0;
  if (driver.driverVersion)
    (void)driver.driverVersion(&version);
  return noDevice(cat(path, ": the CUDA driver ",
                      version ? cat("is for CUDA ", versionText(version))
                              : std::string("is too old"),
                      ", expected ", versionText(kLeastVersion),
                      " or later; update it (missing: ", missing, ")"));
}

static Error load(const std::string &path, Driver &driver) {
  void *library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    const char *why = ::dlerror();
    return noDevice(cat("there is no CUDA driver: ", why ? why : path.c_str()));
  }
  if (Error error = find(library, path, driver))
    return error;
  int version = 0;
  if (Error error = driver.check(driver.driverVersion(&version),
                                 "ask the CUDA driver for its version"))
    return error;
  if (version < kLeastVersion)
    return noDevice(cat(path, ": the CUDA driver is for CUDA ",
                        versionText(version), ", expected ",
                        versionText(kLeastVersion), " or later; update it"));
  if (Error error = driver.check(driver.init(0), "start the CUDA driver"))
    return noDevice(error.message());
  return {};
}

Error Driver::get(const Driver *&out) {
  const char *named = std::getenv("ATTUNE_CUDA_DRIVER");
  std::string path = named && *named ? named : "libcuda.so.1";
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<Driver>> loaded;
  std::lock_guard lock(mutex);
  std::unique_ptr<Driver> &driver = loaded[path];
  if (!driver) {
    auto fresh = std::make_unique<Driver>();
    if (Error error = load(path, *fresh)) {
      loaded.erase(path);
      return error;
    }
    driver = std::move(fresh);
  }
  out = driver.get();
  return {};
}

Error Driver::check(Result result, std::string_view doing) const {
  if (result == kSuccess)
    return {};
  const char *name = nullptr, *text = nullptr;
  (void)errorName(result, &name);
  (void)errorText(result, &text);
  attune_status status =
      result == kOutOfMemory ? ATTUNE_OUT_OF_MEMORY : ATTUNE_DEVICE_ERROR;
  return {status, cat("cannot ", doing, ": ", text ? text : "unknown error",
                      " (", name ? name : cat("CUresult ", result), ")")};
}

} // namespace attune::cuda
