"""What is learned: the data as arrays, and how attune is told of it.

Enters: files of Debian's packages dataset-fashion-mnist and bible-kjv. Leaves: a Task for
each name of TASKS.
"""
import dataclasses
import gzip
import math
import os
import subprocess
import typing

import numpy as np


@dataclasses.dataclass
class Task:
    model: str  # of examples/models
    settings: dict  # --set
    data: str  # for --data
    options: list  # of attune train, but for the steps and the seed
    batch: int
    steps: int
    schedule: dict  # rate, least, warmup; a cosine
    evaluate_every: int
    windowed: bool
    # Of a part ("training", "validation") and indices: the model's inputs, and labels.
    rows: typing.Callable
    sizes: dict  # samples by part
    loss: dict = dataclasses.field(default_factory=dict)  # of torch's cross_entropy
    optimizer: dict = dataclasses.field(default_factory=dict)  # as tests/dsl/training.py has it
    most_batches: int = 0  # of a validation on the way; the last one takes all


def idx(path):
    with gzip.open(path) as file:
        data = file.read()
    rank = data[3]
    dims = np.frombuffer(data, ">u4", rank, 4)
    return np.frombuffer(data, np.uint8, offset=4 + 4 * rank).reshape(dims)


def vit(options, folder):
    parts = {}
    for part, stem in (("training", "train"), ("validation", "t10k")):
        images = idx(os.path.join(options.pictures, f"{stem}-images-idx3-ubyte.gz"))
        labels = idx(os.path.join(options.pictures, f"{stem}-labels-idx1-ubyte.gz"))
        parts[part] = images, labels.astype(np.int64)

    def rows(part, indices):
        images, labels = parts[part]
        return (images[indices][:, None].astype(np.float32) / np.float32(255),), labels[indices]

    epoch = math.ceil(60000 / 128)
    return Task(
        model="vit", data=options.pictures, batch=128, steps=3 * epoch, windowed=False,
        # PyTorch's rival has no stochastic depth and no average.
        settings=dict(size=28, channels=1, patch=4, classes=10, width=64, heads=4, depth=4,
                      mlp_ratio=2, path_rate=0),
        options=[], schedule=dict(rate=1e-3, least=0.0, warmup=100), evaluate_every=epoch,
        rows=rows, sizes={part: len(labels) for part, (_, labels) in parts.items()},
        loss=dict(label_smoothing=0.1), optimizer=dict(weight_decay=0.05, clip=1.0))


def gpt(options, folder):
    text = os.path.join(folder, "bible.txt")
    with open(text, "wb") as file:
        subprocess.run([options.bible, "-f", "gen1:1-rev22:21"], stdout=file, check=True)
    with open(text, encoding="utf8", newline="") as file:
        characters = file.read()
    alphabet = sorted(set(characters))
    numbers = {character: number for number, character in enumerate(alphabet)}
    tokens = np.array([numbers[character] for character in characters], np.int64)
    cut = int(len(tokens) * (1 - 0.1))
    parts = {"training": tokens[:cut], "validation": tokens[cut:]}
    length = 64

    def rows(part, indices):
        windows = np.stack([parts[part][i:i + length + 1] for i in indices])
        return (windows[:, :-1],), windows[:, 1:]

    return Task(
        model="gpt", data=text, batch=12, steps=2000, windowed=True,
        settings=dict(vocab=len(alphabet), context=length, width=128, heads=4, depth=4),
        options=["--shape", f"T={length}", "--validation", "0.1"],
        schedule=dict(rate=1e-3, least=1e-4, warmup=100), evaluate_every=500, most_batches=50,
        rows=rows, sizes={part: len(tokens) - length for part, tokens in parts.items()},
        optimizer=dict(betas=(0.9, 0.99), weight_decay=0.1, clip=1.0))


def copy(options, folder):
    """Ten symbols after one that begins the target: 0 is padding, 1 begins, 2 to 11 are copied."""
    length, count = 10, 80000
    rng = np.random.default_rng(1)
    source = rng.integers(2, 12, (count, length))
    target = np.concatenate([np.ones((count, 1), np.int64), source[:, :-1]], 1)
    path = os.path.join(folder, "copy.npz")
    np.savez(path, source=source, target=target, labels=source)
    kept = int(count * (1 - 0.01))
    first = {"training": 0, "validation": kept}

    def rows(part, indices):
        where = np.asarray(indices) + first[part]
        return (source[where], target[where]), source[where]

    return Task(
        model="encoder_decoder", data=path, batch=80, steps=1000, windowed=False,
        settings=dict(vocab=12, width=64, heads=4, depth=2, hidden=256, rate=0, smoothing=0),
        options=["--shape", f"S={length},T={length}", "--validation", "0.01"],
        schedule=dict(rate=2e-3, least=0.0, warmup=100), evaluate_every=200,
        rows=rows, sizes={"training": kept, "validation": count - kept},
        loss=dict(ignore_index=0), optimizer=dict(betas=(0.9, 0.98), eps=1e-9))


TASKS = {"vit": vit, "gpt": gpt, "copy": copy}
