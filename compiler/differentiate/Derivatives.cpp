// Attaches the derivatives. See Derivatives.h.
#include "compiler/differentiate/Derivatives.h"
#include "compiler/differentiate/DerivativeModels.h"

#include "compiler/differentiate/DifferentiateInterface.cpp.inc"

namespace attune::differentiate {

using namespace mlir;

void registerDerivatives(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    attachElementwiseDerivatives(*context);
    attachReduceDerivatives(*context);
    attachProductDerivatives(*context);
    attachDataDerivatives(*context);
  });
}

} // namespace attune::differentiate
