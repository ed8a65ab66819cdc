//===- ChooseCode.cpp - which code version of a package runs --------------===//
//
// A part of Model: where the caller wants the model to run, what the package
// has code for, and what there is.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/CpuFeatures.h"
#include "runtime/core/Model.h"
#include <algorithm>
#include <bit>
#include <charconv>
#include <optional>

namespace attune::core {

namespace {

/// What LoadOptions::device says.
struct Wish {
  bool mayCuda = true, mayCpu = true;
  unsigned ordinal = 0;
};

} // namespace

static std::optional<Wish> wishOf(std::string_view text) {
  if (text.empty() || text == "auto")
    return Wish{};
  if (text == "cpu")
    return Wish{.mayCuda = false};
  if (!text.starts_with("cuda"))
    return std::nullopt;
  Wish wish{.mayCpu = false};
  text.remove_prefix(4);
  if (text.empty())
    return wish;
  const char *end = text.data() + text.size();
  auto [rest, failure] = std::from_chars(text.data() + 1, end, wish.ordinal);
  if (text[0] != ':' || failure != std::errc() || rest != end)
    return std::nullopt;
  return wish;
}

/// Names of the code for devices, or of that for processors: "sm_80, sm_90a".
static std::string namesOf(const std::vector<CodeVersion> &versions,
                           bool cuda) {
  std::string names;
  for (const CodeVersion &version : versions)
    if (version.isCuda == cuda)
      names += cat(names.empty() ? "" : ", ", version.name);
  return names;
}

/// Whether the code may run on a device. A binary runs where the major number
/// of the capability is its own and the minor is not below; one for sm_90a on
/// 9.0 alone; PTX on whatever is not older (CUDA C++ Programming Guide,
/// "Compute Capability", "PTX Compatibility").
static bool fits(const CodeVersion &version, int capability) {
  int own = int(version.features);
  if (!version.isBinary)
    return own <= capability;
  if (version.name.ends_with('a'))
    return own == capability;
  return own / 10 == capability / 10 && own <= capability;
}

void Model::take(size_t version, std::string where) {
  chosenVersion = version;
  takePrograms(version);
  deviceText = std::move(where);
}

/// The binary that fits best, else PTX, which the driver translates.
Error Model::chooseCuda(unsigned ordinal) {
  cuda::DevicePtr device;
  if (Error error = cuda::Device::open(ordinal, device))
    return error;
  std::vector<size_t> fitting;
  for (size_t i = 0; i < versions.size(); ++i)
    if (versions[i].isCuda && fits(versions[i], device->capability())) {
      versions[i].supported = true;
      fitting.push_back(i);
    }
  auto isBetter = [&](size_t a, size_t b) {
    const CodeVersion &x = versions[a], &y = versions[b];
    return x.isBinary != y.isBinary ? x.isBinary : x.features > y.features;
  };
  std::sort(fitting.begin(), fitting.end(), isBetter);
  std::string where = cat("cuda:", ordinal, " ", device->name());
  for (size_t version : fitting) {
    bool unfit = false;
    const std::vector<size_t> &entries = versions[version].programs;
    if (entries.size() != 1 || !stateTable.tensors.empty())
      return {ATTUNE_NO_DEVICE, "packages with several entry points or a state "
                                "run on the processor only"};
    auto code = std::make_unique<CudaCode>(device);
    auto payload = file.payload(file.sections()[versions[version].section]);
    if (!inspectOnly)
      if (Error error =
              code->load(payload, programs[entries.front()].plan, unfit)) {
        if (unfit)
          continue;
        return error;
      }
    if (!inspectOnly)
      cuda = std::move(code);
    take(version, std::move(where));
    return {};
  }
  return {ATTUNE_NO_DEVICE,
          cat(device->name(), " has compute capability ",
              device->capability() / 10, ".", device->capability() % 10,
              ", the package has code for ", namesOf(versions, true),
              device->capability() < 80
                  ? "; attune makes code for 8.0 and later"
                  : "; compile it with --target cuda")};
}

/// The supported version that asks for most.
Error Model::chooseCpu(uint64_t features, const Error &withoutCuda) {
  std::optional<size_t> best;
  for (size_t i = 0; i < versions.size(); ++i)
    if (!versions[i].isCuda && versions[i].supported &&
        (!best || std::popcount(versions[i].features) >
                      std::popcount(versions[*best].features)))
      best = i;
  if (best) {
    take(*best, "cpu");
    return {};
  }
  takePrograms(0);
  if (inspectOnly)
    return {};
  std::string needs;
  for (const CodeVersion &version : versions)
    if (!version.isCuda)
      needs += cat(needs.empty() ? "" : "; ", version.name, " needs ",
                   featureNames(version.features & ~features));
  if (needs.empty())
    return {
        withoutCuda ? withoutCuda.status() : ATTUNE_UNSUPPORTED_CPU,
        cat("the package has code for CUDA devices only (",
            namesOf(versions, true), ")",
            withoutCuda ? cat(", and ", withoutCuda.message()) : std::string(),
            "; compile it with --target cpu as well to run it here")};
  return {
      ATTUNE_UNSUPPORTED_CPU,
      cat("no code version runs on this processor, which is at level ",
          featureLevel(features), ": ", needs, " in addition",
          withoutCuda ? cat("; and ", withoutCuda.message()) : std::string())};
}

Error Model::choose(uint64_t features, const std::string &device) {
  std::optional<Wish> wish = wishOf(device);
  if (!wish)
    return {ATTUNE_INVALID_ARGUMENT,
            cat("device \"", device,
                "\": expected auto, cpu, cuda or cuda:NUMBER")};
  bool hasCuda = !namesOf(versions, true).empty();
  if (!wish->mayCpu && !hasCuda)
    return {ATTUNE_NO_DEVICE,
            cat("the package has no code for CUDA devices, only for ",
                namesOf(versions, false), "; compile it with --target cuda")};
  // A look at a package does not start the driver, unless it is asked to.
  bool triesCuda = hasCuda && wish->mayCuda && !(inspectOnly && wish->mayCpu);
  Error withoutCuda = triesCuda ? chooseCuda(wish->ordinal) : Error();
  if (triesCuda && (!withoutCuda || !wish->mayCpu))
    return withoutCuda;
  return chooseCpu(features, withoutCuda);
}

} // namespace attune::core
