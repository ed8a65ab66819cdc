#!/usr/bin/env python3
"""Turns an exported ONNX model into a weight-free skeleton that can be committed.

Enters: a .onnx file with its weights. Leaves: a .onnx file in which every weight
keeps name, dims and type, but whose payload is replaced by a recipe that
materialise.py follows. The recipe sits in the tensor's external_data with the
location "recipe": a plain ONNX reader then reports a missing file instead of
reading garbage.

Only weights are replaced. Masks, position ids and other buffers steer the
computation, so they keep their values; a large one is an error rather than a
guess. Stack traces and source paths of the exporting machine are dropped.
"""
import argparse
import os
import sys
import zlib

import numpy as np
import onnx
from onnx import numpy_helper

KEEP_ELEMENTS = 32  # scalars, shapes and tiny tables stay as they are
KEEP_BYTES = 8192  # buffers up to here stay, larger ones need thought
METADATA = "pkg.torch.onnx.name_scopes"  # a sample of what real files carry


def is_weight(values):
    """A weight is a float tensor with many different values; a buffer is not."""
    return values.dtype.kind == "f" and len(np.unique(values)) > values.size // 4


def make_recipe(name, values, salt):
    """Describes `values` by seed, mean, spread and its few outliers."""
    flat = values.astype(np.float64).ravel()
    centre = np.median(flat)
    spread = 1.4826 * np.median(np.abs(flat - centre))
    far = np.flatnonzero(np.abs(flat - centre) > 8 * spread)
    near = np.delete(flat, far)
    recipe = {
        "location": "recipe",
        "seed": str(zlib.crc32(f"{salt}/{name}".encode())),
        "mean": f"{near.mean():.4g}",
        "std": f"{near.std():.4g}",
    }
    if far.size:
        recipe["outliers"] = ",".join(f"{i}:{flat[i]:.4g}" for i in far[:16])
    return recipe


def strip_tensor(tensor, salt):
    if tensor.data_location == onnx.TensorProto.EXTERNAL:
        raise SystemExit(f"{tensor.name}: load external data before stripping")
    if int(np.prod(tensor.dims)) <= KEEP_ELEMENTS:
        return
    values = numpy_helper.to_array(tensor)
    if not is_weight(values):
        if values.nbytes > KEEP_BYTES:
            raise SystemExit(f"{tensor.name}: a buffer of {values.nbytes} bytes")
        return
    recipe = make_recipe(tensor.name, values, salt)
    for field in ("raw_data", "float_data", "double_data", "int32_data"):
        tensor.ClearField(field)
    tensor.data_location = onnx.TensorProto.EXTERNAL
    for key, value in recipe.items():
        tensor.external_data.add(key=key, value=value)


def drop_traces(message):
    """Removes what names the exporting machine or only serves its debugger.

    One kind of metadata stays, so that readers meet it.
    """
    if hasattr(message, "doc_string"):
        message.ClearField("doc_string")
    if hasattr(message, "metadata_props"):
        kept = [(p.key, p.value) for p in message.metadata_props if p.key == METADATA]
        message.ClearField("metadata_props")
        for key, value in kept:
            message.metadata_props.add(key=key, value=value)


def strip_model(model, salt):
    """Strips `model` in place. `salt` keeps the seeds of different models apart."""
    graph = model.graph
    for message in (model, graph, *graph.node, *graph.value_info, *graph.input,
                    *graph.output, *graph.initializer):
        drop_traces(message)
    for tensor in graph.initializer:
        strip_tensor(tensor, salt)


def strip_file(path, folder):
    """Writes the skeleton of `path` into `folder` and returns its path."""
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(path)
    model = onnx.load(path)
    strip_model(model, salt=name)
    target = os.path.join(folder, name)
    with open(target, "wb") as file:
        file.write(model.SerializeToString(deterministic=True))
    return target


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+")
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    for path in args.models:
        target = strip_file(path, args.out)
        print(f"{target}: {os.path.getsize(target)} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
