#!/usr/bin/env python3
"""Steps of training: attune beside PyTorch, in turn, in one process.

    tests/bench/training.py gpt --threads 1,2 --record records/train_gpt.json

Trains the models of examples/models: forward, backward, clipping and AdamW of one batch.
Each round gives every engine a turn of a few steps, so that a machine whose clock drifts
slows all of them alike; what counts is the ratio. PyTorch runs eagerly and by
torch.compile, with the fused AdamW. With --activation-memory 0.5 attune takes part a second
time, compiled so; what both need between launches is in the record. Needs a Python with numpy and torch
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

from attune_api import Session
from machine import machine

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
# Sizes of examples/models, the batch, and what a step of them is called.
MODELS = {
    "gpt": dict(sizes=dict(vocab=65, context=64, width=128, heads=4, depth=4), batch=12),
    "vit": dict(sizes=dict(size=28, channels=1, patch=4, classes=10, width=64, heads=4, depth=4,
                           mlp_ratio=2), batch=128),
}


def golden():
    """The models as tests/dsl has them in PyTorch."""
    sys.path.insert(0, os.path.join(ROOT, "tests/dsl"))
    import make_golden
    return make_golden


def make_batch(name, sizes, batch):
    rng = np.random.default_rng(0)
    if name == "gpt":
        shape = (batch, sizes["context"])
        return {"tokens": rng.integers(0, sizes["vocab"], shape),
                "targets": rng.integers(0, sizes["vocab"], shape)}
    return {"image": rng.random((batch, 1, sizes["size"], sizes["size"]), np.float32),
            "label": rng.integers(0, sizes["classes"], batch)}


def attune_session(name, sizes, data, threads, options, *more):
    package = os.path.join(options.scratch, "-".join([name, *more]) + ".attune")
    if not os.path.exists(package):
        settings = [f"--set={key}={value}" for key, value in sizes.items()]
        # PyTorch's rival has no stochastic depth and no average.
        if name == "vit":
            settings.append("--set=path_rate=0")
        subprocess.run([options.attune, "compile",
                        os.path.join(ROOT, "examples/models", name + ".attn"), "-o", package,
                        "--quiet", *settings, *more], check=True)
    session = Session(options.library, package, threads, entry="step")
    scalars = {"seed": np.int64(1), "step": np.int64(1), "first": np.int64(0),
               "lr": np.float32(1e-3)}
    session.set_inputs({**data, **{key: np.asarray(value) for key, value in scalars.items()}})
    return session


def torch_engine(name, sizes, data, threads, compiled):
    import torch
    torch.set_num_threads(threads)
    models = golden()
    model = {"gpt": models.GPT, "vit": models.ViT}[name](**sizes)
    inputs = [torch.from_numpy(value) for value in data.values()]
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.1, fused=True)

    def loss_of(x, labels):
        logits = model(x)
        return torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]),
                                                 labels.reshape(-1))

    forward = torch.compile(loss_of) if compiled else loss_of

    def step():
        torch.set_num_threads(threads)
        optimizer.zero_grad(set_to_none=True)
        forward(*inputs).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return step


def measure(engines, rounds, steps):
    times = {name: [] for name in engines}
    for run in engines.values():
        run()
    for _ in range(rounds):
        for name, run in engines.items():
            run()  # the cores are its own from here on
            start = time.perf_counter()
            for _ in range(steps):
                run()
            times[name].append((time.perf_counter() - start) / steps * 1e3)
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", choices=sorted(MODELS))
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=3, help="of a turn")
    parser.add_argument("--no-torch", action="store_true", help="leave PyTorch out")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--activation-memory", metavar="SHARE",
                        help="attune also with this share of the activations")
    parser.add_argument("--attune", default=os.path.join(ROOT, "build/bin/attune"))
    parser.add_argument("--library", default=os.path.join(ROOT, "build/libattune.so"))
    parser.add_argument("--record")
    options = parser.parse_args()
    facts = MODELS[options.model]
    data = make_batch(options.model, facts["sizes"], facts["batch"])
    record = {"model": options.model, "sizes": facts["sizes"], "batch": facts["batch"],
              "machine": machine(), "results": []}
    with tempfile.TemporaryDirectory() as options.scratch:
        for threads in map(int, options.threads.split(",")):
            sessions = {"attune": attune_session(options.model, facts["sizes"], data, threads,
                                                 options)}
            if options.activation_memory:
                sessions[f"activations {options.activation_memory}"] = attune_session(
                    options.model, facts["sizes"], data, threads, options,
                    "--activation-memory=" + options.activation_memory)
            engines = {key: session.run for key, session in sessions.items()}
            if not options.no_torch:
                engines["eager"] = torch_engine(options.model, facts["sizes"], data, threads,
                                                False)
                if not options.no_compile:
                    engines["compile"] = torch_engine(options.model, facts["sizes"], data,
                                                      threads, True)
            times = measure(engines, options.rounds, options.steps)
            result = {"threads": threads,
                      "arena_bytes": {key: session.cost().arena_bytes
                                      for key, session in sessions.items()}}
            print(f"{options.model}, bytes between launches: {result['arena_bytes']}")
            for name, values in times.items():
                result[name] = {"median_ms": statistics.median(values), "least_ms": min(values),
                                "most_ms": max(values)}
                ratios = [other / own for other, own in zip(values, times["attune"])]
                result[name]["ratio_to_attune"] = statistics.median(ratios)
                print(f"{options.model}, {threads} threads, {name}: "
                      f"{statistics.median(values):.1f} ms, {statistics.median(ratios):.2f} of attune's")
            record["results"].append(result)
    if options.record:
        if not options.no_torch:
            import torch
            record["torch"] = torch.__version__
        with open(options.record, "w", encoding="utf8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
