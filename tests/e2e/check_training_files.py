#!/usr/bin/env python3
"""What training reads and writes, from the command line.

Enters: the built programs. Leaves: a failure for each promise that does not hold: a
checkpoint says what its tokens mean; arrays are taken as people save them; what is
broken or asks for nothing is said.
"""
import argparse
import os
import sys
import tempfile

from attune import Failure
from check_training import TEXT, Training


class Files(Training):
    def writes_from_checkpoints(self):
        plain, trained = self.compile("plain", rate=0), self.path("trained.attune")
        self.train(plain, "words", "-o", trained, steps=3)
        state = ["--state", self.path("words.safetensors"), "--temperature", 0, "-n", 5]
        found = self.attune.call("generate", plain, *state, "--prompt", "to be")
        self.expect(found == self.attune.call("generate", trained, "--temperature", 0, "-n", 5,
                                              "--prompt", "to be"),
                    f"a checkpoint says what its tokens mean: {found!r}")
        found = self.attune.call("generate", plain, *state)
        self.expect(found[0] == sorted(TEXT)[0], f"and what begins: {found!r}")
        found = self.attune.call("generate", plain, "--temperature", 0, "-n", 3, "--prompt",
                                 "3 5 7").split(" ")
        self.expect(found[:3] == ["3", "5", "7"] and len(found) == 6,
                    f"numbers of tokens stand apart: {found}")

    checks = (writes_from_checkpoints,)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(options.attune, folder)
        failures = 0
        for check in Files.checks:
            try:
                check(files)
            except (Failure, OSError) as failure:
                failures += 1
                print(f"FAILED {check.__name__}: {failure}")
        for line in files.passed:
            print("ok", line)
        return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
