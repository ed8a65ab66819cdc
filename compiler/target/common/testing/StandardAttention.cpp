//===- StandardAttention.cpp ----------------------------------------------===//
#include "compiler/target/common/testing/StandardAttention.h"

using namespace attune::target::common::testing;

std::vector<StandardAttention>
attune::target::common::testing::standardAttention() {
  struct Blocks {
    int64_t size, rows, keys;
  };
  std::vector<StandardAttention> all;
  for (Blocks blocks : {Blocks{32, 128, 64},
                        {64, 128, 64},
                        {80, 128, 32},
                        {128, 128, 32},
                        {256, 64, 32}})
    for (const char *element : {"f16", "bf16", "f32"})
      for (AttentionMask mask : {AttentionMask::None, AttentionMask::Causal}) {
        AttentionCase c{1, 1, 1, 1, 1, blocks.size, blocks.size, mask};
        c.element = element;
        c.blockRows = blocks.rows;
        c.blockKeys = blocks.keys;
        all.push_back({"attention_" + std::to_string(blocks.size) + "_" +
                           element +
                           (mask == AttentionMask::None ? "" : "_causal"),
                       c});
      }
  return all;
}
