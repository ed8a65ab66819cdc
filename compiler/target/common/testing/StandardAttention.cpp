//===- StandardAttention.cpp ----------------------------------------------===//
#include "compiler/target/common/testing/StandardAttention.h"
#include "compiler/kernels/Schedule.h"

using namespace attune;
using namespace attune::target::common::testing;

/// Those of a launch whose lengths are run-time values.
static kernels::AttentionBlocks blocksOf(int64_t size, bool isHalf,
                                         bool isCausal) {
  mlir::MLIRContext context;
  context.loadDialect<nn::NNDialect>();
  auto length = nn::DimAttr::symbol(&context, "S");
  return kernels::chooseAttentionBlocks(*kernels::MachineModel::get("sm_80"),
                                        {length, length, size, size, isHalf,
                                         isCausal,
                                         /*isBiased=*/false});
}

std::vector<StandardAttention>
attune::target::common::testing::standardAttention() {
  std::vector<StandardAttention> all;
  for (int64_t size : {32, 64, 80, 128, 256})
    for (const char *element : {"f16", "bf16", "f32"})
      for (AttentionMask mask : {AttentionMask::None, AttentionMask::Causal}) {
        auto blocks = blocksOf(size, element != std::string("f32"),
                               mask == AttentionMask::Causal);
        AttentionCase c{1, 1, 1, 1, 1, size, size, mask};
        c.element = element;
        c.blockRows = blocks.queries;
        c.blockKeys = blocks.keys;
        all.push_back({"attention_" + std::to_string(size) + "_" + element +
                           (mask == AttentionMask::None ? "" : "_causal"),
                       c});
      }
  return all;
}
