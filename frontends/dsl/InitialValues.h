// @init: how the weights of a model begin.
#ifndef ATTUNE_FRONTENDS_DSL_INITIALVALUES_H
#define ATTUNE_FRONTENDS_DSL_INITIALVALUES_H

#include "frontends/dsl/Expander.h"

namespace attune::dsl {

/// Adds func.func @init(%seed), with a result for each weight without a value;
/// nothing if there is none.
void addInitialValues(Expander &expander, mlir::ModuleOp module);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_INITIALVALUES_H
