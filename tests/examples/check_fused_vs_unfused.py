#!/usr/bin/env python3
"""Runs examples/fused_vs_unfused on short lengths and checks what it leaves.

Enters: attune and the source tree. Leaves: exit code 0 when both reports hold
each length with sane numbers, fused and unfused agree, and the figure is
well-formed with one line per side and panel. Times are not judged.
"""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import xml.etree.ElementTree

LENGTHS = (32, 96)


def check_report(path):
    points = json.loads(path.read_text())["points"]
    assert [point["shape"]["seq"] for point in points] == list(LENGTHS), points
    for point in points:
        assert 0 <= point["max_rel_diff"] < 1e-4, point
        for side in ("fused", "unfused"):
            assert point[side]["median_ms"] > 0 and point[side]["peak_bytes"] > 0, point


def check_figure(path):
    root = xml.etree.ElementTree.parse(path).getroot()
    space = "{http://www.w3.org/2000/svg}"
    lines = list(root.iter(space + "polyline"))
    assert len(lines) == 8, f"{len(lines)} lines"  # 2 models, 2 panels, 2 sides
    for line in lines:
        assert len(line.get("points").split()) == len(LENGTHS)
        assert "nan" not in line.get("points")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("attune", "source", "work"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    program = arguments.source / "examples" / "fused_vs_unfused" / "run"
    lengths = ":".join(map(str, LENGTHS))
    environment = os.environ | {"ATTUNE": str(arguments.attune), "PYTHON": sys.executable}
    subprocess.run([program, arguments.work, lengths, "2"], check=True, env=environment)
    for kind in ("bidirectional", "causal"):
        check_report(arguments.work / f"{kind}.json")
    check_figure(arguments.work / "fused_vs_unfused.svg")
    print("both reports and the figure are sound")


if __name__ == "__main__":
    main()
