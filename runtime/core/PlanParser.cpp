//===- PlanParser.cpp - JSON to Plan --------------------------------------===//
//
// Reads the form of a plan: which keys there are and what type each has. What
// the numbers refer to is the verifier's business. nlohmann-json is built
// without exceptions here: nothing below calls an accessor before it has
// checked the type.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Plan.h"
#include <limits>
#include <nlohmann/json.hpp>

namespace attune::core {

using nlohmann::json;

namespace {

/// Reads fields and keeps the first failure. A place is the path to the value
/// at hand, "nodes[3].launch".
class Reader {
public:
  Error error;

  void fail(const std::string &place, const std::string &expected) {
    if (!error)
      error = Error(ATTUNE_BAD_PACKAGE,
                    cat("plan: ", place, ": expected ", expected));
  }

  /// The member `key`, or null with a failure.
  const json *member(const json &object, const char *key,
                     const std::string &place, bool required = true) {
    if (!object.is_object()) {
      fail(place, "an object");
      return nullptr;
    }
    auto found = object.find(key);
    if (found != object.end())
      return &*found;
    if (required)
      fail(place, cat("a member \"", key, "\""));
    return nullptr;
  }

  int64_t integer(const json *value, const std::string &place, int64_t min,
                  int64_t max) {
    if (!value)
      return min;
    bool fits = value->is_number_integer() &&
                !(value->is_number_unsigned() &&
                  value->get<uint64_t>() >
                      uint64_t(std::numeric_limits<int64_t>::max()));
    int64_t number = fits ? value->get<int64_t>() : 0;
    if (fits && number >= min && number <= max)
      return number;
    fail(place, cat("an integer from ", min, " to ", max));
    return min;
  }

  uint32_t index(const json &object, const char *key,
                 const std::string &place) {
    return uint32_t(integer(member(object, key, place), place + "." + key, 0,
                            std::numeric_limits<uint32_t>::max() - 1));
  }

  uint32_t optionalIndex(const json &object, const char *key,
                         const std::string &place) {
    const json *value = member(object, key, place, /*required=*/false);
    return value ? index(object, key, place) : kNoExpr;
  }

  std::string string(const json &object, const char *key,
                     const std::string &place, bool required = true) {
    const json *value = member(object, key, place, required);
    if (!value)
      return {};
    if (const auto *text = value->get_ptr<const std::string *>();
        text && text->find('\0') == text->npos)
      return *text;
    fail(place + "." + key, "a string");
    return {};
  }

  /// The elements of the array `key`, each with its place.
  template <typename Fn>
  void each(const json &object, const char *key, const std::string &place,
            size_t limit, Fn fn) {
    std::string path = place.empty() ? key : place + "." + key;
    const json *array = member(object, key, place.empty() ? "plan" : place);
    if (!array)
      return;
    if (!array->is_array() || array->size() > limit)
      return fail(path, cat("an array of at most ", limit, " elements"));
    for (size_t i = 0; i < array->size() && !error; ++i)
      fn((*array)[i], cat(path, "[", i, "]"));
  }
};

} // namespace

static constexpr int64_t kMaxInt = std::numeric_limits<int64_t>::max();
static constexpr int64_t kMinInt = std::numeric_limits<int64_t>::min();
/// More than any model needs; keeps a damaged count from taking memory.
static constexpr size_t kMaxEntries = size_t(1) << 20;

static Symbol readSymbol(Reader &reader, const json &value,
                         const std::string &place) {
  Symbol symbol;
  symbol.name = reader.string(value, "name", place);
  symbol.min = reader.integer(reader.member(value, "min", place),
                              place + ".min", 0, kMaxInt);
  const json *max = reader.member(value, "max", place);
  symbol.max = max && max->is_null()
                   ? kMaxInt
                   : reader.integer(max, place + ".max", 0, kMaxInt);
  symbol.divisor = reader.integer(reader.member(value, "divisor", place),
                                  place + ".divisor", 1, kMaxInt);
  return symbol;
}

static Expr readExpr(Reader &reader, const json &value,
                     const std::string &place) {
  static constexpr std::pair<const char *, ExprKind> kinds[] = {
      {"const", ExprKind::Const},     {"sym", ExprKind::Sym},
      {"add", ExprKind::Add},         {"sub", ExprKind::Sub},
      {"mul", ExprKind::Mul},         {"floordiv", ExprKind::FloorDiv},
      {"ceildiv", ExprKind::CeilDiv}, {"mod", ExprKind::Mod},
      {"max", ExprKind::Max},         {"min", ExprKind::Min}};
  if (value.is_array() && !value.empty())
    if (const auto *word = value[0].get_ptr<const std::string *>())
      for (auto [name, kind] : kinds) {
        bool leaf = kind == ExprKind::Const || kind == ExprKind::Sym;
        if (*word != name || value.size() != (leaf ? 2u : 3u))
          continue;
        int64_t least = kind == ExprKind::Const ? kMinInt : 0;
        int64_t a = reader.integer(&value[1], place + "[1]", least, kMaxInt);
        int64_t b =
            leaf ? 0 : reader.integer(&value[2], place + "[2]", 0, kMaxInt);
        return {kind, a, b};
      }
  reader.fail(place, "[\"const\", n], [\"sym\", i] or [operation, a, b]");
  return {};
}

static Value readValue(Reader &reader, const json &value,
                       const std::string &place) {
  Value result;
  result.name = reader.string(value, "name", place);
  std::string dtype = reader.string(value, "dtype", place);
  bool known = false;
  for (int i = ATTUNE_F32; i <= ATTUNE_BOOL; ++i)
    if (dtype == attune_dtype_name(attune_dtype(i))) {
      result.dtype = attune_dtype(i);
      known = true;
    }
  if (!known)
    reader.fail(place + ".dtype", "a dtype (f32, i64, ...)");
  reader.each(value, "dims", place, ATTUNE_MAX_RANK,
              [&](const json &dim, const std::string &where) {
                result.dims.push_back(
                    ExprId(reader.integer(&dim, where, 0, kNoExpr - 1)));
              });
  result.buffer = reader.index(value, "buffer", place);
  return result;
}

static Buffer readBuffer(Reader &reader, const json &value,
                         const std::string &place) {
  Buffer buffer;
  std::string kind = reader.string(value, "kind", place);
  buffer.bytes = reader.index(value, "bytes", place);
  if (kind == "input") {
    buffer.kind = BufferKind::Input;
  } else if (kind == "output") {
    buffer.kind = BufferKind::Output;
  } else if (kind == "arena") {
    buffer.kind = BufferKind::Arena;
    buffer.first = reader.index(value, "first", place);
    buffer.last = reader.index(value, "last", place);
  } else if (kind == "weight") {
    buffer.kind = BufferKind::Weight;
    buffer.section = reader.index(value, "section", place);
    buffer.offset = uint64_t(reader.integer(
        reader.member(value, "offset", place), place + ".offset", 0, kMaxInt));
  } else {
    reader.fail(place + ".kind", "input, output, arena or weight");
  }
  return buffer;
}

static Slot readSlot(Reader &reader, const json &value,
                     const std::string &place) {
  auto number = [&](size_t i) {
    return uint32_t(
        reader.integer(&value[i], cat(place, "[", i, "]"), 0, kNoExpr - 1));
  };
  const std::string *word = nullptr;
  if (value.is_array() && !value.empty())
    word = value[0].get_ptr<const std::string *>();
  size_t size = word ? value.size() : 0;
  if (size == 1 && *word == "scratch")
    return {SlotKind::Scratch};
  if (size == 1 && *word == "scratch_stride")
    return {SlotKind::ScratchStride};
  if (size == 2 && *word == "int")
    return {SlotKind::Int, 0, number(1)};
  static constexpr std::pair<const char *, SlotKind> accesses[] = {
      {"in", SlotKind::In}, {"out", SlotKind::Out}, {"inout", SlotKind::InOut}};
  for (auto [name, kind] : accesses)
    if ((size == 3 || size == 4) && *word == name)
      return {kind, number(1), number(2), size == 4 ? number(3) : kNoExpr};
  reader.fail(place, "[\"in\"|\"out\"|\"inout\", buffer, offset(, extent)], "
                     "[\"int\", expr], [\"scratch\"] or [\"scratch_stride\"]");
  return {};
}

static Node readLaunch(Reader &reader, const json &value,
                       const std::string &place) {
  Launch launch;
  launch.kernel = reader.index(value, "kernel", place);
  launch.grid = reader.index(value, "grid", place);
  launch.grain = reader.optionalIndex(value, "grain", place);
  launch.scratch = reader.optionalIndex(value, "scratch", place);
  launch.flops = reader.optionalIndex(value, "flops", place);
  launch.bytes = reader.optionalIndex(value, "bytes", place);
  launch.name = reader.string(value, "name", place);
  launch.op = reader.string(value, "op", place, /*required=*/false);
  reader.each(value, "slots", place, kMaxEntries,
              [&](const json &slot, const std::string &where) {
                launch.slots.push_back(readSlot(reader, slot, where));
              });
  return launch;
}

static Node readCopy(Reader &reader, const json &value,
                     const std::string &place) {
  Copy copy;
  copy.dst = reader.index(value, "dst", place);
  copy.src = reader.index(value, "src", place);
  copy.dstOffset = reader.index(value, "dst_offset", place);
  copy.srcOffset = reader.index(value, "src_offset", place);
  copy.bytes = reader.index(value, "bytes", place);
  copy.name = reader.string(value, "name", place, /*required=*/false);
  return copy;
}

static Node readNode(Reader &reader, const json &value,
                     const std::string &place) {
  if (value.is_object() && value.size() == 1) {
    if (auto found = value.find("launch"); found != value.end())
      return readLaunch(reader, *found, place + ".launch");
    if (auto found = value.find("copy"); found != value.end())
      return readCopy(reader, *found, place + ".copy");
    if (auto found = value.find("if"); found != value.end()) {
      std::string where = place + ".if";
      return Branch{reader.index(*found, "cond", where),
                    reader.index(*found, "then", where),
                    reader.index(*found, "else", where)};
    }
  }
  reader.fail(place, "one of launch, copy or if");
  return Branch{};
}

// What a multiprocessor has at most, of any capability known so far.
static constexpr int64_t kMostThreads = 1024, kMostShared = 256 << 10;

static Kernel readKernel(Reader &reader, const json &value,
                         const std::string &place) {
  Kernel kernel{reader.string(value, "symbol", place),
                reader.string(value, "family", place, /*required=*/false)};
  auto launch = [&](const char *key, int64_t least, int64_t most) {
    return uint32_t(reader.integer(reader.member(value, key, place),
                                   place + "." + key, least, most));
  };
  if (!reader.member(value, "threads", place, /*required=*/false))
    return kernel;
  kernel.threads = launch("threads", 1, kMostThreads);
  kernel.sharedBytes = launch("shared_bytes", 0, kMostShared);
  kernel.items = launch("items", 1, std::numeric_limits<int32_t>::max());
  return kernel;
}

Error parsePlan(std::span<const std::byte> bytes, Plan &plan) {
  if (bytes.size() > format::kMaxJsonBytes)
    return {ATTUNE_BAD_PACKAGE,
            cat("plan: it has ", bytes.size(), " bytes, at most ",
                format::kMaxJsonBytes, " are allowed")};
  const auto *text = reinterpret_cast<const char *>(bytes.data());
  json root = json::parse(text, text + bytes.size(), nullptr,
                          /*allow_exceptions=*/false);
  if (root.is_discarded() || !root.is_object())
    return {ATTUNE_BAD_PACKAGE, "plan: not a JSON object"};
  Reader reader;
  int64_t version = reader.integer(reader.member(root, "version", "plan"),
                                   "version", 0, kMaxInt);
  if (!reader.error && version != 1)
    return {ATTUNE_BAD_PACKAGE, cat("plan: it has version ", version,
                                    ", this runtime reads version 1")};
  auto readAll = [&](const char *key, auto &into, auto readOne) {
    if (!reader.error)
      reader.each(root, key, "", kMaxEntries,
                  [&](const json &value, const std::string &place) {
                    into.push_back(readOne(reader, value, place));
                  });
  };
  readAll("symbols", plan.symbols, readSymbol);
  readAll("exprs", plan.exprs, readExpr);
  readAll("inputs", plan.inputs, readValue);
  readAll("outputs", plan.outputs, readValue);
  readAll("buffers", plan.buffers, readBuffer);
  readAll("kernels", plan.kernels, readKernel);
  readAll("nodes", plan.nodes, readNode);
  return reader.error;
}

} // namespace attune::core
