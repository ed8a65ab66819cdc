// Ops that compute: elementwise, reductions, contractions, convolution,
// normalisation, softmax, attention.
#ifndef ATTUNE_NN_COMPUTE_OPS_TD
#define ATTUNE_NN_COMPUTE_OPS_TD

include "dialects/nn/NNAttrs.td"

def NN_ElementwiseOp : NN_InferredOp<"elementwise"> {
  let summary = "Applies a scalar function to each element";
  let description = [{
    `result[i...] = kind(operands[i...]...)`.

    Operands broadcast as in NumPy: shapes are aligned at their last dimension
    and a dimension of 1 stretches.

    (C1) The number of operands is the arity of `kind`.
    (C2) Aligned dims are equal or 1.
    (C3) All operands have one element type, except the i1 condition of `select`.
    (C4) `to` is present for `cast` and only there.

    The result has the operands' element type; comparisons and `is_*` give i1;
    `cast` gives `to`.

    ```mlir
    %r = nn.elementwise add %x, %bias : (tensor<8x64xf32>, tensor<64xf32>) -> tensor<8x64xf32>
    %c = nn.elementwise cast %ids to f32 : (tensor<8xi64>) -> tensor<8xf32>
    ```
  }];
  let arguments = (ins NN_ElementwiseKindAttr:$kind, Variadic<NN_Tensor>:$inputs,
                       OptionalAttr<TypeAttr>:$to);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $kind $inputs (`to` $to^)? attr-dict `:` functional-type($inputs, $result)
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "ElementwiseKind":$kind, "::mlir::ValueRange":$inputs), [{
    build($_builder, $_state, ElementwiseKindAttr::get($_builder.getContext(), kind), inputs,
          ::mlir::TypeAttr());
  }]>];
}

def NN_ReduceOp : NN_InferredOp<"reduce"> {
  let summary = "Combines the elements along axes";
  let description = [{
    `result[...] = kind over the reduced axes of input[...]`. With `keepdims`
    a reduced axis stays with extent 1, else it is dropped.

    (C1) Axes are sorted, distinct and inside the rank.
    (C2) `mean` needs a float element type.

    ```mlir
    %m = nn.reduce mean %x axes [2] keepdims : (tensor<1x8x64xf32>) -> tensor<1x8x1xf32>
    ```
  }];
  let arguments = (ins NN_ReduceKindAttr:$kind, NN_Tensor:$input, DenseI64ArrayAttr:$axes,
                       UnitAttr:$keepdims);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $kind $input `axes` $axes (`keepdims` $keepdims^)? attr-dict
    `:` functional-type($input, $result)
  }];
  let hasVerifier = 1;
}

def NN_ContractOp : NN_InferredOp<"contract"> {
  let summary = "Sums products over contracted dimensions";
  let description = [{
    The dot_general of StableHLO: with batch dims b, contracted dims k, free dims
    i (lhs) and j (rhs)

      result[b..., i..., j...] = sum_k lhs[b, i, k] * rhs[b, j, k]

    where each operand's dims may stand in any order; free dims keep their order.
    A matrix product `x W` is contracting [1] x [0]; with W stored transposed,
    [1] x [1]. `accumulate` is the type of the running sum and of the result; without
    it that is the operands' type, in which the result is rounded once.
    With `tf32` each operand is rounded to 10 bits of fraction, to nearest with ties away
    from zero, as a tensor core takes f32; products are exact and the sum is f32.

    (C1) Batch and contracted dims of each side are distinct and inside the rank.
    (C2) Paired dims are equal.
    (C3) Both operands have the same element type.
    (C4) `accumulate` is that type or a wider float.
    (C5) `tf32` is for operands of f32.

    ```mlir
    %y = nn.contract %x, %w contracting [2] x [0]
       : (tensor<1x8x64xf32>, tensor<64x128xf32>) -> tensor<1x8x128xf32>
    %s = nn.contract %q, %k batch [0, 1] x [0, 1] contracting [3] x [3]
       : (tensor<1x4x8x16xf32>, tensor<1x4x8x16xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$lhs, NN_Tensor:$rhs,
      DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$lhs_batch,
      DefaultValuedAttr<DenseI64ArrayAttr, "{}">:$rhs_batch,
      DenseI64ArrayAttr:$lhs_contracting, DenseI64ArrayAttr:$rhs_contracting,
      OptionalAttr<TypeAttr>:$accumulate, UnitAttr:$tf32);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`batch` $lhs_batch^ `x` $rhs_batch)?
    `contracting` $lhs_contracting `x` $rhs_contracting
    (`accumulate` $accumulate^)? (`tf32` $tf32^)? attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// The dims of one operand that are neither batch nor contracted, in order.
    ::llvm::SmallVector<int64_t> getLhsFree();
    ::llvm::SmallVector<int64_t> getRhsFree();
  }];
}

def NN_ConvOp : NN_InferredOp<"conv"> {
  let summary = "N-dimensional convolution";
  let description = [{
    `result[n, o, x...] = sum_{c, k...} input[n, c, x * stride + k * dilation - pad_low] *
    filter[o, c, k...]`, with zeros outside the input; `groups` splits channels.
    Input is [N, C, X...], filter [O, C / groups, K...], result [N, O, X'...].

    (C1) One stride, dilation, low and high padding for each spatial dim; strides
         and dilations are positive, paddings are not negative.
    (C2) C and O are divisible by `groups` and C / groups matches the filter.
    (C3) Channel and kernel extents are static.
    (C4) `accumulate`, the type of the sum and of the result, is the operands' type or
         a wider float.
  }];
  let arguments = (ins NN_FloatTensor:$input, NN_FloatTensor:$filter,
      DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$dilations, DenseI64ArrayAttr:$pad_low,
      DenseI64ArrayAttr:$pad_high, DefaultValuedAttr<I64Attr, "1">:$groups,
      OptionalAttr<TypeAttr>:$accumulate);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = [{
    $input `,` $filter `strides` $strides `dilations` $dilations `pads` $pad_low `,` $pad_high
    (`groups` $groups^)? (`accumulate` $accumulate^)? attr-dict
    `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def NN_NormOp : NN_Op<"norm", [Pure, AttrSizedOperandSegments, AttrSizedResultSegments]> {
  let summary = "Layer or RMS normalisation over the trailing axes";
  let description = [{
    With mu and var the mean and (biased) variance over the axes [axis, rank):

      layer: y = (x - mu) / sqrt(var + epsilon) * scale + bias
      rms:   y = x / sqrt(mean(x^2) + epsilon) * scale + bias

    Ba, Kiros, Hinton 2016; Zhang, Sennrich 2019. `mean` and `rstd` are optional
    results for the backward pass; they have the leading dims.

    (C1) `axis` is inside the rank; the normalised dims are static.
    (C2) scale and bias have the normalised dims.
    (C3) rms gives no `mean`.

    ```mlir
    %y = nn.norm layer %x axis 2 epsilon 1.0e-5 scale %g : tensor<64xf32>
         bias %b : tensor<64xf32> : tensor<1x8x64xf32> -> tensor<1x8x64xf32>
    ```
  }];
  let arguments = (ins NN_NormKindAttr:$kind, NN_FloatTensor:$input, I64Attr:$axis,
      F64Attr:$epsilon, Optional<NN_FloatTensor>:$scale, Optional<NN_FloatTensor>:$bias);
  let results = (outs NN_FloatTensor:$result, Optional<NN_FloatTensor>:$mean,
                      Optional<NN_FloatTensor>:$rstd);
  let assemblyFormat = [{
    $kind $input `axis` $axis `epsilon` $epsilon
    (`scale` $scale^ `:` type($scale))? (`bias` $bias^ `:` type($bias))?
    attr-dict `:` type($input) `->` type($result)
    (`mean` type($mean)^)? (`rstd` type($rstd)^)?
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "NormKind":$kind, "::mlir::Value":$input, "int64_t":$axis,
      "double":$epsilon, CArg<"::mlir::Value", "{}">:$scale, CArg<"::mlir::Value", "{}">:$bias)>];
}

def NN_SoftmaxOp : NN_InferredOp<"softmax"> {
  let summary = "Softmax along one axis";
  let description = [{
    `result[i] = exp(x[i] - max x) / sum_j exp(x[j] - max x)`. A slice that is -inf
    everywhere gives 0, so that a fully masked row is defined.

    (C1) `axis` is inside the rank.

    ```mlir
    %p = nn.softmax %s axis 3 : (tensor<1x4x8x8xf32>) -> tensor<1x4x8x8xf32>
    ```
  }];
  let arguments = (ins NN_FloatTensor:$input, I64Attr:$axis);
  let results = (outs NN_FloatTensor:$result);
  let assemblyFormat = "$input `axis` $axis attr-dict `:` functional-type($input, $result)";
  let hasVerifier = 1;
}

def NN_AttentionOp : NN_Op<"attention", [Pure, AttrSizedOperandSegments]> {
  let summary = "Scaled dot-product attention";
  let description = [{
    With query head h reading key/value head h / (H / HK) (grouped queries):

      s[b,h,i,j] = softcap(scale * sum_d q[b,h,i,d] k[b,hk,j,d]) + bias[b,h,i,j]
      p          = softmax over the visible j of s
      out[b,h,i] = sum_j p[b,h,i,j] v[b,hk,j]

    j is visible to i unless `causal` hides it (j > i + offset, offset 0 for
    top_left and T - S for bottom_right), `window` does (|i + offset - j| >= window),
    or `key_mask[b, j]` is false. A row that sees nothing gives 0. `bias` is added
    as it is; a finite mask value stays additive. softcap(x) = c tanh(x / c).
    `saved` is what the gradients may need: nothing, `logsumexp` [B, H, S], or that and
    `scores` [B, H, S, T]. logsumexp is the log of the softmax denominator, +inf for a row
    that sees nothing (so that exp(s - logsumexp) is 0); scores is s, -inf where hidden.
    With `dropout` r, p is multiplied by 0 where nn.random of shape [B, H, S, T] with
    `id` and `random` (its seed, step and first) is below r, else by 1 / (1 - r).
    With `tf32` q, k, p and v are rounded for the two products as by nn.contract; all that
    lies between these is f32.
    Vaswani et al. 2017; Ainslie et al. 2023 (GQA); Dao et al. 2022 (logsumexp).

    (C1) q [B, H, S, D], k [B, HK, T, D], v [B, HK, T, DV], result [B, H, S, DV].
    (C2) HK divides H; H, HK, D and DV are static.
    (C3) bias broadcasts to [B, H, S, T]; key_mask is [B, T].
    (C4) q, k and v have one element type; bias and results have it, or f32 where it is
         f16 or bf16.
    (C5) `dropout` is in [0, 1) and comes with `id` and `random`, or none of them.
    (C6) scores is not given beside causal, window or softcap: half of it would be hidden,
         and the derivative of the softcap needs more.
    (C7) `tf32` is for operands of f32.

    ```mlir
    %o = nn.attention %q, %k, %v scale 0.125 causal top_left bias %m : (...) -> (...)
    ```
  }];
  let arguments = (ins NN_FloatTensor:$query, NN_FloatTensor:$key, NN_FloatTensor:$value,
      Optional<NN_FloatTensor>:$bias, Optional<NN_BoolTensor>:$key_mask,
      Variadic<NN_Scalar64>:$random,
      F64Attr:$scale,
      DefaultValuedAttr<NN_CausalKindAttr, "::attune::nn::CausalKind::None">:$causal,
      OptionalAttr<I64Attr>:$window, OptionalAttr<F64Attr>:$softcap,
      OptionalAttr<F64Attr>:$dropout, OptionalAttr<I64Attr>:$random_id, UnitAttr:$tf32);
  let results = (outs NN_FloatTensor:$result, Variadic<NN_FloatTensor>:$saved);
  let extraClassDeclaration = [{
    /// Of `saved`; null where it is not given.
    ::mlir::Value getLogsumexp() {
      return getSaved().empty() ? ::mlir::Value() : getSaved()[0];
    }
    ::mlir::Value getScores() {
      return getSaved().size() < 2 ? ::mlir::Value() : getSaved()[1];
    }
  }];
  let assemblyFormat = [{
    $query `,` $key `,` $value `scale` $scale (`causal` $causal^)? (`window` $window^)?
    (`softcap` $softcap^)? (`bias` $bias^)? (`key_mask` $key_mask^)?
    (`dropout` $dropout^ `id` $random_id `(` $random `)`)? (`tf32` $tf32^)?
    attr-dict `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "::mlir::Value":$query, "::mlir::Value":$key,
      "::mlir::Value":$value, "double":$scale, CArg<"CausalKind", "CausalKind::None">:$causal,
      CArg<"::mlir::Value", "{}">:$bias, CArg<"::mlir::Value", "{}">:$keyMask)>];
}

#endif // ATTUNE_NN_COMPUTE_OPS_TD
