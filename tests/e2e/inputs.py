"""Inputs for the models of the end-to-end tests.

Enters: an ONNX graph's inputs, a batch and a length. Leaves: arrays by name,
the same ones every time for the same numbers. Text models get padding masks in
which every row has another length; `sides` says where the padding sits.
"""
import numpy as np
import onnx


def dims_of(value):
    """The dims of a graph input: ints and names."""
    return [d.dim_value if d.HasField("dim_value") else d.dim_param
            for d in value.type.tensor_type.shape.dim]


def is_text(model):
    return any(value.name == "input_ids" for value in model.graph.input)


def padding_mask(batch, length, side="right"):
    """int64 [batch, length]: row r keeps length - r * length / 3 tokens, at least one.

    side "none-kept" masks the whole last row: a defined corner case.
    """
    mask = np.ones((batch, length), dtype=np.int64)
    for row in range(batch):
        kept = max(1, length - row * length // 3)
        if side == "left":
            mask[row, :length - kept] = 0
        else:
            mask[row, kept:] = 0
    if side == "none-kept":
        mask[-1] = 0
    return mask


def vocabulary(model):
    """How many token ids the model knows: the rows of the table that input_ids index."""
    tables = {t.name: t.dims[0] for t in model.graph.initializer if len(t.dims) == 2}
    names = {"input_ids"}
    for node in model.graph.node:
        if node.op_type == "Reshape" and node.input[0] in names:
            names.add(node.output[0])
        if node.op_type == "Gather" and node.input[1] in names and node.input[0] in tables:
            return tables[node.input[0]]
    raise ValueError("no embedding table found")


def make_inputs(model, batch, length=None, side="right"):
    rng = np.random.default_rng([batch, length or 0])
    inputs = {}
    for value in model.graph.input:
        sizes = {"batch": batch, "sequence": length}
        shape = [sizes.get(dim, dim) for dim in dims_of(value)]
        if value.name == "attention_mask":
            inputs[value.name] = padding_mask(batch, length, side)
        elif value.name == "token_type_ids":
            inputs[value.name] = rng.integers(0, 2, shape)
        elif value.type.tensor_type.elem_type == onnx.TensorProto.INT64:
            inputs[value.name] = rng.integers(0, vocabulary(model), shape)
        else:
            inputs[value.name] = rng.standard_normal(shape).astype(np.float32)
    return inputs
