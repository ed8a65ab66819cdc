// Enters: any bytes, as an ONNX model in memory. Must leave: a Model or one
// line of error; anything else (crash, hang, leak) is a bug of the reader.
#include "frontends/onnx/reader/Reader.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string error;
  auto model = attune::onnx::readModelFromMemory(
      std::as_bytes(std::span(data, size)), "fuzz", error);
  // Exactly one of the two, and on one line.
  if ((model == nullptr) == error.empty() ||
      error.find('\n') != std::string::npos)
    std::abort();
  if (!model)
    return 0;
  // Touch every weight, so that a span outside the input is seen.
  unsigned sum = 0;
  for (const attune::onnx::Tensor &tensor : model->graph.initializers)
    for (std::byte byte : tensor.bytes)
      sum += static_cast<unsigned>(byte);
  return sum == 0xffffffff ? -1 : 0;
}
