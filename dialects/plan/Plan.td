// The ops of the plan dialect.
include "dialects/plan/PlanBase.td"

def Plan_ProgramOp : Plan_Op<"program", [IsolatedFromAbove, Symbol, SingleBlock, NoTerminator]> {
  let summary = "What one call of the model does";
  let description = [{
    `symbols` are the dims' symbols with their ranges, as on the nn function.

    ```mlir
    plan.program @main symbols {B = #nn.range<min = 1, max = 8, divisor = 1>} {
      %x = plan.input "x" f32 dims <[B, 64]>
      %y = plan.allocate bytes <B * 256>
      plan.launch @row_0 row ins(%x) at <[0]> outs(%y) at <[0]> ...
      plan.output "y" %y f32 dims <[B, 64]>
    }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, DictionaryAttr:$symbols);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = "$sym_name `symbols` $symbols $body attr-dict";
}

class Plan_BufferOp<string mnemonic> : Plan_Op<mnemonic> {
  let results = (outs Plan_Buffer:$buffer);
}

def Plan_InputOp : Plan_BufferOp<"input"> {
  let summary = "A tensor that the caller passes";
  let arguments = (ins StrAttr:$name, TypeAttr:$dtype, NN_ShapeAttr:$dims);
  let assemblyFormat = "$name $dtype `dims` $dims attr-dict";
}

def Plan_WeightOp : Plan_BufferOp<"weight"> {
  let summary = "The bytes of an nn.weight, in the package";
  let arguments = (ins FlatSymbolRefAttr:$weight, I64Attr:$bytes);
  let assemblyFormat = "$weight `bytes` $bytes attr-dict";
}

def Plan_AllocateOp : Plan_BufferOp<"allocate"> {
  let summary = "A part of the arena";
  let description = [{
    It lives from its first to its last use, and shares memory with buffers that
    do not live at the same time.
  }];
  let arguments = (ins NN_DimAttr:$bytes);
  let assemblyFormat = "`bytes` $bytes attr-dict";
}

def Plan_StateOp : Plan_BufferOp<"state"> {
  let summary = "The memory of an nn.weight that outlasts the run";
  let description = [{
    All programs of the module share it. What is written there is the weight's new
    value, so nothing that wants the old one may come after.
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight, I64Attr:$bytes);
  let assemblyFormat = "$weight `bytes` $bytes attr-dict";
}

def Plan_ResultOp : Plan_BufferOp<"result"> {
  let summary = "Memory of the caller that an output is written to";
  let arguments = (ins NN_DimAttr:$bytes);
  let assemblyFormat = "`bytes` $bytes attr-dict";
}

def Plan_OutputOp : Plan_Op<"output"> {
  let summary = "Names a buffer as an output of the model";
  let arguments = (ins StrAttr:$name, Plan_Buffer:$buffer, TypeAttr:$dtype, NN_ShapeAttr:$dims);
  let assemblyFormat = "$name $buffer $dtype `dims` $dims attr-dict";
}

def Plan_CopyOp : Plan_Op<"copy"> {
  let summary = "Copies the first bytes of a buffer";
  let arguments = (ins Plan_Buffer:$source, Plan_Buffer:$target, NN_DimAttr:$bytes);
  let assemblyFormat = "$source `to` $target `bytes` $bytes attr-dict";
}

def Plan_LaunchOp : Plan_Op<"launch", [AttrSizedOperandSegments]> {
  let summary = "Runs a kernel over a grid";
  let description = [{
    The kernel's arguments are one pointer for each of `inputs` and `outputs`,
    each at a byte offset, then `integers`, then, if `scratch` is not 0, the
    scratch bytes per worker and the scratch base. The location's name is the node
    of the model.

    Of the kernel and its `variants`, which take the same arguments, the one with the
    least of `costs` is launched, of equals the first (nn.launch).

    (C1) One offset for each buffer.
    (C2) One grid for each variant, and one cost more.
  }];
  let arguments = (ins FlatSymbolRefAttr:$kernel, NN_GroupKindAttr:$kind,
      Variadic<Plan_Buffer>:$inputs, NN_ShapeAttr:$input_offsets,
      Variadic<Plan_Buffer>:$outputs, NN_ShapeAttr:$output_offsets,
      NN_ShapeAttr:$integers, NN_DimAttr:$grid, NN_DimAttr:$grain, NN_DimAttr:$scratch,
      NN_DimAttr:$flops, NN_DimAttr:$bytes,
      OptionalAttr<FlatSymbolRefArrayAttr>:$variants,
      OptionalAttr<NN_ShapeAttr>:$variant_grids, OptionalAttr<NN_ShapeAttr>:$costs);
  let assemblyFormat = [{
    $kernel $kind `ins` `(` $inputs `)` `at` $input_offsets `outs` `(` $outputs `)`
    `at` $output_offsets `integers` $integers `grid` $grid `grain` $grain
    `scratch` $scratch `flops` $flops `bytes` $bytes
    (`or` $variants^ `grids` $variant_grids `costs` $costs)? attr-dict
  }];
  let extraClassDeclaration = [{
    /// The kernel, then its variants; and the grid of each.
    ::llvm::SmallVector<::mlir::FlatSymbolRefAttr> getKernels();
    ::llvm::SmallVector<::attune::nn::DimAttr> getGrids();
  }];
  let hasVerifier = 1;
}
