#!/usr/bin/env python3
"""Fused attention needs memory in proportion to the length, unfused to its square.

Judges the peak that `describe` prints before anything runs, on one causal block of
12 heads: 2048 -> 8192 may grow by 4.4x at most, and the arena holds at most 1.2x the
tensors alive at its widest point plus packed keys and values, both counted here from
the model's sizes. And a step of training with half of the activations needs at most
0.55x the arena of one that keeps them all, with fewer of them no more than that.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile

from attune import Attune, Failure

HEADS, HEAD_SIZE = 12, 64
WIDTH = HEADS * HEAD_SIZE
FLOAT = 4
# Of examples/models: sizes, and the batch.
TRAINED = {
    "gpt": (dict(vocab=65, context=64, width=128, heads=4, depth=4), "B=12,T=64"),
    "vit": (dict(size=28, channels=1, patch=4, classes=10, width=64, heads=4, depth=4,
                 mlp_ratio=2), "B=128"),
}
EXAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "examples")


def describe(attune, package, shape, *options):
    return json.loads(attune.call("describe", package, "--shape", shape, "--json", *options))


def widest(length):
    """Bytes alive while attention runs: Q, K, V, its result and, for the residual,
    nothing of the arena (x is the caller's); and one worker's packed K and V."""
    tensors = 4 * length * WIDTH * FLOAT
    packed = 2 * length * HEAD_SIZE * FLOAT
    return tensors + packed


def check_growth(attune, model, folder, mode, limit):
    package = attune.compile(model, os.path.join(folder, mode + ".attune"), "--attention", mode)
    short, long = (describe(attune, package, f"seq={n}")["arena_bytes"] for n in (2048, 8192))
    print(f"{mode}: {short / 1e6:.1f} MB at 2048, {long / 1e6:.1f} MB at 8192, {long / short:.2f}x")
    if not limit(long / short):
        raise Failure(f"{mode} memory grows by {long / short:.2f}x from 2048 to 8192")
    return long


def step_bytes(attune, name, folder, *options):
    sizes, shape = TRAINED[name]
    package = attune.compile(os.path.join(EXAMPLES, "models", name + ".attn"),
                             os.path.join(folder, name + ".attune"),
                             *(f"--set={key}={value}" for key, value in sizes.items()), *options)
    return describe(attune, package, shape, "--entry", "step", "--threads", "1")["arena_bytes"]


def check_activations(attune, name, folder):
    kept = step_bytes(attune, name, folder)
    half = step_bytes(attune, name, folder, "--activation-memory=0.5")
    print(f"{name}: a step in {kept / 1e6:.1f} MB, with half of the activations in "
          f"{half / 1e6:.1f} MB, {half / kept:.3f}x")
    if half > 0.55 * kept:
        raise Failure(f"{name}: half of the activations leave {half / kept:.3f}x the arena")
    least = step_bytes(attune, name, folder, "--activation-memory=0.01")
    print(f"{name}: with as few as can be {least / 1e6:.1f} MB, {least / kept:.3f}x")
    if least > half:
        raise Failure(f"{name}: a hundredth of the activations needs more than half of them")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    attune = Attune(parser.parse_args().attune)
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "causal.onnx")
        subprocess.run([sys.executable, os.path.join(EXAMPLES, "fused_vs_unfused", "make_block.py"),
                        "--heads", str(HEADS), "--head-size", str(HEAD_SIZE), "--causal", model],
                       check=True)
        fused = check_growth(attune, model, folder, "fused", lambda growth: growth <= 4.4)
        check_growth(attune, model, folder, "unfused", lambda growth: growth > 10)
        bound = widest(8192)
        print(f"fused at 8192: {fused / 1e6:.1f} MB, alive and packed {bound / 1e6:.1f} MB, "
              f"{fused / bound:.2f}x")
        if fused > 1.2 * bound:
            raise Failure(f"fused memory is {fused / bound:.2f}x what is alive and packed")
        for name in TRAINED:
            check_activations(attune, name, folder)


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"FAILED: {failure}")
