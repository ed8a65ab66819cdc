//===- OldDriver.cpp - a driver of CUDA 11.8, as far as it is asked -------===//
//
// What ATTUNE_CUDA_DRIVER names in the test that such a driver is refused: it
// knows its version and lacks what came with 12.0.
//
//===----------------------------------------------------------------------===//

extern "C" {

int cuInit(unsigned) { return 0; }

int cuDriverGetVersion(int *version) {
  *version = 11080;
  return 0;
}
}
