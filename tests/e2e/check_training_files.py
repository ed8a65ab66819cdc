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

import numpy as np

from attune import run_checks
from check_training import (TEXT, Training, read_bytes, read_progress, read_safetensors,
                            write_safetensors)


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

    def takes_arrays_as_they_are(self):
        """Packed, and with the integers of tokenizers."""
        plain, packed, random = self.path("plain.npz"), self.path("packed.npz"), \
            np.random.default_rng(5)
        ids = random.integers(0, 10, (32, 17))
        np.savez(plain, tokens=ids[:, :-1], targets=ids[:, 1:])
        np.savez_compressed(packed, tokens=ids[:, :-1].astype(np.int32),
                            targets=ids[:, 1:].astype(np.uint8))
        common = ["--batch", 8, "--shape", "T=16", "--steps", 3]
        one, two = (self.train_on(data, self.package, name, *common)
                    for data, name in ((plain, "plain"), (packed, "packed")))
        self.expect(one[1] == two[1], "packed and narrower arrays are the same data")
        del common[2:4]
        found = self.train_on(plain, self.package, "sizes", *common)
        self.expect(found[1] == one[1], "sizes are those of the arrays")
        found = self.refusal(self.package, "--data", plain, "--shape", "B=8", "--shape", "T=9")
        self.expect('"tokens": expected i64 [9] for each sample' in found,
                    f"other ones are an error: {found.strip()}")
        logits = [self.attune.run(self.package, {"tokens": ids[:, 1:].astype(dtype)})["logits"]
                  for dtype in (np.int64, np.int32, np.int8)]
        self.expect(all(np.array_equal(logits[0], other) for other in logits[1:]),
                    "and the same inputs")

    def takes_half_weights(self):
        package = self.path("plain.attune")
        weights, _ = self.train(package, "weights", steps=1)
        halves = {name: value.astype(np.float16) for name, value in weights.items()
                  if not name.endswith((".m", ".v"))}
        half, wide = self.path("half.safetensors"), self.path("wide.safetensors")
        write_safetensors(half, halves, "F16")
        write_safetensors(wide, {name: value.astype(np.float32)
                                 for name, value in halves.items()})
        tokens = {"tokens": np.arange(12).reshape(1, 12) % 11}
        one, two = (self.attune.run(package, tokens, "--state", state)["logits"]
                    for state in (half, wide))
        self.expect(np.array_equal(one, two), "weights of f16 run in f32")
        one, two = (self.train(package, "begun", "--init", state, steps=2)[1]
                    for state in (half, wide))
        self.expect(one == two, "and are trained on")

    def says_what_is_broken(self):
        checkpoint, broken = self.path("whole.safetensors"), self.path("broken.safetensors")
        self.train(self.package, "whole", steps=3)
        with open(broken, "wb") as file:  # the last tensor is a second moment or a weight
            file.write(read_bytes(checkpoint)[:-4] + np.float32(np.nan).tobytes())
        words = "has values that are no finite numbers; begin with an earlier checkpoint"
        found = self.refusal(self.package, "--data", self.text, "--shape", "T=16", "--resume",
                             broken)
        self.expect(words in found and broken in found, f"not resumed: {found.strip()}")
        weights = {name: value.copy() for name, value in read_safetensors(checkpoint).items()}
        weights["ln_f.weight"][1] = np.inf
        write_safetensors(broken, weights)
        found = self.refusal(self.package, "--data", self.text, "--shape", "T=16", "--init",
                             broken)
        self.expect(f'{broken}: "ln_f.weight" {words}' in found, f"nor begun: {found.strip()}")
        done = self.program("run", self.package, "--fill", "zeros", "--shape", "B=1,T=3",
                            "--state", broken)
        self.expect(done.returncode == 1 and words in done.stderr, "nor run")

    def notices_a_full_disk(self):
        saved = self.path("full.safetensors")
        done = self.program("train", self.package, "--data", self.text, "--shape", "T=16",
                            "--steps", 50, "--log", "/dev/full", "--save", saved, "--quiet")
        self.expect(done.returncode == 1 and "/dev/full: cannot write what is said of step 1: "
                    "No space left" in done.stderr and read_progress(saved)["step"] == 1,
                    f"a log that fails ends the training, which is saved: {done.stderr.strip()}")

    def says_that_nothing_is_asked(self):
        done, package = self.path("done.safetensors"), self.path("finished.attune")
        self.train(self.package, "done", steps=4)
        for steps in 3, 4:
            found = self.program("train", self.package, "--data", self.text, "--shape", "T=16",
                                 "--batch", 8, "--steps", steps, "--lr", "1e-2", "--warmup", 5,
                                 "--resume", done, "-o", package, "--quiet")
            self.expect(found.returncode == 0 and os.path.exists(package)
                        and f"already at step 4; --steps {steps} asks for no more"
                        in found.stderr, f"said: {found.stderr.strip()}")
            os.remove(package)

    def says_what_it_takes(self):
        data, tokens = self.path("ignored.npz"), np.ones((20, 16), np.int64)
        targets = np.full((20, 16), -100)
        np.savez(data, tokens=tokens, targets=targets)
        found = self.refusal(self.package, "--data", data)
        self.expect('"targets": all labels are ignored ones' in found, f"refused: {found.strip()}")
        targets[:2] = 1
        np.savez(data, tokens=tokens, targets=targets)
        done = self.program("train", self.package, "--data", data, "--batch", 1, "--steps", 18)
        self.expect(done.returncode == 0 and done.stderr.count("are ignored ones") == 1,
                    "a step without labels that count is said, once")
        self.expect(f"{data}: 18 samples train, 2 validate (--validation)" in done.stderr,
                    "and what is kept back")
        found = self.refusal(self.package, "--data", self.text, "--shape", "T=16", "--batch",
                             "2147483647")
        self.expect('input "tokens" of 2147483647 samples: takes 274877906816 bytes of memory'
                    in found, f"memory is named: {found.strip()}")
        done = self.program("train", self.package, "--data", data, "--steps", 3, "--warmup", 4,
                            "--quiet")
        self.expect("--warmup 4: the training ends at step 3" in done.stderr,
                    f"a warm-up that does not end is said: {done.stderr.strip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = Files(options.attune, folder)
        checks = (files.writes_from_checkpoints, files.takes_arrays_as_they_are,
                  files.takes_half_weights, files.says_what_is_broken,
                  files.notices_a_full_disk, files.says_that_nothing_is_asked,
                  files.says_what_it_takes)
        return 1 if run_checks(checks, files.passed) else 0


if __name__ == "__main__":
    sys.exit(main())
