#!/usr/bin/env python3
"""Operators on shapes that are known at run time only.

ONNX's node tests (tests/conformance) have static shapes. Here the same operators meet
a batch and a length, as in the models that need them: one package, several sizes,
judged by double precision and by ONNX Runtime.
"""
import argparse
import fnmatch
import os
import sys
import tempfile

import numpy as np
import onnx

import inputs as cases
from attune import Attune, Failure
from check_models import Oracles, compare

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models"))
from builder import INT64, Graph, Registry, write  # noqa: E402

SIZES = [dict(batch=1, seq=1), dict(batch=2, seq=19), dict(batch=3, seq=130)]
OPERATORS = Registry()


def graph_of(name, opset=21):
    g = Graph(name, opset)
    return g, g.input("x", "batch", "seq", 12)


@OPERATORS()
def cumsum(name):
    """Position ids of RoBERTa: the number of tokens so far."""
    g = Graph(name)
    mask = g.input("mask", "batch", "seq", dtype=INT64)
    g.output(g("CumSum", mask, g.constant(1)), "batch", "seq", dtype=INT64)
    return g.model()


@OPERATORS()
def cumsum_of_floats_backwards(name):
    g, x = graph_of(name)
    g.output(g("CumSum", x, g.constant(1), reverse=1, exclusive=1), "batch", "seq", 12)
    return g.model()


@OPERATORS()
def gather_elements(name):
    """DeBERTa's relative positions: along the last axis, the index computed."""
    g, x = graph_of(name)
    places = g("Mod", g.unsqueeze(g.arange(g.size(x, 1)), 0, 2), g.constant(12))
    shape = g("Concat", g.size(x, 0), g.size(x, 1), g.constant([5]), axis=0)
    g.output(g("GatherElements", x, g("Expand", places, shape), axis=2), "batch", "seq", 5)
    return g.model()


@OPERATORS()
def top_k(name):
    """The router of a mixture of experts."""
    g, x = graph_of(name)
    values, experts = g("TopK", x, g.constant([3]), outputs=2)
    g.output(values, "batch", "seq", 3, name="values")
    g.output(experts, "batch", "seq", 3, dtype=INT64, name="experts")
    return g.model()


@OPERATORS()
def assign_slice(name):
    """y = x; y[:, 1:, 2:6] = x[:, :-1, :4], as a scatter at counted indices."""
    g, x = graph_of(name)
    rows = g("Sub", g.size(x, 1), g.constant([1]))
    grid = g("Concat", g.size(x, 0), rows, g.constant([4]), axis=0)

    def counted(size, first, *axes):
        index = g("Add", g.arange(size), g.constant(first))
        return g.unsqueeze(g("Expand", g.unsqueeze(index, *axes), grid), 3)

    indices = g("Concat", counted(g.size(x, 0), 0, 1, 2), counted(rows, 1, 0, 2),
                counted(g.constant([4]), 2, 0, 1), axis=3)
    part = g("Slice", x, g.constant([0, 0]), g("Concat", rows, g.constant([4]), axis=0),
             g.constant([1, 2]))
    g.output(g("ScatterND", x, indices, part), "batch", "seq", 12)
    return g.model()


@OPERATORS()
def scatter_at_data(name):
    """Rows added where an input says."""
    g, x = graph_of(name)
    places = g.input("places", "batch", dtype=INT64)
    flat = g.reshape(x, -1, 12)
    updates = g("ReduceMean", x, g.constant([1]), keepdims=0)
    g.output(g("ScatterND", flat, g.unsqueeze(places, 1), updates, reduction="add"), "rows", 12)
    return g.model()


@OPERATORS()
def scatter_elements(name):
    g, x = graph_of(name)
    places = g("ArgMax", x, axis=2, keepdims=1)
    g.output(g("ScatterElements", x, places, g("Neg", g("ReduceMax", x, g.constant([2]))), axis=2),
             "batch", "seq", 12)
    return g.model()


@OPERATORS()
def upsample(name):
    g = Graph(name)
    x = g.input("x", "batch", 3, "seq", 4)
    scales = g.constant([1.0, 1.0, 2.0, 3.0])
    g.output(g("Resize", x, "", scales, mode="nearest", nearest_mode="floor",
               coordinate_transformation_mode="asymmetric"), "batch", 3, "long", 12)
    return g.model()


@OPERATORS()
def bilinear(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", 5, 7)
    sizes = g("Concat", g.size(x, 0), g.size(x, 1), g.constant([8, 3]), axis=0)
    g.output(g("Resize", x, "", "", sizes, mode="linear"), "batch", "seq", 8, 3)
    return g.model()


@OPERATORS()
def pool(name):
    g = Graph(name)
    x = g.input("x", "batch", 3, "seq", 9)
    y = g("MaxPool", x, kernel_shape=[3, 3], strides=[1, 2], pads=[1, 1, 1, 1])
    g.output(g("AveragePool", y, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), "batch", 3, "seq", 5)
    return g.model()


@OPERATORS()
def transposed_convolution(name):
    g = Graph(name)
    x = g.input("x", "batch", 4, "seq", 5)
    y = g("ConvTranspose", x, g.weight(4, 6, 2, 2), g.weight(6), strides=[2, 2])
    g.output(g("ConvTranspose", y, g.weight(6, 4, 3, 3), strides=[1, 2], pads=[1, 1, 1, 1],
               output_padding=[0, 1]), "batch", 4, "long", 20)
    return g.model()


@OPERATORS()
def group_norm(name):
    g = Graph(name, 21)
    x = g.input("x", "batch", 6, "seq", 3)
    g.output(g("GroupNormalization", x, g.weight(6), g.weight(6), num_groups=2),
             "batch", 6, "seq", 3)
    return g.model()


@OPERATORS()
def edge_pad(name):
    g, x = graph_of(name)
    y = g("Pad", x, g.constant([0, 2, 0, 0, 1, 3]), mode="edge")
    g.output(y, "batch", "long", 15)
    return g.model()


def make_inputs(model, sizes):
    rng = np.random.default_rng(list(sizes.values()))
    values = {}
    for value in model.graph.input:
        shape = [sizes.get(dim, dim) for dim in cases.dims_of(value)]
        if value.name == "mask":
            values[value.name] = cases.padding_mask(*shape)
        elif value.name == "places":  # distinct: the order of equal ones is free
            values[value.name] = rng.permutation(sizes["batch"]).astype(np.int64)
        else:
            values[value.name] = rng.standard_normal(shape).astype(np.float32)
    return values


def check_operator(attune, path, folder):
    model = onnx.load(path)
    oracles, worst = Oracles(model), 0.0
    package = attune.compile(path, os.path.join(folder, "m.attune"))
    for sizes in SIZES:
        values = make_inputs(model, sizes)
        got = attune.run(package, values)
        exact = compare(f"{sizes}, against double precision", got, oracles.exact(values))
        worst = max(worst, exact)
        compare(f"{sizes}, against ONNX Runtime", got, oracles.runtime(values))
    return worst


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--attune", required=True)
    args = parser.parse_args()
    attune, failed = Attune(args.attune), 0
    with tempfile.TemporaryDirectory() as folder:
        for name, path in write(OPERATORS, folder).items():
            if not any(fnmatch.fnmatch(name, pattern) for pattern in args.patterns or ["*"]):
                continue
            try:
                print(f"{name:30s} ok: worst {check_operator(attune, path, folder):.1e}", flush=True)
            except Failure as failure:
                failed += 1
                print(f"{name:30s} FAILED: {failure}", flush=True)
    print(f"{failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
