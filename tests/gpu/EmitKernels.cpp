//===- EmitKernels.cpp - PTX and launch data of tile kernels --------------===//
//
//   emit_kernels -o DIR FILE.mlir...        kernels as text
//   emit_kernels -o DIR --attention         attention, as it is timed
//
// Leaves DIR/NAME.ptx and DIR/NAME.json for each kernel. The JSON says what a
// launch needs: threads and shared bytes of a block, the slots of the calling
// convention, and the axes of the grid.
//
//===----------------------------------------------------------------------===//
#include "compiler/target/common/CodeGeneration.h"
#include "compiler/target/common/testing/StandardAttention.h"
#include "compiler/target/cuda/EmitPtx.h"
#include "dialects/tile/Tile.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/IR/Matchers.h"
#include "mlir/IR/OwningOpRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;
using namespace attune;
using namespace attune::target;

static std::string nameOf(Type type) {
  std::string text;
  llvm::raw_string_ostream(text) << type;
  return text;
}

static llvm::json::Array slotsOf(tile::KernelOp kernel) {
  using Slot = tile::KernelOp::Slot;
  llvm::json::Array slots;
  for (Slot slot : kernel.getSlots()) {
    const char *kind = slot.kind == Slot::Pointer  ? "pointer"
                       : slot.kind == Slot::Size   ? "size"
                       : slot.kind == Slot::Stride ? "stride"
                                                   : "scalar";
    slots.push_back(llvm::json::Object{
        {"kind", kind}, {"argument", slot.argument}, {"dim", slot.dim}});
  }
  return slots;
}

static llvm::json::Object extentOf(Value value) {
  if (auto argument = dyn_cast<BlockArgument>(value))
    return llvm::json::Object{{"argument", argument.getArgNumber()}};
  if (auto dim = value.getDefiningOp<memref::DimOp>())
    return llvm::json::Object{
        {"argument", cast<BlockArgument>(dim.getSource()).getArgNumber()},
        {"dim", *dim.getConstantIndex()}};
  APInt constant;
  if (matchPattern(value, m_ConstantInt(&constant)))
    return llvm::json::Object{{"constant", constant.getSExtValue()}};
  llvm::report_fatal_error("kernels here have plain extents");
}

static llvm::json::Object describe(tile::KernelOp kernel,
                                   const cuda::PtxKernel &launch) {
  llvm::json::Array grid, arguments;
  tile::ParallelOp parallel = kernel.getParallel();
  for (auto [extent, step] :
       llvm::zip(parallel.getExtents(), parallel.getSteps())) {
    llvm::json::Object axis = extentOf(extent);
    axis["step"] = std::max<int64_t>(step, 1);
    grid.push_back(std::move(axis));
  }
  for (BlockArgument argument : kernel.getArguments())
    arguments.push_back(nameOf(argument.getType()));
  return llvm::json::Object{{"name", launch.name},
                            {"threads", launch.threads},
                            {"shared", launch.sharedBytes},
                            {"items", launch.itemsPerBlock},
                            {"arguments", std::move(arguments)},
                            {"slots", slotsOf(kernel)},
                            {"grid", std::move(grid)}};
}

static bool write(StringRef folder, StringRef name, StringRef text) {
  SmallString<128> path(folder);
  llvm::sys::path::append(path, name);
  std::error_code error;
  llvm::raw_fd_ostream(path, error) << text;
  if (error)
    llvm::errs() << path << ": " << error.message() << '\n';
  return !error;
}

/// The kernels of a text, one module each, so that one can be looked at alone.
static bool emitText(StringRef text, StringRef prefix, StringRef folder,
                     MLIRContext &context) {
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  if (!module)
    return false;
  for (auto kernel : module->getOps<tile::KernelOp>()) {
    FailureOr<cuda::Ptx> ptx =
        cuda::emitPtx(*common::copyAlone(kernel), cuda::Machine::least());
    if (failed(ptx))
      return false;
    std::string name =
        prefix.empty() ? kernel.getSymName().str() : prefix.str();
    std::string data;
    llvm::raw_string_ostream(data)
        << llvm::json::Value(describe(kernel, ptx->kernels.front()));
    if (!write(folder, name + ".ptx", ptx->text) ||
        !write(folder, name + ".json", data))
      return false;
  }
  return true;
}

static bool emitAttention(StringRef folder, MLIRContext &context) {
  bool ok = true;
  for (const auto &[name, kernel] : common::testing::standardAttention())
    ok &=
        emitText(common::testing::attentionText(kernel), name, folder, context);
  return ok;
}

int main(int argc, char **argv) {
  llvm::cl::list<std::string> files(llvm::cl::Positional,
                                    llvm::cl::desc("kernels as text"));
  llvm::cl::opt<std::string> folder("o", llvm::cl::desc("folder to write to"),
                                    llvm::cl::Required);
  llvm::cl::opt<bool> attention("attention",
                                llvm::cl::desc("attention, as it is timed"));
  llvm::cl::ParseCommandLineOptions(argc, argv,
                                    "PTX and launch data of tile kernels\n");
  if (std::error_code error = llvm::sys::fs::create_directories(folder)) {
    llvm::errs() << folder << ": " << error.message() << '\n';
    return 1;
  }
  DialectRegistry registry;
  registry.insert<tile::TileDialect>();
  cuda::registerTranslations(registry);
  MLIRContext context(registry);
  bool ok = !attention || emitAttention(folder, context);
  for (const std::string &file : files) {
    auto text = llvm::MemoryBuffer::getFile(file);
    if (!text) {
      llvm::errs() << file << ": " << text.getError().message() << '\n';
      return 1;
    }
    ok &= emitText((*text)->getBuffer(), "", folder, context);
  }
  return ok ? 0 : 1;
}
