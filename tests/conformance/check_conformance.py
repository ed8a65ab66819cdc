#!/usr/bin/env python3
"""ONNX's own node tests: each passes or is refused in words; none is wrong or crashes.

Enters: the attune program; the cases come with the onnx package. Leaves: one line per
case that is neither passed nor refused, and a count. Exit code 1 if there is such a
case, or if one of `expected.txt` no longer passes.

    check_conformance.py --attune build/bin/attune               all cases
    check_conformance.py --attune build/bin/attune 'test_resize_*'
    check_conformance.py --attune build/bin/attune --update      adds what passes now
    check_conformance.py --attune build/bin/attune --report out.md
"""
import argparse
import collections
import concurrent.futures
import fnmatch
import os
import pathlib
import subprocess
import sys
import tempfile
import warnings

import numpy as np
import onnx
from onnx import numpy_helper

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = HERE / "expected.txt"
VERDICTS = ("passed", "refused", "wrong", "crashed", "hung")
TIMEOUT = 60


def load_cases(patterns):
    """The node cases by name. Making them draws from NumPy's global generator."""
    np.random.seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from onnx.backend.test.loader import load_model_tests
        cases = {case.name: case for case in load_model_tests(kind="node")}
    return {name: case for name, case in sorted(cases.items())
            if any(fnmatch.fnmatch(name, pattern) for pattern in patterns)}


def as_array(value):
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return np.asarray(value) if isinstance(value, np.generic) else value


def is_tensor(value):
    return isinstance(value, np.ndarray) and value.dtype.kind in "biufV"


class Verdict(Exception):
    """How a case ended, and why."""

    def __init__(self, verdict, why=""):
        super().__init__(why)
        self.verdict, self.why = verdict, why


def call(program, *arguments):
    """Runs attune; a refusal is exit code 1 and words on standard error."""
    try:
        done = subprocess.run([program, *arguments], capture_output=True, text=True,
                              timeout=TIMEOUT)
    except subprocess.TimeoutExpired:
        raise Verdict("hung", " ".join(arguments)) from None
    if done.returncode == 1 and "internal error" not in done.stderr:
        raise Verdict("refused", done.stderr.strip())
    if done.returncode:
        raise Verdict("crashed", f"exit code {done.returncode}: {done.stderr.strip()}")


def similar(got, want, case):
    """The official comparison: shape, type, rtol and atol of the case."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return f"{got.dtype}{list(got.shape)}, expected {want.dtype}{list(want.shape)}"
    try:
        np.testing.assert_allclose(got, want, rtol=case.rtol, atol=case.atol)
    except AssertionError as difference:
        return " ".join(str(difference).split())
    return ""


def with_constants(model, inputs, names):
    """The model with the inputs of these names as constants, and the inputs left."""
    bound = onnx.ModelProto.FromString(model.SerializeToString())
    bound.graph.initializer.extend(numpy_helper.from_array(inputs[name], name)
                                   for name in names)
    kept = [value for value in bound.graph.input if value.name not in names]
    del bound.graph.input[:]
    bound.graph.input.extend(kept)
    return bound, {name: value for name, value in inputs.items() if name not in names}


def attempts(model, inputs):
    """The model as it is, then with more and more inputs as constants.

    Node tests give shapes, axes and scales as inputs; a model has them as constants,
    and a compiler needs them before it runs.
    """
    integers = [name for name, value in inputs.items()
                if value.dtype.kind == "i" and value.ndim <= 1]
    for names in ([], integers, list(inputs)[1:]):
        yield with_constants(model, inputs, names)


def run_model(program, model, inputs, case, folder):
    """Compiles, runs and compares one model; raises the verdict."""
    path, package, out = (os.path.join(folder, name) for name in ("m.onnx", "m.attune", "out"))
    onnx.save(model, path)
    call(program, "compile", path, "-o", package)
    arguments = ["run", package, "--output-dir", out]
    for i, (name, value) in enumerate(inputs.items()):
        np.save(os.path.join(folder, f"{i}.npy"), value)
        arguments += ["--input", f"{name}={folder}/{i}.npy"]
    call(program, *arguments)
    wanted = case.data_sets[0][1]
    for value, want in zip(model.graph.output, map(as_array, wanted)):
        got = np.load(os.path.join(out, value.name + ".npy"))
        if difference := similar(got, want, case):
            raise Verdict("wrong", f"{value.name}: {difference}")
    raise Verdict("passed")


def judge(program, case):
    """(verdict, why) of one case."""
    inputs = dict(zip((value.name for value in case.model.graph.input),
                      map(as_array, case.data_sets[0][0])))
    if not all(map(is_tensor, inputs.values())):
        inputs = {}  # Sequences and strings are refused before they are needed.
    why = ""
    for model, left in attempts(case.model, inputs):
        try:
            with tempfile.TemporaryDirectory() as folder:
                run_model(program, model, left, case, folder)
        except Verdict as verdict:
            if verdict.verdict != "refused":
                return verdict.verdict, verdict.why
            why = why or verdict.why
        if "is not supported" in why:  # Constants would not change that.
            break
    return "refused", why


def report(results):
    """A table of operators, the most refused first, in Markdown."""
    tally, reasons = collections.defaultdict(collections.Counter), collections.Counter()
    for case, verdict, why in results:
        tally[case.model.graph.node[0].op_type][verdict] += 1
        if verdict == "refused":
            reasons[why.split(": ")[-1][:90]] += 1
    lines = ["| operator | " + " | ".join(VERDICTS) + " |", "|---" * 6 + "|"]
    for op, counts in sorted(tally.items(), key=lambda item: (-item[1]["refused"], item[0])):
        lines.append(f"| {op} | " + " | ".join(str(counts[v] or "") for v in VERDICTS) + " |")
    lines += ["", "| refused because | cases |", "|---|---|"]
    lines += [f"| {why} | {count} |" for why, count in reasons.most_common(60)]
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("patterns", nargs="*", default=["*"])
    parser.add_argument("--attune", required=True)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--update", action="store_true", help="add new passes to expected.txt")
    parser.add_argument("--report", help="write a table of operators here")
    parser.add_argument("--verbose", action="store_true", help="every case with its reason")
    args = parser.parse_args()
    cases = load_cases(args.patterns or ["*"])
    expected = set(EXPECTED.read_text().split()) if EXPECTED.exists() else set()
    program = os.path.abspath(args.attune)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        judged = pool.map(lambda case: judge(program, case), cases.values())
        results = [(case, *verdict) for case, verdict in zip(cases.values(), judged)]
    counts = collections.Counter(verdict for _, verdict, _ in results)
    passed = {case.name for case, verdict, _ in results if verdict == "passed"}
    bad = 0
    for case, verdict, why in results:
        lost = verdict == "refused" and case.name in expected
        bad += lost or verdict not in ("passed", "refused")
        if args.verbose or lost or verdict not in ("passed", "refused"):
            print(f"{case.name}: {'LOST, ' if lost else ''}{verdict} {why}")
    gained = sorted(passed - expected)
    if args.update:
        EXPECTED.write_text("\n".join(sorted(expected | passed)) + "\n")
    elif gained:
        print(f"{len(gained)} pass that are not in {EXPECTED.name}: {' '.join(gained[:8])} ...")
    if args.report:
        pathlib.Path(args.report).write_text(report(results))
    print(", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS))
    return 1 if bad or not results else 0


if __name__ == "__main__":
    sys.exit(main())
