#!/usr/bin/env python3
"""Packages without the weights that a skeleton's recipes can draw again.

A package of GPT-2 has 400 MB, nearly all of it random numbers that materialise.py draws
from seeds. A thin package has zeros there and says which weight of the model goes where, in
which type, whether transposed, and among whose columns: some hundred kilobytes that travel
well. What cannot be drawn again stays. `fill` gives back the very bytes of the package, which
its checksums prove.

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
import materialise  # noqa: E402

PLAN, WEIGHTS = 2, 4  # kinds of section (runtime/include/attune/format.h)
SMALLEST = 4096  # bytes of a weight worth drawing again
MOST_BESIDE = 16  # how many times as wide a matrix may be among whose columns one stands


def to_bf16(values):
    """Bits of the nearest bf16, ties to even."""
    bits = values.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


FORMS = {"f32": lambda v: v, "f16": lambda v: v.astype(np.float16), "bf16": to_bf16}


def bytes_of(values, form, transposed):
    return FORMS[form](np.ascontiguousarray(values.T if transposed else values)).tobytes()


def draw(skeleton):
    """Name and values of every weight with a recipe, one after the other."""
    for tensor, values in materialise.draw(onnx.load(skeleton, load_external_data=False)):
        yield tensor.name, values


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


class Place:
    """Rows of bytes in a package: a whole weight, or some columns of a wider one."""

    def __init__(self, offset, rows, width, stride):
        self.offset, self.rows, self.width, self.stride = offset, rows, width, stride

    def view(self, package):
        return np.lib.stride_tricks.as_strided(package[self.offset:], (self.rows, self.width),
                                               (self.stride, 1))


class Thinner:
    """Takes weights out of a package, one after the other."""

    def __init__(self, package):
        self.original = np.frombuffer(package, np.uint8)
        self.package = self.original.copy()
        self.weights = {place for place in weight_places(package) if place[1] >= SMALLEST}
        self.whole = {}  # by what is in them
        for offset, size in self.weights:
            digest = hashlib.sha1(self.original[offset:offset + size]).digest()
            self.whole.setdefault(digest, []).append((offset, size))
        self.fillings = []

    def take(self, name, values):
        if values.min() == values.max():
            return  # what is constant needs no room, and is found in too many places
        for form in FORMS:
            for transposed in ((False, True) if values.ndim == 2 else (False,)):
                data = as_rows(values, form, transposed)
                for place in list(self.find(data)):
                    place.view(self.package)[:] = 0
                    self.fillings.append([name, form, transposed, *vars(place).values()])

    def find(self, data):
        rows, width = data.shape
        known = self.whole.pop(hashlib.sha1(data.tobytes()).digest(), ())
        for offset, _ in known:
            yield Place(offset, rows, width, width)
        for offset, size in () if known else self.weights:
            if not data.size < size <= MOST_BESIDE * data.size or size % rows:
                continue
            wide = self.original[offset:offset + size].reshape(rows, -1)
            at = wide[0].tobytes().find(data[0].tobytes())
            if at >= 0 and np.array_equal(wide[:, at:at + width], data):
                yield Place(offset + at, rows, width, size // rows)


def as_rows(values, form, transposed):
    """The bytes of a weight, row by row; a vector is one row."""
    rows = values.shape[transposed] if values.ndim == 2 else 1
    return np.frombuffer(bytes_of(values, form, transposed), np.uint8).reshape(rows, -1)


def thin(package, skeleton):
    """The package with zeros, and what to fill in."""
    thinner = Thinner(package)
    for name, values in draw(skeleton):
        thinner.take(name, values)
    return thinner.package.tobytes(), thinner.fillings


def write_thin(package, skeleton, target):
    data, fillings = thin(pathlib.Path(package).read_bytes(), skeleton)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("package", data)
        archive.writestr("fillings", json.dumps(fillings))


def fill(source, weights, target):
    """Writes the package of `source` to `target`; `weights` by name, as drawn."""
    with zipfile.ZipFile(source) as archive:
        package = np.frombuffer(archive.read("package"), np.uint8).copy()
        fillings = json.loads(archive.read("fillings"))
    for name, form, transposed, *place in fillings:
        Place(*place).view(package)[:] = as_rows(weights[name], form, transposed)
    pathlib.Path(target).write_bytes(package.tobytes())


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
