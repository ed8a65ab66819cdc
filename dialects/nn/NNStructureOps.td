// Weights and groups.
#ifndef ATTUNE_NN_STRUCTURE_OPS_TD
#define ATTUNE_NN_STRUCTURE_OPS_TD

include "dialects/nn/NNAttrs.td"

def NN_WeightOp : NN_Op<"weight", [Symbol, IsolatedFromAbove]> {
  let summary = "A named weight of the model";
  let description = [{
    A module-level symbol. Its value is a blob (`dense_resource`, never copied into
    the IR), or an `init` region that computes it from other weights once, when the
    package is written. A `trainable` weight may change at run time, so no pass folds
    its value into anything.

    A weight with `state` lives in memory that outlasts a run and is shared by the
    functions of the module. A function whose result has the attribute `nn.updates =
    @w` gives w the value of that result when it ends: within the function every load
    sees the old value. The weight's own value, if it has one, is what it begins with;
    else that is zeros, or what the function @init gives.

    (C1) The type is static. (C2) Not both a value and a region; the value has the type.
    (C3) A weight with `state` has no init region and is trainable, or not a parameter.

    ```mlir
    nn.weight @encoder.w : tensor<64x64xf32> = dense_resource<w> : tensor<64x64xf32>
    nn.weight @encoder.wt : tensor<64x64xf32> init { ... nn.yield %t : tensor<64x64xf32> }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<NN_Tensor>:$type,
      OptionalAttr<ElementsAttr>:$value, UnitAttr:$trainable,
      OptionalAttr<NN_StateKindAttr>:$state);
  let regions = (region AnyRegion:$init);
  let assemblyFormat = [{
    $sym_name (`trainable` $trainable^)? (`state` $state^)? `:` $type (`=` $value^)? (`init` $init^)? attr-dict
  }];
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "::mlir::RankedTensorType":$type,
      CArg<"::mlir::ElementsAttr", "{}">:$value), [{
    build($_builder, $_state, $_builder.getStringAttr(name), ::mlir::TypeAttr::get(type), value,
          /*trainable=*/::mlir::UnitAttr(), ::attune::nn::StateKindAttr());
  }]>];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Whether passes may fold the value.
    bool isFrozen() { return !getTrainable() && !getState(); }
    ::mlir::RankedTensorType getTensorType() {
      return ::mlir::cast<::mlir::RankedTensorType>(getType());
    }
  }];
}

def NN_LoadWeightOp : NN_Op<"load_weight",
    [Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "The tensor of a weight";
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def NN_GroupOp : NN_Op<"group",
    [Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "The original ops that one kernel computes";
  let description = [{
    The body is what the group means: `diff` looks inside it, the unfused version
    is the body outlined, and a kernel is proven by running the body. Its block
    arguments are the operands.

    (C1) Block arguments have the operands' types; the yielded types are the results'.

    ```mlir
    %y = nn.group contraction (%a = %x, %b = %w) : (tensor<8x64xf32>, tensor<64x64xf32>)
        -> (tensor<8x64xf32>) {
      %r = nn.contract %a, %b contracting [1] x [0] : ...
      nn.yield %r : tensor<8x64xf32>
    }
    ```
  }];
  let arguments = (ins NN_GroupKindAttr:$kind, Variadic<NN_Tensor>:$inputs);
  let results = (outs Variadic<NN_Tensor>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::Operation *getTerminator() { return getBody().front().getTerminator(); }
  }];
}

def NN_YieldOp : NN_Op<"yield", [Pure, Terminator, ReturnLike,
    ParentOneOf<["GroupOp", "WeightOp"]>]> {
  let summary = "Ends a group or a weight's init region";
  let arguments = (ins Variadic<NN_Tensor>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

def NN_LaunchOp : NN_Op<"launch", [Pure]> {
  let summary = "A group whose kernel has been made";
  let description = [{
    What a group becomes when compiler/kernels has made its tile kernel: inputs and
    results are root tensors (row-major, no gaps), and each of the kernel's memref
    operands is one of them seen through a layout, first the inputs, then the
    results. `integers` are the kernel's run-time sizes, strides and scalars, in the
    order of its arguments. Memory planning turns it into plan.launch.

    Where blocks of one size do not suit all dims, `variants` are kernels that take
    the same arguments and give the same bits, over grids of their own. `costs` has an
    entry for `kernel` and one for each variant: at run time the cheapest is launched,
    of equals the first.

    The name of the op's location is the name of the model's node.

    (C1) One layout for each input and result; one entry of `in_place` for each result.
    (C2) One grid for each variant, and one cost more.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, NN_GroupKindAttr:$kind,
      Variadic<NN_Tensor>:$inputs,
      TypedArrayAttrBase<NN_LayoutAttr, "layouts">:$input_layouts,
      TypedArrayAttrBase<NN_LayoutAttr, "layouts">:$result_layouts,
      NN_ShapeAttr:$integers,
      // Work items of the flattened tile.parallel, and how many one task takes.
      NN_DimAttr:$grid, NN_DimAttr:$grain,
      // Bytes of scratch for each worker; 0 if the kernel takes none.
      NN_DimAttr:$scratch,
      // Of the group, for profiles: floating-point operations, bytes read and written.
      NN_DimAttr:$flops, NN_DimAttr:$bytes,
      // For each result the input whose memory it may take over, or -1: the kernel
      // reads each element of that input before it writes there, and never after.
      OptionalAttr<DenseI64ArrayAttr>:$in_place,
      OptionalAttr<FlatSymbolRefArrayAttr>:$variants,
      OptionalAttr<NN_ShapeAttr>:$variant_grids, OptionalAttr<NN_ShapeAttr>:$costs);
  let results = (outs Variadic<NN_Tensor>:$results);
  let assemblyFormat = [{
    $kind $kernel `(` $inputs `)` `layouts` $input_layouts `->` $result_layouts
    `integers` $integers `grid` $grid `grain` $grain `scratch` $scratch
    `flops` $flops `bytes` $bytes (`in_place` $in_place^)?
    (`or` $variants^ `grids` $variant_grids `costs` $costs)? attr-dict
    `:` functional-type($inputs, $results)
  }];
  let extraClassDeclaration = [{
    /// The kernel, then its variants; and the grid of each.
    ::llvm::SmallVector<::mlir::FlatSymbolRefAttr> getKernels();
    ::llvm::SmallVector<::attune::nn::DimAttr> getGrids();
  }];
  let hasVerifier = 1;
}

#endif // ATTUNE_NN_STRUCTURE_OPS_TD
