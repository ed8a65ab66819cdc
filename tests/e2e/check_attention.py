#!/usr/bin/env python3
"""Checks what the compiler takes for attention: hand-written variants and lookalikes.

Enters: the attune program. Leaves: one line per graph, exit code 1 when a variant
is not recognised, a lookalike is, or any output is wrong in any --attention mode.
A variant may use an operator that the compiler does not have yet; then the error
has to name that operator, and that counts as skipped.

    check_attention.py --attune build/bin/attune variants 'mask_*'
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
from check_models import Oracles, check_bits, check_explain, compare

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "models"))
from builder import write  # noqa: E402
from lookalikes import LOOKALIKES  # noqa: E402
from variants import VARIANTS  # noqa: E402

SHAPES = [dict(batch=1, seq=1, memory=5), dict(batch=2, seq=19, memory=7),
          dict(batch=4, seq=70, memory=130)]


def make_inputs(model, sizes):
    """Random tensors; a mask input is additive with a few large negatives."""
    rng = np.random.default_rng(list(sizes.values()))
    values = {}
    for value in model.graph.input:
        shape = [sizes.get(dim, dim) for dim in cases.dims_of(value)]
        if value.name == "attention_mask":
            values[value.name] = cases.padding_mask(*shape)
            continue
        values[value.name] = rng.standard_normal(shape).astype(np.float32)
        if value.name == "mask":
            values[value.name][rng.random(shape) < 0.3] = -30.0
            values[value.name][rng.random(shape) < 0.1] = 0.0
    return values


def check_graph(attune, path, want, folder):
    model = onnx.load(path)
    check_explain(attune, path, want)
    oracles, worst = Oracles(model), 0.0
    for mode in ("auto", "fused", "unfused"):
        package = os.path.join(folder, mode + ".attune")
        attune.compile(path, package, "--attention", mode)
        for sizes in SHAPES:
            values = make_inputs(model, sizes)
            got = attune.run(package, values, "--threads", "1")
            what = f"--attention={mode} {sizes}"
            worst = max(worst, compare(f"{what}, against double precision", got,
                                       oracles.exact(values)))
            compare(f"{what}, against ONNX Runtime", got, oracles.runtime(values))
            check_bits(f"{what}, 2 threads", got, attune.run(package, values, "--threads", "2"))
    return worst


def judge(attune, name, make, path, folder):
    """One graph: "ok", "skipped" or "FAILED", and why."""
    try:
        worst = check_graph(attune, path, make.expect["count"], folder)
        return "ok", f"worst {worst:.1e}"
    except Failure as failure:
        missing = [op for op in make.expect.get("beyond", ()) if op in str(failure)]
        if missing and "exit code 1" in str(failure):
            return "skipped", f"the compiler names {', '.join(missing)} as unsupported"
        return "FAILED", str(failure)
    except (KeyError, ValueError) as failure:
        return "FAILED", repr(failure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("family", choices=("variants", "lookalikes"))
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--attune", required=True)
    parser.add_argument("--keep", help="write the graphs here")
    args = parser.parse_args()
    registry = VARIANTS if args.family == "variants" else LOOKALIKES
    attune = Attune(args.attune)
    counts = dict(ok=0, skipped=0, FAILED=0)
    with tempfile.TemporaryDirectory() as folder:
        paths = write(registry, args.keep or folder)
        for name, make in registry.items():
            if any(fnmatch.fnmatch(name, pattern) for pattern in args.patterns):
                verdict, why = judge(attune, name, make, paths[name], folder)
                counts[verdict] += 1
                print(f"{name:42s} {verdict}: {why}", flush=True)
    print(", ".join(f"{number} {word}" for word, number in counts.items()))
    return 1 if counts["FAILED"] or not counts["ok"] else 0


if __name__ == "__main__":
    sys.exit(main())
