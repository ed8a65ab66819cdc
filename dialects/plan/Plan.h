// The plan dialect: what the host does. See Plan.td.
#pragma once

#include "dialects/nn/NN.h"

#include "dialects/plan/PlanDialect.h.inc"

#define GET_TYPEDEF_CLASSES
#include "dialects/plan/PlanTypes.h.inc"

#define GET_OP_CLASSES
#include "dialects/plan/PlanOps.h.inc"
