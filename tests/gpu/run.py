#!/usr/bin/env python3
"""Checks and times attune's kernels on the GPU at hand, beside its rivals.

usage: run.py KERNELS --record FILE.json [--only sweeps|contractions|attention]

KERNELS is a folder that emit_kernels has filled, here or on another machine. Exit code 1
where a kernel is wrong.
"""

import argparse
import json
import pathlib
import sys
import time

import torch

import attention
import contractions
import sweeps

PARTS = {"sweeps": sweeps.run, "contractions": contractions.run, "attention": attention.run}


def machine():
    properties = torch.cuda.get_device_properties(0)
    return {"gpu": properties.name, "torch": torch.__version__, "cuda": torch.version.cuda,
            "multiprocessors": properties.multi_processor_count}


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kernels")
    parser.add_argument("--record", required=True)
    parser.add_argument("--only", choices=PARTS)
    options = parser.parse_args()
    torch.manual_seed(0)
    record = {"machine": machine(), "date": time.strftime("%Y-%m-%d")}
    for name, part in PARTS.items():
        if options.only in (None, name):
            record[name] = part(options.kernels)
    pathlib.Path(options.record).write_text(json.dumps(record, indent=1) + "\n")
    wrong = [r["kernel"] for part in PARTS for r in record.get(part, []) if not r["ok"]]
    if wrong:
        sys.exit("wrong: " + ", ".join(wrong))


if __name__ == "__main__":
    main()
