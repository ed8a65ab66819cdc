#!/usr/bin/env python3
"""Packages and explanations for CUDA, on machines with and without the toolkit.

Enters: the built programs and filled models. Leaves: a failure for each promise that does
not hold. Nothing here needs a GPU. What needs ptxas is skipped, with a message, where there
is none; that there is none is played by an empty ATTUNE_PTXAS, PATH and CUDA_HOME.
"""
import argparse
import glob
import html
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile

import numpy as np

from check_interface import Page, block

CAPABILITIES = ["sm_80", "sm_90a"]
TAKES = {"registers", "spilled_bytes", "blocks_per_multiprocessor", "occupancy"}


def ptxas():
    """As the compiler looks for it."""
    home = os.path.join(os.environ.get("CUDA_HOME", "/nowhere"), "bin", "ptxas")
    for path in (os.environ.get("ATTUNE_PTXAS"), home, shutil.which("ptxas"),
                 "/usr/local/cuda/bin/ptxas"):
        if path is not None and (not path or os.access(path, os.X_OK)):
            return path or None
    return None


def without_toolkit():
    environment = {**os.environ, "ATTUNE_PTXAS": "", "PATH": "/nowhere"}
    environment.pop("CUDA_HOME", None)
    return environment


class Cuda:
    def __init__(self, attune, model, folder):
        self.attune, self.model, self.folder, self.passed = attune, model, folder, []

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *arguments, environment=None):
        return subprocess.run([self.attune, *arguments], capture_output=True, text=True,
                              timeout=600, env=environment)

    def run(self, *arguments, environment=None):
        done = self.call(*arguments, environment=environment)
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stderr}")
        return done.stdout

    def judge(self, what, *problems):
        problems = [problem for problem in problems if problem]
        print(f"{'FAILED' if problems else 'ok    '} {what}")
        for problem in problems:
            print(f"       {problem}")
        self.passed.append(not problems)

    def refused(self, what, *arguments, words, environment=None):
        """One line, exit code 1."""
        done = self.call(*arguments, environment=environment)
        self.judge(what, done.returncode != 1 and f"exit code {done.returncode}",
                   done.stderr.count("\n") != 1 and done.stderr,
                   *[word not in done.stderr and f"no '{word}' in {done.stderr}" for word in words])

    def versions(self, package):
        described = json.loads(self.run("describe", package, "--json"))
        return {version["name"]: version["supported"] for version in described["code_versions"]}

    def check_packages_without_toolkit(self):
        bare, tiny = without_toolkit(), self.path("tiny.onnx")
        with open(tiny, "wb") as file:
            file.write(block().SerializeToString())
        package = self.path("ptx.attune")
        self.run("compile", tiny, "-o", package, "--target", "cuda", environment=bare)
        versions = self.versions(package)
        self.judge("without a toolkit: PTX alone", versions != {"sm_80 ptx": False} and str(versions))
        with open(package, "rb") as file:
            text = file.read()
        self.judge("the PTX is in the package", b".target sm_80" not in text and "no .target sm_80",
                   b".extern .func" in text and "it imports a function")
        self.refused("binaries without a toolkit", "compile", tiny, "-o", self.path("none.attune"),
                     "--target", "cuda:sm_90a", environment=bare,
                     words=["--target cuda:sm_90a needs ptxas", "ATTUNE_PTXAS", "--target cuda"])
        self.judge("nothing is left of it", os.path.exists(self.path("none.attune")) and "a file")
        self.refused("a ptxas that is not there", "compile", tiny, "-o", self.path("none.attune"),
                     "--target", "cuda", environment={**os.environ, "ATTUNE_PTXAS": "/nowhere/ptxas"},
                     words=["/nowhere/ptxas"])
        self.refused("a package for CUDA alone, without a GPU", "run", package,
                     "--output-dir", self.path("out"), words=["CUDA devices only", "--target cpu"])
        both = self.path("both.attune")
        self.run("compile", tiny, "-o", both, "--target", "cuda", "--target", "cpu",
                 environment=bare)
        versions = self.versions(both)
        self.judge("both targets in one package", "sm_80 ptx" not in versions and str(versions),
                   True not in versions.values() and "none for this processor")
        self.check_runs(both, tiny)

    def check_runs(self, package, model):
        """The CPU's part of a package for both computes what a package for the CPU does."""
        alone, x = self.path("cpu.attune"), self.path("x.npy")
        self.run("compile", model, "-o", alone)
        np.save(x, np.random.default_rng(1).standard_normal((2, 5, 8)).astype(np.float32))
        results = []
        for name in (package, alone):
            out = self.path("out-" + os.path.basename(name))
            self.run("run", name, "--input", "x=" + x, "--output-dir", out)
            results.append(np.load(os.path.join(out, "y.npy")))
        self.judge("it runs on the CPU", not np.array_equal(*results) and "other numbers")

    def kernels(self, environment=None):
        ledger = json.loads(self.run("explain", self.model, "--target", "cuda", "--json",
                                     environment=environment))
        self.judge("the ledger stays as it is", "items" not in ledger["attention"] and str(ledger))
        return ledger["kernels"]

    def check_kernels(self, kernels, known):
        problems = []
        for kernel in kernels:
            if set(kernel["capabilities"]) != set(CAPABILITIES):
                problems.append(f"capabilities of {kernel}")
            for takes in kernel["capabilities"].values():
                if set(takes) != TAKES or any((v is None) == known for v in takes.values()):
                    problems.append(f"{kernel['name']}: {takes}")
                elif known and not (16 <= takes["registers"] <= 255 and 0 < takes["occupancy"] <= 1):
                    problems.append(f"{kernel['name']}: {takes}")
            if not kernel["launches"] or not kernel["threads"] or kernel["items_per_block"] < 1:
                problems.append(f"{kernel}")
        families = {kernel["family"] for kernel in kernels}
        if not {"attention", "contraction", "row"} <= families:
            problems.append(f"families {families}")
        self.judge("kernels" + ("" if known else " without ptxas"), *problems)

    def check_names(self, kernels):
        """Launches carry the model's names: each attention's is one of the ledger."""
        ledger = json.loads(self.run("explain", self.model, "--json"))
        self.judge("no kernels without a CUDA target", "kernels" in ledger and "there are")
        found = [item["name"] for item in ledger["attention"]["items"]]
        fused = [name for kernel in kernels if kernel["family"] == "attention"
                 for name in kernel["launches"]]
        self.judge("launches have names of the model",
                   len(fused) != ledger["attention"]["fused"] and f"{fused} of {found}",
                   *[not name and "an empty name" for name in fused])

    def check_explain(self):
        bare = without_toolkit()
        kernels = self.kernels(bare)
        self.check_kernels(kernels, known=False)
        self.check_names(kernels)
        page = self.path("page.html")
        text = self.run("explain", self.model, "--target", "cuda", "--html", page, environment=bare)
        with open(page, encoding="utf-8") as file:
            shown = file.read()
        problems = Page(shown).problems
        for where, words in (("table", text), ("page", html.unescape(re.sub("<[^>]*>", "", shown)))):
            problems += [f"the {where} lacks '{word}'" for word in
                         ("needs ptxas", "attention", "contraction", *CAPABILITIES, "items/block")
                         if word not in words]
        self.judge("text and page without ptxas", *problems)

    def check_with_toolkit(self):
        if not ptxas():
            print("skipped what needs ptxas: there is none")
            return
        kernels = self.kernels()
        self.check_kernels(kernels, known=True)
        text = self.run("explain", self.model, "--target", "cuda:sm_90a")
        self.judge("text with ptxas", not re.search(r"\d+ registers, .*\d+ blocks \(\d+ %\)", text)
                   and text, "sm_80" in text and "sm_80, which was not asked for")
        package = self.path("cubins.attune")
        self.run("compile", self.path("tiny.onnx"), "-o", package, "--target", "cuda:sm_80,sm_90a")
        versions = self.versions(package)
        self.judge("binaries with ptxas", list(versions) != ["sm_80 ptx", *CAPABILITIES]
                   and str(versions))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    parser.add_argument("--models", required=True)
    parser.add_argument("model", help="glob of the model to explain")
    options = parser.parse_args()
    [model] = glob.glob(os.path.join(options.models, options.model))
    with tempfile.TemporaryDirectory() as folder:
        cuda = Cuda(os.path.abspath(options.attune), model, folder)
        cuda.check_packages_without_toolkit()
        cuda.check_explain()
        cuda.check_with_toolkit()
    sys.exit(0 if all(cuda.passed) else 1)


if __name__ == "__main__":
    main()
