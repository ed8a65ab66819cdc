// Derivatives of what moves data: each is the dual of another op, slice of pad,
// gather of scatter, broadcast of a sum.
#include "compiler/differentiate/DerivativeModels.h"

namespace attune::differentiate {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;
using nn::ShapeAttr;

static Expr slice(Expr x, ArrayRef<DimAttr> starts, ArrayRef<DimAttr> sizes,
                  ArrayRef<int64_t> steps = {}) {
  Site &site = x.getSite();
  MLIRContext *context = site.builder.getContext();
  SmallVector<int64_t> ones(starts.size(), 1);
  return x.with(nn::SliceOp::create(
      site.builder, site.loc, x, ShapeAttr::get(context, starts),
      ShapeAttr::get(context, sizes), steps.empty() ? ones : steps));
}

static Expr pad(Expr x, ArrayRef<DimAttr> low, ArrayRef<DimAttr> high) {
  Site &site = x.getSite();
  MLIRContext *context = site.builder.getContext();
  auto isZero = [](DimAttr dim) { return dim.getConstant() == 0; };
  if (llvm::all_of(low, isZero) && llvm::all_of(high, isZero))
    return x;
  return x.with(nn::PadOp::create(site.builder, site.loc, x, x.number(0),
                                  ShapeAttr::get(context, low),
                                  ShapeAttr::get(context, high)));
}

// ---- views ----

static LogicalResult differentiateReshape(nn::ReshapeOp op, const Vjp &vjp) {
  vjp.gradients[0] = reshape(vjp.cotangent(), nn::getDims(op.getInput()));
  return success();
}

static LogicalResult differentiateTranspose(nn::TransposeOp op,
                                            const Vjp &vjp) {
  SmallVector<int64_t> inverse(op.getPermutation().size());
  for (auto [i, axis] : llvm::enumerate(op.getPermutation()))
    inverse[axis] = i;
  vjp.gradients[0] = transpose(vjp.cotangent(), inverse);
  return success();
}

static LogicalResult differentiateBroadcast(nn::BroadcastOp op,
                                            const Vjp &vjp) {
  vjp.gradients[0] = sumTo(vjp.cotangent(), nn::getDims(op.getInput()));
  return success();
}

// ---- slice, pad, concat ----

// One dim of x backwards.
static Expr reversed(Expr x, int64_t axis) {
  Dims sizes = x.dims();
  Dims starts(sizes.size(), DimAttr::constant(x.type().getContext(), 0));
  SmallVector<int64_t> steps(sizes.size(), 1);
  starts[axis] = sizes[axis] - 1;
  steps[axis] = -1;
  return slice(x, starts, sizes, steps);
}

// `step` - 1 zeros after each element along `axis`, but for the last: a dim of
// 1 behind it is padded and merged.
static Expr spread(Expr x, int64_t axis, int64_t step) {
  DimAttr zero = DimAttr::constant(x.type().getContext(), 0);
  Dims dims = x.dims(), merged = dims;
  Expr split = withOnes(x, axis + 1);
  Dims low(split.rank(), zero), high = low;
  high[axis + 1] = zero + (step - 1);
  merged[axis] = dims[axis] * step;
  Expr padded = reshape(pad(split, low, high), merged);
  Dims starts(merged.size(), zero), sizes = merged;
  sizes[axis] = merged[axis] - (step - 1);
  return slice(padded, starts, sizes);
}

// What the window did not read gets 0.
static LogicalResult differentiateSlice(nn::SliceOp op, const Vjp &vjp) {
  Expr dy = vjp.cotangent();
  Dims extents = nn::getDims(op.getInput());
  Dims low(op.getStarts().getDims()), high;
  for (size_t axis = 0; axis < extents.size(); ++axis) {
    DimAttr size = op.getSizes()[axis];
    int64_t step = size.getConstant() == 1 ? 1 : op.getSteps()[axis];
    // An empty window reads nothing, wherever it starts.
    if (size.getConstant() == 0) {
      low[axis] = size;
      high.push_back(extents[axis]);
      continue;
    }
    if (step < 0) {
      dy = reversed(dy, axis);
      low[axis] = low[axis] + (size - 1) * step;
      step = -step;
    }
    if (step > 1)
      dy = spread(dy, axis, step);
    high.push_back(extents[axis] - low[axis] - dy.dims()[axis]);
  }
  vjp.gradients[0] = pad(dy, low, high);
  return success();
}

static LogicalResult differentiatePad(nn::PadOp op, const Vjp &vjp) {
  Expr dy = vjp.cotangent();
  Expr inside = slice(dy, op.getLow().getDims(), nn::getDims(op.getInput()));
  if (vjp.needed[0])
    vjp.gradients[0] = inside;
  // The border is all but the inside.
  if (vjp.needed[1])
    vjp.gradients[1] = sumTo(dy, {}) - sumTo(inside, {});
  return success();
}

static LogicalResult differentiateConcat(nn::ConcatOp op, const Vjp &vjp) {
  Expr dy = vjp.cotangent();
  DimAttr zero = DimAttr::constant(op.getContext(), 0);
  Dims starts(dy.rank(), zero);
  for (auto [i, input] : llvm::enumerate(op.getInputs())) {
    Dims sizes = nn::getDims(input);
    if (vjp.needed[i])
      vjp.gradients[i] = slice(dy, starts, sizes);
    starts[op.getAxis()] = starts[op.getAxis()] + sizes[op.getAxis()];
  }
  return success();
}

// ---- gather, scatter ----

static LogicalResult differentiateGather(nn::GatherOp op, const Vjp &vjp) {
  Site &site = vjp.site;
  vjp.gradients[0] =
      nn::ScatterOp::create(site.builder, site.loc, op.getData().getType(),
                            vjp.cotangent(), op.getIndices(), op.getAxisAttr());
  return success();
}

static LogicalResult differentiateScatter(nn::ScatterOp op, const Vjp &vjp) {
  Site &site = vjp.site;
  vjp.gradients[0] =
      nn::GatherOp::create(site.builder, site.loc, vjp.cotangent(),
                           op.getIndices(), op.getAxisAttr());
  return success();
}

// ---- barrier ----

static LogicalResult differentiateBarrier(nn::BarrierOp, const Vjp &vjp) {
  vjp.gradients[0] = vjp.cotangent();
  return success();
}

void attachDataDerivatives(MLIRContext &context) {
  attachDerivative<nn::ReshapeOp, differentiateReshape>(context);
  attachDerivative<nn::TransposeOp, differentiateTranspose>(context);
  attachDerivative<nn::BroadcastOp, differentiateBroadcast>(context);
  attachDerivative<nn::SliceOp, differentiateSlice>(context);
  attachDerivative<nn::PadOp, differentiatePad>(context);
  attachDerivative<nn::ConcatOp, differentiateConcat>(context);
  attachDerivative<nn::GatherOp, differentiateGather>(context);
  attachDerivative<nn::ScatterOp, differentiateScatter>(context);
  attachDerivative<nn::BarrierOp, differentiateBarrier>(context);
}

} // namespace attune::differentiate
