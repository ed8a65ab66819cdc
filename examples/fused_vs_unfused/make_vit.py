#!/usr/bin/env python3
"""Writes a ViT-B/16 with seeded weights as ONNX.

Enters: a size (ViT-B/16 by default). Leaves: pixel_values [batch, 3, side, side]
-> patches -> [class token, patches] + positions -> `depth` blocks -> logits, with
batch symbolic. The time of a model does not depend on what it has learned, so its
weights are drawn from a seed and nothing is downloaded.
"""

import argparse

import numpy as np
import onnx
from make_block import Block
from onnx import TensorProto, helper


class Vit(Block):
    """A Block whose methods build the rest of the model around attention."""

    def dense(self, x, name, rows, columns):
        scale = rows**-0.5
        weight = self.random.normal(0, scale, (rows, columns)).astype(np.float32)
        bias = self.random.normal(0, 0.02, columns).astype(np.float32)
        product = self.node("MatMul", [x, self.constant(name + ".w", weight)], name + "/MatMul")
        return self.node("Add", [product, self.constant(name + ".b", bias)], name + "/Add")

    def norm(self, x, name):
        gain = self.random.normal(1, 0.1, self.width).astype(np.float32)
        bias = self.random.normal(0, 0.02, self.width).astype(np.float32)
        inputs = [x, self.constant(name + ".gain", gain), self.constant(name + ".bias", bias)]
        return self.node("LayerNormalization", inputs, name, axis=-1, epsilon=1e-6)

    def scalar(self, name, value):
        if all(tensor.name != name for tensor in self.constants):
            self.constant(name, np.array(value, np.float32))
        return name

    def gelu(self, x, name):
        """x (1 + erf(x / sqrt 2)) / 2"""
        erf = self.node("Div", [x, self.scalar("sqrt_2", 2**0.5)], name + "/Div")
        erf = self.node("Erf", [erf], name + "/Erf")
        shifted = self.node("Add", [erf, self.scalar("one", 1)], name + "/Add")
        product = self.node("Mul", [x, shifted], name + "/Mul")
        return self.node("Mul", [product, self.scalar("half", 0.5)], name + "/Mul_1")

    def embed(self, patch, side):
        """Patches by convolution, the class token in front, positions added."""
        count = (side // patch) ** 2
        kernel = self.random.normal(0, (3 * patch**2) ** -0.5, (self.width, 3, patch, patch))
        kernel = self.constant("embed.kernel", kernel.astype(np.float32))
        bias = self.constant("embed.bias", np.zeros(self.width, np.float32))
        x = self.node(
            "Conv", ["pixel_values", kernel, bias], "embed/Conv",
            kernel_shape=[patch, patch], strides=[patch, patch],
        )
        shape = self.constant("embed.shape", np.array([0, self.width, count], np.int64))
        x = self.node("Reshape", [x, shape], "embed/Reshape")
        x = self.node("Transpose", [x], "embed/Transpose", perm=[0, 2, 1])
        token = self.random.normal(0, 1, (1, 1, self.width)).astype(np.float32)
        batch = self.node("Shape", ["pixel_values"], "embed/Shape", start=0, end=1)
        ones = self.constant("embed.ones", np.array([1, 1], np.int64))
        batch = self.node("Concat", [batch, ones], "embed/Concat", axis=0)
        token = self.node("Expand", [self.constant("embed.class", token), batch], "embed/Expand")
        x = self.node("Concat", [token, x], "embed/Concat_1", axis=1)
        places = self.random.normal(0, 0.5, (1, count + 1, self.width)).astype(np.float32)
        return self.node("Add", [x, self.constant("embed.positions", places)], "embed/Add")

    def attention(self, x, name):
        query = self.split_heads(self.linear(x, name + ".q"), name + ".q", [0, 2, 1, 3])
        key = self.split_heads(self.linear(x, name + ".k"), name + ".k", [0, 2, 3, 1])
        value = self.split_heads(self.linear(x, name + ".v"), name + ".v", [0, 2, 1, 3])
        scores = self.node("MatMul", [query, key], name + "/scores")
        scale = self.scalar("scale", self.head_size**-0.5)
        scores = self.node("Mul", [scores, scale], name + "/scaled")
        weights = self.node("Softmax", [scores], name + "/Softmax", axis=-1)
        context = self.node("MatMul", [weights, value], name + "/context")
        context = self.node("Transpose", [context], name + "/Transpose", perm=[0, 2, 1, 3])
        shape = self.constant(name + ".shape", np.array([0, 0, self.width], np.int64))
        context = self.node("Reshape", [context, shape], name + "/Reshape")
        return self.linear(context, name + ".out")

    def block(self, x, name):
        x = self.node("Add", [x, self.attention(self.norm(x, name + ".norm1"), name + ".attention")],
                      name + "/Add")
        hidden = self.dense(self.norm(x, name + ".norm2"), name + ".up", self.width, 4 * self.width)
        hidden = self.gelu(hidden, name + ".gelu")
        return self.node("Add", [x, self.dense(hidden, name + ".down", 4 * self.width, self.width)],
                         name + "/Add_1")


def build(heads=12, head_size=64, depth=12, patch=16, side=224, classes=1000, seed=0):
    vit = Vit(heads, head_size, seed)
    x = vit.embed(patch, side)
    for index in range(depth):
        x = vit.block(x, f"block.{index}")
    first = vit.constant("head.first", np.array(0, np.int64))
    x = vit.node("Gather", [vit.norm(x, "norm"), first], "head/Gather", axis=1)
    vit.node("Identity", [vit.dense(x, "head", vit.width, classes)], "logits")

    pixels = ["batch", 3, side, side]
    graph = helper.make_graph(
        vit.nodes,
        "vit",
        [helper.make_tensor_value_info("pixel_values", TensorProto.FLOAT, pixels)],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", classes])],
        vit.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--heads", type=int, default=12)
    parser.add_argument("--head-size", type=int, default=64)
    parser.add_argument("--depth", type=int, default=12)
    parser.add_argument("--patch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("output")
    arguments = parser.parse_args()
    options = {key: value for key, value in vars(arguments).items() if key != "output"}
    onnx.save(build(**options), arguments.output)


if __name__ == "__main__":
    main()
