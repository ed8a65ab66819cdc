// The train section: the loss of a call, and the settings of the optimizer.
#ifndef ATTUNE_FRONTENDS_DSL_TRAINING_H
#define ATTUNE_FRONTENDS_DSL_TRAINING_H

#include "frontends/dsl/Expander.h"

namespace attune::dsl {

/// The setting `loss`, in a frame with the model's inputs, results and labels.
mlir::FailureOr<Loss> evaluateLoss(Expander &expander, const Train &train,
                                   Frame &frame);

/// The attribute `nn.training`.
mlir::FailureOr<mlir::DictionaryAttr> trainingSettings(Expander &expander,
                                                       const Train &train);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_TRAINING_H
