#!/usr/bin/env python3
"""Compiles and runs every exported form of the test models and judges the results.

Enters: the attune program and a folder of materialised models. Leaves: one line
per model, exit code 1 when any of these does not hold:
- `explain` recognises the attentions that the model has, and fuses or chooses for each;
- one package with dynamic dims serves every batch and length, padding included;
- each output is within 1e-4 (max |a-b| / max |b|) of double precision and of
  ONNX Runtime;
- one and two threads, and one run and the next, give the same bits.

    check_models.py --attune build/bin/attune --models build/tests/models 'bert_*'
"""
import argparse
import fnmatch
import os
import sys
import tempfile

import onnx
import onnxruntime

import inputs as cases
from attune import Attune, Failure
from reference import Reference, relative_error

TOLERANCE = 1e-4
BATCHES = (1, 3)
LENGTHS = (1, 7, 64, 197)
ATTENTIONS = 2  # every skeleton has two layers, each with one attention


def shapes_of(model):
    """(batch, length, side of the padding) for every run of `model`."""
    if not cases.is_text(model):
        return [(batch, None, "right") for batch in BATCHES]
    shapes = [(batch, length, "right") for batch in BATCHES for length in LENGTHS]
    return shapes + [(3, 7, "left"), (3, 7, "none-kept")]


def check_explain(attune, path, want):
    attention = attune.explain(path)["attention"]
    if attention["recognised"] != want:
        raise Failure(f"explain recognises {attention['recognised']} attentions, not {want}")
    if attention["fused"] + attention["unfused"] != want or len(attention["items"]) < want:
        raise Failure(f"explain does not account for every attention: {attention}")


def compare(what, got, want, tolerance=TOLERANCE):
    """The largest error over all outputs; raises when one is above the tolerance."""
    if sorted(got) != sorted(want):
        raise Failure(f"{what}: outputs {sorted(got)}, not {sorted(want)}")
    worst = 0.0
    for name, value in want.items():
        error = relative_error(got[name], value)
        if not error <= tolerance:
            raise Failure(f"{what}: {name} {got[name].shape} is off by {error:.2e} "
                          f"from {value.shape}")
        worst = max(worst, error)
    return worst


def check_bits(what, first, second):
    for name, value in first.items():
        if value.tobytes() != second[name].tobytes():
            raise Failure(f"{what}: {name} has other bits")


class Oracles:
    """What the outputs of a model should be, by two independent programs."""

    def __init__(self, model):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        self.names = [output.name for output in self.session.get_outputs()]
        self.reference = Reference(model)

    def exact(self, inputs):
        return self.reference.run(inputs)

    def runtime(self, inputs):
        return dict(zip(self.names, self.session.run(None, inputs)))


def check_shape(attune, package, oracles, model, shape):
    batch, length, side = shape
    what = f"batch {batch}, length {length}, padding {side}"
    inputs = cases.make_inputs(model, batch, length, side)
    got = attune.run(package, inputs, "--threads", "1")
    worst = compare(f"{what}, against double precision", got, oracles.exact(inputs))
    compare(f"{what}, against ONNX Runtime", got, oracles.runtime(inputs))
    check_bits(f"{what}, 2 threads", got, attune.run(package, inputs, "--threads", "2"))
    return worst


def check_model(attune, path, modes, folder, want=ATTENTIONS):
    """Returns the largest error seen; raises Failure at the first fault."""
    model = onnx.load(path)
    check_explain(attune, path, want)
    oracles = Oracles(model)
    worst = 0.0
    for mode in modes:
        package = os.path.join(folder, f"{os.path.basename(path)}.{mode}.attune")
        attune.compile(path, package, "--attention", mode)
        for shape in shapes_of(model):
            try:
                worst = max(worst, check_shape(attune, package, oracles, model, shape))
            except Failure as failure:
                raise Failure(f"--attention={mode}: {failure}") from None
    return worst


def select(folder, patterns):
    names = sorted(n for n in os.listdir(folder) if n.endswith(".onnx"))
    chosen = [n for n in names if any(fnmatch.fnmatch(n[:-5], p) for p in patterns)]
    if not chosen:
        raise SystemExit(f"{folder}: no model fits {' '.join(patterns)}")
    return [os.path.join(folder, n) for n in chosen]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--attune", required=True)
    parser.add_argument("--models", required=True)
    parser.add_argument("--attention", default="auto", help="comma separated modes")
    args = parser.parse_args()
    attune = Attune(args.attune)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in select(args.models, args.patterns):
            name = os.path.basename(path)[:-5]
            try:
                worst = check_model(attune, path, args.attention.split(","), folder)
                print(f"{name:28s} ok, worst {worst:.1e}", flush=True)
            except (Failure, ValueError, KeyError) as failure:
                failed += 1
                print(f"{name:28s} FAILED: {failure!r}" if not isinstance(failure, Failure)
                      else f"{name:28s} FAILED: {failure}", flush=True)
    print(f"{failed} failed" if failed else "all hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
