// Enters: any bytes, as the plan or the state section of a package. Must leave:
// one error, or a plan that can be bound at any dims without leaving its
// tables, or a state whose tensors lie in it; the loader relies on that even
// though checksums already guard the bytes.
#include "runtime/core/Bind.h"

using namespace attune;
using namespace attune::core;

static std::vector<format::Section> sections() {
  format::Section manifest, weights, recipes;
  manifest.kind = uint32_t(format::SectionKind::Manifest);
  weights.kind = uint32_t(format::SectionKind::Weights);
  weights.bytes = 4096;
  recipes.kind = uint32_t(format::SectionKind::Recipes);
  recipes.bytes = 2 * sizeof(format::Recipe);
  return {manifest, weights, recipes};
}

static StateTable states() {
  StateTable table;
  table.tensors.push_back(
      {"w", ATTUNE_STATE_PARAMETER, ATTUNE_F32, {4}, 0, 16, std::nullopt});
  table.bytes = 16;
  return table;
}

static void readAsState(std::span<const std::byte> bytes) {
  StateTable table;
  if (parseStateTable(bytes, sections(), table))
    return;
  for (const StateTensor &tensor : table.tensors)
    if (tensor.offset + tensor.bytes > table.bytes)
      __builtin_trap();
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto bytes = std::as_bytes(std::span(data, size));
  readAsState(bytes);
  Plan plan;
  if (parsePlan(bytes, plan) || verifyPlan(plan, sections(), states()))
    return 0;
  for (int64_t value : {int64_t(0), int64_t(1), int64_t(7), INT64_MAX}) {
    std::vector<int64_t> symbols(plan.symbols.size(), value);
    Binding binding;
    (void)bindPlan(plan, symbols, 3, binding).status();
  }
  return 0;
}
