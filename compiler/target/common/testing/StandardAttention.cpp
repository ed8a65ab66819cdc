//===- StandardAttention.cpp ----------------------------------------------===//
#include "compiler/target/common/testing/StandardAttention.h"
#include "compiler/kernels/Schedule.h"

using namespace attune;
using namespace attune::target::common::testing;

/// Of lengths that are run-time values, in blocks as a launch has them.
static StandardAttention attentionOf(int64_t size, const std::string &precision,
                                     AttentionMask mask, bool isBiased) {
  AttentionCase c{1, 1, 1, 1, 1, size, size, mask};
  c.setPrecision(precision);
  bool isCausal = mask == AttentionMask::Causal;
  mlir::MLIRContext context;
  context.loadDialect<nn::NNDialect>();
  auto length = nn::DimAttr::symbol(&context, "S");
  auto blocks = kernels::chooseAttentionBlocks(
      *kernels::MachineModel::get("sm_80"),
      {length, length, size, size, c.element != "f32", isCausal, isBiased,
       isBiased});
  c.blockRows = blocks.queries;
  c.blockKeys = blocks.keys;
  c.bias = c.padding = isBiased;
  return {"attention_" + std::to_string(size) + "_" + precision +
              (isCausal ? "_causal" : "") + (isBiased ? "_biased" : ""),
          c};
}

std::vector<StandardAttention>
attune::target::common::testing::standardAttention() {
  std::vector<StandardAttention> all;
  for (int64_t size : {32, 64, 80, 128, 256})
    for (const char *precision : {"f16", "bf16", "tf32", "f32"})
      for (AttentionMask mask : {AttentionMask::None, AttentionMask::Causal})
        all.push_back(attentionOf(size, precision, mask, /*isBiased=*/false));
  return all;
}

std::vector<StandardAttention>
attune::target::common::testing::biasedAttention() {
  std::vector<StandardAttention> all;
  for (int64_t size : {64, 120, 128})
    for (const char *precision : {"f16", "tf32", "f32"})
      for (AttentionMask mask : {AttentionMask::None, AttentionMask::Causal})
        all.push_back(attentionOf(size, precision, mask, /*isBiased=*/true));
  return all;
}
