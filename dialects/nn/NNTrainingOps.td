// Ops that only training needs: random numbers, losses, the duals of gather and
// attention.
#ifndef ATTUNE_NN_TRAINING_OPS_TD
#define ATTUNE_NN_TRAINING_OPS_TD

include "dialects/nn/NNAttrs.td"

def NN_RandomOp : NN_Op<"random", [Pure]> {
  let summary = "Uniform random numbers by logical position";
  let description = [{
    `result[i0, i1, ...]` is uniform in [0, 1) with 24 bits: `(w >> 8) * 2^-24`, where with

      e = (first + i0) * (n1 * n2 * ...) + the row-major position of (i1, i2, ...)

    (rank 0: e = first) w is word `e mod 4` of Philox4x32-10 (Salmon et al., SC 2011)
    under the key (seed low, seed high) and the counter (e / 4 low, e / 4 high, id, step).

    `first` is the number of the first sample of this call in the step's whole batch, so
    that the same sample draws the same numbers however a batch is cut, on every device,
    in every kernel that the op becomes a part of.

    (C1) `seed`, `step` and `first` are i64 scalars. (C2) `id` is in [0, 2^32).
    (C3) The result is of f32, which holds 24 bits; a narrower type would round to 1.

    ```mlir
    %u = nn.random id 3 (%seed, %step, %first) : tensor<?x64xf32, #nn.shape<[B, 64]>>
    ```
  }];
  let arguments = (ins I64Attr:$id, NN_Scalar64:$seed, NN_Scalar64:$step, NN_Scalar64:$first);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = [{
    `id` $id `(` $seed `,` $step `,` $first `)` attr-dict `:` type($result)
  }];
  let hasVerifier = 1;
}

def NN_ScatterOp : NN_Op<"scatter", [Pure]> {
  let summary = "Sums slices along an axis by index: the dual of gather";
  let description = [{
    `result[a..., x, b...]` is the sum of `updates[a..., i..., b...]` over all i with
    `indices[i...] == x`, in row-major order of i; 0 where there is none. A negative
    index counts from the end; one outside the axis adds to nothing.

    (C1) `axis` is inside the result's rank.
    (C2) `updates` has the result's dims with those of `indices` in place of `axis`.
    (C3) updates and result have one element type.

    ```mlir
    %g = nn.scatter %dy[%ids] axis 0
       : (tensor<1x8x64xf32>, tensor<1x8xi64>) -> tensor<100x64xf32>
    ```
  }];
  let arguments = (ins NN_FloatTensor:$updates, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = [{
    $updates `[` $indices `]` `axis` $axis attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def NN_CrossEntropyOp : NN_Op<"cross_entropy", [Pure]> {
  let summary = "Cross entropy of each row of logits against a label";
  let description = [{
    With p = softmax(logits) over the last axis, V its extent, e the label smoothing:

      loss[i...] = -(1 - e) log p[i..., labels[i...]] - e / V sum_v log p[i..., v]

    and 0 where the label is `ignore_index`. Another label outside [0, V) is a run-time
    error of the data; it reads nothing outside and counts as ignored.
    `logsumexp[i...]` is the log of the softmax denominator. Szegedy et al. 2016 (e).

    (C1) labels, loss and logsumexp have the leading dims of logits.
    (C2) `smoothing` is in [0, 1).

    ```mlir
    %loss, %lse = nn.cross_entropy %logits, %labels smoothing 0.1 ignore -100
       : (tensor<8x65xf32>, tensor<8xi64>) -> (tensor<8xf32>, tensor<8xf32>)
    ```
  }];
  let arguments = (ins NN_FloatTensor:$logits, NN_IndexTensor:$labels,
      DefaultValuedAttr<F64Attr, "0.0">:$smoothing, DefaultValuedAttr<I64Attr, "-100">:$ignore_index);
  let results = (outs NN_FloatTensor:$loss, NN_FloatTensor:$logsumexp);
  let assemblyFormat = [{
    $logits `,` $labels (`smoothing` $smoothing^)? (`ignore` $ignore_index^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def NN_BarrierOp : NN_Op<"barrier", [Pure, AllTypesMatch<["input", "result"]>]> {
  let summary = "The same tensor, made again on purpose";
  let description = [{
    The identity. Two barriers with different `id` are different to CSE, so what is
    computed a second time to save memory is not merged with the first.
  }];
  let arguments = (ins NN_Tensor:$input, I64Attr:$id);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input `id` $id attr-dict `:` type($input)";
}

def NN_AttentionBackwardOp : NN_Op<"attention_backward",
    [Pure, AttrSizedOperandSegments]> {
  let summary = "The gradients of an attention";
  let description = [{
    Of `nn.attention` with the same operands and attributes, from its `output`, its
    `logsumexp` and `gradient`, the gradient of its output. With P the probabilities,
    Z the dropout factors (keep / (1 - rate), or 1):

      P  = exp(S - logsumexp)           D[i]  = sum_d gradient[i, d] output[i, d]
      dV = (P Z)^T gradient             dS    = P ((gradient V^T) Z - D)
      dQ = scale dS K                   dK    = scale dS^T Q

    (with the derivative of the softcap between dS and the dots). dK and dV sum over the
    query heads of a group. `bias_gradient` is dS summed to the bias's shape. A row that
    saw nothing has gradient 0. With `scores`, S is what the forward op saved, and neither
    `key_mask` nor the values of `bias` are read. Dao et al. 2022; Dao 2023.

    (C1) As nn.attention; output and gradient are [B, H, S, DV], logsumexp [B, H, S].
    (C2) Gradients have the types of what they are gradients of.
    (C3) `bias_gradient` only where there is a bias.
    (C4) scores is [B, H, S, T]; not beside causal, window or softcap.
  }];
  let arguments = (ins NN_FloatTensor:$query, NN_FloatTensor:$key, NN_FloatTensor:$value,
      NN_FloatTensor:$output, NN_FloatTensor:$logsumexp, NN_FloatTensor:$gradient,
      Optional<NN_FloatTensor>:$scores,
      Optional<NN_FloatTensor>:$bias, Optional<NN_BoolTensor>:$key_mask,
      // Of the dropout: seed, step and first of nn.random, or none.
      Variadic<NN_Scalar64>:$random,
      F64Attr:$scale,
      DefaultValuedAttr<NN_CausalKindAttr, "::attune::nn::CausalKind::None">:$causal,
      OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap,
      OptionalAttr<F64Attr>:$dropout, OptionalAttr<I64Attr>:$random_id);
  let results = (outs NN_FloatTensor:$query_gradient, NN_FloatTensor:$key_gradient,
      NN_FloatTensor:$value_gradient, Optional<NN_FloatTensor>:$bias_gradient);
  let assemblyFormat = [{
    $query `,` $key `,` $value `output` $output `,` $logsumexp `gradient` $gradient
    (`scores` $scores^)?
    `scale` $scale (`causal` $causal^)? (`window` $window^)? (`softcap` $softcap^)?
    (`bias` $bias^)? (`key_mask` $key_mask^)?
    (`dropout` $dropout^ `id` $random_id `(` $random `)`)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // ATTUNE_NN_TRAINING_OPS_TD
