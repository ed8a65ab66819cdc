#!/usr/bin/env python3
"""Writes one attention block as ONNX, the way an exporter would spell it out.

Enters: heads, head size, causal or not. Leaves: x [1, seq, D] -> projections to
Q, K and V -> softmax(QK^T / sqrt(d) [+ mask]) V per head -> projection, residual
[1, seq, D], with seq symbolic and seeded weights. No fused operator is in the
file: finding the attention is the compiler's work.
"""

import argparse

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


class Block:
    """Collects nodes and constants; each method returns the name of its result."""

    def __init__(self, heads, head_size, seed):
        self.heads, self.head_size = heads, head_size
        self.width = heads * head_size
        self.random = np.random.default_rng(seed)
        self.nodes, self.constants = [], []

    def constant(self, name, array):
        self.constants.append(numpy_helper.from_array(array, name))
        return name

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def linear(self, x, name):
        scale = self.width**-0.5
        weight = self.random.normal(0, scale, (self.width, self.width)).astype(np.float32)
        bias = self.random.normal(0, 0.02, self.width).astype(np.float32)
        product = self.node("MatMul", [x, self.constant(name + ".w", weight)], name + "/MatMul")
        return self.node("Add", [product, self.constant(name + ".b", bias)], name + "/Add")

    def split_heads(self, x, name, perm):
        shape = self.constant(
            name + ".shape", np.array([0, 0, self.heads, self.head_size], np.int64)
        )
        reshaped = self.node("Reshape", [x, shape], name + "/Reshape")
        return self.node("Transpose", [reshaped], name + "/Transpose", perm=perm)

    def causal_mask(self):
        """[seq, seq] with 0 on and below the diagonal and -inf above it."""
        shape = self.node("Shape", ["x"], "mask/Shape")
        one = self.constant("mask.one", np.array([1], np.int64))
        two = self.constant("mask.two", np.array([2], np.int64))
        length = self.node("Slice", [shape, one, two], "mask/Slice")
        square = self.node("Concat", [length, length], "mask/Concat", axis=0)
        value = helper.make_tensor("value", TensorProto.FLOAT, [1], [1.0])
        ones = self.node("ConstantOfShape", [square], "mask/Ones", value=value)
        first = self.constant("mask.first", np.array(1, np.int64))
        upper = self.node("Trilu", [ones, first], "mask/Trilu", upper=1)
        hidden = self.node("Cast", [upper], "mask/Cast", to=TensorProto.BOOL)
        zero = self.constant("mask.zero", np.array(0, np.float32))
        lowest = self.constant("mask.lowest", np.array(-np.inf, np.float32))
        return self.node("Where", [hidden, lowest, zero], "mask/Where")


def build(heads, head_size, causal, seed=0):
    block = Block(heads, head_size, seed)
    query = block.split_heads(block.linear("x", "q"), "q", [0, 2, 1, 3])
    key = block.split_heads(block.linear("x", "k"), "k", [0, 2, 3, 1])
    value = block.split_heads(block.linear("x", "v"), "v", [0, 2, 1, 3])
    scores = block.node("MatMul", [query, key], "scores/MatMul")
    scale = block.constant("scale", np.array(head_size**-0.5, np.float32))
    scores = block.node("Mul", [scores, scale], "scores/Mul")
    if causal:
        scores = block.node("Add", [scores, block.causal_mask()], "scores/Add")
    weights = block.node("Softmax", [scores], "Softmax", axis=-1)
    context = block.node("MatMul", [weights, value], "context/MatMul")
    context = block.node("Transpose", [context], "context/Transpose", perm=[0, 2, 1, 3])
    shape = block.constant("merge.shape", np.array([0, 0, block.width], np.int64))
    context = block.node("Reshape", [context, shape], "context/Reshape")
    block.node("Add", [block.linear(context, "out"), "x"], "y")

    dims = [1, "seq", block.width]
    graph = helper.make_graph(
        block.nodes,
        "block",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, dims)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, dims)],
        block.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--head-size", type=int, default=64)
    parser.add_argument("--causal", action="store_true")
    parser.add_argument("output")
    arguments = parser.parse_args()
    onnx.save(build(arguments.heads, arguments.head_size, arguments.causal), arguments.output)


if __name__ == "__main__":
    main()
