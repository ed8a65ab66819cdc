#!/usr/bin/env python3
"""Models in attune's own language, as users compile and run them.

Enters: the built programs, the examples and the golden files of tests/dsl. Leaves: a
failure where a package gives other numbers than PyTorch did, or where a mistake of the
user does not end in its message, with the right exit code.
"""
import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import numpy as np

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "tests" / "dsl"))
from parameter import parameter  # noqa: E402

WEIGHT = re.compile(r"nn\.weight @(\S+) .*tensor<((?:\d+x)*)f32>")
MODEL = """param width = 4
model M:
    l = Linear(width, 3)
    def forward(x: f32[B, 4]) -> y: f32[B, 3]:
        return l(x)
"""


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


class Check:
    def __init__(self, attune, folder):
        self.attune, self.folder = attune, pathlib.Path(folder)

    def compile(self, *arguments):
        return run(self.attune, "compile", *arguments)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def weights(self, model, options, path):
        """Writes a value for every weight that the compiler names."""
        printed = self.compile(model, "--emit", "nn", *options)
        assert printed.returncode == 0, printed.stderr
        found = {name: parameter(name, tuple(map(int, shape.split("x")[:-1])))
                 for name, shape in WEIGHT.findall(printed.stdout)}
        np.savez(path, **found)
        return found

    def example(self, name):
        golden = np.load(SOURCE / "tests" / "dsl" / "golden" / f"{name}.npz")
        text = (SOURCE / "examples" / "models" / f"{name}.attn").read_text(encoding="utf-8")
        # Without its train section a model is one for use.
        model = self.write(f"{name}.attn", text.partition("\ntrain:")[0] + "\n")
        options = [f"--set={key[4:]}={golden[key]}" for key in golden if key.startswith("set.")]
        weights = self.folder / f"{name}.npz"
        self.weights(model, options, weights)
        package = self.folder / f"{name}.attune"
        done = self.compile(model, "-o", package, *options, "--weights", weights)
        assert done.returncode == 0, done.stderr
        inputs = []
        for key in golden:
            if key.startswith("input."):
                path = self.folder / f"{name}.{key}.npy"
                np.save(path, golden[key])
                inputs += ["--input", f"{key[6:]}={path}"]
        done = run(self.attune, "run", package, *inputs, "--output-dir", self.folder / name)
        assert done.returncode == 0, done.stderr
        found, wanted = np.load(self.folder / name / "logits.npy"), golden["output.logits"]
        error = np.abs(found - wanted).max() / np.abs(wanted).max()
        assert error < 1e-5, f"{name}: off by {error:.1e}"

    def refused(self, code, messages, *arguments):
        done = self.compile(*arguments)
        assert done.returncode == code, f"{arguments}: exit code {done.returncode}\n{done.stderr}"
        for message in messages:
            assert message in done.stderr, f"{arguments}: no {message!r} in\n{done.stderr}"

    def refusals(self):
        model = self.write("m.attn", MODEL)
        wrong = self.write("wrong.attn", MODEL.replace("l(x)", "ll(x) + y)"))
        self.refused(1, [f"attune: error: {wrong}:5:25: expected the end of the line"],
                     wrong, "--emit", "nn")
        wrong = self.write("wrong.attn", MODEL.replace("l(x)", "ll(x)"))
        self.refused(1, [f"attune: error: {wrong}:5:16: 'll' is not defined; did you mean 'l'?\n",
                         "\n          return ll(x)\n                 ^~\n"], wrong, "--emit", "nn")
        self.refused(1, ["expected f32[..., 5] for a weight [3, 5], found f32[B, 4]"],
                     model, "--emit", "nn", "--set", "width=5")
        self.refused(1, ["the model has no param 'depth'"], model, "--set", "depth=5")
        self.refused(1, ["the model has no dim 'Q'"], model, "--shape", "Q=5")
        self.refused(2, ["expected NAME=VALUE, found 'width'"], model, "--set", "width")
        self.refused(2, ["'width' is given twice"], model, "--set", "width=3", "--set", "width=4")
        self.refused(1, ["cannot open"], self.folder / "none.attn")
        self.refused(1, ["expected a .onnx, .attn or .mlir file"], self.folder / "m.txt")
        onnx = self.write("m.onnx", "")
        self.refused(1, ["--set is for .attn models"], onnx, "--set", "width=5")
        self.refused(1, ["--weights is for .attn models"], onnx, "--weights", "w.npz")

    def readme(self):
        """The example in the reference of the language is a model."""
        text = (SOURCE / "frontends" / "dsl" / "README.md").read_text(encoding="utf-8")
        model = self.write("readme.attn", text.split("```")[1])
        done = self.compile(model, "--emit", "nn", "--set", "width=8")
        assert done.returncode == 0 and "@loss" in done.stdout, done.stderr

    def entry_points(self):
        """The report says which of them an attention is in."""
        model = SOURCE / "examples" / "models" / "gpt.attn"
        done = run(self.attune, "explain", model, "--json")
        assert done.returncode == 0, done.stderr
        for subject, section in json.loads(done.stdout).items():
            counts = collections.Counter(item["function"] for item in section["items"])
            assert set(counts) == {"main", "eval", "grad", "step"}, f"{subject}: {counts}"
            assert counts["main"] == counts["eval"] and counts["grad"] == counts["step"], counts
        done = run(self.attune, "explain", model)
        for name in ("main", "eval", "grad", "step"):
            assert f"fired  @{name}  h.0." in done.stdout, done.stdout

    def weight_files(self):
        model, path = self.write("m.attn", MODEL), self.folder / "w.npz"
        self.refused(1, ["none.npz"], model, "--weights", self.folder / "none.npz")
        weights = self.weights(model, [], path)
        assert sorted(weights) == ["l.bias", "l.weight"], weights
        np.savez(path, **{"l.weight": np.zeros((4, 3), np.float32), "l.bais": weights["l.bias"]})
        self.refused(1, ["'l.weight': expected f32[3, 4], found f32[4, 3]",
                         "'l.bias': is missing in the file",
                         "'l.bais' is no weight of the model; did you mean 'l.bias'?"],
                     model, "--weights", path)
        np.savez(path, **{name: value.astype(np.float64) for name, value in weights.items()})
        self.refused(1, ["'l.weight': expected f32[3, 4], found f64[3, 4]"],
                     model, "--weights", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attune", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        check = Check(arguments.attune, folder)
        check.refusals()
        check.readme()
        check.weight_files()
        check.entry_points()
        names = [path.stem for path in sorted((SOURCE / "examples" / "models").glob("*.attn"))]
        assert len(names) >= 6, names
        for name in names:
            check.example(name)
    print(f"{len(names)} models run as in PyTorch")


if __name__ == "__main__":
    main()
