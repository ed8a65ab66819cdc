//===- Api.cpp - the C API ------------------------------------------------===//
//
// Thin: checks pointers, calls Model and Session, keeps the message of the last
// failure per thread. What each function does is said in attune.h. Models are
// in ApiModel.cpp, states and sessions in ApiSession.cpp.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/ApiHandles.h"

using namespace attune::core;

static std::string &lastMessage() {
  thread_local std::string message;
  return message;
}

attune_status attune::core::report(const Error &error) {
  if (error)
    lastMessage() = error.message();
  return error.status();
}

extern "C" {

uint32_t attune_version(void) { return ATTUNE_VERSION; }

const char *attune_status_name(attune_status status) {
  switch (status) {
  case ATTUNE_OK:
    return "ATTUNE_OK";
  case ATTUNE_INVALID_ARGUMENT:
    return "ATTUNE_INVALID_ARGUMENT";
  case ATTUNE_IO_ERROR:
    return "ATTUNE_IO_ERROR";
  case ATTUNE_BAD_PACKAGE:
    return "ATTUNE_BAD_PACKAGE";
  case ATTUNE_UNSUPPORTED_CPU:
    return "ATTUNE_UNSUPPORTED_CPU";
  case ATTUNE_SHAPE_MISMATCH:
    return "ATTUNE_SHAPE_MISMATCH";
  case ATTUNE_OUT_OF_MEMORY:
    return "ATTUNE_OUT_OF_MEMORY";
  case ATTUNE_INTERNAL:
    return "ATTUNE_INTERNAL";
  case ATTUNE_NO_DEVICE:
    return "ATTUNE_NO_DEVICE";
  case ATTUNE_DEVICE_ERROR:
    return "ATTUNE_DEVICE_ERROR";
  }
  return "unknown status";
}

const char *attune_error_message(void) { return lastMessage().c_str(); }

size_t attune_dtype_bytes(attune_dtype dtype) {
  static constexpr uint8_t bytes[] = {0, 4, 8, 2, 2, 8, 4, 2, 1, 8, 4, 2, 1, 1};
  return dtype >= ATTUNE_F32 && dtype <= ATTUNE_BOOL ? bytes[dtype] : 0;
}

const char *attune_dtype_name(attune_dtype dtype) {
  static constexpr const char *names[] = {"?",   "f32", "f64", "f16", "bf16",
                                          "i64", "i32", "i16", "i8",  "u64",
                                          "u32", "u16", "u8",  "bool"};
  return dtype >= ATTUNE_F32 && dtype <= ATTUNE_BOOL ? names[dtype] : "?";
}

} // extern "C"
