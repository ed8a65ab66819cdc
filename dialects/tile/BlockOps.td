//===- BlockOps.td - spans, memory and block arithmetic --------*- tablegen -*-===//
//
// Ops that make spans, move blocks between memory and values, and combine blocks.
// Element-wise arithmetic on blocks is arith and math.
//
//===----------------------------------------------------------------------===//

#ifndef ATTUNE_DIALECTS_TILE_BLOCKOPS_TD
#define ATTUNE_DIALECTS_TILE_BLOCKOPS_TD

include "dialects/tile/KernelOps.td"
include "mlir/Interfaces/InferTypeOpInterface.td"

def Tile_Position : AnyTypeOf<[Index, Tile_SpanType], "index or span">;
def Tile_Block : TensorOf<[AnyType]>;
def Tile_FloatBlock : TensorOf<[AnyFloat]>;

def Tile_RangeOp : Tile_Op<"range", [Pure]> {
  let summary = "the span from one position up to another";
  let description = [{
    `(start, end - start)`. A static span size is the exact count when both ends
    are constants, else a limit that the author of the kernel guarantees.

    ```mlir
    %cols = tile.range %c0 to %c768 : !tile.span<768>
    %row  = tile.range %c0 to %n : !tile.span<?>
    ```
  }];
  let arguments = (ins Index:$start, Index:$end);
  let results = (outs Tile_SpanType:$span);
  let assemblyFormat = "$start `to` $end attr-dict `:` qualified(type($span))";
  let hasVerifier = 1;
}

def Tile_BoundsOp : Tile_Op<"bounds", [Pure]> {
  let summary = "start and count of a span";
  let arguments = (ins Tile_SpanType:$span);
  let results = (outs Index:$start, Index:$count);
  let assemblyFormat = "$span attr-dict `:` qualified(type($span))";
}

def Tile_LoadOp : Tile_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "reads a block";
  let description = [{
    One position per memref dimension. An `index` fixes the dimension, a span
    keeps it: the block has one dimension per span, in order, of the span's
    size. Idle positions hold `fill` (zero unless given) and are not read.

    A single element is read by `memref.load`. A gather of whole rows is a load at
    an index that was itself loaded; the author of the kernel keeps that index in
    range. Where each element has its own index, it is `tile.gather`.

    ```mlir
    %q = tile.load %Q[%b, %h, %i by 48, %d by 64] : memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>> -> tensor<48x64xf32>
    %x = tile.load %X[%r, %j by ?] fill(0xFF800000 : f32) : memref<?x?xf32> -> tensor<?xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$source, Variadic<Tile_Position>:$positions,
                       OptionalAttr<TypedAttrInterface>:$fill);
  let results = (outs Tile_Block:$block);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$source, "::mlir::ValueRange":$positions,
                                 CArg<"::mlir::TypedAttr", "{}">:$fill)>];
}

def Tile_GatherOp : Tile_Op<"gather", [MemoryEffects<[MemRead]>]> {
  let summary = "reads one element for each index of a block";
  let description = [{
    Element e of the result is `source[p...]`, where a position that is an `index`
    is itself, a span is its e-th position, and a block of indices gives its e-th
    element. At least one position is a block; all have rank 1 and one extent. The
    author of the kernel keeps indices in range; those at idle positions are not
    used.

    ```mlir
    %y = tile.gather %t[%b, %ids] : memref<?x?xf32>, index, tensor<64xi64> -> tensor<64xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$source,
      Variadic<AnyTypeOf<[Index, Tile_SpanType, RankedTensorOf<[I64]>]>>:$positions);
  let results = (outs Tile_Block:$block);
  let assemblyFormat = [{
    $source `[` $positions `]` attr-dict `:` type($source) `,` type($positions)
    `->` type($block)
  }];
  let hasVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "writes the valid positions of a block";
  let description = [{
    Positions as in `tile.load`; idle positions are not written.

    ```mlir
    tile.store %o, %O[%b, %h, %i by 48, %d by 64] : tensor<48x64xf32> -> memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
    ```
  }];
  let arguments = (ins Tile_Block:$block, AnyMemRef:$dest, Variadic<Tile_Position>:$positions);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_AccumulateOp : Tile_Op<"accumulate", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "adds the valid positions of a block to memory";
  let description = [{
    Positions as in `tile.load`; what lies at idle positions stays. For sums whose
    parts are found in another order than their places: no other work item may
    touch the positions, and those of one item are added in the order of its loops,
    so that the sum is the same in every run.

    ```mlir
    tile.accumulate %dq, %DQ[%b, %h, %i by 48, %d by 64] : tensor<48x64xf32> -> memref<?x12x?x64xf32, strided<[?, ?, ?, 1]>>
    ```
  }];
  let arguments = (ins Tile_FloatBlock:$block, AnyMemRef:$dest,
                       Variadic<Tile_Position>:$positions);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_ScatterOp : Tile_Op<"scatter", [MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "sums updates by index, into the rows and columns of one item";
  let description = [{
    For each row x and column c of the two spans, `dest[p, x, c]` becomes the sum of
    `source[p, n, c]` over all n with `indices[n] == x`, in the order of n; 0 where there
    is none. A negative index counts from the end of the rows; one outside adds to nothing.

    Each element has one item that owns it and looks through all indices, so there is
    nothing to be ordered between items, and the sum has the same bits however
    they are spread.

    ```mlir
    tile.scatter %u, %ids, %d[%p, %x by 512, %c by 768]
      : memref<1x?x768xf32>, memref<?xi64>, memref<1x50257x768xf32>
    ```
  }];
  let arguments = (ins AnyMemRef:$source, AnyMemRef:$indices, AnyMemRef:$dest,
                       Index:$place, Tile_SpanType:$rows, Tile_SpanType:$columns);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_DotOp : Tile_Op<"dot", [Pure, AllTypesMatch<["acc", "result"]>]> {
  let summary = "matrix product of two blocks plus an accumulator";
  let description = [{
    `result[i, j] = acc[i, j] + sum over k of lhs[i, k] * rhs[k, j]`; `trans_lhs`
    and `trans_rhs` read the operand as `[k, i]` and `[j, k]`. The order of the
    sum is the target's and the same in every run. Idle k positions must hold
    zero in both operands, which is what a load without `fill` gives.

    With `tf32` both operands, which are f32, are rounded to 10 bits of fraction, to
    nearest with ties away from zero; products are exact and the sum is f32.

    ```mlir
    %c = tile.dot %q, %k, %zero trans_rhs : tensor<48x64xf32>, tensor<256x64xf32> -> tensor<48x256xf32>
    %d = tile.dot %x, %w, %acc tf32 : tensor<64x16xf32>, tensor<16x128xf32> -> tensor<64x128xf32>
    ```
  }];
  let arguments = (ins Tile_Block:$lhs, Tile_Block:$rhs, Tile_Block:$acc,
                       UnitAttr:$trans_lhs, UnitAttr:$trans_rhs, UnitAttr:$tf32);
  let results = (outs Tile_Block:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs `,` $acc (`trans_lhs` $trans_lhs^)? (`trans_rhs` $trans_rhs^)? (`tf32` $tf32^)?
    attr-dict `:` type($lhs) `,` type($rhs) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_ReduceOp : Tile_Op<"reduce", [Pure]> {
  let summary = "combines a block along one axis";
  let description = [{
    Removes dimension `axis`. With `over(%span)` only the valid positions of that
    span take part; without, all do. The order of the combination is the target's
    and the same in every run. An empty reduction gives the neutral element.

    An element that is NaN makes every result NaN, except that of `maxnum`: the
    greatest of the numbers, which targets find in a fraction of the time.

    ```mlir
    %s = tile.reduce sum %x axis 0 over(%cols : !tile.span<?>) : tensor<?xf32> -> tensor<f32>
    ```
  }];
  let arguments = (ins Tile_ReduceKindAttr:$kind, Tile_Block:$block, I64Attr:$axis,
                       Optional<Tile_SpanType>:$span);
  let results = (outs Tile_Block:$result);
  let assemblyFormat = [{
    $kind $block `axis` $axis (`over` `(` $span^ `:` qualified(type($span)) `)`)? attr-dict
    `:` type($block) `->` type($result)
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "ReduceKind":$kind, "::mlir::Value":$block,
                                 "int64_t":$axis, CArg<"::mlir::Value", "{}">:$span)>];
}

def Tile_BroadcastOp : Tile_Op<"broadcast", [Pure]> {
  let summary = "repeats a scalar or a smaller block";
  let description = [{
    `axes[d]` is the result dimension that source dimension d becomes; the
    others are repeated. A scalar or a rank-0 block needs no axes. Every dynamic
    result dimension that is repeated takes its extent from one span in `over`,
    in order.

    ```mlir
    %b = tile.broadcast %bias axes [1] : tensor<48xf32> -> tensor<128x48xf32>
    %m = tile.broadcast %mean over(%cols : !tile.span<?>) : tensor<f32> -> tensor<?xf32>
    ```
  }];
  let arguments = (ins AnyType:$source, DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$axes,
                       Variadic<Tile_SpanType>:$spans);
  let results = (outs Tile_Block:$result);
  let assemblyFormat = [{
    $source (`axes` $axes^)? (`over` `(` $spans^ `:` qualified(type($spans)) `)`)? attr-dict
    `:` type($source) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_TransposeOp : Tile_Op<"transpose", [Pure]> {
  let summary = "permutes the dimensions of a block";
  let description = [{ Result dimension d is source dimension `permutation[d]`. }];
  let arguments = (ins Tile_Block:$block, DenseI64ArrayAttr:$permutation);
  let results = (outs Tile_Block:$result);
  let assemblyFormat = "$block $permutation attr-dict `:` type($block) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_IotaOp : Tile_Op<"iota", [Pure]> {
  let summary = "absolute positions of a span";
  let description = [{ Element c is `start + c`, of type i32, i64 or f32. }];
  let arguments = (ins Tile_SpanType:$span);
  let results = (outs TensorOf<[I32, I64, F32]>:$result);
  let assemblyFormat = "$span attr-dict `:` qualified(type($span)) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_RandomOp : Tile_Op<"random", [Pure, SameVariadicOperandSize]> {
  let summary = "uniform random numbers at positions";
  let description = [{
    A load from the endless tensor of the random numbers of nn.random: element
    `e = first + the sum of position * stride`, a number in [0, 1) that depends on
    seed, step, id (less than 2^32) and e alone. Blocks as of `tile.load`; without a
    span it is of rank 0. The id is an operand, so that layers which differ in it
    alone share a kernel.

    ```mlir
    %u = tile.random %id(%seed, %step) at %first[%b, %j by 64] strides[%s, %c1] : tensor<64xf32>
    ```
  }];
  let arguments = (ins I64:$id, I64:$seed, I64:$step, I64:$first,
                       Variadic<Tile_Position>:$positions, Variadic<Index>:$strides);
  let results = (outs TensorOf<[F32]>:$block);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$id, "::mlir::Value":$seed, "::mlir::Value":$step,
                                 "::mlir::Value":$first, "::mlir::ValueRange":$positions,
                                 "::mlir::ValueRange":$strides)>];
}

#endif
