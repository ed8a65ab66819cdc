//===- Plan.h - what the host does, as data -------------------------------===//
//
// The plan section of a package after parsing: symbols, sizes, buffers and the
// list of nodes. The schema and its rules are in README.md. Enters: JSON.
// Leaves: a Plan in which every index is in range, so that nothing after the
// verifier has to check again.
//
//===----------------------------------------------------------------------===//
#pragma once
#include "attune/format.h"
#include "runtime/core/Expr.h"
#include "runtime/core/StateTable.h"
#include <variant>

namespace attune::core {

struct Symbol {
  std::string name;
  int64_t min = 0, max = 0, divisor = 1;
};

/// An input or output of the model.
struct Value {
  std::string name;
  attune_dtype dtype = ATTUNE_F32;
  std::vector<ExprId> dims;
  std::vector<std::string> dimText; ///< Filled by the verifier.
  uint32_t buffer = 0;
};

enum class BufferKind : uint8_t { Input, Output, Weight, Arena, State };

struct Buffer {
  BufferKind kind = BufferKind::Arena;
  ExprId bytes = 0;
  uint32_t first = 0, last = 0; ///< Arena: nodes that touch it.
  uint32_t section = 0;         ///< Weight: index into the section table.
  /// Weight: bytes, or index of the recipe. State: index of the tensor.
  uint64_t offset = 0;
};

struct Kernel {
  std::string symbol, family;
  // Of a launch on a GPU; threads is 0 for code of a CPU.
  uint32_t threads = 0;     ///< Of a block, in x.
  uint32_t sharedBytes = 0; ///< Dynamic shared memory of a block.
  uint32_t items = 1;       ///< Grid items that a block does.
};

enum class SlotKind : uint8_t { In, Out, InOut, Int, Scratch, ScratchStride };

struct Slot {
  SlotKind kind = SlotKind::Int;
  uint32_t buffer = 0;
  ExprId value = 0;        ///< Offset of a buffer, or the integer.
  ExprId extent = kNoExpr; ///< Bytes touched from the offset, if stated.

  bool isBuffer() const { return kind <= SlotKind::InOut; }
  bool writes() const {
    return kind == SlotKind::Out || kind == SlotKind::InOut;
  }
};

struct Launch {
  uint32_t kernel = 0;
  std::vector<Slot> slots;
  ExprId grid = 0;
  ExprId grain = kNoExpr, scratch = kNoExpr, flops = kNoExpr, bytes = kNoExpr;
  std::string name, op;
};

struct Copy {
  uint32_t dst = 0, src = 0;
  ExprId dstOffset = 0, srcOffset = 0, bytes = 0;
  std::string name;
};

/// The next thenCount nodes run when cond is nonzero, else the elseCount after.
struct Branch {
  ExprId cond = 0;
  uint32_t thenCount = 0, elseCount = 0;
};

using Node = std::variant<Launch, Copy, Branch>;

/// Where a symbol stands alone as a dim.
struct SymbolSource {
  uint32_t input = 0, axis = 0;
};

struct Plan {
  std::vector<Symbol> symbols;
  std::vector<Expr> exprs;
  std::vector<Value> inputs, outputs;
  std::vector<Buffer> buffers;
  std::vector<Kernel> kernels;
  std::vector<Node> nodes;
  std::vector<SymbolSource> sources; ///< One per symbol, by the verifier.
};

/// Reads the JSON. Only its form is checked here: keys, types, number ranges.
/// Errors name the place: "plan: nodes[3].launch.grid: expected ...".
Error parsePlan(std::span<const std::byte> json, Plan &plan);

/// Checks every index against its table, nesting, access rules and liveness,
/// and fills what is derived.
Error verifyPlan(Plan &plan, std::span<const format::Section> sections,
                 const StateTable &states);

/// Calls `touch(buffer, writes)` for each buffer a node names.
template <typename Fn>
void forEachBuffer(const Node &node, Fn touch) {
  if (const auto *launch = std::get_if<Launch>(&node)) {
    for (const Slot &slot : launch->slots)
      if (slot.isBuffer())
        touch(slot.buffer, slot.writes());
  } else if (const auto *copy = std::get_if<Copy>(&node)) {
    touch(copy->src, false);
    touch(copy->dst, true);
  }
}

/// The name of a node for messages: "node 3 (/layer.0/norm)".
std::string describeNode(const Plan &plan, size_t index);

} // namespace attune::core
