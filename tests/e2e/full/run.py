#!/usr/bin/env python3
"""Runs the full-size models in every exported form and records how far off they are.

Enters: the attune program and a folder of full-size exports (tests/models/export.py
--size full). Leaves: a JSON record, extended form by form, so that a long run can
be stopped and taken up again; exit code 1 when a form fails:

- `explain` recognises as many attentions as the model has, and no softmax is left
  beside them (none of these models has one of its own);
- one package serves every batch and length; each output is within 1e-4
  (max |a-b| / max |b|) of double precision and of ONNX Runtime;
- one and two threads give the same bits.

The double-precision reference is made once per model and shape, because all forms
of a model carry the same weights; it is kept in --references.

    run.py --attune build/bin/attune --models FULL --references REF \\
           --record tests/e2e/full/record.json 'bert_*'
"""
import argparse
import datetime
import fnmatch
import json
import os
import pathlib
import platform
import subprocess
import sys
import tempfile

import numpy as np
import onnx
import onnxruntime

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import inputs as cases  # noqa: E402
from attune import Attune, Failure  # noqa: E402
from check_models import TOLERANCE, check_bits, check_explain, compare  # noqa: E402
from reference import Reference  # noqa: E402

ATTENTIONS = dict(minilm=6, realminilm=6, bert=12, vit=12, timmvit=12, gpt2=12)
BATCHES = (1, 3)
LENGTHS = (1, 7, 64, 197, 512)
PRODUCT = ("CMakeLists.txt", "cmake", "compiler", "dialects", "frontends", "runtime")


def shapes_of(model_name, model):
    if not cases.is_text(model):
        return [(batch, None) for batch in BATCHES]
    lengths = LENGTHS + ((1024,) if model_name == "gpt2" else ())
    return [(batch, length) for length in lengths for batch in BATCHES]


class References:
    """Double-precision outputs per model and shape, kept as float32 files.

    Rounding them adds 6e-8 to errors that are judged against 1e-4.
    """

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.path_of_evaluator, self.evaluator = None, None

    def get(self, model_name, path, shape, inputs):
        file = self.folder / f"{model_name}_{shape[0]}_{shape[1] or 0}.npz"
        if not file.exists():
            if self.path_of_evaluator != path:
                self.path_of_evaluator, self.evaluator = path, Reference(str(path))
            outputs = self.evaluator.run(inputs)
            part = file.with_suffix(".part.npz")
            np.savez(part, **{name: value.astype(np.float32) for name, value in outputs.items()})
            part.rename(file)
        with np.load(file) as outputs:
            return dict(outputs)

    def release(self):
        self.path_of_evaluator, self.evaluator = None, None


# What the system counts as a child's peak holds the parent's at its birth too: a
# Python that holds nothing starts the compiler.
MEASURE = """
import json, resource, subprocess, sys, time
started = time.monotonic()
code = subprocess.run(sys.argv[1:], stdout=sys.stderr).returncode
seconds, usage = time.monotonic() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps(dict(code=code, wall=seconds, cpu=usage.ru_utime + usage.ru_stime,
                      peak=usage.ru_maxrss * 1024)))
"""


def compile_measured(attune, path, package, mode):
    """Compiles and returns seconds and peak bytes of the compiler.

    Wall and CPU seconds: beside other load only the second says how fast it is.
    """
    command = [attune.program, "compile", str(path), "-o", package, "--attention", mode]
    done = subprocess.run([sys.executable, "-S", "-c", MEASURE, *command],
                          capture_output=True, text=True, timeout=attune.timeout)
    measured = json.loads(done.stdout)
    if measured["code"]:
        raise Failure(f"compile: exit code {measured['code']}\n{done.stderr[-2000:]}")
    return dict(compile_s=round(measured["wall"], 2), compile_cpu_s=round(measured["cpu"], 2),
                compile_peak_bytes=measured["peak"])


def check_softmax(attune, path):
    """Raises when detection leaves a softmax of its own behind."""
    detected = attune.call("compile", str(path), "--emit", "detect")
    left = sum("nn.softmax" in line for line in detected.splitlines())
    if left or "nn.attention" not in detected:
        raise Failure(f"{left} nn.softmax left after detection")


def weight_bytes(path):
    data = pathlib.Path(f"{path}.data")
    return path.stat().st_size + (data.stat().st_size if data.exists() else 0)


def run_shape(attune, package, session, want, inputs):
    """One line of the record; raises Failure when an output is off."""
    got = attune.run(package, inputs, "--threads", "2")
    exact = compare("against double precision", got, want)
    names = [output.name for output in session.get_outputs()]
    rival = dict(zip(names, session.run(None, inputs)))
    runtime = compare("against ONNX Runtime", got, rival)
    check_bits("1 and 2 threads", got, attune.run(package, inputs, "--threads", "1"))
    return dict(double=float(f"{exact:.3g}"), onnxruntime=float(f"{runtime:.3g}"), same_bits=True)


def run_form(attune, path, references, mode):
    model_name = path.stem.split("_")[0]
    model = onnx.load(path, load_external_data=False)
    check_explain(attune, str(path), ATTENTIONS[model_name])
    check_softmax(attune, path)
    entry = dict(form=path.stem, attention=mode, **made_by(),
                 recognised=ATTENTIONS[model_name], model_bytes=weight_bytes(path), runs=[])
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    with tempfile.TemporaryDirectory() as folder:
        package = os.path.join(folder, "model.attune")
        entry.update(compile_measured(attune, path, package, mode))
        entry["package_bytes"] = os.path.getsize(package)
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        for shape in shapes_of(model_name, model):
            inputs = cases.make_inputs(model, *shape)
            want = references.get(model_name, path, shape, inputs)
            try:
                errors = run_shape(attune, package, session, want, inputs)
            except Failure as failure:
                raise Failure(f"batch {shape[0]}, length {shape[1]}: {failure}") from None
            entry["runs"].append(dict(batch=shape[0], length=shape[1], **errors))
    references.release()
    entry["worst"] = max(run["double"] for run in entry["runs"])
    return entry


def machine():
    """What the figures were made on."""
    info = pathlib.Path("/proc/cpuinfo").read_text()
    cpu = next((line.split(":")[1].strip() for line in info.splitlines()
                if line.startswith("model name")), platform.machine())
    isa = [name for name in ("avx2", "avx512f") if f" {name} " in info]
    return dict(cpu=cpu, isa=isa, onnxruntime=onnxruntime.__version__, tolerance=TOLERANCE)


def made_by():
    """The commit that the compiler was built from, if it was built from here, and the day."""
    def git(*arguments):
        return subprocess.run(["git", "-C", HERE.parents[2], *arguments], check=True,
                              capture_output=True, text=True).stdout.strip()
    commit = git("rev-parse", "--short=12", "HEAD")
    if git("status", "--porcelain", "--untracked-files=no", "--", *PRODUCT):
        commit += " and changes"
    return dict(commit=commit, date=datetime.date.today().isoformat())


def save(record, path):
    part = path.with_suffix(".part")
    record["forms"].sort(key=lambda entry: entry["form"])
    lines = ",\n".join("  " + json.dumps(entry) for entry in record["forms"])
    head = json.dumps(record["machine"])
    part.write_text('{"machine": ' + head + ',\n "forms": [\n' + lines + "\n]}\n")
    part.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*_*_*_*"])
    parser.add_argument("--attune", required=True)
    parser.add_argument("--models", required=True, type=pathlib.Path)
    parser.add_argument("--references", required=True)
    parser.add_argument("--record", required=True, type=pathlib.Path)
    parser.add_argument("--attention", default="auto", choices=("auto", "fused", "unfused"))
    parser.add_argument("--again", action="store_true", help="also forms that are recorded")
    args = parser.parse_args()
    attune, references = Attune(args.attune, timeout=1800), References(args.references)
    record = dict(forms=[])
    if args.record.exists():
        record = json.loads(args.record.read_text())
    record["machine"] = machine()
    failed = 0
    for path in sorted(args.models.glob("*.onnx")):
        if not any(fnmatch.fnmatch(path.stem, pattern) for pattern in args.patterns):
            continue
        known = [e for e in record["forms"]
                 if (e["form"], e["attention"]) == (path.stem, args.attention)]
        if known and not args.again:
            continue
        try:
            entry = run_form(attune, path, references, args.attention)
        except Failure as failure:
            failed += 1
            print(f"{path.stem:28s} FAILED: {failure}", flush=True)
            continue
        record["forms"] = [e for e in record["forms"] if e not in known] + [entry]
        save(record, args.record)
        print(f"{path.stem:28s} ok, worst {entry['worst']:.1e}, compiled in "
              f"{entry['compile_s']} s", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
