//===- Control.h - faults on purpose, and a look behind the driver --------===//
//
// What the stand-in exports beside the driver's own entry points. A test finds
// it by dlsym in the library that ATTUNE_CUDA_DRIVER names.
//
//===----------------------------------------------------------------------===//
#pragma once
#include <cstddef>
#include <cstdint>

extern "C" {

/// The call with this number from now on, counted from 1, answers `result`; 0:
/// none does.
void attuneStandInFail(uint64_t call, int result);
/// Calls since the last attuneStandInFail.
uint64_t attuneStandInCalls(void);
/// Objects that nobody has given back: memory, streams, events, graphs,
/// libraries, uses of the context.
size_t attuneStandInLive(void);
/// What the emulator said of the kernel that failed; never NULL. After this the
/// device works again, as if its process had been started anew.
const char *attuneStandInForgive(void);
/// Bytes of device memory there are; more is out of memory.
void attuneStandInMemory(uint64_t bytes);
}
