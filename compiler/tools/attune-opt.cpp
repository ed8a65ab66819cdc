// attune-opt: mlir-opt with attune's dialects and passes.
//
// Enters: textual or bytecode IR of any level. Leaves: the IR after the passes
// named on the command line. For compiler engineers and lit tests; its input is
// trusted (.mlir is never accepted from strangers).
#include "compiler/tools/Registration.h"

#include "mlir/IR/DialectRegistry.h"
#include "mlir/Tools/mlir-opt/MlirOptMain.h"

int main(int argc, char **argv) {
  mlir::DialectRegistry registry;
  attune::registerAllDialects(registry);
  attune::registerAllPasses();
  return mlir::asMainReturnCode(mlir::MlirOptMain(
      argc, argv, "attune-opt: runs passes on attune IR\n", registry));
}
