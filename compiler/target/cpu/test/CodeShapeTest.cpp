//===- CodeShapeTest.cpp - accumulators stay in registers -----------------===//
//
// Disassembles the inner loops of GEMM and attention kernels: every loop of
// FMAs holds as many as its register tile has vectors, and touches no stack. A
// tile that spills still computes the right numbers, at a third of the speed.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/cpu/testing/CompiledKernels.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Program.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace attune::target::cpu;
using namespace attune::target::cpu::testing;

namespace {

struct Instruction {
  uint64_t address;
  std::string text;
};

std::vector<Instruction> disassemble(llvm::ArrayRef<char> object) {
  llvm::SmallString<64> input, output;
  int descriptor = -1;
  EXPECT_FALSE(
      llvm::sys::fs::createTemporaryFile("shape", "o", descriptor, input));
  EXPECT_FALSE(llvm::sys::fs::createTemporaryFile("shape", "s", output));
  llvm::raw_fd_ostream(descriptor, true).write(object.data(), object.size());
  llvm::StringRef command[] = {"llvm-objdump", "-d", "--no-show-raw-insn",
                               input};
  std::optional<llvm::StringRef> redirects[] = {
      std::nullopt, llvm::StringRef(output), std::nullopt};
  EXPECT_EQ(0, llvm::sys::ExecuteAndWait(ATTUNE_TEST_OBJDUMP, command,
                                         std::nullopt, redirects));
  std::vector<Instruction> code;
  auto text = llvm::MemoryBuffer::getFile(output);
  llvm::SmallVector<llvm::StringRef> lines;
  (*text)->getBuffer().split(lines, '\n');
  for (llvm::StringRef line : lines) {
    auto [address, rest] = line.trim().split(':');
    uint64_t value = 0;
    if (!address.getAsInteger(16, value) && !rest.trim().empty())
      code.push_back({value, rest.trim().str()});
  }
  llvm::sys::fs::remove(input);
  llvm::sys::fs::remove(output);
  return code;
}

/// The instructions of every loop without a loop inside, from its head to the
/// jump back.
std::vector<std::vector<std::string>>
innermostLoops(const std::vector<Instruction> &code) {
  std::vector<std::vector<std::string>> loops;
  size_t lastHead = 0;
  for (size_t end = 0; end < code.size(); ++end) {
    llvm::StringRef text = code[end].text;
    uint64_t target = 0;
    if (!text.starts_with("j") ||
        text.split("0x").second.split(' ').first.getAsInteger(16, target) ||
        target > code[end].address)
      continue;
    size_t head = end;
    while (head && code[head].address > target)
      --head;
    if (head >= lastHead) {
      std::vector<std::string> body;
      for (size_t i = head; i <= end; ++i)
        body.push_back(code[i].text);
      loops.push_back(body);
    }
    lastHead = std::max(lastHead, end);
  }
  return loops;
}

void expectRegisterTiles(const std::string &text, CodeVersion version,
                         std::set<size_t> expected) {
  SCOPED_TRACE(codeVersionName(version).str());
  auto kernels = CompiledKernels::compile(text, version);
  ASSERT_TRUE(kernels);
  std::set<size_t> counts;
  for (const auto &loop : innermostLoops(disassemble(kernels->object()))) {
    size_t fmas = llvm::count_if(loop, [](const std::string &line) {
      return llvm::StringRef(line).starts_with("vfmadd231ps");
    });
    // The row pass has FMAs as well, of exp2: those load no broadcast.
    bool isDot = llvm::any_of(loop, [](const std::string &line) {
      return llvm::StringRef(line).starts_with("vbroadcastss");
    });
    if (!fmas || !isDot)
      continue;
    counts.insert(fmas);
    for (const std::string &line : loop)
      EXPECT_EQ(line.find("(%rsp"), std::string::npos) << line;
  }
  for (size_t count : expected)
    EXPECT_TRUE(counts.count(count))
        << "no loop of " << count << " FMAs, but of "
        << llvm::join(llvm::map_range(
                          counts, [](size_t c) { return std::to_string(c); }),
                      ", ");
}

const char *kGemm = R"(
tile.kernel contraction @gemm(%a: memref<?x768xf32, strided<[?, 1]>>,
    %w: memref<768x768xf32> {tile.panels = #tile.panels<axis = 1, width = 16>},
    %c: memref<?x768xf32, strided<[?, 1]>>) {
  %c0 = arith.constant 0 : index
  %c768 = arith.constant 768 : index
  %m = memref.dim %a, %c0 : memref<?x768xf32, strided<[?, 1]>>
  tile.parallel (%i, %j) in (%m by 192, %c768 by 48) {
    %start = arith.constant dense<0.0> : tensor<192x48xf32>
    %sum = tile.for %d in (%c0 to %c768 by 768) iter(%acc = %start) : tensor<192x48xf32> {
      %x = tile.load %a[%i by 192, %d by 768] : memref<?x768xf32, strided<[?, 1]>> -> tensor<192x768xf32>
      %y = tile.load %w[%d by 768, %j by 48] : memref<768x768xf32> -> tensor<768x48xf32>
      %p = tile.dot %x, %y, %acc : tensor<192x768xf32>, tensor<768x48xf32> -> tensor<192x48xf32>
      tile.yield %p : tensor<192x48xf32>
    }
    tile.store %sum, %c[%i by 192, %j by 48] : tensor<192x48xf32> -> memref<?x768xf32, strided<[?, 1]>>
  }
}
)";

const char *kAttention = R"(
tile.kernel attention @attention(%Q: memref<?x12x64xf32>, %K: memref<?x12x64xf32>,
    %V: memref<?x12x64xf32>, %O: memref<?x12x64xf32>) {
  %c0 = arith.constant 0 : index
  %c12 = arith.constant 12 : index
  %c64 = arith.constant 64 : index
  %n = memref.dim %Q, %c0 : memref<?x12x64xf32>
  tile.parallel (%h, %i) in (%c12, %n by 48) {
    %d = tile.range %c0 to %c64 : !tile.span<64>
    %q = tile.load %Q[%i by 48, %h, %d by 64] : memref<?x12x64xf32> -> tensor<48x64xf32>
    %m0 = arith.constant dense<0xFF800000> : tensor<48xf32>
    %l0 = arith.constant dense<0.0> : tensor<48xf32>
    %o0 = arith.constant dense<0.0> : tensor<48x64xf32>
    %m, %l, %o = tile.for %j in (%c0 to %n by 256) visible(%i : !tile.span<48> upper %c0)
        iter(%mi = %m0, %li = %l0, %oi = %o0) : tensor<48xf32>, tensor<48xf32>, tensor<48x64xf32> {
      %k = tile.load %K[%j by 256, %h, %d by 64] : memref<?x12x64xf32> -> tensor<256x64xf32>
      %zero = arith.constant dense<0.0> : tensor<48x256xf32>
      %s0 = tile.dot %q, %k, %zero trans_rhs : tensor<48x64xf32>, tensor<256x64xf32> -> tensor<48x256xf32>
      %s = tile.band %s0, %i, %j upper %c0 : tensor<48x256xf32>, !tile.span<48>, !tile.span<256>
      %p, %alpha, %m1, %l1 = tile.softmax_step %s, %mi, %li : tensor<48x256xf32>, tensor<48xf32>
      %v = tile.load %V[%j by 256, %h, %d by 64] : memref<?x12x64xf32> -> tensor<256x64xf32>
      %ab = tile.broadcast %alpha axes [0] : tensor<48xf32> -> tensor<48x64xf32>
      %oa = arith.mulf %oi, %ab : tensor<48x64xf32>
      %o1 = tile.dot %p, %v, %oa : tensor<48x256xf32>, tensor<256x64xf32> -> tensor<48x64xf32>
      tile.yield %m1, %l1, %o1 : tensor<48xf32>, tensor<48xf32>, tensor<48x64xf32>
    }
    %inverse, %lse = tile.softmax_finish %m, %l : tensor<48xf32>
    %ib = tile.broadcast %inverse axes [0] : tensor<48xf32> -> tensor<48x64xf32>
    %r = arith.mulf %o, %ib : tensor<48x64xf32>
    tile.store %r, %O[%i by 48, %h, %d by 64] : tensor<48x64xf32> -> memref<?x12x64xf32>
  }
}
)";

TEST(CodeShape, GemmTilesStayInRegisters) {
  // 6 x 16 in pairs of ymm, two steps of k; 8, 4, 2 and 1 x 48 in zmm.
  expectRegisterTiles(kGemm, CodeVersion::X86_64_V3, {24});
  expectRegisterTiles(kGemm, CodeVersion::X86_64_V4, {24, 12, 6, 3});
}

TEST(CodeShape, AttentionTilesStayInRegisters) {
  expectRegisterTiles(kAttention, CodeVersion::X86_64_V3, {24});
  expectRegisterTiles(kAttention, CodeVersion::X86_64_V4, {24});
}

} // namespace
