// Enters: any bytes, as the plan section of a package. Must leave: one error,
// or a plan that can be bound at any dims without leaving its tables; the
// loader relies on that even though checksums already guard the bytes.
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

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  Plan plan;
  if (parsePlan(std::as_bytes(std::span(data, size)), plan) ||
      verifyPlan(plan, sections()))
    return 0;
  for (int64_t value : {int64_t(0), int64_t(1), int64_t(7), INT64_MAX}) {
    std::vector<int64_t> symbols(plan.symbols.size(), value);
    Binding binding;
    (void)bindPlan(plan, symbols, 3, binding).status();
  }
  return 0;
}
