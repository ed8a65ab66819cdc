// The commands of attune-compile. Each takes a driver whose options are
// resolved and gives the exit code.
#pragma once

#include "compiler/tools/Driver.h"

namespace attune::tools {

int runCompile(Driver &driver);
int runExplain(Driver &driver);
int runDiff(Driver &driver);
int runCompare(Driver &driver);
int runBench(Driver &driver);
int runOps(const Request &request);
int runStages();

} // namespace attune::tools
