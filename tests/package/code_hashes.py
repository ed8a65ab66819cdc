#!/usr/bin/env python3
"""Compares the CPU code that two compilers make: equal code sections, or which differ.

usage: code_hashes.py BEFORE AFTER MODEL.onnx... [--record FILE.json]

BEFORE and AFTER are attune-compile programs. Each model is compiled for all code versions, and
the code sections of both packages are hashed (SHA-256). By hand, where a change is meant to
leave the CPU alone. Exit code 1 where something differs.
"""

import argparse
import hashlib
import json
import pathlib
import struct
import subprocess
import sys
import tempfile

VERSIONS = ("x86-64-v2", "x86-64-v3", "x86-64-v4")
# runtime/include/attune/format.h: the table's place in the header, an entry, the kind of code.
TABLE = struct.Struct("<24xQI")
ENTRY = struct.Struct("<IIQQQ16x16s")
CODE = 3


def code_sections(package):
    data = package.read_bytes()
    place, count = TABLE.unpack_from(data)
    for index in range(count):
        kind, _, _, offset, size, name = ENTRY.unpack_from(data, place + index * ENTRY.size)
        if kind == CODE:
            yield name.rstrip(b"\0").decode(), hashlib.sha256(data[offset:offset + size]).hexdigest()


def hashes(compiler, model):
    with tempfile.TemporaryDirectory() as folder:
        package = pathlib.Path(folder) / "model.attune"
        targets = [word for version in VERSIONS for word in ("--target", "cpu:" + version)]
        subprocess.run([compiler, "compile", model, "-o", package, "--quiet", *targets], check=True)
        return dict(code_sections(package))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before")
    parser.add_argument("after")
    parser.add_argument("models", nargs="+")
    parser.add_argument("--record")
    options = parser.parse_args()
    record, differ = {}, []
    for model in options.models:
        name = pathlib.Path(model).stem
        before, after = (hashes(c, model) for c in (options.before, options.after))
        record[name] = {version: {"before": before[version], "after": after[version]}
                        for version in VERSIONS}
        differ += [f"{name} {version}" for version in VERSIONS if before[version] != after[version]]
        print(name, "differs" if before != after else "equal", flush=True)
    if options.record:
        pathlib.Path(options.record).write_text(json.dumps(record, indent=1) + "\n")
    if differ:
        sys.exit("other code: " + ", ".join(differ))


if __name__ == "__main__":
    main()
