// Arity and result type of elementwise kinds.
#include "dialects/nn/ElementwiseKinds.h"

namespace attune::nn {

// The enum's numbering keeps each arity in a range of its own (NNEnums.td).
unsigned arity(ElementwiseKind kind) {
  auto value = static_cast<uint32_t>(kind);
  return value < static_cast<uint32_t>(ElementwiseKind::Add)      ? 1
         : value < static_cast<uint32_t>(ElementwiseKind::Select) ? 2
                                                                  : 3;
}

bool givesBool(ElementwiseKind kind) {
  switch (kind) {
  case ElementwiseKind::IsNan:
  case ElementwiseKind::IsInf:
  case ElementwiseKind::Equal:
  case ElementwiseKind::Less:
  case ElementwiseKind::LessEqual:
  case ElementwiseKind::Greater:
  case ElementwiseKind::GreaterEqual:
    return true;
  default:
    return false;
  }
}

bool isCommutative(ElementwiseKind kind) {
  switch (kind) {
  case ElementwiseKind::Add:
  case ElementwiseKind::Mul:
  case ElementwiseKind::Max:
  case ElementwiseKind::Min:
  case ElementwiseKind::And:
  case ElementwiseKind::Or:
  case ElementwiseKind::Xor:
  case ElementwiseKind::Equal:
    return true;
  default:
    return false;
  }
}

} // namespace attune::nn
