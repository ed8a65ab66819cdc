//===- KernelOps.td - kernel, grid and loop --------------------*- tablegen -*-===//
//
// The structure of a kernel: the symbol, its grid of independent work items, and
// the sequential loop that carries blocks.
//
//===----------------------------------------------------------------------===//

#ifndef ATTUNE_DIALECTS_TILE_KERNELOPS_TD
#define ATTUNE_DIALECTS_TILE_KERNELOPS_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

def Tile_KernelOp : Tile_Op<"kernel", [IsolatedFromAbove, Symbol, SingleBlock,
                                       NoTerminator]> {
  let summary = "one kernel";
  let description = [{
    A symbol whose body holds scalar ops and exactly one `tile.parallel`, the
    last op. Arguments are memrefs with offset 0 and scalars (`index`, `i64`,
    `i32`, `f32`).

    `family` is the form the target matches: `contraction`, `attention`, `row`,
    `map`, `scatter` or `attention_backward`. Block sizes and the order of the work are the steps and the order of
    the axes of `parallel` and `for`. `schedule` holds what else compiler/kernels
    decides per target, as pure data:

    | key | meaning |
    |---|---|
    | `scratch` | affine map from the value slots to bytes of scratch per worker; absent: none |

    **Calling convention.** A kernel is called with an array of 8-byte *slots*:
    a pointer for every memref argument, in order; then the *value slots*: for
    every argument in order the dynamic sizes and then the dynamic strides of a
    memref (in elements), or a scalar (integers sign-extended, f32 as its bits);
    then, if the schedule declares scratch, the bytes of scratch per worker (a
    multiple of 64) and last the scratch base pointer. A worker owns
    `base + worker * bytes`. `getSlots` lists them.

    Buffers may overlap only where each work item reads exactly the positions
    that it writes.

    ```mlir
    tile.kernel contraction @linear(
        %a: memref<?x768xf32, strided<[?, 1]>>,
        %w: memref<768x3072xf32> {tile.panels = #tile.panels<axis = 1, width = 16>},
        %c: memref<?x3072xf32, strided<[?, 1]>>) { ... }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, Tile_FamilyAttr:$family,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictionaryAttr>:$schedule);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let builders = [OpBuilder<(ins "::llvm::StringRef":$name, "Family":$family,
                                 "::mlir::TypeRange":$argTypes)>];
  let extraClassDeclaration = [{
    /// One 8-byte slot of the calling convention.
    struct Slot {
      enum Kind { Pointer, Size, Stride, Scalar, ScratchBytes, ScratchBase } kind;
      unsigned argument = 0;  ///< which argument; unused for scratch
      unsigned dim = 0;       ///< which memref dimension, for Size and Stride
    };
    /// All slots in order.
    ::llvm::SmallVector<Slot> getSlots();
    /// The value slots only: the inputs of the `scratch` map, in order.
    ::llvm::SmallVector<Slot> getValueSlots();
    /// Bytes of scratch per worker as a map from the value slots; null: none.
    ::mlir::AffineMap getScratch();
    void setScratch(::mlir::AffineMap bytes);
    /// The panel layout of an argument, or null.
    PanelsAttr getPanels(unsigned argument);
    void setPanels(unsigned argument, PanelsAttr panels);
    ParallelOp getParallel();
    ::mlir::Block::BlockArgListType getArguments() { return getBody()->getArguments(); }
  }];
}

def Tile_ParallelOp : Tile_Op<"parallel", [SingleBlockImplicitTerminator<"YieldOp">,
                                           RecursiveMemoryEffects]> {
  let summary = "the grid of independent work items";
  let description = [{
    One work item per combination of axis positions. An axis `%n` runs over
    0..n-1 and gives an `index`; an axis `%n by N` is cut into ceil(n / N) blocks
    of at most N, how evenly is the target's choice, and gives a `!tile.span<N>`.
    Axes are listed outermost first: the grid is
    flattened with the last axis fastest. The result of a work item depends on
    nothing but its position.

    ```mlir
    tile.parallel (%b, %i) in (%batch, %rows by 128) { ... }
    ```
  }];
  let arguments = (ins Variadic<Index>:$extents, DenseI64ArrayAttr:$steps);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::ValueRange":$extents,
                                 "::llvm::ArrayRef<int64_t>":$steps)>];
  let extraClassDeclaration = [{
    /// The step of an axis that is not cut into blocks.
    static constexpr int64_t kUnblocked = 0;
    ::mlir::Block::BlockArgListType getPositions() { return getBody()->getArguments(); }
  }];
}

def Tile_ForOp : Tile_Op<"for", [SingleBlockImplicitTerminator<"YieldOp">,
                                 AttrSizedOperandSegments, RecursiveMemoryEffects]> {
  let summary = "a sequential loop over blocks of one axis";
  let description = [{
    Runs over `from..to` in steps of N, the last span holding what is left, and
    carries values. With `visible(%rows)`, trips in which no pair (i in rows, j in
    the span) satisfies `lower <= j - i <= upper` are left out; a bound not given
    is unlimited. Bounds are those of the `tile.band` in the body, where the
    same pairs are masked: `visible` says which work may be skipped.

    ```mlir
    %r = tile.for %j in (%c0 to %n by 256) visible(%i : !tile.span<48> upper %diag)
        iter(%acc = %init) : tensor<48x64xf32> {
      ...
      tile.yield %next : tensor<48x64xf32>
    }
    ```
  }];
  let arguments = (ins Index:$from, Index:$to, Optional<Tile_SpanType>:$rows,
                       Optional<Index>:$lower, Optional<Index>:$upper,
                       Variadic<AnyType>:$inits, I64Attr:$step);
  let results = (outs Variadic<AnyType>:$results);
  let regions = (region SizedRegion<1>:$bodyRegion);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let skipDefaultBuilders = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$from, "::mlir::Value":$to,
                                 "int64_t":$step, "::mlir::ValueRange":$inits,
                                 CArg<"::mlir::Value", "{}">:$rows,
                                 CArg<"::mlir::Value", "{}">:$lower,
                                 CArg<"::mlir::Value", "{}">:$upper)>];
  let extraClassDeclaration = [{
    ::mlir::BlockArgument getSpan() { return getBody()->getArgument(0); }
    ::mlir::Block::BlockArgListType getCarried() {
      return getBody()->getArguments().drop_front();
    }
    ::mlir::OperandRange getYielded();
  }];
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike,
                                     ParentOneOf<["ParallelOp", "ForOp"]>]> {
  let summary = "ends a work item or a trip";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "($values^ `:` type($values))? attr-dict";
  let builders = [OpBuilder<(ins), [{ /* yields nothing */ }]>];
}

#endif
