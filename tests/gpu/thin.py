#!/usr/bin/env python3
"""Packages without the weights that a skeleton's recipes can draw again.

A package of GPT-2 has 400 MB, nearly all of it random numbers that materialise.py draws
from seeds. A thin package has zeros there and says which weight of the model goes where, in
which type and whether transposed: some hundred kilobytes that travel well. What cannot be
drawn again stays. `fill` gives back the very bytes of the package, which its checksums prove.

usage: thin.py PACKAGE SKELETON -o THIN.zip
"""
import argparse
import hashlib
import json
import pathlib
import struct
import sys
import zipfile

import numpy as np
import onnx

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "models"))
from materialise import follow_recipe  # noqa: E402

PLAN, WEIGHTS = 2, 4  # kinds of section (runtime/include/attune/format.h)
SMALLEST = 4096  # bytes of a weight worth drawing again


def to_bf16(values):
    """Bits of the nearest bf16, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


FORMS = {"f32": lambda v: v, "f16": lambda v: v.astype(np.float16), "bf16": to_bf16}


def bytes_of(values, form, transposed):
    return FORMS[form](np.ascontiguousarray(values.T if transposed else values)).tobytes()


def draw(skeleton):
    """Name and values of every weight with a recipe, one after the other."""
    for tensor in onnx.load(skeleton, load_external_data=False).graph.initializer:
        recipe = {entry.key: entry.value for entry in tensor.external_data}
        if recipe.get("location") == "recipe":
            yield tensor.name, follow_recipe(recipe, list(tensor.dims), np.float32)


def sections(package):
    """Kind, offset and bytes of each section."""
    table, count = struct.unpack_from("<QI", package, 24)
    for i in range(count):
        kind, _, _, offset, size = struct.unpack_from("<IIQQQ", package, table + 64 * i)
        yield kind, offset, size


def weight_places(package):
    """(offset in the file, bytes) of every weight of every plan."""
    parts = list(sections(package))
    places = set()
    for kind, offset, size in parts:
        if kind != PLAN:
            continue
        plan = json.loads(package[offset:offset + size])
        for buffer in plan["buffers"]:
            if buffer["kind"] == "weight" and parts[buffer["section"]][0] == WEIGHTS:
                operation, bytes_ = plan["exprs"][buffer["bytes"]]
                assert operation == "const"
                places.add((parts[buffer["section"]][1] + buffer["offset"], bytes_))
    return places


def thin(package, skeleton):
    """The package with zeros, and what to fill in."""
    package = bytearray(package)
    unknown = {}
    for offset, size in weight_places(package):
        if size >= SMALLEST:
            digest = hashlib.sha1(package[offset:offset + size]).digest()
            unknown.setdefault(digest, []).append((offset, size))
    fillings = []
    for name, values in draw(skeleton):
        for form in FORMS:
            for transposed in ((False, True) if values.ndim == 2 else (False,)):
                digest = hashlib.sha1(bytes_of(values, form, transposed)).digest()
                for offset, size in unknown.pop(digest, ()):
                    package[offset:offset + size] = bytes(size)
                    fillings.append([name, form, transposed, offset])
    return bytes(package), fillings


def write_thin(package, skeleton, target):
    data, fillings = thin(pathlib.Path(package).read_bytes(), skeleton)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package", data)
        archive.writestr("fillings", json.dumps(fillings))


def fill(source, weights, target):
    """Writes the package of `source` to `target`; `weights` by name, as drawn."""
    with zipfile.ZipFile(source) as archive:
        package = bytearray(archive.read("package"))
        fillings = json.loads(archive.read("fillings"))
    for name, form, transposed, offset in fillings:
        data = bytes_of(weights[name], form, transposed)
        package[offset:offset + len(data)] = data
    pathlib.Path(target).write_bytes(package)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("package")
    parser.add_argument("skeleton")
    parser.add_argument("-o", required=True, dest="target")
    args = parser.parse_args()
    write_thin(args.package, args.skeleton, args.target)
    print(f"{args.target}: {pathlib.Path(args.target).stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
