// Launches against kernel signatures. See LaunchChecks.h.
#include "compiler/kernels/LaunchChecks.h"

#include "compiler/kernels/Bounds.h"
#include "compiler/kernels/View.h"
#include "mlir/IR/AffineMap.h"

namespace attune::kernels {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

//===----------------------------------------------------------------------===//
// Scratch
//===----------------------------------------------------------------------===//

static DimAttr evaluate(AffineExpr expr, ArrayRef<DimAttr> integers) {
  if (auto constant = dyn_cast<AffineConstantExpr>(expr))
    return DimAttr::constant(expr.getContext(), constant.getValue());
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return integers[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  DimAttr lhs = evaluate(binary.getLHS(), integers);
  DimAttr rhs = evaluate(binary.getRHS(), integers);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return lhs + rhs;
  case AffineExprKind::Mul:
    return lhs * rhs;
  case AffineExprKind::FloorDiv:
    return lhs.floorDiv(rhs);
  case AffineExprKind::CeilDiv:
    return lhs.ceilDiv(rhs);
  case AffineExprKind::Mod:
    return lhs.mod(rhs);
  default:
    llvm_unreachable("not an operation of two expressions");
  }
}

DimAttr scratchBytes(tile::KernelOp kernel, nn::ShapeAttr integers) {
  AffineMap map = kernel.getScratch();
  if (!map)
    return DimAttr::constant(kernel.getContext(), 0);
  return evaluate(map.getResult(0), integers.getDims());
}

//===----------------------------------------------------------------------===//
// Signature
//===----------------------------------------------------------------------===//

namespace {
// One memref argument as the launch fills it.
struct Filled {
  unsigned number;
  MemRefType type;
  Value root;
  nn::LayoutAttr layout;
  Dims sizes, strides;
};
} // namespace

// Sizes and strides from the type, and from the integers where it leaves them
// open.
static void fill(Filled &argument, ArrayRef<DimAttr> integers, size_t &next) {
  MLIRContext *context = argument.root.getContext();
  auto [strides, offset] = argument.type.getStridesAndOffset();
  auto take = [&](int64_t value) {
    return ShapedType::isDynamic(value) ? integers[next++]
                                        : DimAttr::constant(context, value);
  };
  for (int64_t size : argument.type.getShape())
    argument.sizes.push_back(take(size));
  for (int64_t stride : strides)
    argument.strides.push_back(take(stride));
}

static LogicalResult checkPanels(nn::LaunchOp launch, const Filled &argument,
                                 tile::PanelsAttr panels) {
  int64_t columns = argument.type.getDimSize(panels.getAxis());
  int64_t depth = argument.type.getDimSize(1 - panels.getAxis());
  SmallVector<int64_t> expected{
      int64_t(llvm::divideCeil(columns, panels.getWidth())), depth,
      panels.getWidth()};
  auto type = cast<RankedTensorType>(argument.root.getType());
  if (type.getShape() == ArrayRef(expected))
    return success();
  return launch.emitOpError()
         << "argument " << argument.number << ": expected panels of a "
         << argument.type << ", found " << type;
}

// The least or greatest position that the argument's elements have in the root.
static DimAttr extreme(const Filled &argument, bool greatest) {
  DimAttr position = argument.layout.getOffset();
  for (auto [size, stride] : llvm::zip(argument.sizes, argument.strides)) {
    bool isNegative = stride.getConstant().value_or(0) < 0;
    if (isNegative != greatest)
      position = position + (size - 1) * stride;
  }
  return position;
}

// A kernel trusts its launch, so what cannot be proven is refused.
static LogicalResult checkInside(nn::LaunchOp launch, const Filled &argument) {
  DimAttr elements =
      nn::numElements(nn::getDims(argument.root), launch.getContext());
  DimAttr first = extreme(argument, false);
  DimAttr room = elements - 1 - extreme(argument, true);
  nn::SymbolRanges ranges = nn::symbolRanges(launch);
  if (isNonNegative(first, ranges) && isNonNegative(room, ranges))
    return success();
  return launch.emitOpError()
         << "argument " << argument.number << " may leave its root, which has "
         << elements.str() << " elements: positions from " << first.str()
         << " to " << (elements - 1 - room).str()
         << "; bounds of the symbols (--shape) may rule that out";
}

static LogicalResult checkArgument(nn::LaunchOp launch, tile::KernelOp kernel,
                                   const Filled &argument) {
  Type element =
      cast<RankedTensorType>(argument.root.getType()).getElementType();
  if (element != argument.type.getElementType())
    return launch.emitOpError()
           << "argument " << argument.number << ": expected elements of type "
           << argument.type.getElementType() << ", found " << element;
  if (tile::PanelsAttr panels = kernel.getPanels(argument.number))
    return checkPanels(launch, argument, panels);
  if (argument.layout.getStrides().getDims() != ArrayRef(argument.strides))
    return launch.emitOpError()
           << "argument " << argument.number << ": the layout "
           << argument.layout << " does not fit " << argument.type
           << " under the integers";
  return checkInside(launch, argument);
}

static Value rootOf(nn::LaunchOp launch, unsigned number) {
  unsigned inputs = launch.getInputs().size();
  return number < inputs ? launch.getInputs()[number]
                         : Value(launch.getResults()[number - inputs]);
}

static nn::LayoutAttr layoutOf(nn::LaunchOp launch, unsigned number) {
  unsigned inputs = launch.getInputs().size();
  return cast<nn::LayoutAttr>(number < inputs
                                  ? launch.getInputLayouts()[number]
                                  : launch.getResultLayouts()[number - inputs]);
}

LogicalResult checkLaunch(nn::LaunchOp launch, tile::KernelOp kernel) {
  if (tile::stringifyFamily(kernel.getFamily()) !=
      nn::stringifyGroupKind(launch.getKind()))
    return launch.emitOpError()
           << "is of kind " << nn::stringifyGroupKind(launch.getKind())
           << ", its kernel of family "
           << tile::stringifyFamily(kernel.getFamily());
  unsigned memrefs = llvm::count_if(kernel.getArguments(), [](Value argument) {
    return isa<MemRefType>(argument.getType());
  });
  unsigned operands = launch.getInputs().size() + launch.getNumResults();
  if (memrefs != operands)
    return launch.emitOpError() << "passes " << operands << " tensors to "
                                << memrefs << " memref arguments";
  ArrayRef<DimAttr> integers = launch.getIntegers().getDims();
  size_t expected = kernel.getValueSlots().size();
  if (integers.size() != expected)
    return launch.emitOpError()
           << "passes " << integers.size() << " integers to " << expected
           << " value slots";
  size_t next = 0;
  for (BlockArgument argument : kernel.getArguments()) {
    auto type = dyn_cast<MemRefType>(argument.getType());
    if (!type) {
      ++next;
      continue;
    }
    unsigned number = argument.getArgNumber();
    Filled filled{
        number, type, rootOf(launch, number), layoutOf(launch, number), {}, {}};
    fill(filled, integers, next);
    if (failed(checkArgument(launch, kernel, filled)))
      return failure();
  }
  DimAttr scratch = scratchBytes(kernel, launch.getIntegers());
  if (launch.getScratch() != scratch)
    return launch.emitOpError()
           << "gives " << launch.getScratch().str()
           << " bytes of scratch, its kernel needs " << scratch.str();
  return success();
}

} // namespace attune::kernels
