//===- SoftmaxOps.td - masks in closed form, online softmax ----*- tablegen -*-===//
//
// The three ops of attention that are not arithmetic: the band, which knows in
// closed form what it hides, and the two halves of the online softmax.
//
//===----------------------------------------------------------------------===//

#ifndef ATTUNE_DIALECTS_TILE_SOFTMAXOPS_TD
#define ATTUNE_DIALECTS_TILE_SOFTMAXOPS_TD

include "dialects/tile/BlockOps.td"

def Tile_BandOp : Tile_Op<"band", [Pure, AttrSizedOperandSegments,
                                  AllTypesMatch<["scores", "result"]>]> {
  let summary = "hides scores outside a diagonal band and beyond the columns";
  let description = [{
    With i the absolute row and j the absolute column of a score: keeps it iff j
    is valid in `columns` and `lower <= j - i <= upper`; a bound not given is
    unlimited. Hidden scores are -inf, which `tile.softmax_step` excludes.

    Causal, top-left aligned: `upper` 0. Bottom-right: `upper` = keys - queries.
    A sliding window of w keys back: `lower` = -w. Key lengths: the loop's end.
    Data masks are not bands: load them and select -inf.

    ```mlir
    %t = tile.band %s, %i, %j upper %diag : tensor<48x256xf32>, !tile.span<48>, !tile.span<256>
    ```
  }];
  let arguments = (ins Tile_FloatBlock:$scores, Tile_SpanType:$rows, Tile_SpanType:$columns,
                       Optional<Index>:$lower, Optional<Index>:$upper);
  let results = (outs Tile_FloatBlock:$result);
  let assemblyFormat = [{
    $scores `,` $rows `,` $columns (`lower` $lower^)? (`upper` $upper^)? attr-dict
    `:` type($scores) `,` qualified(type($rows)) `,` qualified(type($columns))
  }];
  let hasVerifier = 1;
}
def Tile_SoftmaxStepOp : Tile_Op<"softmax_step", [Pure,
    AllTypesMatch<["scores", "weights"]>,
    AllTypesMatch<["max", "sum", "alpha", "new_max", "new_sum"]>]> {
  let summary = "one block of the online softmax, base 2";
  let description = [{
    Per row i, over the columns of `scores`:

    ```
    m' = max(m, max_j s[j])     p[j] = 2^(s[j] - m')     alpha = 2^(m - m')
    l' = l * alpha + sum_j p[j]
    ```

    where a score of -inf gives p = 0 exactly, also when m' is -inf. Scores are
    in units of log 2: the kernel multiplies by log2(e) together with the scale.
    The first step takes m = -inf and l = 0.

    A target may take a short polynomial for the powers, to a relative 4e-6. With
    `exact` they are to the precision of the type: in training, where the backward
    pass takes weights from the log-sum-exp, whose error is then that of each.
  }];
  let arguments = (ins Tile_FloatBlock:$scores, Tile_FloatBlock:$max, Tile_FloatBlock:$sum,
                       UnitAttr:$exact);
  let results = (outs Tile_FloatBlock:$weights, Tile_FloatBlock:$alpha,
                      Tile_FloatBlock:$new_max, Tile_FloatBlock:$new_sum);
  let assemblyFormat = [{
    $scores `,` $max `,` $sum (`exact` $exact^)? attr-dict `:` type($scores) `,` type($max)
  }];
  let hasVerifier = 1;
}

def Tile_SoftmaxFinishOp : Tile_Op<"softmax_finish", [Pure, SameOperandsAndResultType]> {
  let summary = "the normaliser and the log-sum-exp of a finished softmax";
  let description = [{
    `inverse = 1 / l`, `lse = ln(2) * (m + log2(l))`. A row that saw no score
    (l = 0) gets inverse = 0 and lse = +inf: its result is zero, and a backward
    pass that computes exp(s - lse) gets zero as well.
  }];
  let arguments = (ins Tile_FloatBlock:$max, Tile_FloatBlock:$sum);
  let results = (outs Tile_FloatBlock:$inverse, Tile_FloatBlock:$lse);
  let assemblyFormat = "$max `,` $sum attr-dict `:` type($max)";
}

#endif
