// Passes of the kernels stage: groups become launches of tile kernels.
#ifndef ATTUNE_KERNELS_PASSES_TD
#define ATTUNE_KERNELS_PASSES_TD

include "mlir/Pass/PassBase.td"

def AssignLayouts : Pass<"assign-layouts", "::mlir::func::FuncOp"> {
  let summary = "Makes every group read and write root tensors";
  let description = [{
    Views (transpose, reshape, slice, broadcast) move into the groups that read them,
    where they are addresses. A result whose users read it in another order is
    stored in that order, if this saves copies: attention writes [B, S, H, D],
    so that heads merge by a reshape. Where a view has no strides (a reshape that
    merges dims which do not follow each other), or a kernel cannot read through
    it, a copy is put: a group of kind map that computes nothing. What leaves the
    function is a root or a reshape of one.

    ```mlir
    %h = nn.reshape %x : (tensor<2x8x64xf32>) -> tensor<2x8x4x16xf32>
    %q = nn.transpose %h [0, 2, 1, 3] : ...
    %o = nn.group attention (%a = %q, ...) { %r = nn.attention %a, ... nn.yield %r }
    %t = nn.transpose %o [0, 2, 1, 3] : ...
    %m = nn.reshape %t : ...
    ==>
    %t = nn.group attention (%x0 = %x, ...) {
      %h = nn.reshape %x0   %q = nn.transpose %h [0, 2, 1, 3]
      %r = nn.attention %q, ...
      %s = nn.transpose %r [0, 2, 1, 3]
      nn.yield %s
    }
    ```
  }];
}

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

def PlanScratch : Pass<"plan-scratch", "::mlir::ModuleOp"> {
  let summary = "Declares the scratch that each kernel needs on its target";
  let description = [{
    What a kernel keeps between its blocks (packed columns, partial sums, scores)
    is known to the target that carries it out. The bytes become part of the
    kernel's schedule, as a map from its value slots, and of each launch. A GPU keeps it
    in shared memory, which no plan provides.
  }];
  let options = [
    Option<"target", "target", "std::string", "\"x86-64-v3\"",
           "code version that is asked">
  ];
}

def VerifyKernels : Pass<"verify-kernels", "::mlir::ModuleOp"> {
  let summary = "Checks what the kernels stage promises";
  let description = [{
    Functions hold launches, weights, constants and reshapes of roots only. Each
    launch names a kernel of its family, reads root tensors, passes one tensor for
    each memref argument and one integer for each value slot, with layouts that fit
    the argument's type and stay inside the root, and the scratch the kernel
    declares.
  }];
}

#endif // ATTUNE_KERNELS_PASSES_TD
