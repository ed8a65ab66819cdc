//===- PlanParser.cpp - JSON to Plan --------------------------------------===//
//
// Reads the form of a plan: which keys there are and what type each has. What
// the numbers refer to is the verifier's business.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/JsonReader.h"
#include "runtime/core/Plan.h"

namespace attune::core {

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
  result.dtype = reader.dtype(value, "dtype", place);
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
  } else if (kind == "state") {
    buffer.kind = BufferKind::State;
    buffer.offset = reader.index(value, "tensor", place);
  } else {
    reader.fail(place + ".kind", "input, output, arena, weight or state");
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
  Reader reader("plan");
  json root = reader.root(bytes);
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
