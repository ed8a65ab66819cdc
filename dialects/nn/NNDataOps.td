// Ops that move or make data without arithmetic on it.
#ifndef ATTUNE_NN_DATA_OPS_TD
#define ATTUNE_NN_DATA_OPS_TD

include "dialects/nn/NNAttrs.td"

def NN_ReshapeOp : NN_Op<"reshape", [Pure]> {
  let summary = "The same elements in row-major order under another shape";
  let description = [{
    (C1) Both shapes have the same number of elements as polynomials.

    ```mlir
    %h = nn.reshape %x : (tensor<1x8x64xf32>) -> tensor<1x8x4x16xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_TransposeOp : NN_InferredOp<"transpose"> {
  let summary = "Permutes dimensions";
  let description = [{
    Dimension i of the result is dimension `permutation[i]` of the input.

    (C1) `permutation` is a permutation of the input's dimensions.

    ```mlir
    %t = nn.transpose %x [0, 2, 1] : (tensor<1x8x4xf32>) -> tensor<1x4x8xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, DenseI64ArrayAttr:$permutation);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input $permutation attr-dict `:` functional-type($input, $result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_BroadcastOp : NN_Op<"broadcast", [Pure]> {
  let summary = "Repeats extents of 1, as NumPy's broadcast_to";
  let description = [{
    (C1) Aligned at the last dimension, each input dim equals the result's or is 1.
  }];
  let arguments = (ins NN_Tensor:$input);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_SliceOp : NN_InferredOp<"slice"> {
  let summary = "A strided window";
  let description = [{
    `result[i...] = input[starts + i * steps ...]`, of extent `sizes`. A negative
    step walks backwards from its start.

    (C1) One start, size and step for each dim; no step is 0.
    (C2) Where start, size and extent are constant the window lies inside.

    ```mlir
    %s = nn.slice %x starts <[0, 1]> sizes <[8, 4]> steps [1, 1] : (tensor<8x6xf32>) -> tensor<8x4xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$input, NN_ShapeAttr:$starts, NN_ShapeAttr:$sizes,
                       DenseI64ArrayAttr:$steps);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $input `starts` $starts `sizes` $sizes `steps` $steps attr-dict
    `:` functional-type($input, $result)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def NN_ConcatOp : NN_InferredOp<"concat"> {
  let summary = "Joins tensors along an axis";
  let description = [{
    (C1) There is an operand; all have one element type and rank.
    (C2) Dims other than `axis` are equal.
  }];
  let arguments = (ins Variadic<NN_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "$inputs `axis` $axis attr-dict `:` functional-type($inputs, $result)";
  let hasVerifier = 1;
}

def NN_PadOp : NN_InferredOp<"pad"> {
  let summary = "Adds a constant border";
  let description = [{
    (C1) One low and one high amount, not negative, for each dim.
    (C2) `value` is a scalar tensor of the input's element type.
  }];
  let arguments = (ins NN_Tensor:$input, NN_Tensor:$value, NN_ShapeAttr:$low, NN_ShapeAttr:$high);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $input `,` $value `low` $low `high` $high attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def NN_GatherOp : NN_InferredOp<"gather"> {
  let summary = "Selects slices along an axis by index (ONNX Gather, NumPy take)";
  let description = [{
    `result[a..., i..., b...] = data[a..., indices[i...], b...]`, the index standing
    at `axis`. A negative index counts from the end. An index outside the axis is a
    run-time error of the model; no memory outside `data` is read.

    (C1) `axis` is inside data's rank.

    ```mlir
    %e = nn.gather %table[%ids] axis 0 : (tensor<100x64xf32>, tensor<1x8xi64>) -> tensor<1x8x64xf32>
    ```
  }];
  let arguments = (ins NN_Tensor:$data, NN_IndexTensor:$indices, I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = [{
    $data `[` $indices `]` `axis` $axis attr-dict `:` functional-type(operands, $result)
  }];
  let hasVerifier = 1;
}

def NN_IotaOp : NN_Op<"iota", [Pure]> {
  let summary = "Each element's position along an axis";
  let description = [{
    `result[i...] = i[axis]`.

    (C1) `axis` is inside the rank.

    ```mlir
    %p = nn.iota axis 0 : tensor<?xi64, #nn.shape<[S]>>
    ```
  }];
  let arguments = (ins I64Attr:$axis);
  let results = (outs NN_Tensor:$result);
  let assemblyFormat = "`axis` $axis attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def NN_DimOp : NN_Op<"dim", [Pure]> {
  let summary = "A dim as data";
  let description = [{
    A rank-0 integer tensor that holds the value of a dim, for graphs that compute
    with lengths.

    ```mlir
    %n = nn.dim <S + 1> : tensor<i64>
    ```
  }];
  let arguments = (ins NN_DimAttr:$dim);
  let results = (outs NN_IndexTensor:$result);
  let assemblyFormat = "$dim attr-dict `:` type($result)";
  let hasVerifier = 1;
}

#endif // ATTUNE_NN_DATA_OPS_TD
