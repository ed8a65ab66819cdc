//===- Model.cpp - a loaded package ---------------------------------------===//
//
// The order is the point: verify every byte, check every plan, choose a code
// version, and only then map code.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Model.h"
#include "runtime/core/CpuFeatures.h"
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>

namespace attune::core {

using format::Section;
using format::SectionKind;

/// Above this, AUTO leaves weights in the file: a copy would take long and
/// might not fit.
static constexpr uint64_t kCopyLimit = uint64_t(4) << 30;

static Error bad(std::string fact) {
  return {ATTUNE_BAD_PACKAGE, std::move(fact)};
}

Error Model::load(const char *path, const LoadOptions &options) {
  inspectOnly = options.inspectOnly;
  uint64_t features = detectCpuFeatures();
  if (Error error = applyCpuMask(options.cpuMask, features))
    return error;
  if (Error error = file.open(path))
    return error;
  if (Error error = readManifest())
    return error.in(path);
  if (Error error = readPlans())
    return error.in(path);
  if (Error error = readCodeVersions(features))
    return error.in(path);
  if (Error error = choose(features, options.device))
    return error.in(path);
  if (inspectOnly)
    return {};
  if (!cuda)
    if (Error error = loadCode())
      return error.in(path);
  if (Error error = placeWeights(options.weights))
    return error.in(path);
  // Verifying read the whole file; what was copied is not needed twice.
  file.release();
  return {};
}

Error Model::readManifest() {
  const Section *found = nullptr;
  for (const Section &section : file.sections())
    if (section.kind == uint32_t(SectionKind::Manifest)) {
      if (found)
        return bad("the package has more than one manifest");
      found = &section;
    }
  if (!found)
    return bad("the package has no manifest");
  auto bytes = file.payload(*found);
  if (bytes.size() > format::kMaxJsonBytes)
    return bad(cat("the manifest has ", bytes.size(), " bytes, at most ",
                   format::kMaxJsonBytes, " are allowed"));
  manifestText.assign(reinterpret_cast<const char *>(bytes.data()),
                      bytes.size());
  if (!nlohmann::json::accept(manifestText))
    return bad("the manifest is not JSON");
  return {};
}

Error Model::readPlans() {
  for (const Section &section : file.sections()) {
    if (section.kind != uint32_t(SectionKind::Plan))
      continue;
    for (uint32_t other : planVariants)
      if (other == section.variant)
        return bad(cat("there are two plans for variant ", other));
    Plan plan;
    if (Error error = parsePlan(file.payload(section), plan))
      return error;
    if (Error error = verifyPlan(plan, file.sections()))
      return error;
    plans.push_back(std::move(plan));
    planVariants.push_back(section.variant);
  }
  return plans.empty() ? bad("the package has no plan") : Error();
}

/// Bytes of weights a plan uses, blobs that several buffers share counted once.
static uint64_t weightBytesOf(const Plan &plan) {
  std::map<std::pair<uint32_t, uint64_t>, uint64_t> blobs;
  for (const Buffer &buffer : plan.buffers)
    if (buffer.kind == BufferKind::Weight) {
      uint64_t &bytes = blobs[{buffer.section, buffer.offset}];
      bytes = std::max(bytes, uint64_t(plan.exprs[buffer.bytes].a));
    }
  uint64_t total = 0;
  for (const auto &blob : blobs)
    total += blob.second;
  return total;
}

Error Model::readCodeVersions(uint64_t features) {
  for (size_t i = 0; i < file.sections().size(); ++i) {
    const Section &section = file.sections()[i];
    auto kind = SectionKind(section.kind);
    bool isCuda = kind == SectionKind::Ptx || kind == SectionKind::Cubin;
    if (kind != SectionKind::Code && !isCuda)
      continue;
    CodeVersion version;
    version.isCuda = isCuda;
    version.isBinary = kind == SectionKind::Cubin;
    version.name.assign(section.name.data(),
                        strnlen(section.name.data(), section.name.size()));
    version.section = i;
    version.features = section.features;
    version.codeBytes = section.bytes;
    version.supported = !isCuda && (section.features & ~features) == 0;
    // Its own plan, else the common one.
    std::optional<size_t> plan;
    for (size_t p = 0; p < plans.size(); ++p)
      if (planVariants[p] == section.variant || (planVariants[p] == 0 && !plan))
        plan = p;
    if (!plan)
      return bad(cat(describeSection(section, i), " has no plan"));
    version.plan = *plan;
    version.weightBytes = weightBytesOf(plans[*plan]);
    versions.push_back(std::move(version));
  }
  return versions.empty() ? bad("the package has no code") : Error();
}

Error Model::loadCode() {
  const CodeVersion &version = *chosen(); // choose() has made sure of one
  if (Error error = CodeObject::load(
          file.payload(file.sections()[version.section]), code))
    return error;
  for (const Kernel &kernel : plan().kernels) {
    cpu::Task task = nullptr;
    if (Error error = code.find(kernel.symbol, task))
      return error;
    tasks.push_back(task);
  }
  return {};
}

/// Points each weight buffer to its bytes: in the file, or in one arena on huge
/// pages where they are copied or made from recipes.
Error Model::placeWeights(attune_weights_mode mode) {
  const Plan &plan = this->plan();
  weightBase.assign(plan.buffers.size(), nullptr);
  bool copy = cuda || mode == ATTUNE_WEIGHTS_COPY ||
              (mode == ATTUNE_WEIGHTS_AUTO && weightTotal < kCopyLimit);
  struct Blob {
    uint64_t bytes = 0, at = 0;
  };
  std::map<std::pair<uint32_t, uint64_t>, Blob> blobs;
  auto isRecipe = [&](uint32_t section) {
    return file.sections()[section].kind == uint32_t(SectionKind::Recipes);
  };
  for (const Buffer &buffer : plan.buffers)
    if (buffer.kind == BufferKind::Weight) {
      Blob &blob = blobs[{buffer.section, buffer.offset}];
      blob.bytes = std::max(blob.bytes, uint64_t(plan.exprs[buffer.bytes].a));
    }
  uint64_t total = 0;
  for (auto &[place, blob] : blobs)
    if (copy || isRecipe(place.first)) {
      blob.at = total;
      uint64_t end = 0;
      if (__builtin_add_overflow(total, blob.bytes, &end) ||
          __builtin_add_overflow(end, format::kWeightAlign - 1, &total))
        return bad("the weights need more than 64 bits of address");
      total &= ~(format::kWeightAlign - 1);
    }
  if (Error error = Mapping::anonymous(total, "weights", weightArena))
    return error;
  for (const auto &[place, blob] : blobs) {
    auto payload = file.payload(file.sections()[place.first]);
    if (isRecipe(place.first)) {
      format::Recipe recipe;
      std::memcpy(&recipe, payload.data() + place.second * sizeof recipe,
                  sizeof recipe);
      if (recipe.elements != blob.bytes / sizeof(float) ||
          blob.bytes % sizeof(float) != 0)
        return bad(cat("recipe ", place.second, " makes ", recipe.elements,
                       " elements, the plan wants ", blob.bytes, " bytes"));
      format::materialise(
          recipe, 0, recipe.elements,
          reinterpret_cast<float *>(weightArena.data() + blob.at));
    } else if (copy) {
      std::memcpy(weightArena.data() + blob.at, payload.data() + place.second,
                  blob.bytes);
    }
  }
  const std::byte *base = weightArena.data();
  if (cuda) {
    if (Error error = cuda->placeWeights(weightArena.bytes()))
      return error;
    base = cuda->weights();
  }
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const Buffer &buffer = plan.buffers[i];
    if (buffer.kind != BufferKind::Weight)
      continue;
    bool inArena = copy || isRecipe(buffer.section);
    weightBase[i] = inArena
                        ? base + blobs[{buffer.section, buffer.offset}].at
                        : file.payload(file.sections()[buffer.section]).data() +
                              buffer.offset;
  }
  if (cuda) {
    weightArena = Mapping();
    return {};
  }
  return weightArena.protect();
}

} // namespace attune::core
