//===- StandardAttention.cpp ----------------------------------------------===//
#include "compiler/target/common/testing/StandardAttention.h"

using namespace attune::target::common::testing;

std::vector<StandardAttention>
attune::target::common::testing::standardAttention() {
  std::vector<StandardAttention> all;
  for (int64_t size : {32, 64, 80, 128, 256})
    for (const char *element : {"f16", "bf16", "f32"})
      for (AttentionMask mask : {AttentionMask::None, AttentionMask::Causal}) {
        bool isNarrow = element != std::string("f32");
        int64_t rows = isNarrow && size <= 128 ? 128 : 64;
        int64_t keys = isNarrow ? (size <= 64 ? 64 : 32)
                                : (size > 96 && size <= 128 ? 16 : 32);
        AttentionCase c{1, 1, 1, 1, 1, size, size, mask};
        c.element = element;
        c.blockRows = rows;
        c.blockKeys = keys;
        all.push_back({"attention_" + std::to_string(size) + "_" + element +
                           (mask == AttentionMask::None ? "" : "_causal"),
                       c});
      }
  return all;
}
