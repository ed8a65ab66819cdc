#!/usr/bin/env python3
"""Runs examples/minilm_embed on a small model and checks what it prints.

Enters: the program, attune, a small BERT with token ids below 100. Leaves: exit
code 0 when the cosines are those that ONNX Runtime gives for the token ids in
CASES, which are written by hand and so test the tokeniser too.
"""

import argparse
import pathlib
import subprocess
import sys

import numpy as np
import onnxruntime

# Line number = id. Ids below 10 are the special ones and the punctuation.
VOCAB = """[PAD] [UNK] [CLS] [SEP] . , ! - $ '
a cat sleep ##s kitten nap ##ping the cafe stock ##market fell play ##ing un ##want ##ed
ik 世 界 ᄒ ##ᅡ ##ᆫ""".split()
CLS, SEP, UNK = VOCAB.index("[CLS]"), VOCAB.index("[SEP]"), VOCAB.index("[UNK]")

# A text and its pieces.
CASES = (
    ("A cat sleeps.", "a cat sleep ##s ."),
    ("the KITTEN, napping!", "the kitten , nap ##ping !"),
    ("Un-wanted café", "un - [UNK] cafe"),
    ("unwanted  cafe\u0301\t", "un ##want ##ed cafe"),
    ("世界 한", "世 界 ᄒ ##ᅡ ##ᆫ"),
    ("$'zebra", "$ ' [UNK]"),
    ("stockmarket \u200bfell\u00a0fell", "stock ##market fell fell"),
    ("", ""),
    ("a " * 300, "a " * 254),
)


def reference(model):
    """Cosines between the CASES, by ONNX Runtime."""
    rows = [[CLS] + [VOCAB.index(piece) for piece in pieces.split()] + [SEP] for _, pieces in CASES]
    length = max(map(len, rows))
    ids = np.array([row + [0] * (length - len(row)) for row in rows], np.int64)
    mask = np.array([[1] * len(row) + [0] * (length - len(row)) for row in rows], np.int64)
    session = onnxruntime.InferenceSession(str(model))
    values = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
    (vectors,) = session.run(["sentence_embedding"], values)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors @ vectors.T


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True)


def expect(condition, what, result):
    if not condition:
        sys.exit(f"{what}: exit code {result.returncode}\n{result.stdout}\n{result.stderr}")


def cosines(printed):
    """The table: the last lines, each a row number and the values."""
    rows = [line.split()[1:] for line in printed.rstrip().splitlines()[-len(CASES):]]
    return np.array(rows, float)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("attune", "program", "model", "work"):
        parser.add_argument("--" + name, type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    package, vocab = arguments.work / "minilm.attune", arguments.work / "vocab.txt"
    vocab.write_text("\n".join(VOCAB) + "\n", encoding="utf-8")
    result = run(arguments.attune, "compile", arguments.model, "-o", package)
    expect(result.returncode == 0, "compile", result)

    wanted = reference(arguments.model)
    for threads in ("1", "2"):
        result = run(arguments.program, "--threads", threads, package, vocab, *(t for t, _ in CASES))
        expect(result.returncode == 0, "minilm_embed", result)
        found = cosines(result.stdout)
        worst = np.abs(found - wanted).max()
        expect(worst < 6e-4, f"cosines are off by {worst:.1e}; wanted\n{wanted.round(3)}", result)

    result = run(arguments.program, arguments.work / "none.attune", vocab, "a")
    expect(result.returncode == 1 and "none.attune" in result.stderr, "missing package", result)
    result = run(arguments.program, package, arguments.work / "none.txt", "a")
    expect(result.returncode == 1 and "none.txt" in result.stderr, "missing vocabulary", result)
    result = run(arguments.program)
    expect(result.returncode == 2 and "usage" in result.stderr, "no arguments", result)
    print(f"{len(CASES)} sentences agree with ONNX Runtime")


if __name__ == "__main__":
    main()
