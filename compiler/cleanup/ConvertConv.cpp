// ConvertConv: convolutions become products.
//
// Enters: nn.conv. Leaves: views, at most one concat, and nn.contract.
//
//   patches[n, x..., c, k...] = input[n, c, x * stride + k * dilation - pad]
//   result[n, o, x...] = sum over c, k of patches * filter[o, c, k...]
//
// Where stride equals kernel (patch embedding) and for kernels of one element
// the patches are a view. Else they are made by one slice for each kernel
// position (im2col), which costs memory: prod(kernel) times the input.
#include "compiler/cleanup/Passes.h"
#include "compiler/cleanup/Views.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

namespace attune::cleanup {

#define GEN_PASS_DEF_CONVERTCONV
#include "compiler/cleanup/Passes.h.inc"

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

namespace {
// Shapes in the names of the formula above.
struct Conv {
  explicit Conv(nn::ConvOp op)
      : op(op), input(nn::getDims(op.getInput())),
        result(nn::getDims(op.getResult())),
        kernel(cast<RankedTensorType>(op.getFilter().getType())
                   .getShape()
                   .drop_front(2)),
        channels(*input[1].getConstant()), groups(op.getGroups()) {}

  int64_t spatial() const { return kernel.size(); }
  int64_t positions() const {
    return std::accumulate(kernel.begin(), kernel.end(), int64_t(1),
                           std::multiplies<>());
  }
  bool hasPadding() const {
    auto isZero = [](int64_t pad) { return pad == 0; };
    return !llvm::all_of(op.getPadLow(), isZero) ||
           !llvm::all_of(op.getPadHigh(), isZero);
  }
  bool tilesInput() const {
    return llvm::equal(op.getStrides(), kernel) &&
           llvm::all_of(op.getDilations(),
                        [](int64_t dilation) { return dilation == 1; });
  }
  DimAttr constant(int64_t value) const {
    return DimAttr::constant(op->getContext(), value);
  }

  // Generated accessors are not const.
  mutable nn::ConvOp op;
  Dims input, result;
  SmallVector<int64_t> kernel;
  int64_t channels, groups;
};
} // namespace

static Value pad(OpBuilder &builder, const Conv &conv, Value input) {
  if (!conv.hasPadding())
    return input;
  Dims low(2, conv.constant(0)), high = low;
  for (int64_t i = 0; i < conv.spatial(); ++i) {
    low.push_back(conv.constant(conv.op.getPadLow()[i]));
    high.push_back(conv.constant(conv.op.getPadHigh()[i]));
  }
  Location loc = conv.op.getLoc();
  MLIRContext *context = builder.getContext();
  Type element = cast<RankedTensorType>(input.getType()).getElementType();
  return nn::PadOp::create(
      builder, loc, input, scalarConstant(builder, loc, 0, element),
      nn::ShapeAttr::get(context, low), nn::ShapeAttr::get(context, high));
}

// input[:, :, start : : step] with the result's spatial extents times `times`.
static Value window(OpBuilder &builder, const Conv &conv, Value input,
                    ArrayRef<int64_t> starts, ArrayRef<int64_t> steps,
                    ArrayRef<int64_t> times) {
  Dims from(2, conv.constant(0)), sizes = {conv.input[0], conv.input[1]};
  SmallVector<int64_t> allSteps = {1, 1};
  for (int64_t i = 0; i < conv.spatial(); ++i) {
    from.push_back(conv.constant(starts[i]));
    sizes.push_back(conv.result[2 + i] * times[i]);
    allSteps.push_back(steps[i]);
  }
  MLIRContext *context = builder.getContext();
  return nn::SliceOp::create(builder, conv.op.getLoc(), input,
                             nn::ShapeAttr::get(context, from),
                             nn::ShapeAttr::get(context, sizes), allSteps);
}

// Patches [n, x..., c, k...] as a view: each spatial dim splits into (x, k).
static Value patchesAsView(OpBuilder &builder, const Conv &conv, Value input) {
  SmallVector<int64_t> zeros(conv.spatial(), 0), ones(conv.spatial(), 1);
  Value tiled = window(builder, conv, input, zeros, ones, conv.kernel);
  Dims split = {conv.input[0], conv.input[1]};
  SmallVector<int64_t> outer = {0}, inner = {1};
  for (int64_t i = 0; i < conv.spatial(); ++i) {
    outer.push_back(split.size());
    split.push_back(conv.result[2 + i]);
    inner.push_back(split.size());
    split.push_back(conv.constant(conv.kernel[i]));
  }
  llvm::append_range(outer, inner);
  Location loc = conv.op.getLoc();
  return transposeTo(builder, loc, reshapeTo(builder, loc, tiled, split),
                     outer);
}

// Patches [n, x..., c, positions] from one window for each kernel position.
static Value patchesByPosition(OpBuilder &builder, const Conv &conv,
                               Value input) {
  Location loc = conv.op.getLoc();
  SmallVector<int64_t> ones(conv.spatial(), 1), position(conv.spatial(), 0);
  SmallVector<Value> windows;
  for (int64_t count = 0; count < conv.positions(); ++count) {
    SmallVector<int64_t> starts;
    for (int64_t i = 0; i < conv.spatial(); ++i)
      starts.push_back(position[i] * conv.op.getDilations()[i]);
    Value part =
        window(builder, conv, input, starts, conv.op.getStrides(), ones);
    Dims dims = nn::getDims(part);
    dims.insert(dims.begin() + 2, conv.constant(1));
    windows.push_back(reshapeTo(builder, loc, part, dims));
    for (int64_t i = conv.spatial() - 1;
         i >= 0 && ++position[i] == conv.kernel[i]; --i)
      position[i] = 0;
  }
  Value all = windows.front();
  if (windows.size() > 1)
    all = nn::ConcatOp::create(builder, loc, windows,
                               builder.getI64IntegerAttr(2));
  // [n, c, positions, x...] -> [n, x..., c, positions]
  SmallVector<int64_t> permutation = {0};
  llvm::append_range(permutation, llvm::seq<int64_t>(3, 3 + conv.spatial()));
  permutation.append({1, 2});
  return transposeTo(builder, loc, all, permutation);
}

// [n, x..., c, k...] and [o, c / groups, k...] to the result.
static Value product(OpBuilder &builder, const Conv &conv, Value patches) {
  Location loc = conv.op.getLoc();
  int64_t spatial = conv.spatial();
  int64_t depth = conv.channels / conv.groups * conv.positions();
  DimAttr outputs = conv.result[1];
  DimAttr groups = conv.constant(conv.groups);
  DimAttr perGroup = conv.constant(*outputs.getConstant() / conv.groups);
  bool grouped = conv.groups > 1;

  Dims rows(nn::getDims(patches));
  rows.truncate(1 + spatial);
  Dims filter;
  if (grouped) {
    rows.push_back(groups);
    filter = {groups, perGroup};
  } else {
    filter = {outputs};
  }
  rows.push_back(conv.constant(depth));
  filter.push_back(conv.constant(depth));
  Value lhs = reshapeTo(builder, loc, patches, rows);
  Value rhs = reshapeTo(builder, loc, conv.op.getFilter(), filter);

  SmallVector<int64_t> lhsBatch, rhsBatch;
  if (grouped) {
    lhsBatch = {1 + spatial};
    rhsBatch = {0};
  }
  Value result = nn::ContractOp::create(
      builder, loc, lhs, rhs, builder.getDenseI64ArrayAttr(lhsBatch),
      builder.getDenseI64ArrayAttr(rhsBatch),
      builder.getDenseI64ArrayAttr({int64_t(rows.size()) - 1}),
      builder.getDenseI64ArrayAttr({int64_t(filter.size()) - 1}),
      conv.op.getAccumulateAttr());
  // [n, x..., o] or [g, n, x..., o / g] -> [n, o, x...]
  SmallVector<int64_t> permutation;
  if (grouped)
    permutation = {1, 0, 2 + spatial};
  else
    permutation = {0, 1 + spatial};
  int64_t first = grouped ? 2 : 1;
  llvm::append_range(permutation, llvm::seq<int64_t>(first, first + spatial));
  result = transposeTo(builder, loc, result, permutation);
  return reshapeTo(builder, loc, result, conv.result);
}

namespace {
struct ConvertConvOp : OpRewritePattern<nn::ConvOp> {
  ConvertConvOp(MLIRContext *context, int64_t maxPositions)
      : OpRewritePattern(context), maxPositions(maxPositions) {}

  LogicalResult matchAndRewrite(nn::ConvOp op,
                                PatternRewriter &rewriter) const override {
    Conv conv(op);
    bool asView = conv.tilesInput() && !conv.hasPadding();
    if (!asView && conv.positions() > maxPositions)
      return failure();
    Value input = pad(rewriter, conv, op.getInput());
    Value patches = asView ? patchesAsView(rewriter, conv, input)
                           : patchesByPosition(rewriter, conv, input);
    rewriter.replaceOp(op, product(rewriter, conv, patches));
    return success();
  }

  int64_t maxPositions;
};

struct ConvertConv : impl::ConvertConvBase<ConvertConv> {
  using ConvertConvBase::ConvertConvBase;
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    patterns.add<ConvertConvOp>(&getContext(), maxPositions);
    (void)applyPatternsGreedily(getOperation(), std::move(patterns));
    bool left = false;
    getOperation()->walk([&](nn::ConvOp op) {
      op.emitOpError() << "has a kernel of " << Conv(op).positions()
                       << " positions, at most " << int64_t(maxPositions)
                       << " are supported";
      left = true;
    });
    if (left)
      signalPassFailure();
  }
};
} // namespace

} // namespace attune::cleanup
