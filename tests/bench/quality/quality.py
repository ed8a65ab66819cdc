#!/usr/bin/env python3
"""How well `attune train` learns, beside PyTorch.

    tests/bench/quality/quality.py vit --seeds 1,2,3 --record records/quality-vit.json

Both begin with the weights that attune draws, and see the same samples in the same order;
that the first losses agree shows it. Tasks: vit (Fashion-MNIST), gpt (characters of the King
James Bible), copy (an encoder-decoder copies ten symbols; judged by greedy decoding). Needs a
Python with numpy, safetensors and torch (tests/requirements-export.txt), and Debian's packages
dataset-fashion-mnist and bible-kjv.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "../../..")
sys.path.insert(0, os.path.join(HERE, ".."))
from attune_api import Session  # noqa: E402
from machine import machine  # noqa: E402
import rival  # noqa: E402
from tasks import TASKS  # noqa: E402


def call(options, *arguments):
    subprocess.run([options.attune, *map(str, arguments)], check=True)


def train(options, task, package, seed, *more):
    call(options, "train", package, "--data", task.data, "--batch", task.batch, "--seed", seed,
         "--threads", options.threads, "--quiet", *task.options, *more)


def first_weights(options, task, package, seed, path):
    """A step of no length changes no parameter."""
    train(options, task, package, seed, "--steps", 1, "--lr", 0, "--eval-batches", 1,
          "--save", path)


def attune_learns(options, task, package, seed, folder):
    log, trained = (os.path.join(folder, name) for name in ("run.jsonl", "trained.attune"))
    rate, least, warmup = (task.schedule[key] for key in ("rate", "least", "warmup"))
    train(options, task, package, seed, "--steps", task.steps, "--lr", rate, "--min-lr", least,
          "--warmup", warmup, "--schedule", "cosine", "--eval-every", task.evaluate_every,
          "--log", log, "-o", trained)
    with open(log, encoding="utf8") as file:
        lines = [json.loads(line) for line in file]
    keys = ("step", "validation_loss", "accuracy")
    evaluations = [{key: line[key] for key in keys} for line in lines if "validation_loss" in line]
    return trained, [line["loss"] for line in lines if "loss" in line], evaluations


def copied(logits_of, count=500, length=10):
    """The share of new sequences that greedy decoding copies without a mistake."""
    source = np.random.default_rng(12345).integers(2, 12, (count, length))
    target = np.ones((count, 1), np.int64)
    for _ in range(length):
        target = np.concatenate([target, logits_of(source, target)[:, -1:].argmax(-1)], 1)
    return float((target[:, 1:] == source).all(1).mean())


def attune_logits(options, package):
    session = Session(options.library, package, options.threads)

    def logits_of(source, target):
        session.set_inputs({"source": source, "target": target})
        session.run()
        return session.outputs()["logits"]
    return logits_of


def tell(name, seed):
    def line(evaluation):
        print(f"seed {seed}, {name}: " + ", ".join(
            f"{key} {value:.5g}" for key, value in evaluation.items()), flush=True)
    return line


def compare(options, task, package, seed, folder):
    weights = os.path.join(folder, "first.safetensors")
    first_weights(options, task, package, seed, weights)
    trained, losses, evaluations = attune_learns(options, task, package, seed, folder)
    for evaluation in evaluations:
        tell("attune", seed)(evaluation)
    model, rival_losses, rival_evaluations = rival.learn(task, weights, seed,
                                                         tell("PyTorch", seed))
    result = {"seed": seed, "attune": evaluations, "torch": rival_evaluations,
              "first_loss_difference": abs(losses[0] - rival_losses[0]),
              "tenth_loss_difference": abs(losses[9] - rival_losses[9])}
    print(f"seed {seed}, difference of the first losses {result['first_loss_difference']:.2g}, "
          f"of the tenth {result['tenth_loss_difference']:.2g}", flush=True)
    if options.task == "copy":
        result["copied"] = {"attune": copied(attune_logits(options, trained)),
                            "torch": copied(lambda *inputs: rival.logits_of(model, *inputs))}
        print(f"seed {seed}, copied exactly: {result['copied']}", flush=True)
    return result


def medians(results):
    """Of the seeds, by evaluation."""
    return [{"step": entries[0]["step"],
             **{key: statistics.median(entry[key] for entry in entries)
                for key in ("validation_loss", "accuracy")}}
            for entries in zip(*results)]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=sorted(TASKS))
    parser.add_argument("--seeds", default="1,2,3")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--attune", default=os.path.join(ROOT, "build/bin/attune"))
    parser.add_argument("--library", default=os.path.join(ROOT, "build/libattune.so"))
    parser.add_argument("--pictures", default="/usr/share/datasets/fashion-mnist")
    parser.add_argument("--bible", default=shutil.which("bible") or "/usr/games/bible")
    parser.add_argument("--record")
    options = parser.parse_args()
    rival.set_threads(options.threads)
    with tempfile.TemporaryDirectory() as folder:
        task = TASKS[options.task](options, folder)
        package = os.path.join(folder, "model.attune")
        call(options, "compile", os.path.join(ROOT, "examples/models", task.model + ".attn"),
             "-o", package, "--quiet",
             *[f"--set={key}={value}" for key, value in task.settings.items()])
        results = [compare(options, task, package, seed, folder)
                   for seed in map(int, options.seeds.split(","))]
    record = {"task": options.task, "settings": task.settings, "batch": task.batch,
              "steps": task.steps, "schedule": {"kind": "cosine", **task.schedule},
              "threads": options.threads, "machine": machine(), "torch": rival.VERSION,
              "median": {name: medians([result[name] for result in results])
                         for name in ("attune", "torch")},
              "results": results}
    for name, values in record["median"].items():
        for value in values:
            tell(name, "median")(value)
    if options.record:
        with open(options.record, "w", encoding="utf8") as file:
            json.dump(record, file, indent=1)
            file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
