//===- Driver.h - the CUDA driver, found at run time ----------------------===//
//
// Enters: nothing but a name to load. Leaves: the entry points of the driver
// API that attune calls, all there, or one error that says what is missing.
// Nothing of the CUDA toolkit is needed, neither to build nor to run: types and
// constants are those of the CUDA Driver API reference (12.0), written down
// here as far as they are used.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "runtime/core/Error.h"
#include <cstddef>
#include <cstdint>
#include <memory>

namespace attune::cuda {

using core::Error;

using Result = int;                 ///< CUresult
using DeviceNumber = int;           ///< CUdevice
using Address = unsigned long long; ///< CUdeviceptr
// Handles, which have names of their own for the reader only: a call through a
// pointer of another type than its function has is undefined.
using ContextHandle = void *;
using StreamHandle = void *;
using EventHandle = void *;
using GraphHandle = void *;
using GraphExecHandle = void *;
using LibraryHandle = void *;
using KernelHandle = void *;

/// Results that are told apart.
enum : Result { kSuccess = 0, kOutOfMemory = 2, kNoBinaryForGpu = 209 };

/// CUdevice_attribute.
enum Attribute : int {
  kCapabilityMajor = 75,
  kCapabilityMinor = 76,
};

/// CUpointer_attribute.
inline constexpr int kMemoryType = 2;
/// CUfunction_attribute: dynamic shared memory above 48 KB is asked for.
inline constexpr int kMaxDynamicSharedBytes = 8;
/// CUstream_flags, CUstreamCaptureMode.
inline constexpr unsigned kNonBlocking = 1;
inline constexpr int kCaptureThreadLocal = 1;
/// CUjit_option.
inline constexpr int kErrorLog = 5, kErrorLogBytes = 6;

/// Member, exported name, parameters. What the API has changed over time has a
/// version in its name; these are the ones that its headers of 12.0 mean.
#define ATTUNE_CUDA_ENTRIES(ENTRY)                                             \
  ENTRY(init, "cuInit", unsigned)                                              \
  ENTRY(driverVersion, "cuDriverGetVersion", int *)                            \
  ENTRY(errorName, "cuGetErrorName", Result, const char **)                    \
  ENTRY(errorText, "cuGetErrorString", Result, const char **)                  \
  ENTRY(deviceCount, "cuDeviceGetCount", int *)                                \
  ENTRY(device, "cuDeviceGet", DeviceNumber *, int)                            \
  ENTRY(deviceName, "cuDeviceGetName", char *, int, DeviceNumber)              \
  ENTRY(attribute, "cuDeviceGetAttribute", int *, int, DeviceNumber)           \
  ENTRY(retainContext, "cuDevicePrimaryCtxRetain", ContextHandle *,            \
        DeviceNumber)                                                          \
  ENTRY(releaseContext, "cuDevicePrimaryCtxRelease_v2", DeviceNumber)          \
  ENTRY(pushContext, "cuCtxPushCurrent_v2", ContextHandle)                     \
  ENTRY(popContext, "cuCtxPopCurrent_v2", ContextHandle *)                     \
  ENTRY(allocate, "cuMemAlloc_v2", Address *, size_t)                          \
  ENTRY(free, "cuMemFree_v2", Address)                                         \
  ENTRY(allocateHost, "cuMemHostAlloc", void **, size_t, unsigned)             \
  ENTRY(freeHost, "cuMemFreeHost", void *)                                     \
  ENTRY(pointerAttributes, "cuPointerGetAttributes", unsigned, int *, void **, \
        Address)                                                               \
  ENTRY(copy, "cuMemcpyAsync", Address, Address, size_t, StreamHandle)         \
  ENTRY(createStream, "cuStreamCreate", StreamHandle *, unsigned)              \
  ENTRY(destroyStream, "cuStreamDestroy_v2", StreamHandle)                     \
  ENTRY(synchronize, "cuStreamSynchronize", StreamHandle)                      \
  ENTRY(beginCapture, "cuStreamBeginCapture_v2", StreamHandle, int)            \
  ENTRY(endCapture, "cuStreamEndCapture", StreamHandle, GraphHandle *)         \
  ENTRY(instantiate, "cuGraphInstantiateWithFlags", GraphExecHandle *,         \
        GraphHandle, unsigned long long)                                       \
  ENTRY(launchGraph, "cuGraphLaunch", GraphExecHandle, StreamHandle)           \
  ENTRY(destroyGraph, "cuGraphDestroy", GraphHandle)                           \
  ENTRY(destroyGraphExec, "cuGraphExecDestroy", GraphExecHandle)               \
  ENTRY(createEvent, "cuEventCreate", EventHandle *, unsigned)                 \
  ENTRY(destroyEvent, "cuEventDestroy_v2", EventHandle)                        \
  ENTRY(recordEvent, "cuEventRecord", EventHandle, StreamHandle)               \
  ENTRY(elapsed, "cuEventElapsedTime", float *, EventHandle, EventHandle)      \
  ENTRY(loadLibrary, "cuLibraryLoadData", LibraryHandle *, const void *,       \
        int *, void **, unsigned, int *, void **, unsigned)                    \
  ENTRY(unloadLibrary, "cuLibraryUnload", LibraryHandle)                       \
  ENTRY(kernel, "cuLibraryGetKernel", KernelHandle *, LibraryHandle,           \
        const char *)                                                          \
  ENTRY(setKernelAttribute, "cuKernelSetAttribute", int, int, KernelHandle,    \
        DeviceNumber)                                                          \
  ENTRY(launch, "cuLaunchKernel", KernelHandle, unsigned, unsigned, unsigned,  \
        unsigned, unsigned, unsigned, unsigned, StreamHandle, void **,         \
        void **)

/// Immutable; its functions may be called by any thread.
struct Driver {
#define ATTUNE_CUDA_MEMBER(member, name, ...) Result (*member)(__VA_ARGS__);
  ATTUNE_CUDA_ENTRIES(ATTUNE_CUDA_MEMBER)
#undef ATTUNE_CUDA_MEMBER

  /// The driver of this process, initialised: the library that the environment
  /// variable ATTUNE_CUDA_DRIVER names, else libcuda.so.1. It stays loaded.
  /// ATTUNE_NO_DEVICE where there is none or it is older than CUDA 12.0.
  static Error get(const Driver *&out);

  /// What a result other than success means: "cannot ...: out of memory
  /// (CUDA_ERROR_OUT_OF_MEMORY)". No error for success.
  Error check(Result result, std::string_view doing) const;
};

} // namespace attune::cuda
