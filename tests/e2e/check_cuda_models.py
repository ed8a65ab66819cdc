#!/usr/bin/env python3
"""Whole models on a CUDA device, which the emulator stands in for.

Enters: the attune program, its library, the stand-in for the driver and a folder of
materialised models. Leaves: one line per model and precision, exit code 1 when any of
these does not hold, with one package for every batch and length:
- each output is within 2e-2 (f16, bf16; 1e-4 for f32; max |a-b| / max |b|) of double
  precision;
- fused and unfused attention give the same;
- the first run, which launches step by step, the second, which captures a graph, and the
  third, which replays it, give the same bits.

    check_cuda_models.py --attune build/bin/attune --library build/libattune.so \\
        --driver build/tests/bin/libattune_cuda_standin.so --models build/tests/models 'vit_*'
"""
import argparse
import json
import os
import pathlib
import sys
import tempfile

import onnx

import inputs as cases
from attune import Attune, Failure
from check_models import Oracles, check_bits, compare, select

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from attune_api import Session  # noqa: E402

TOLERANCES = {"f32": 1e-4, "f16": 2e-2, "bf16": 2e-2}
# What misses its tolerance, and by how much at most: bf16 on BERT's outlier channels, where
# operands of products rounded to bf16 and all else in double precision give up to 4.4e-2.
MISSES = {("bert", "bf16"): 3e-2}


def shapes_of(model):
    if not cases.is_text(model):
        return [(1, None), (3, None)]
    return [(2, 13), (1, 1), (3, 70)]


def check_shape(session, oracles, model, shape, tolerance):
    batch, length = shape
    what = f"batch {batch}, length {length}"
    inputs = cases.make_inputs(model, batch, length, "right")
    session.set_inputs(inputs)
    runs = []
    for _ in range(3):
        session.run()
        runs.append(session.outputs())
    for later in runs[1:]:
        check_bits(f"{what}, a later run", runs[0], later)
    return compare(f"{what}, against double precision", runs[0], oracles.exact(inputs), tolerance)


def check_compare(attune, path, model):
    """The commands that compile and run at once make code for the device that they name."""
    shape = "batch=1,sequence=16" if cases.is_text(model) else "batch=1"
    [point] = json.loads(attune.call("compare", path, "--shape", shape, "--device", "cuda",
                                     "--runs", "1", "--json"))["points"]
    if not point["max_rel_diff"] <= TOLERANCES["f32"]:
        raise Failure(f"fused and unfused attention differ: {point}")


def check_model(attune, library, path, precision, folder):
    model = onnx.load(path)
    package = os.path.join(folder, "model.attune")
    attune.compile(path, package, "--target", "cuda", "--precision", precision)
    session = Session(library, package, 1, device="cuda")
    if not session.device.startswith("cuda:0 "):
        raise Failure(f"it runs on {session.device}")
    if precision == "f32":
        check_compare(attune, path, model)
    oracles = Oracles(model)
    family = os.path.basename(path).split("_")[0]
    tolerance = MISSES.get((family, precision), TOLERANCES[precision])
    return max(check_shape(session, oracles, model, shape, tolerance)
               for shape in shapes_of(model))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"])
    for name in ("attune", "library", "driver", "models"):
        parser.add_argument(f"--{name}", required=True)
    args = parser.parse_args()
    os.environ["ATTUNE_CUDA_DRIVER"] = os.path.abspath(args.driver)
    os.environ["ATTUNE_PTXAS"] = ""  # the emulator takes PTX
    attune = Attune(args.attune)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path in select(args.models, args.patterns):
            for precision in TOLERANCES:
                name = f"{os.path.basename(path)[:-5]} {precision}"
                try:
                    worst = check_model(attune, args.library, path, precision, folder)
                    print(f"{name:34s} ok, worst {worst:.1e}", flush=True)
                except (Failure, RuntimeError) as failure:
                    failed += 1
                    print(f"{name:34s} FAILED {failure}", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
