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
/// The entry point of a plan without a name.
static constexpr char kInfer[] = "infer";

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
  if (Error error = readStates())
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

Error Model::readStates() {
  bool found = false;
  for (const Section &section : file.sections()) {
    if (section.kind != uint32_t(SectionKind::State))
      continue;
    if (found)
      return bad("the package has more than one state");
    found = true;
    if (Error error =
            parseStateTable(file.payload(section), file.sections(), stateTable))
      return error;
  }
  return {};
}

Error Model::readPlans() {
  for (const Section &section : file.sections()) {
    if (section.kind != uint32_t(SectionKind::Plan))
      continue;
    Program program;
    program.model = this;
    program.name = nameOf(section);
    if (program.name.empty())
      program.name = kInfer;
    program.variant = section.variant;
    for (const Program &other : programs)
      if (other.variant == program.variant && other.name == program.name)
        return bad(cat("there are two plans \"", program.name,
                       "\" for variant ", program.variant));
    if (Error error = parsePlan(file.payload(section), program.plan))
      return error;
    if (Error error = verifyPlan(program.plan, file.sections(), stateTable))
      return error;
    programs.push_back(std::move(program));
  }
  return programs.empty() ? bad("the package has no plan") : Error();
}

namespace {

struct Blob {
  uint64_t bytes = 0;
  uint64_t at = 0; ///< In memory of our own, if it is copied or made there.
};

/// The blobs that some plans use, by section and offset: each once, in the
/// order of the file.
using Blobs = std::map<std::pair<uint32_t, uint64_t>, Blob>;

} // namespace

static void addBlobs(const Plan &plan, Blobs &blobs) {
  for (const Buffer &buffer : plan.buffers)
    if (buffer.kind == BufferKind::Weight) {
      uint64_t &bytes = blobs[{buffer.section, buffer.offset}].bytes;
      bytes = std::max(bytes, uint64_t(plan.exprs[buffer.bytes].a));
    }
}

/// For each name the plan of this variant, else the common one.
static std::vector<size_t> programsOf(const std::vector<Program> &all,
                                      uint32_t variant) {
  std::vector<size_t> result;
  for (size_t i = 0; i < all.size(); ++i) {
    bool isOwn = all[i].variant == variant;
    bool isHidden = false;
    for (const Program &other : all)
      isHidden |=
          !isOwn && other.variant == variant && other.name == all[i].name;
    if (isOwn || (all[i].variant == 0 && !isHidden))
      result.push_back(i);
  }
  return result;
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
    version.name = nameOf(section);
    version.section = i;
    version.features = section.features;
    version.codeBytes = section.bytes;
    version.supported = !isCuda && (section.features & ~features) == 0;
    version.programs = programsOf(programs, section.variant);
    if (version.programs.empty())
      return bad(cat(describeSection(section, i), " has no plan"));
    Blobs blobs;
    for (size_t program : version.programs)
      addBlobs(programs[program].plan, blobs);
    for (const auto &[place, blob] : blobs)
      version.weightBytes += blob.bytes;
    versions.push_back(std::move(version));
  }
  return versions.empty() ? bad("the package has no code") : Error();
}

Error Model::loadCode() {
  const CodeVersion &version = *chosen(); // choose() has made sure of one
  if (Error error = CodeObject::load(
          file.payload(file.sections()[version.section]), code))
    return error;
  for (Program *program : chosenPrograms)
    for (const Kernel &kernel : program->plan.kernels) {
      cpu::Task task = nullptr;
      if (Error error = code.find(kernel.symbol, task))
        return error;
      program->kernels.push_back(task);
    }
  return {};
}

void Model::takePrograms(size_t version) {
  weightTotal = versions[version].weightBytes;
  for (size_t number : versions[version].programs) {
    bool isFirst = programs[number].name == kInfer;
    chosenPrograms.insert(isFirst ? chosenPrograms.begin()
                                  : chosenPrograms.end(),
                          &programs[number]);
  }
}

const Program *Model::find(std::string_view name) const {
  for (const Program *program : chosenPrograms)
    if (program->name == name)
      return program;
  return nullptr;
}

std::span<const std::byte> Model::initial(const StateTensor &tensor) const {
  auto place = tensor.initial.value_or(StateTensor::Place());
  const Section &section = file.sections()[place.section];
  return file.payload(section).subspan(place.offset, tensor.bytes);
}

/// Points each weight buffer to its bytes: in the file, or in one arena on huge
/// pages where they are copied or made from recipes.
Error Model::placeWeights(attune_weights_mode mode) {
  bool copy = cuda || mode == ATTUNE_WEIGHTS_COPY ||
              (mode == ATTUNE_WEIGHTS_AUTO && weightTotal < kCopyLimit);
  auto isRecipe = [&](uint32_t section) {
    return file.sections()[section].kind == uint32_t(SectionKind::Recipes);
  };
  Blobs blobs;
  for (const Program *program : chosenPrograms)
    addBlobs(program->plan, blobs);
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
  auto addressOf = [&](const Buffer &buffer) -> const std::byte * {
    if (buffer.kind != BufferKind::Weight)
      return nullptr;
    if (copy || isRecipe(buffer.section))
      return base + blobs[{buffer.section, buffer.offset}].at;
    return file.payload(file.sections()[buffer.section]).data() + buffer.offset;
  };
  for (Program *program : chosenPrograms)
    for (const Buffer &buffer : program->plan.buffers)
      program->weights.push_back(addressOf(buffer));
  if (cuda) {
    weightArena = Mapping();
    return {};
  }
  return weightArena.protect();
}

} // namespace attune::core
