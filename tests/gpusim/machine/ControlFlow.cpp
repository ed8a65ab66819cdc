//===- ControlFlow.cpp - where diverged lanes meet again ------------------===//
//
// Post-dominators of basic blocks by the iterative algorithm of Cooper, Harvey
// and Kennedy, on the graph with all edges turned round.
//
//===----------------------------------------------------------------------===//
#include "tests/gpusim/machine/ControlFlow.h"
#include <algorithm>

namespace attune::gpusim {

namespace {

struct Block {
  uint32_t first = 0, last = 0; ///< instructions
  std::vector<uint32_t> successors, predecessors;
  uint32_t order = kNever;  ///< in post order from the exit, backwards
  uint32_t parent = kNever; ///< immediate post-dominator
};

class PostDominators {
public:
  explicit PostDominators(Program &program) : program(program) {}
  void run() {
    split();
    connect();
    number();
    iterate();
    for (Block &block : blocks)
      if (Inst &last = program.code[block.last]; isBranch(last))
        if (block.parent != kNever && block.order != kNever)
          last.join = blocks[block.parent].first;
  }

private:
  static bool isBranch(const Inst &inst) {
    return inst.execute == executeBranch || isIndexed(inst);
  }
  static bool isIndexed(const Inst &inst) {
    return inst.execute == executeIndexedBranch;
  }
  /// Where a branch may go, other than to the next instruction.
  std::vector<uint32_t> targetsOf(const Inst &inst) const {
    return isIndexed(inst) ? program.branchTables[inst.target]
                           : std::vector<uint32_t>{inst.target};
  }
  static bool isExit(const Inst &inst) { return inst.execute == executeExit; }
  static bool guarded(const Inst &inst) { return inst.guard != kNoRow; }

  void split();
  void connect();
  void number();
  void iterate();
  uint32_t meet(uint32_t a, uint32_t b) const;

  Program &program;
  std::vector<Block> blocks;
  std::vector<uint32_t> blockAt; ///< instruction -> block
  std::vector<uint32_t> order;   ///< blocks, exit last
};

void PostDominators::split() {
  size_t size = program.code.size();
  std::vector<bool> leader(size + 1, false);
  leader[0] = true;
  for (size_t i = 0; i < size; ++i)
    if (const Inst &inst = program.code[i]; isBranch(inst) || isExit(inst)) {
      leader[i + 1] = true;
      if (isBranch(inst))
        for (uint32_t target : targetsOf(inst))
          leader[target] = true;
    }
  for (uint32_t i = 0; i < size; ++i) {
    if (leader[i]) {
      blocks.emplace_back();
      blocks.back().first = i;
    }
    blocks.back().last = i;
    blockAt.push_back(uint32_t(blocks.size() - 1));
  }
}

void PostDominators::connect() {
  auto link = [&](uint32_t from, uint32_t to) {
    blocks[from].successors.push_back(to);
    blocks[to].predecessors.push_back(from);
  };
  for (uint32_t i = 0; i < blocks.size(); ++i) {
    const Inst &last = program.code[blocks[i].last];
    if (isBranch(last))
      for (uint32_t target : targetsOf(last))
        link(i, blockAt[target]);
    bool falls = !(isBranch(last) || isExit(last)) || guarded(last);
    if (falls && i + 1 < blocks.size())
      link(i, i + 1);
  }
}

/// The exit is the last return of the text that something can reach; other
/// returns are early ones and end no path.
void PostDominators::number() {
  std::vector<bool> reachable(blocks.size(), false);
  std::vector<uint32_t> work = {0};
  reachable[0] = true;
  while (!work.empty()) {
    uint32_t block = work.back();
    work.pop_back();
    for (uint32_t next : blocks[block].successors)
      if (!reachable[next])
        reachable[next] = true, work.push_back(next);
  }
  uint32_t exit = kNever;
  for (uint32_t i = 0; i < blocks.size(); ++i)
    if (reachable[i] && isExit(program.code[blocks[i].last]))
      exit = i;
  if (exit == kNever)
    return; // An endless loop: nothing joins.
  // Depth first along the predecessors, without recursion.
  std::vector<std::pair<uint32_t, size_t>> stack = {{exit, 0}};
  std::vector<bool> seen(blocks.size(), false);
  seen[exit] = true;
  while (!stack.empty()) {
    auto &[block, next] = stack.back();
    if (next < blocks[block].predecessors.size()) {
      uint32_t to = blocks[block].predecessors[next++];
      if (!seen[to])
        seen[to] = true, stack.push_back({to, 0});
      continue;
    }
    blocks[block].order = uint32_t(order.size());
    order.push_back(block);
    stack.pop_back();
  }
}

uint32_t PostDominators::meet(uint32_t a, uint32_t b) const {
  while (a != b) {
    while (blocks[a].order < blocks[b].order)
      a = blocks[a].parent;
    while (blocks[b].order < blocks[a].order)
      b = blocks[b].parent;
  }
  return a;
}

void PostDominators::iterate() {
  if (order.empty())
    return;
  uint32_t exit = order.back();
  blocks[exit].parent = exit;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = order.size() - 1; i-- > 0;) {
      Block &block = blocks[order[i]];
      uint32_t parent = kNever;
      for (uint32_t next : block.successors) {
        if (blocks[next].parent == kNever)
          continue; // Not yet seen, or it never reaches the exit.
        parent = parent == kNever ? next : meet(parent, next);
      }
      if (parent != block.parent) {
        block.parent = parent;
        changed = true;
      }
    }
  }
  blocks[exit].parent = kNever;
}

} // namespace

void findJoins(Program &program) { PostDominators(program).run(); }

} // namespace attune::gpusim
