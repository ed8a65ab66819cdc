#!/usr/bin/env python3
"""Every exported form of the test models as kernels of half precision and tf32.

Enters: the programs and a folder of materialised models. Leaves: one line per model, exit
code 1 when any of these does not hold of tf32, f16 and bf16 on a GPU:
- the function's inputs and outputs have the types that the model has;
- every dot reads the narrow type, or f32 as tf32, and sums in f32, every reduction is of f32;
- each attention kernel goes down to the LLVM dialect of CUDA.

    check_precision.py --bin build/bin --models build/tests/models 'bert_*'
"""
import argparse
import fnmatch
import os
import re
import subprocess
import sys

TARGET = "sm_80"


class Failure(Exception):
    """A model is not what it should be."""


def call(arguments, text=None):
    done = subprocess.run(arguments, input=text, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise Failure(f"{' '.join(arguments)}: exit code {done.returncode}\n"
                      f"{done.stderr[-2000:]}")
    return done.stdout


def signature(module):
    """The types of @main, without the names of values and shapes."""
    head = re.search(r"func\.func @main\(.*", module).group(0)
    return re.findall(r"x(f\d+|bf16|i\d+)[,>]", head)


def kernels_of(module, family):
    """The kernels of a family as a module of their own."""
    kernels = re.findall(rf"^  tile\.kernel {family} @.*?^  }}$", module, re.M | re.S)
    names = [line for line in module.splitlines() if line.startswith("#")]
    return len(kernels), "\n".join(names + kernels)


def check_types(kernels, narrow):
    dots = re.findall(r"tile\.dot .*", kernels)
    flag, element = (" tf32", "f32") if narrow == "tf32" else ("", narrow)
    for dot in dots:
        if not re.search(rf"{flag} : tensor<\S+x{element}>, tensor<\S+x{element}> -> "
                         r"tensor<\S+xf32>$", dot):
            raise Failure(f"a dot that does not sum {narrow} in f32: {dot}")
    for reduction in re.findall(r"tile\.(?:reduce|softmax_step) .*", kernels):
        if narrow in reduction:
            raise Failure(f"a reduction of {narrow}: {reduction}")
    return len(dots)


def check(opt, detected, narrow):
    kernels = call([opt, f"--fusion=precision={narrow}", f"--kernels=target={TARGET}"], detected)
    if signature(kernels) != signature(detected):
        raise Failure(f"inputs or outputs have changed: {signature(kernels)}")
    dots = check_types(kernels, narrow)
    attentions, module = kernels_of(kernels, "attention")
    wanted = detected.count("nn.attention ")
    if bool(attentions) != bool(wanted):
        raise Failure(f"{attentions} attention kernels of {wanted} attentions")
    lowered = call([opt, "--cuda-to-llvm"], module)
    if lowered.count("llvm.func") != attentions:
        raise Failure("a kernel was lost on the way to CUDA")
    return f"{narrow}: {dots} dots, {attentions} kernels of attention"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bin", required=True, help="folder of attune-compile and attune-opt")
    parser.add_argument("--models", required=True)
    parser.add_argument("patterns", nargs="*", default=["*"])
    options = parser.parse_args()
    models = [name for name in sorted(os.listdir(options.models))
              if any(fnmatch.fnmatch(name, pattern + ".onnx") for pattern in options.patterns)]
    failed = not models
    for name in models:
        try:
            detected = call([os.path.join(options.bin, "attune-compile"), "compile",
                             os.path.join(options.models, name), "--emit", "detect",
                             "-o", "-"])
            print(name, *(check(os.path.join(options.bin, "attune-opt"), detected, narrow)
                          for narrow in ("tf32", "f16", "bf16")), flush=True)
        except Failure as failure:
            print(f"{name}: FAILED: {failure}", flush=True)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
