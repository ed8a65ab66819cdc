#!/usr/bin/env python3
"""Checks strip.py and materialise.py against each other.

Enters: nothing. Leaves: exit code 0 when a stripped model filled again has the
same weights' statistics, the same outliers, untouched buffers, and the same bits
each time.
"""
import unittest
import warnings

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

import materialise
import strip


def make_model():
    rng = np.random.default_rng(7)
    weight = rng.normal(0.25, 0.5, (96, 80)).astype(np.float32)
    gain = rng.normal(1, 0.1, 256).astype(np.float32)
    gain[[3, 100]] = 7, -6
    tensors = {
        "weight": weight,
        "gain": gain,
        "positions": np.arange(256, dtype=np.int64),
        "causal": np.tril(np.ones((16, 16), dtype=np.float32)),
        "scale": np.array(0.125, dtype=np.float32),
    }
    graph = helper.make_graph(
        [helper.make_node("Identity", ["weight"], ["y"], name="n", doc_string="/home/me")],
        "g", [], [helper.make_tensor_value_info("y", TensorProto.FLOAT, [96, 80])],
        [numpy_helper.from_array(v, k) for k, v in tensors.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    return model, tensors


class Recipe(unittest.TestCase):
    def setUp(self):
        self.model, self.before = make_model()
        strip.strip_model(self.model, salt="m")
        self.skeleton = self.model.SerializeToString()
        materialise.fill(self.model)
        self.after = {t.name: numpy_helper.to_array(t) for t in self.model.graph.initializer}

    def test_weights_are_gone_from_the_skeleton(self):
        self.assertLess(len(self.skeleton), 5000)
        self.assertNotIn(self.before["weight"].tobytes()[:64], self.skeleton)

    def test_a_plain_reader_refuses_the_skeleton(self):
        skeleton = onnx.ModelProto.FromString(self.skeleton)
        with warnings.catch_warnings(), self.assertRaises(onnx.checker.ValidationError):
            warnings.simplefilter("ignore")  # the recipe's own keys
            onnx.load_external_data_for_model(skeleton, "/nonexistent")

    def test_statistics_survive(self):
        before, after = self.before["weight"], self.after["weight"]
        self.assertEqual(before.shape, after.shape)
        self.assertEqual(before.dtype, after.dtype)
        self.assertAlmostEqual(before.mean(), after.mean(), delta=0.03)
        self.assertAlmostEqual(before.std(), after.std(), delta=0.03)

    def test_outliers_survive(self):
        np.testing.assert_allclose(self.after["gain"][[3, 100]], [7, -6], rtol=1e-3)
        self.assertLess(np.delete(self.after["gain"], [3, 100]).max(), 1.5)

    def test_buffers_keep_their_values(self):
        for name in ("positions", "causal", "scale"):
            np.testing.assert_array_equal(self.before[name], self.after[name])

    def test_traces_are_gone(self):
        self.assertNotIn(b"/home/me", self.skeleton)

    def test_same_bits_every_time(self):
        # The value of one draw, written down: a change of generator shows here.
        draws = materialise.draw_normal(1, 3)
        np.testing.assert_array_equal(draws, materialise.draw_normal(1, 3))
        self.assertEqual([f"{d:.6f}" for d in draws], EXPECTED_DRAWS)

    def test_draws_have_mean_0_and_variance_1(self):
        draws = materialise.draw_normal(5, 200_000)
        self.assertAlmostEqual(draws.mean(), 0, delta=0.01)
        self.assertAlmostEqual(draws.var(), 1, delta=0.01)

    def test_a_large_buffer_is_refused(self):
        model, _ = make_model()
        mask = np.tril(np.ones((64, 64), dtype=np.float32))
        model.graph.initializer.append(numpy_helper.from_array(mask, "mask"))
        with self.assertRaises(SystemExit):
            strip.strip_model(model, salt="m")


EXPECTED_DRAWS = ["-0.159314", "1.056896", "-1.521702"]

if __name__ == "__main__":
    unittest.main()
