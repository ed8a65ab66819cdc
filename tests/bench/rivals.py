#!/usr/bin/env python3
"""Whole models: attune beside ONNX Runtime and OpenVINO, in turn, in one process.

    tests/bench/rivals.py bert.onnx --shape batch=1,sequence=128 --record records/bert.json

Each round gives every engine a turn, so that a machine whose clock drifts slows all of
them alike. A turn is two runs, of which the second is timed: when a turn begins, the
threads of the engine before may still spin, and a core that they hold is no measure of
this one. What counts is the ratio; milliseconds are printed beside it. Needs a
Python with numpy, onnx, onnxruntime and, where it is to be compared, openvino
(tests/requirements-export.txt).
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx

from attune_api import Session
from machine import machine

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")


def parse_shape(text):
    return {k: int(v) for k, v in (pair.split("=") for pair in text.split(",") if pair)}


def make_inputs(path, dims, seed):
    """Seeded inputs: normal floats, token ids below 100, masks of ones."""
    rng = np.random.default_rng(seed)
    inputs = {}
    model = onnx.load(path, load_external_data=False)
    initializers = {tensor.name for tensor in model.graph.initializer}
    for value in model.graph.input:
        if value.name in initializers:
            continue
        tensor = value.type.tensor_type
        shape = [d.dim_value or dims[d.dim_param] for d in tensor.shape.dim]
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.elem_type)
        if np.issubdtype(dtype, np.floating):
            inputs[value.name] = rng.standard_normal(shape).astype(dtype)
        elif "mask" in value.name:
            inputs[value.name] = np.ones(shape, dtype)
        else:
            inputs[value.name] = rng.integers(0, 2 if "type" in value.name else 100, shape, dtype)
    return inputs


def attune_engine(path, inputs, threads, options):
    package = os.path.join(options.scratch, os.path.basename(path) + ".attune")
    if not os.path.exists(package):
        subprocess.run([options.attune, "compile", path, "-o", package, "--quiet"], check=True)
    session = Session(options.library, package, threads)
    session.set_inputs(inputs)
    session.run()
    outputs = session.outputs()
    return session.run, outputs, session.code_version


def onnxruntime_engine(path, inputs, threads, options):
    import onnxruntime
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    settings.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    outputs = dict(zip(names, session.run(None, inputs)))
    return lambda: session.run(None, inputs), outputs, "onnxruntime " + onnxruntime.__version__


def openvino_engine(path, inputs, threads, options):
    import openvino
    core = openvino.Core()
    # f32 arithmetic, or it would take bf16 where the processor has it.
    config = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": threads,
              "NUM_STREAMS": 1}
    compiled = core.compile_model(core.read_model(path), "CPU", config)
    request = compiled.create_infer_request()
    result = request.infer(inputs)
    outputs = {port.get_any_name(): result[port] for port in compiled.outputs}
    return lambda: request.infer(inputs), outputs, "openvino " + openvino.__version__


ENGINES = {"attune": attune_engine, "onnxruntime": onnxruntime_engine,
           "openvino": openvino_engine}


def relative_difference(ours, theirs):
    worst = 0.0
    for name, a in ours.items():
        if name in theirs:
            b = np.asarray(theirs[name], np.float64)
            worst = max(worst, float(np.abs(a - b).max() / np.abs(b).max()))
    return worst


def measure(path, dims, threads, options):
    inputs = make_inputs(path, dims, options.seed)
    runs, outputs, versions = {}, {}, {}
    for name in options.engines:
        try:
            runs[name], outputs[name], versions[name] = \
                ENGINES[name](path, inputs, threads, options)
        except ImportError as error:
            print(f"{name}: left out, {error}", file=sys.stderr)
    times = {name: [] for name in runs}
    for _ in range(options.rounds):
        for name, run in runs.items():
            run()
            start = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - start))
    row = {"model": os.path.basename(path), "shape": dims, "threads": threads, "engines": {}}
    for name, values in times.items():
        quartiles = statistics.quantiles(values, n=4)
        entry = {"version": versions[name], "median_ms": statistics.median(values),
                 "min_ms": min(values), "quartiles_ms": [quartiles[0], quartiles[2]]}
        if name != "attune":
            ratios = sorted(b / a for a, b in zip(times["attune"], values))
            entry["attune_speedup"] = statistics.median(ratios)
            entry["max_rel_diff"] = relative_difference(outputs["attune"], outputs[name])
        row["engines"][name] = entry
    return row


def show(row):
    shape = ",".join(f"{k}={v}" for k, v in row["shape"].items())
    print(f"{row['model']} {shape} threads={row['threads']}")
    for name, entry in row["engines"].items():
        extra = ""
        if "attune_speedup" in entry:
            extra = f"  attune is {entry['attune_speedup']:.2f}x, diff {entry['max_rel_diff']:.1e}"
        low, high = entry["quartiles_ms"]
        print(f"  {name:12} {entry['median_ms']:9.2f} ms [{low:.2f}, {high:.2f}]{extra}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--shape", type=parse_shape, default={})
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engines", nargs="+", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--attune", default=os.path.join(ROOT, "build", "bin", "attune"))
    parser.add_argument("--library", default=os.path.join(ROOT, "build", "libattune.so"))
    parser.add_argument("--record", help="write the JSON record here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as options.scratch:
        rows = []
        for path in options.models:
            for threads in options.threads:
                rows.append(measure(path, options.shape, threads, options))
                show(rows[-1])
    if options.record:
        with open(options.record, "w") as file:
            json.dump({"machine": machine(), "rounds": options.rounds, "rows": rows}, file, indent=1)
            file.write("\n")


if __name__ == "__main__":
    main()
