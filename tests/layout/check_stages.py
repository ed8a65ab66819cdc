#!/usr/bin/env python3
"""Fails when compiler/README.md shows other stages than the compiler runs.

Enters: attune-compile, whose `stages` command prints "name | enters | leaves" per
line, and the first table of the README. Leaves: exit code 0, or 1 with both
tables. A stage is also a folder: of compiler/, frontends/ or dialects/.
"""

import pathlib
import subprocess
import sys


def readme_rows(text):
    """The cells of the first table, without its head and rule."""
    rows = []
    for line in text.splitlines():
        if line.startswith("|"):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
        elif rows:
            break
    return rows[2:]


def complaints(printed, readme, has_folder):
    """What does not agree; `has_folder` says whether a stage name is a folder."""
    wanted = [[cell.strip() for cell in line.split("|")] for line in printed.splitlines()]
    found = readme_rows(readme)
    if not wanted:
        yield "the compiler names no stage"
    if [row[:3] for row in found] != wanted:
        yield "compiler/README.md has\n  {}\nbut the compiler runs\n  {}".format(
            "\n  ".join(map(str, found)), "\n  ".join(map(str, wanted))
        )
    for name, *_ in wanted:
        if not has_folder(name):
            yield f"stage {name} has no folder of its name"


def main():
    program, root = sys.argv[1], pathlib.Path(sys.argv[2])
    printed = subprocess.run(
        [program, "stages"], check=True, capture_output=True, text=True
    ).stdout
    readme = (root / "compiler" / "README.md").read_text(encoding="utf-8")

    def has_folder(name):
        parts = ("compiler", "frontends", "dialects")
        return any((root / part / name).is_dir() for part in parts)

    lines = list(complaints(printed, readme, has_folder))
    print("\n".join(lines) or f"{len(printed.splitlines())} stages agree")
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
