#!/usr/bin/env python3
"""Checks thin.py: the very bytes come back, and nearly all of them had been left out.

    test_thin.py build/bin/attune
"""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import thin
from materialise import materialise

SKELETON = pathlib.Path(__file__).resolve().parents[1] / "models/skeletons/gpt2_dynamo_20_sdpa.onnx"
ATTUNE = sys.argv.pop()


class Thin(unittest.TestCase):
    def test_fills_what_it_left_out(self):
        for precision in ("f32", "f16", "bf16"):
            with self.subTest(precision), tempfile.TemporaryDirectory() as folder:
                package, archive, back = (os.path.join(folder, n) for n in ("p", "z", "b"))
                model = materialise(str(SKELETON), folder)
                subprocess.run([ATTUNE, "compile", model, "-o", package, "--target", "cuda",
                                "--precision", precision], check=True, stdout=subprocess.DEVNULL,
                               env=dict(os.environ, ATTUNE_PTXAS=""))
                thin.write_thin(package, SKELETON, archive)
                data = pathlib.Path(package).read_bytes()
                _, fillings = thin.thin(data, SKELETON)
                weights = dict(thin.draw(SKELETON))
                filled = sum(weights[name].size for name, *_ in fillings)
                self.assertGreater(filled, 0.9 * sum(w.size for w in weights.values()))
                thin.fill(archive, weights, back)
                self.assertEqual(pathlib.Path(back).read_bytes(), data)


if __name__ == "__main__":
    unittest.main()
