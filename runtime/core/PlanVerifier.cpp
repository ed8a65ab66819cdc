//===- PlanVerifier.cpp - every index of a plan in range ------------------===//
//
// Enters: a parsed plan and the section table. Leaves: the same plan, of which
// the rules in README.md hold. Whatever runs later relies on them and checks
// only sizes, which depend on dims.
//
//===----------------------------------------------------------------------===//
#include "runtime/core/Plan.h"
#include <unordered_set>

namespace attune::core {

std::string describeNode(const Plan &plan, size_t index) {
  const Node &node = plan.nodes[index];
  const char *name = "if";
  if (const auto *launch = std::get_if<Launch>(&node))
    name = launch->name.c_str();
  else if (const auto *copy = std::get_if<Copy>(&node))
    name = copy->name.c_str();
  return cat("node ", index, " (", name, ")");
}

namespace {

class Verifier {
public:
  Verifier(Plan &plan, std::span<const format::Section> sections,
           const StateTable &states)
      : plan(plan), sections(sections), states(states) {}

  Error run() {
    if (Error error = exprs())
      return error;
    if (Error error = symbols())
      return error;
    if (Error error = buffers())
      return error;
    if (Error error = values())
      return error;
    if (Error error = nodes())
      return error;
    return branches();
  }

private:
  static Error bad(std::string fact) {
    return {ATTUNE_BAD_PACKAGE, "plan: " + std::move(fact)};
  }

  Error inRange(uint64_t index, uint64_t count, std::string_view what) {
    if (index < count)
      return {};
    return bad(cat(what, ": ", index, " is out of range, there are ", count));
  }

  Error expr(ExprId id, std::string_view what) {
    return inRange(id, plan.exprs.size(), cat(what, ": expression"));
  }

  Error optionalExpr(ExprId id, std::string_view what) {
    return id == kNoExpr ? Error() : expr(id, what);
  }

  Error exprs();
  Error symbols();
  Error buffers();
  Error weight(const Buffer &buffer, const std::string &what);
  Error state(const Buffer &buffer, const std::string &what);
  Error values();
  Error value(Value &value, const std::string &what);
  Error nodes();
  Error launch(const Launch &launch, const std::string &what);
  Error slot(const Launch &launch, const Slot &slot, const std::string &what);
  Error copy(const Copy &copy, const std::string &what);
  Error access(size_t node, uint32_t buffer, bool writes);
  Error branches();

  Plan &plan;
  std::span<const format::Section> sections;
  const StateTable &states;
};

} // namespace

Error Verifier::exprs() {
  for (size_t i = 0; i < plan.exprs.size(); ++i) {
    const Expr &expr = plan.exprs[i];
    std::string what = cat("exprs[", i, "]");
    if (expr.kind == ExprKind::Const)
      continue;
    if (expr.kind == ExprKind::Sym) {
      if (Error error =
              inRange(uint64_t(expr.a), plan.symbols.size(), what + ": symbol"))
        return error;
      continue;
    }
    // Earlier entries only: this is what rules out cycles.
    for (int64_t operand : {expr.a, expr.b})
      if (Error error =
              inRange(uint64_t(operand), i, what + ": earlier expression"))
        return error;
  }
  return {};
}

Error Verifier::symbols() {
  std::unordered_set<std::string_view> names;
  for (size_t i = 0; i < plan.symbols.size(); ++i) {
    const Symbol &symbol = plan.symbols[i];
    if (symbol.name.empty() || !names.insert(symbol.name).second)
      return bad(cat("symbols[", i, "]: the name \"", symbol.name,
                     "\" is empty or taken"));
    if (symbol.min > symbol.max)
      return bad(cat("symbols[", i, "]: min ", symbol.min, " is above max ",
                     symbol.max));
  }
  plan.sources.assign(plan.symbols.size(), SymbolSource{});
  std::vector<bool> found(plan.symbols.size());
  for (uint32_t input = 0; input < plan.inputs.size(); ++input)
    for (uint32_t axis = 0; axis < plan.inputs[input].dims.size(); ++axis) {
      ExprId dim = plan.inputs[input].dims[axis];
      if (Error error = expr(dim, cat("inputs[", input, "].dims")))
        return error;
      const Expr &expr = plan.exprs[dim];
      if (expr.kind != ExprKind::Sym || found[size_t(expr.a)])
        continue;
      found[size_t(expr.a)] = true;
      plan.sources[size_t(expr.a)] = {input, axis};
    }
  for (size_t i = 0; i < found.size(); ++i)
    if (!found[i])
      return bad(cat("symbol \"", plan.symbols[i].name,
                     "\" is no dim of any input, so it has no value"));
  return {};
}

Error Verifier::weight(const Buffer &buffer, const std::string &what) {
  if (Error error =
          inRange(buffer.section, sections.size(), what + ": section"))
    return error;
  const format::Section &section = sections[buffer.section];
  const Expr &size = plan.exprs[buffer.bytes];
  if (size.kind != ExprKind::Const || size.a < 0)
    return bad(what +
               ": the bytes of a weight must be a constant of at least 0");
  auto bytes = uint64_t(size.a);
  if (section.kind == uint32_t(format::SectionKind::Recipes))
    return inRange(buffer.offset, section.bytes / sizeof(format::Recipe),
                   what + ": recipe");
  if (section.kind != uint32_t(format::SectionKind::Weights))
    return bad(cat(what, ": section ", buffer.section,
                   " holds neither weights nor recipes"));
  if (buffer.offset % format::kWeightAlign != 0 ||
      buffer.offset > section.bytes || bytes > section.bytes - buffer.offset)
    return bad(cat(what, ": ", bytes, " bytes at offset ", buffer.offset,
                   " do not lie aligned in a section of ", section.bytes));
  return {};
}

Error Verifier::state(const Buffer &buffer, const std::string &what) {
  if (Error error = inRange(buffer.offset, states.tensors.size(),
                            what + ": tensor of the state"))
    return error;
  const StateTensor &tensor = states.tensors[buffer.offset];
  const Expr &size = plan.exprs[buffer.bytes];
  if (size.kind != ExprKind::Const || uint64_t(size.a) != tensor.bytes)
    return bad(cat(what, ": its bytes must be the ", tensor.bytes, " of \"",
                   tensor.name, "\""));
  return {};
}

Error Verifier::buffers() {
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    const Buffer &buffer = plan.buffers[i];
    std::string what = cat("buffers[", i, "]");
    if (Error error = expr(buffer.bytes, what + ".bytes"))
      return error;
    if (buffer.kind == BufferKind::Weight)
      if (Error error = weight(buffer, what))
        return error;
    if (buffer.kind == BufferKind::State)
      if (Error error = state(buffer, what))
        return error;
    if (buffer.kind == BufferKind::Arena &&
        (buffer.first > buffer.last || buffer.last >= plan.nodes.size()))
      return bad(cat(what, ": alive from node ", buffer.first, " to ",
                     buffer.last, " of ", plan.nodes.size()));
  }
  return {};
}

Error Verifier::value(Value &value, const std::string &what) {
  if (value.name.empty())
    return bad(what + ": the name is empty");
  for (ExprId dim : value.dims)
    if (Error error = expr(dim, what + ".dims"))
      return error;
  return inRange(value.buffer, plan.buffers.size(), what + ": buffer");
}

Error Verifier::values() {
  std::vector<int> users(plan.buffers.size(), 0);
  for (size_t i = 0; i < plan.inputs.size(); ++i) {
    std::string what = cat("inputs[", i, "]");
    if (Error error = value(plan.inputs[i], what))
      return error;
    uint32_t buffer = plan.inputs[i].buffer;
    if (plan.buffers[buffer].kind != BufferKind::Input || users[buffer]++)
      return bad(
          cat(what, ": buffer ", buffer, " is not an input buffer of its own"));
  }
  for (size_t i = 0; i < plan.outputs.size(); ++i) {
    if (Error error = value(plan.outputs[i], cat("outputs[", i, "]")))
      return error;
    ++users[plan.outputs[i].buffer];
  }
  for (size_t i = 0; i < plan.buffers.size(); ++i) {
    BufferKind kind = plan.buffers[i].kind;
    if ((kind == BufferKind::Input || kind == BufferKind::Output) && !users[i])
      return bad(cat("buffers[", i, "]: no input or output uses it"));
  }
  std::vector<std::string> names;
  for (const Symbol &symbol : plan.symbols)
    names.push_back(symbol.name);
  std::vector<std::string> texts = exprText(plan.exprs, names);
  for (auto *list : {&plan.inputs, &plan.outputs})
    for (Value &value : *list)
      for (ExprId dim : value.dims)
        value.dimText.push_back(texts[dim]);
  return {};
}

Error Verifier::slot(const Launch &launch, const Slot &slot,
                     const std::string &what) {
  if (slot.kind == SlotKind::Scratch || slot.kind == SlotKind::ScratchStride)
    return launch.scratch == kNoExpr
               ? bad(what + ": it has a scratch slot but no scratch")
               : Error();
  if (slot.isBuffer())
    if (Error error =
            inRange(slot.buffer, plan.buffers.size(), what + ": buffer"))
      return error;
  if (Error error = expr(slot.value, what + ": slot"))
    return error;
  return optionalExpr(slot.extent, what + ": extent");
}

Error Verifier::launch(const Launch &launch, const std::string &what) {
  if (Error error =
          inRange(launch.kernel, plan.kernels.size(), what + ": kernel"))
    return error;
  if (Error error = expr(launch.grid, what + ": grid"))
    return error;
  for (auto [id, name] :
       {std::pair(launch.grain, ": grain"),
        std::pair(launch.scratch, ": scratch"),
        std::pair(launch.flops, ": flops"), std::pair(launch.bytes, ": bytes")})
    if (Error error = optionalExpr(id, what + name))
      return error;
  for (const Slot &each : launch.slots)
    if (Error error = slot(launch, each, what))
      return error;
  return {};
}

Error Verifier::copy(const Copy &copy, const std::string &what) {
  for (uint32_t buffer : {copy.dst, copy.src})
    if (Error error = inRange(buffer, plan.buffers.size(), what + ": buffer"))
      return error;
  // A copy within a buffer could overlap, and copies are cut among threads.
  if (copy.dst == copy.src)
    return bad(cat(what, ": it copies buffer ", copy.src, " to itself"));
  for (ExprId id : {copy.dstOffset, copy.srcOffset, copy.bytes})
    if (Error error = expr(id, what))
      return error;
  return {};
}

Error Verifier::access(size_t node, uint32_t index, bool writes) {
  const Buffer &buffer = plan.buffers[index];
  if (writes &&
      (buffer.kind == BufferKind::Input || buffer.kind == BufferKind::Weight))
    return bad(cat(describeNode(plan, node), ": writes to buffer ", index,
                   ", which is an input or a weight"));
  if (buffer.kind == BufferKind::Arena &&
      (node < buffer.first || node > buffer.last))
    return bad(cat(describeNode(plan, node), ": touches buffer ", index,
                   ", which is alive from node ", buffer.first, " to ",
                   buffer.last));
  return {};
}

Error Verifier::nodes() {
  for (const Kernel &kernel : plan.kernels)
    if (kernel.symbol.empty())
      return bad("a kernel has no symbol");
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    const Node &node = plan.nodes[i];
    std::string what = describeNode(plan, i);
    Error error;
    if (const auto *asLaunch = std::get_if<Launch>(&node))
      error = launch(*asLaunch, what);
    else if (const auto *asCopy = std::get_if<Copy>(&node))
      error = copy(*asCopy, what);
    else
      error = expr(std::get_if<Branch>(&node)->cond, what);
    if (error)
      return error;
    forEachBuffer(node, [&](uint32_t buffer, bool writes) {
      if (!error)
        error = access(i, buffer, writes);
    });
    if (error)
      return error;
  }
  return {};
}

/// Each branch must end inside the branch around it.
Error Verifier::branches() {
  std::vector<uint64_t> ends = {plan.nodes.size()};
  for (size_t i = 0; i < plan.nodes.size(); ++i) {
    while (ends.size() > 1 && ends.back() <= i)
      ends.pop_back();
    const auto *branch = std::get_if<Branch>(&plan.nodes[i]);
    if (!branch)
      continue;
    uint64_t thenEnd = i + 1 + uint64_t(branch->thenCount);
    uint64_t elseEnd = thenEnd + branch->elseCount;
    if (elseEnd > ends.back())
      return bad(cat(describeNode(plan, i), ": its ", branch->thenCount, " + ",
                     branch->elseCount,
                     " nodes do not end inside what surrounds it"));
    // The inner end last, so that it is popped first.
    ends.push_back(elseEnd);
    ends.push_back(thenEnd);
  }
  return {};
}

Error verifyPlan(Plan &plan, std::span<const format::Section> sections,
                 const StateTable &states) {
  return Verifier(plan, sections, states).run();
}

} // namespace attune::core
