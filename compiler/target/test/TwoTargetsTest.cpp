//===- TwoTargetsTest.cpp - one tile text, two targets --------------------===//
//
// Every kernel that is written down in the tree compiles for the CPU and for
// CUDA, from the same text: what a kernel means is no target's affair. A kernel
// that a target lacks the types for is refused with their name.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/common/testing/StandardAttention.h"
#include "compiler/target/cpu/ElementTypes.h"
#include "compiler/target/cpu/EmitObject.h"
#include "compiler/target/cpu/LowerKernels.h"
#include "compiler/target/cuda/EmitPtx.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace attune;
using namespace attune::target;
using namespace attune::target::common::testing;

namespace {

struct Source {
  std::string name, text;
  friend void PrintTo(const Source &source, std::ostream *out) {
    *out << source.name;
  }
};

std::vector<Source> sources() {
  std::vector<Source> all;
  for (std::string path :
       {"dialects/tile/test/attention.mlir",
        "dialects/tile/test/layer-norm.mlir", "dialects/tile/test/linear.mlir",
        "compiler/target/cuda/test/contractions.tile",
        "compiler/target/cuda/test/sweeps.tile"}) {
    auto file = llvm::MemoryBuffer::getFile(ATTUNE_TEST_ROOT "/" + path);
    std::string text = file ? (*file)->getBuffer().str() : "";
    // Blocks of 192 rows or 256 keys are for a CPU's cache, not for what a
    // multiprocessor has: schedules are a target's own.
    for (auto [form, block] :
         {std::pair("linear.mlir", "192"), std::pair("attention.mlir", "256")})
      if (StringRef(path).ends_with(form))
        for (size_t at; (at = text.find(block)) != std::string::npos;)
          text.replace(at, 3, "64");
    std::string name =
        StringRef(path).rsplit('/').second.split('.').first.str();
    std::replace(name.begin(), name.end(), '-', '_');
    all.push_back({name + (StringRef(path).ends_with(".tile") ? "" : "_form"),
                   std::move(text)});
  }
  for (const StandardAttention &standard : standardAttention())
    all.push_back({standard.name, attentionText(standard.kernel)});
  // With all that a kernel of attention can have.
  AttentionCase full{2,    2,    3,    1, 1, 64, 80, AttentionMask::Window,
                     true, true, true, 20};
  full.blockRows = 48;
  full.blockKeys = 64;
  all.push_back({"attention_with_everything", attentionText(full)});
  return all;
}

/// One context for both targets.
class TwoTargets : public ::testing::TestWithParam<Source> {
protected:
  TwoTargets() : context(registry(), MLIRContext::Threading::DISABLED) {
    context.getDiagEngine().registerHandler([this](Diagnostic &diagnostic) {
      said += diagnostic.str() + "\n";
      return success();
    });
  }
  static DialectRegistry registry() {
    DialectRegistry all;
    all.insert<tile::TileDialect, func::FuncDialect>();
    cpu::registerTranslations(all);
    cuda::registerTranslations(all);
    return all;
  }
  void compileForCpu(tile::KernelOp kernel, cpu::CodeVersion version) {
    OwningOpRef<ModuleOp> module = common::copyAlone(kernel);
    auto copy = *module->getOps<tile::KernelOp>().begin();
    said.clear();
    if (failed(cpu::checkElementTypes(copy, version)) ||
        failed(cpu::scratchBytes(copy, version))) {
      // f32 is never refused.
      EXPECT_TRUE(isForTensorCores(copy)) << said;
      EXPECT_TRUE(StringRef(said).contains("f16") ||
                  StringRef(said).contains("tf32") ||
                  StringRef(said).contains("expected f32"))
          << said;
      return;
    }
    if (AffineMap scratch = *cpu::scratchBytes(copy, version))
      copy.setScratch(scratch);
    SmallVector<char> object;
    EXPECT_TRUE(succeeded(cpu::emitCpuObject(*module, version, object)))
        << said;
    EXPECT_FALSE(object.empty());
    ++compiled;
  }
  /// Whether it reads half precision, or f32 as tf32.
  static bool isForTensorCores(tile::KernelOp kernel) {
    bool hasHalf =
        llvm::any_of(kernel.getArguments(), [](BlockArgument argument) {
          auto type = dyn_cast<MemRefType>(argument.getType());
          return type && (type.getElementType().isF16() ||
                          type.getElementType().isBF16());
        });
    WalkResult dots = kernel.walk([](tile::DotOp dot) {
      return dot.getTf32() ? WalkResult::interrupt() : WalkResult::advance();
    });
    return hasHalf || dots.wasInterrupted();
  }
  MLIRContext context;
  std::string said;
  int compiled = 0;
};

TEST_P(TwoTargets, Compile) {
  auto module = parseSourceString<ModuleOp>(GetParam().text, &context);
  ASSERT_TRUE(module) << said;
  int kernels = 0, forTensorCores = 0;
  for (auto kernel : module->getOps<tile::KernelOp>()) {
    SCOPED_TRACE(kernel.getSymName().str());
    ++kernels;
    forTensorCores += isForTensorCores(kernel);
    said.clear();
    auto ptx =
        cuda::emitPtx(*common::copyAlone(kernel), cuda::Machine::least());
    ASSERT_TRUE(succeeded(ptx)) << said;
    EXPECT_EQ(ptx->kernels.size(), 1u);
    compileForCpu(kernel, cpu::CodeVersion::X86_64_V3);
  }
  EXPECT_GT(kernels, 0);
  EXPECT_GE(compiled, kernels - forTensorCores);
}

INSTANTIATE_TEST_SUITE_P(All, TwoTargets, ::testing::ValuesIn(sources()),
                         [](const auto &info) { return info.param.name; });

} // namespace
