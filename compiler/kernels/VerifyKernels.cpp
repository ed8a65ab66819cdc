// verify-kernels: what the kernels stage promises to memory and target.
#include "compiler/kernels/Passes.h"

#include "compiler/kernels/LaunchChecks.h"
#include "compiler/kernels/View.h"
#include "mlir/Dialect/Arith/IR/Arith.h"

namespace attune::kernels {

#define GEN_PASS_DEF_VERIFYKERNELS
#include "compiler/kernels/Passes.h.inc"

using namespace mlir;

namespace {

// A launch reads root tensors; a reshape of one is the same bytes.
bool isRoot(Value value) {
  while (auto reshape = value.getDefiningOp<nn::ReshapeOp>())
    value = reshape.getInput();
  Operation *op = value.getDefiningOp();
  return !op || isa<nn::LaunchOp, nn::LoadWeightOp, arith::ConstantOp>(op);
}

LogicalResult verifyLaunch(nn::LaunchOp launch, SymbolTable &symbols) {
  for (auto [index, input] : llvm::enumerate(launch.getInputs()))
    if (!isRoot(input))
      return launch.emitOpError() << "input " << index << " is no root tensor";
  for (FlatSymbolRefAttr name : launch.getKernels()) {
    auto kernel = symbols.lookup<tile::KernelOp>(name.getAttr());
    if (!kernel)
      return launch.emitOpError()
             << "names " << name << ", which is no tile.kernel";
    if (failed(checkLaunch(launch, kernel)))
      return failure();
  }
  return success();
}

LogicalResult verifyOp(Operation &op, SymbolTable &symbols) {
  if (auto launch = dyn_cast<nn::LaunchOp>(op))
    return verifyLaunch(launch, symbols);
  if (isa<nn::LoadWeightOp, arith::ConstantOp, nn::ReshapeOp>(op))
    return success();
  if (!op.hasTrait<OpTrait::IsTerminator>())
    return op.emitOpError("is left after kernels were made");
  for (auto [index, output] : llvm::enumerate(op.getOperands()))
    if (!isRoot(output))
      return op.emitOpError() << "output " << index << " is no root tensor";
  return success();
}

struct VerifyKernels : impl::VerifyKernelsBase<VerifyKernels> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    bool ok = true;
    for (auto function : module.getOps<func::FuncOp>())
      for (Block &block : function.getBody())
        for (Operation &op : block)
          ok &= succeeded(verifyOp(op, symbols));
    if (!ok)
      signalPassFailure();
  }
};

} // namespace
} // namespace attune::kernels
