#!/usr/bin/env python3
"""Fails when the tree breaks one of its own rules (tests/layout/rules.py).

Enters: the root of the tree, by default the repository. Leaves: exit code 0,
or 1 with one line per violation. Needs Python alone.
"""

import pathlib
import sys

import rules
import tree


def main(arguments):
    root = arguments[1] if len(arguments) > 1 else pathlib.Path(__file__).parents[2]
    sources = tree.Tree(root)
    complaints = [line for rule in rules.RULES for line in rule(sources)]
    for line in complaints:
        print(line)
    if complaints:
        print(f"{len(complaints)} violations in {len(sources.files)} files")
        return 1
    print(f"{len(sources.files)} files keep {len(rules.RULES)} rules")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
