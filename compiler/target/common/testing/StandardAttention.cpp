//===- StandardAttention.cpp ----------------------------------------------===//
#include "compiler/target/common/testing/StandardAttention.h"
#include "compiler/kernels/Schedule.h"

using namespace attune;
using namespace attune::target::common::testing;

/// Of lengths that are run-time values, in blocks as a launch has them.
static StandardAttention attentionOf(int64_t size, const std::string &element,
                                     AttentionMask mask, bool isBiased) {
  bool isCausal = mask == AttentionMask::Causal;
  mlir::MLIRContext context;
  context.loadDialect<nn::NNDialect>();
  auto length = nn::DimAttr::symbol(&context, "S");
  auto blocks = kernels::chooseAttentionBlocks(
      *kernels::MachineModel::get("sm_80"),
      {length, length, size, size, element != "f32", isCausal, isBiased,
       isBiased});
  AttentionCase c{1, 1, 1, 1, 1, size, size, mask};
  c.element = element;
  c.blockRows = blocks.queries;
  c.blockKeys = blocks.keys;
  c.bias = c.padding = isBiased;
  return {"attention_" + std::to_string(size) + "_" + element +
              (isCausal ? "_causal" : "") + (isBiased ? "_biased" : ""),
          c};
}

std::vector<StandardAttention>
attune::target::common::testing::standardAttention() {
  std::vector<StandardAttention> all;
  for (int64_t size : {32, 64, 80, 128, 256})
    for (const char *element : {"f16", "bf16", "f32"})
      for (AttentionMask mask : {AttentionMask::None, AttentionMask::Causal})
        all.push_back(attentionOf(size, element, mask, /*isBiased=*/false));
  return all;
}

std::vector<StandardAttention>
attune::target::common::testing::biasedAttention() {
  std::vector<StandardAttention> all;
  for (int64_t size : {64, 120, 128})
    for (const char *element : {"f16", "f32"})
      for (AttentionMask mask : {AttentionMask::None, AttentionMask::Causal})
        all.push_back(attentionOf(size, element, mask, /*isBiased=*/true));
  return all;
}
