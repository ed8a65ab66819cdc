// Passes of the kernels stage: groups become launches of tile kernels.
#ifndef ATTUNE_KERNELS_PASSES_TD
#define ATTUNE_KERNELS_PASSES_TD

include "mlir/Pass/PassBase.td"

def BuildKernels : Pass<"build-kernels", "::mlir::ModuleOp"> {
  let summary = "Writes one tile.kernel for each distinct group and launches it";
  let description = [{
    Each nn.group becomes an nn.launch. Groups that give the same kernel (equal body,
    static sizes and strides, pattern of equal dims) share it, whatever their
    names, weights and places: twelve equal layers have one set of kernels. What
    differs at run time is in the launch: layouts and integers.

    ```mlir
    %y = nn.group contraction (%a = %x, %b = %w) : ... { ... }
    ==>
    %p = nn.load_weight @w.panels16 : tensor<48x768x16xf32>
    %y = nn.launch contraction @contraction_0(%x, %p) layouts [...] -> [...]
         integers <[B * S]> grid <...> grain <1> scratch <0> flops <...> bytes <...> : ...
    ```
  }];
  let options = [
    Option<"target", "target", "std::string", "\"x86-64-v3\"",
           "code version whose blocks are chosen">
  ];
  let dependentDialects = ["::attune::nn::NNDialect", "::attune::tile::TileDialect"];
}

#endif // ATTUNE_KERNELS_PASSES_TD
