#!/usr/bin/env python3
"""Whole models on a CUDA device, which the emulator stands in for.

Enters: the attune program, its library, the stand-in for the driver and a folder of
materialised models. Leaves: one line per model and precision, exit code 1 when any of
these does not hold, with one package for every batch and length:
- each output is within 2e-2 (f16, bf16; 1e-2 for tf32, 1e-4 for f32; max |a-b| / max |b|) of double
  precision, with the weights that PyTorch's models begin with. With those of the skeletons,
  whose norms have outlier channels, rounding the operands of products to bf16, and nothing
  else, may already cost more than half of that (BERT's pooler: 4.4e-2): then within twice
  that cost;
- fused and unfused attention give the same;
- the first run, which launches step by step, the second, which captures a graph, and the
  third, which replays it, give the same bits.

    check_cuda_models.py --attune build/bin/attune --library build/libattune.so \\
        --driver build/tests/bin/libattune_cuda_standin.so --models build/tests/models 'vit_*'
"""
import argparse
import functools
import json
import os
import pathlib
import sys
import tempfile

import numpy as np
import onnx
from onnx import numpy_helper

import inputs as cases
from attune import Attune, Failure
from check_models import Oracles, check_bits, compare, select
from reference import Reference, relative_error

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name)
                for name in ("bench", "models")]
from attune_api import Session  # noqa: E402
from strip import KEEP_ELEMENTS, is_weight  # noqa: E402

TOLERANCES = {"f32": 1e-4, "tf32": 1e-2, "f16": 2e-2, "bf16": 2e-2}


class NarrowProducts(Reference):
    """The model with the operands of its products rounded to bf16, and nothing else."""

    def __init__(self, model):
        super().__init__(model)
        for node in self.evaluator.rt_nodes_:
            if node.op_type in ("MatMul", "Gemm"):
                node.run = functools.partial(self.round_and_run, node.run)

    @staticmethod
    def round_and_run(run, *operands):
        return run(*(bf16(x) if x is not None and x.ndim > 1 else x for x in operands))


def bf16(x):
    """To the nearest, ties to even."""
    bits = x.astype(np.float32).view(np.uint32)
    bits = (bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000
    return bits.astype(np.uint32).view(np.float32).astype(np.float64)


def shapes_of(model):
    if not cases.is_text(model):
        return [(1, None), (3, None)]
    return [(2, 13), (1, 1), (3, 70)]


def as_initialised(path, folder):
    """The model with the weights that it has before training: no outliers."""
    model = onnx.load(path)
    rng = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.size <= KEEP_ELEMENTS or not is_weight(values):
            continue
        drawn = rng.normal(0, 0.02, values.shape)
        if values.ndim == 1:  # the scale of a norm, else a bias
            drawn = np.full(values.shape, round(float(np.median(values))))
        tensor.CopyFrom(numpy_helper.from_array(drawn.astype(values.dtype), tensor.name))
    target = os.path.join(folder, "initialised_" + os.path.basename(path))
    onnx.save(model, target)
    return target


def tolerance_of(precision, model, inputs, exact, is_initialised):
    if precision != "bf16" or is_initialised:
        return TOLERANCES[precision]
    narrow = NarrowProducts(model).run(inputs)
    cost = max(relative_error(narrow[name], exact[name]) for name in exact)
    return max(TOLERANCES[precision], 2 * cost)


def check_shape(session, oracles, model, shape, precision, is_initialised):
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
    exact = oracles.exact(inputs)
    return compare(f"{what}, against double precision", runs[0], exact,
                   tolerance_of(precision, model, inputs, exact, is_initialised))


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
    is_initialised = "initialised_" in path
    return max(check_shape(session, oracles, model, shape, precision, is_initialised)
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
        paths = list(select(args.models, args.patterns))
        paths += [as_initialised(path, folder) for path in paths]
        for path in paths:
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
