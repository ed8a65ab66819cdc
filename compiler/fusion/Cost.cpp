// Cost models of the nn ops.
//
// A flop is one scalar function of one element, whatever the function; a
// multiply-add is two. Transcendentals are not weighted: these figures are
// compared with profiles and with the literature, which count in the same way.
#include "compiler/fusion/Cost.h"

namespace attune::fusion {

using namespace mlir;
using nn::DimAttr;
using nn::Dims;

#include "compiler/fusion/CostInterface.cpp.inc"

static DimAttr elements(Value tensor) {
  return nn::numElements(nn::getDims(tensor), tensor.getContext());
}

DimAttr tensorBytes(Value tensor) {
  Type type = cast<RankedTensorType>(tensor.getType()).getElementType();
  return elements(tensor) * int64_t((type.getIntOrFloatBitWidth() + 7) / 8);
}

static DimAttr zero(Operation *op) {
  return DimAttr::constant(op->getContext(), 0);
}

// ---- flops, one overload for each op ----

static DimAttr flops(nn::ElementwiseOp op) { return elements(op.getResult()); }
static DimAttr flops(nn::ReduceOp op) { return elements(op.getInput()); }

static DimAttr flops(nn::ContractOp op) {
  DimAttr depth = DimAttr::constant(op.getContext(), 2);
  for (int64_t axis : op.getLhsContracting())
    depth = depth * nn::getDim(op.getLhs(), axis);
  return elements(op.getResult()) * depth;
}

static DimAttr flops(nn::ConvOp op) {
  DimAttr depth = DimAttr::constant(op.getContext(), 2);
  for (DimAttr dim : ArrayRef(nn::getDims(op.getFilter())).drop_front())
    depth = depth * dim;
  return elements(op.getResult()) * depth;
}

// Mean, variance, subtract, multiply, scale, bias: 8 for each element; without
// the mean 5.
static DimAttr flops(nn::NormOp op) {
  return elements(op.getInput()) *
         (op.getKind() == nn::NormKind::Layer ? 8 : 5);
}

// Maximum, subtract, exp, sum, divide.
static DimAttr flops(nn::SoftmaxOp op) { return elements(op.getInput()) * 5; }

// Scores of all heads. Causal attention needs half of them; the diagonal's own
// half is left out.
template <typename Op>
static DimAttr visibleScores(Op op) {
  Dims q = nn::getDims(op.getQuery()), v = nn::getDims(op.getValue());
  DimAttr scores = q[2] * v[2];
  if (op.getCausal() != nn::CausalKind::None)
    scores = scores.floorDiv(DimAttr::constant(op.getContext(), 2));
  return q[0] * q[1] * scores;
}

// Two products and a softmax over the scores.
static DimAttr flops(nn::AttentionOp op) {
  DimAttr d = nn::getDim(op.getQuery(), 3), dv = nn::getDim(op.getValue(), 3);
  return visibleScores(op) * ((d + dv) * 2 + 5);
}

// Five products: scores unless they were saved, dP, dQ, dK, dV.
static DimAttr flops(nn::AttentionBackwardOp op) {
  DimAttr d = nn::getDim(op.getQuery(), 3), dv = nn::getDim(op.getValue(), 3);
  DimAttr products = d * (op.getScores() ? 4 : 6) + dv * 4;
  return visibleScores(op) * (products + 5);
}

static DimAttr flops(nn::ConcatOp op) { return zero(op); }
static DimAttr flops(nn::PadOp op) { return zero(op); }
static DimAttr flops(nn::GatherOp op) { return zero(op); }
static DimAttr flops(nn::IotaOp op) { return zero(op); }
static DimAttr flops(nn::DimOp op) { return zero(op); }
static DimAttr flops(nn::RandomOp op) { return elements(op.getResult()); }
static DimAttr flops(nn::ScatterOp op) { return elements(op.getUpdates()); }

// Maximum, subtract, exp, sum; what is done once a row is left out.
static DimAttr flops(nn::CrossEntropyOp op) {
  return elements(op.getLogits()) * 4;
}

// A group computes what its body does.
static DimAttr flops(nn::GroupOp op) {
  DimAttr sum = zero(op);
  for (Operation &inner : op.getBody().front())
    if (auto cost = dyn_cast<CostOpInterface>(inner))
      sum = sum + cost.getFlops();
  return sum;
}

// ---- bytes ----

static DimAttr bytes(Operation *op) {
  DimAttr sum = zero(op);
  for (Value operand : op->getOperands())
    sum = sum + tensorBytes(operand);
  for (Value result : op->getResults())
    sum = sum + tensorBytes(result);
  return sum;
}

// A gather reads only the rows that it gives.
static DimAttr bytes(nn::GatherOp op) {
  return tensorBytes(op.getIndices()) + tensorBytes(op.getResult()) * 2;
}

// Of a group the same holds for operands that only gathers read.
static DimAttr bytes(nn::GroupOp op) {
  DimAttr sum = zero(op);
  for (Value result : op.getResults())
    sum = sum + tensorBytes(result);
  for (BlockArgument argument : op.getBody().getArguments()) {
    bool gathered = llvm::all_of(argument.getUses(), [](OpOperand &use) {
      return isa<nn::GatherOp>(use.getOwner()) && use.getOperandNumber() == 0;
    });
    if (!gathered) {
      sum = sum + tensorBytes(argument);
      continue;
    }
    for (Operation *user : argument.getUsers())
      sum = sum + tensorBytes(user->getResult(0));
  }
  return sum;
}

// ---- registration ----

template <typename Op>
struct CostModel : CostOpInterface::ExternalModel<CostModel<Op>, Op> {
  DimAttr getFlops(Operation *op) const { return flops(cast<Op>(op)); }
  DimAttr getBytes(Operation *op) const { return bytes(cast<Op>(op)); }
};

template <typename... Ops>
static void attach(MLIRContext &context) {
  (Ops::template attachInterface<CostModel<Ops>>(context), ...);
}

void registerCostModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    attach<nn::ElementwiseOp, nn::ReduceOp, nn::ContractOp, nn::ConvOp,
           nn::NormOp, nn::SoftmaxOp, nn::AttentionOp, nn::AttentionBackwardOp,
           nn::ConcatOp, nn::PadOp, nn::GatherOp, nn::IotaOp, nn::DimOp,
           nn::RandomOp, nn::ScatterOp, nn::CrossEntropyOp, nn::GroupOp>(
        *context);
  });
}

Cost costOf(Operation *op) { return costOf(ArrayRef<Operation *>(op)); }

Cost costOf(ArrayRef<Operation *> ops) {
  assert(!ops.empty());
  Cost sum{zero(ops.front()), zero(ops.front())};
  for (Operation *op : ops) {
    auto cost = dyn_cast<CostOpInterface>(op);
    if (!cost)
      continue;
    sum.flops = sum.flops + cost.getFlops();
    sum.bytes = sum.bytes + cost.getBytes();
  }
  return sum;
}

} // namespace attune::fusion
