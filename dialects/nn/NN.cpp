// Registers the dialect: attributes, ops, and what needs the generated code of
// more than one file.
#include "dialects/nn/NN.h"

using namespace mlir;
using namespace attune::nn;

#include "dialects/nn/NNDialect.cpp.inc"
#include "dialects/nn/NNEnums.cpp.inc"

#define GET_ATTRDEF_CLASSES
#include "dialects/nn/NNAttrs.cpp.inc"

void NNDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/nn/NNAttrs.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/nn/NNOps.cpp.inc"
      >();
}

#define GET_OP_CLASSES
#include "dialects/nn/NNOps.cpp.inc"
