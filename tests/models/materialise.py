#!/usr/bin/env python3
"""Turns weight-free skeletons into ordinary ONNX models with seeded weights.

Enters: skeletons made by strip.py. Leaves: .onnx files, the same bytes on every
machine, with everything embedded. Needs onnx and numpy only.

The draws use integer arithmetic on a counter-based generator, because NumPy
promises stable bits for its raw generators but not for its distributions.
"""
import argparse
import os
import sys

import numpy as np
import onnx
from onnx import numpy_helper


def draw_normal(seed, count):
    """`count` float64 values with mean 0 and variance 1, bell-shaped.

    The sum of four uniform 16-bit numbers: exact in integers and close enough
    to a normal distribution within +-3.4 (weights have outliers besides).
    """
    raw = np.random.Philox(key=seed).random_raw(count).astype(np.uint64)
    total = np.zeros(count, dtype=np.int64)
    for shift in (0, 16, 32, 48):
        total += ((raw >> np.uint64(shift)) & np.uint64(0xFFFF)).astype(np.int64)
    centred = 2 * total - 4 * 0xFFFF
    return centred / (2 * 65536 * np.sqrt(4 / 12))


def follow_recipe(recipe, dims, dtype):
    """The values of one tensor. `recipe` is its external_data as a dict."""
    count = int(np.prod(dims))
    noise = draw_normal(int(recipe["seed"]), count)
    values = float(recipe["mean"]) + float(recipe["std"]) * noise
    for item in filter(None, recipe.get("outliers", "").split(",")):
        index, value = item.split(":")
        values[int(index)] = float(value)
    return values.astype(dtype).reshape(dims)


def draw(model):
    """Every tensor of `model` that has a recipe, and its values, one after the other."""
    for tensor in model.graph.initializer:
        if tensor.data_location != onnx.TensorProto.EXTERNAL:
            continue
        recipe = {entry.key: entry.value for entry in tensor.external_data}
        if recipe.get("location") != "recipe":
            raise SystemExit(f"{tensor.name}: external data, but no recipe")
        dtype = onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)
        yield tensor, follow_recipe(recipe, list(tensor.dims), dtype)


def fill(model):
    """Replaces every recipe in `model` by its values, in place."""
    for tensor, values in draw(model):
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def materialise(skeleton, folder):
    """Writes the full model of `skeleton` into `folder` and returns its path."""
    model = onnx.load(skeleton, load_external_data=False)
    fill(model)
    os.makedirs(folder, exist_ok=True)
    target = os.path.join(folder, os.path.basename(skeleton))
    data = model.SerializeToString(deterministic=True)
    if not os.path.exists(target) or open(target, "rb").read() != data:
        with open(target + ".part", "wb") as file:
            file.write(data)
        os.replace(target + ".part", target)
    return target


def skeletons(folder=os.path.join(os.path.dirname(os.path.abspath(__file__)), "skeletons")):
    """The committed skeletons, sorted by name."""
    return [os.path.join(folder, n) for n in sorted(os.listdir(folder)) if n.endswith(".onnx")]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("skeletons", nargs="*", help="default: all committed ones")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    for path in args.skeletons or skeletons():
        print(materialise(path, args.out))
    return 0


if __name__ == "__main__":
    sys.exit(main())
