"""Calls the attune command line as a user would.

Enters: the path of the `attune` program. Leaves: packages, output tensors and
the parsed JSON of `explain`. A failed call raises Failure with the program's own
words; a crash and a hang are told apart from a refusal.
"""
import json
import os
import subprocess
import tempfile

import numpy as np


class Failure(Exception):
    """A call did not do what it should."""


def run_checks(checks, passed):
    """Calls them all; the number that failed. `passed` is what they say that held."""
    failures = 0
    for check in checks:
        try:
            check()
        except (Failure, OSError) as failure:
            failures += 1
            print(f"FAILED {check.__name__}: {failure}")
    for line in passed:
        print("ok", line)
    return failures


class Attune:
    def __init__(self, program, timeout=300):
        self.program = os.path.abspath(program)
        self.timeout = timeout
        if not os.access(self.program, os.X_OK):
            raise SystemExit(f"{self.program}: no such program; build it first")

    def call(self, *arguments):
        """Runs the program and returns its standard output."""
        shown = " ".join(["attune", *map(str, arguments)])
        try:
            done = subprocess.run([self.program, *map(str, arguments)], timeout=self.timeout,
                                  capture_output=True, text=True)
        except subprocess.TimeoutExpired:
            raise Failure(f"{shown}: still running after {self.timeout} s") from None
        if done.returncode:
            raise Failure(f"{shown}: exit code {done.returncode}\n"
                          f"{done.stderr[-2000:] or done.stdout[-2000:]}")
        return done.stdout

    def compile(self, model, package, *options):
        self.call("compile", model, "-o", package, *options)
        return package

    def explain(self, model, *options):
        return json.loads(self.call("explain", model, "--json", *options))

    def run(self, package, inputs, *options):
        """Outputs by name, read back from the .npy files that `run` writes."""
        with tempfile.TemporaryDirectory() as folder:
            arguments = ["run", package]
            for name, value in inputs.items():
                path = os.path.join(folder, f"in-{len(arguments)}.npy")
                np.save(path, value)
                arguments += ["--input", f"{name}={path}"]
            out = os.path.join(folder, "out")
            self.call(*arguments, "--output-dir", out, *options)
            return {os.path.splitext(name)[0]: np.load(os.path.join(out, name))
                    for name in sorted(os.listdir(out))}
