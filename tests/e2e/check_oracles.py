#!/usr/bin/env python3
"""Checks the yardstick itself: the double-precision reference against ONNX Runtime.

Enters: a folder of materialised models. Leaves: exit code 1 when the two differ
by more than float32 can explain, on any exported form, variant or lookalike. Runs
without the compiler, so a failure here is never the compiler's.
"""
import argparse
import math
import os
import sys
import unittest

import numpy as np
import onnx
from onnx import TensorProto, helper

import check_attention
import inputs as cases
from attune import Failure
from check_models import Oracles, compare, select
from reference import Reference, relative_error

TOLERANCE = 1e-5

# What the models compute of one number, by Python's own functions.
FUNCTIONS = [
    ("Erf", {}, math.erf),
    ("Tanh", {}, math.tanh),
    ("Exp", {}, math.exp),
    ("Sigmoid", {}, lambda x: 1 / (1 + math.exp(-x))),
    ("Gelu", {}, lambda x: x / 2 * (1 + math.erf(x / math.sqrt(2)))),
    ("Gelu", dict(approximate="tanh"),
     lambda x: x / 2 * (1 + math.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x ** 3)))),
]


def cases_of(args):
    """(name, model, inputs) of everything that the end-to-end tests run."""
    for path in select(args.models, ["*"]):
        model = onnx.load(path)
        yield os.path.basename(path), model, cases.make_inputs(model, 3, 19)
    for registry in (check_attention.VARIANTS, check_attention.LOOKALIKES):
        for name, make in registry.items():
            model = make(name)
            sizes = check_attention.SHAPES[1]
            yield name, model, check_attention.make_inputs(model, sizes)


class Metric(unittest.TestCase):
    """The error metric must not be talked round by shapes, NaNs or zeros."""

    def test_metric(self):
        want = np.array([1.0, -4.0])
        self.assertAlmostEqual(relative_error(np.array([1.0, -4.4]), want), 0.1)
        self.assertEqual(relative_error(np.array([[1.0, -4.0]]), want), np.inf)
        self.assertEqual(relative_error(np.array([np.nan, -4.0]), want), np.inf)
        self.assertEqual(relative_error(np.array([np.inf, -4.0]), want), np.inf)
        self.assertEqual(relative_error(np.zeros(2), np.zeros(2)), 0)

    def test_reference_works_in_double(self):
        # 1 + 2^-40 - 1 is 0 in single precision.
        graph = helper.make_graph(
            [helper.make_node("Add", ["x", "one"], ["y"]),
             helper.make_node("Sub", ["y", "one"], ["z"])], "g",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1])],
            [helper.make_tensor("one", TensorProto.FLOAT, [1], [1.0])])
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        got = Reference(model).run({"x": np.array([2.0 ** -40], dtype=np.float32)})
        self.assertEqual(got["z"][0], 2.0 ** -40)

    def test_functions_are_exact(self):
        # An operator that rounds to float32 on its way is 6e-8 off.
        x = np.linspace(-3, 3, 101).astype(np.float32)
        for op, attributes, function in FUNCTIONS:
            with self.subTest(op=op, **attributes):
                graph = helper.make_graph(
                    [helper.make_node(op, ["x"], ["y"], **attributes)], "g",
                    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [101])],
                    [helper.make_tensor_value_info("y", TensorProto.FLOAT, [101])])
                model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
                want = np.array([function(value) for value in x.tolist()])
                got = Reference(model).run({"x": x})["y"]
                self.assertLess(relative_error(got, want), 1e-14)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", required=True)
    args = parser.parse_args()
    suite = unittest.defaultTestLoader.loadTestsFromTestCase(Metric)
    failed = 0 if unittest.TextTestRunner(verbosity=0).run(suite).wasSuccessful() else 1
    worst = 0.0
    for name, model, values in cases_of(args):
        oracles = Oracles(model)
        try:
            error = compare(name, oracles.runtime(values), oracles.exact(values), TOLERANCE)
            worst = max(worst, error)
        except Failure as failure:
            failed += 1
            print(f"FAILED: {failure}")
    print(f"{failed} failed, worst of the others {worst:.1e}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
