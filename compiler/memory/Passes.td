// Passes of the memory stage: launches on tensors become a program on buffers.
#ifndef ATTUNE_MEMORY_PASSES_TD
#define ATTUNE_MEMORY_PASSES_TD

include "mlir/Pass/PassBase.td"

def PlanBuffers : Pass<"plan-buffers", "::mlir::ModuleOp"> {
  let summary = "Turns each function of launches into a plan on buffers";
  let description = [{
    Every root tensor gets a buffer: inputs and outputs are the caller's, weights
    and constants lie in the package, the rest is part of the arena. A launch whose
    result may overwrite a dying input (`in_place`) shares its buffer. How long a
    buffer lives follows from its uses, so nothing else is said about it.

    A weight with a state is memory that all programs share. A result that becomes
    its value (`nn.updates`) is written there if whoever reads the old value has done
    so before, or is the launch itself and reads it in place; else it is copied at
    the end.

    ```mlir
    func.func @main(%x: tensor<8x64xf32> {nn.name = "x"}) -> (tensor<8x64xf32> {nn.name = "y"}) {
      %y = nn.launch row @row_0(%x) layouts ... : (tensor<8x64xf32>) -> tensor<8x64xf32>
      return %y : tensor<8x64xf32>
    }
    ==>
    plan.program @main symbols {} {
      %0 = plan.input "x" f32 dims <[8, 64]>
      %1 = plan.result bytes <2048>
      plan.launch @row_0 row ins(%0) at <[0]> outs(%1) at <[0]> ...
      plan.output "y" %1 f32 dims <[8, 64]>
    }
    ```
  }];
  let dependentDialects = ["::attune::plan::PlanDialect"];
}

def VerifyPlan : Pass<"verify-plan", "::mlir::ModuleOp"> {
  let summary = "Checks what the memory stage promises";
  let description = [{
    There are plan.programs and no function is left; every launch names a tile kernel
    and every weight an nn.weight of the module.
  }];
}

#endif // ATTUNE_MEMORY_PASSES_TD
