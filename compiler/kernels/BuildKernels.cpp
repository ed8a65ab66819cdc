// build-kernels: one tile.kernel for each distinct group, one nn.launch for
// each group. The families write the kernels; this file shares them.
#include "compiler/kernels/Passes.h"

#include "compiler/fusion/Cost.h"
#include "compiler/kernels/Builders.h"
#include "compiler/kernels/LaunchChecks.h"
#include "compiler/kernels/WeightPacker.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"

namespace attune::kernels {

#define GEN_PASS_DEF_BUILDKERNELS
#include "compiler/kernels/Passes.h.inc"

using namespace mlir;
using nn::DimAttr;

namespace {

// Turns the groups of a module into launches, one after the other.
class Launcher {
public:
  Launcher(ModuleOp module, const MachineModel &machine)
      : symbols(module), packer(module), machine(machine) {}

  LogicalResult replace(nn::GroupOp group);

private:
  FailureOr<KernelSpec> build(nn::GroupOp group, unsigned variant);
  LogicalResult addVariants(nn::GroupOp group, const KernelSpec &first,
                            nn::LaunchOp launch);
  tile::KernelOp share(OwningOpRef<tile::KernelOp> kernel, nn::GroupOp group);

  SymbolTable symbols;
  WeightPacker packer;
  const MachineModel &machine;
  llvm::StringMap<tile::KernelOp> kernels; // text -> kernel
  llvm::DenseMap<tile::Family, unsigned> counts;
};

tile::Family familyOf(nn::GroupKind kind) {
  switch (kind) {
  case nn::GroupKind::Contraction:
    return tile::Family::contraction;
  case nn::GroupKind::Attention:
    return tile::Family::attention;
  case nn::GroupKind::Row:
    return tile::Family::row;
  case nn::GroupKind::Map:
    return tile::Family::map;
  case nn::GroupKind::AttentionBackward:
    return tile::Family::attention_backward;
  case nn::GroupKind::Scatter:
    return tile::Family::scatter;
  }
  llvm_unreachable("every kind of group has a family");
}

FailureOr<KernelSpec> Launcher::build(nn::GroupOp group, unsigned variant) {
  FailureOr<GroupViews> views = GroupViews::resolve(group);
  if (failed(views))
    return failure();
  KernelBuilder builder(group, familyOf(group.getKind()), *views, machine);
  auto run = [&]() -> LogicalResult {
    switch (group.getKind()) {
    case nn::GroupKind::Contraction:
      return buildContractionKernel(builder, packer, variant);
    case nn::GroupKind::Attention:
      return buildAttentionKernel(builder);
    case nn::GroupKind::Row:
      return buildRowKernel(builder);
    case nn::GroupKind::Map:
      return buildMapKernel(builder);
    case nn::GroupKind::AttentionBackward:
      return buildAttentionBackwardKernel(builder);
    case nn::GroupKind::Scatter:
      return buildScatterKernel(builder);
    }
    llvm_unreachable("every kind of group has a builder");
  };
  if (failed(run()))
    return failure();
  return builder.finish();
}

// Kernels have no names of their own yet, so equal text is an equal kernel.
tile::KernelOp Launcher::share(OwningOpRef<tile::KernelOp> kernel,
                               nn::GroupOp group) {
  std::string text;
  llvm::raw_string_ostream(text) << **kernel;
  tile::KernelOp &known = kernels[text];
  if (known)
    return known;
  known = kernel.release();
  tile::Family family = known.getFamily();
  known.setSymName(
      (tile::stringifyFamily(family) + "_" + Twine(counts[family]++)).str());
  auto function = group->getParentOfType<func::FuncOp>();
  symbols.insert(known, Block::iterator(function));
  return known;
}

ArrayAttr asArray(MLIRContext *context, ArrayRef<nn::LayoutAttr> layouts) {
  return ArrayAttr::get(context,
                        SmallVector<Attribute>(layouts.begin(), layouts.end()));
}

// The other kernels of a group that has several, as variants of its launch.
LogicalResult Launcher::addVariants(nn::GroupOp group, const KernelSpec &first,
                                    nn::LaunchOp launch) {
  if (first.variants == 1)
    return success();
  SmallVector<Attribute> kernels;
  nn::Dims grids, costs{first.cost};
  for (unsigned variant = 1; variant < first.variants; ++variant) {
    FailureOr<KernelSpec> spec = build(group, variant);
    if (failed(spec))
      return failure();
    assert(spec->integers == first.integers && "variants have equal arguments");
    kernels.push_back(
        FlatSymbolRefAttr::get(share(std::move(spec->kernel), group)));
    grids.push_back(spec->grid);
    costs.push_back(spec->cost);
  }
  MLIRContext *context = group.getContext();
  launch.setVariantsAttr(ArrayAttr::get(context, kernels));
  launch.setVariantGridsAttr(nn::ShapeAttr::get(context, grids));
  launch.setCostsAttr(nn::ShapeAttr::get(context, costs));
  return success();
}

LogicalResult Launcher::replace(nn::GroupOp group) {
  FailureOr<KernelSpec> spec = build(group, /*variant=*/0);
  if (failed(spec))
    return failure();
  MLIRContext *context = group.getContext();
  tile::KernelOp kernel = share(std::move(spec->kernel), group);
  auto integers = nn::ShapeAttr::get(context, spec->integers);
  OpBuilder builder(group);
  DenseI64ArrayAttr inPlace;
  if (llvm::any_of(spec->inPlace, [](int64_t input) { return input >= 0; }))
    inPlace = builder.getDenseI64ArrayAttr(spec->inPlace);
  fusion::Cost cost = fusion::costOf(group.getOperation());
  auto launch = nn::LaunchOp::create(
      builder, group.getLoc(), group.getResultTypes(),
      SymbolRefAttr::get(kernel), group.getKindAttr(), spec->inputs,
      asArray(context, spec->inputLayouts),
      asArray(context, spec->resultLayouts), integers, spec->grid, spec->grain,
      scratchBytes(kernel, integers), cost.flops, cost.bytes, inPlace,
      /*variants=*/nullptr, /*variant_grids=*/nullptr, /*costs=*/nullptr);
  if (failed(addVariants(group, *spec, launch)))
    return failure();
  group.replaceAllUsesWith(launch.getResults());
  group.erase();
  return success();
}

// Weights that only their panels were made of are not read any more; what is
// not loaded does not become part of the package.
void eraseDeadOps(ModuleOp module) {
  for (auto function : module.getOps<func::FuncOp>())
    for (Block &block : function.getBody())
      for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
        if (isOpTriviallyDead(&op))
          op.erase();
}

struct BuildKernels : impl::BuildKernelsBase<BuildKernels> {
  using BuildKernelsBase::BuildKernelsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    std::optional<MachineModel> machine = MachineModel::get(target);
    if (!machine) {
      module.emitError() << "no kernels are made for the target '" << target
                         << "'";
      return signalPassFailure();
    }
    Launcher launcher(module, *machine);
    SmallVector<nn::GroupOp> groups;
    module.walk([&](nn::GroupOp group) { groups.push_back(group); });
    bool ok = true; // every failure is reported, not the first only
    for (nn::GroupOp group : groups)
      ok &= succeeded(launcher.replace(group));
    if (!ok)
      return signalPassFailure();
    eraseDeadOps(module);
  }
};

} // namespace
} // namespace attune::kernels
