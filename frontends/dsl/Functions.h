// The builtin functions, by file; Functions.cpp has the table.
#ifndef ATTUNE_FRONTENDS_DSL_FUNCTIONS_H
#define ATTUNE_FRONTENDS_DSL_FUNCTIONS_H

#include "frontends/dsl/Expander.h"

namespace attune::dsl {

MaybeValue callAttention(Call &call);
MaybeValue callCrossEntropy(Call &call);
MaybeValue callMeanSquaredError(Call &call);
void addShapeFunctions(llvm::StringMap<BuiltinFunction> &table);

} // namespace attune::dsl

#endif // ATTUNE_FRONTENDS_DSL_FUNCTIONS_H
