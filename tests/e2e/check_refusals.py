#!/usr/bin/env python3
"""Broken models and broken command lines are refused in one line that says why.

A bad model exits with 1, a bad command line with 2; nothing is left at the output,
nothing crashes and nothing hangs. Every case names what its message must contain.
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT = TensorProto.FLOAT


def model_of(nodes, initializers=(), opset=17):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", FLOAT, None)], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)])


def save(model, path):
    with open(path, "wb") as file:
        file.write(model.SerializeToString())


def weights(name="w", shape=(4, 4)):
    return numpy_helper.from_array(np.ones(shape, np.float32), name)


def good():
    return model_of([helper.make_node("MatMul", ["x", "w"], ["y"], name="mul")], [weights()])


def truncated(path):
    data = good().SerializeToString()
    with open(path, "wb") as file:
        file.write(data[:len(data) // 2])


def cyclic(path):
    save(model_of([helper.make_node("Add", ["x", "b"], ["a"], name="first"),
                   helper.make_node("Add", ["a", "x"], ["b"], name="second"),
                   helper.make_node("Relu", ["a"], ["y"], name="third")]), path)


def oversized(path):
    model = good()
    del model.graph.initializer[0].dims[:]
    model.graph.initializer[0].dims.extend([2**40, 2**40])
    save(model, path)


def short_data(path):
    model = good()
    model.graph.initializer[0].raw_data = b"1234567"
    save(model, path)


def outside(path, location="../../../etc/passwd"):
    model = good()
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    save(model, path)


def absolute(path):
    outside(path, "/etc/passwd")


def unsupported(path):
    save(model_of([helper.make_node("NonZero", ["x"], ["a"], name="find"),
                   helper.make_node("Det", ["x"], ["b"], name="determine"),
                   helper.make_node("Relu", ["x"], ["y"])]), path)


def missing_input(path):
    save(model_of([helper.make_node("Add", ["x", "nowhere"], ["y"], name="lost")]), path)


def bad_axis(path):
    save(model_of([helper.make_node("Softmax", ["x"], ["y"], name="soft", axis=7)]), path)


def wrong_shapes(path):
    save(model_of([helper.make_node("MatMul", ["x", "w"], ["y"], name="mul")],
                  [weights(shape=(5, 4))]), path)


def half_product(path):
    """The CPU multiplies f32 only."""
    model = model_of([helper.make_node("Cast", ["x"], ["h"], to=TensorProto.FLOAT16),
                      helper.make_node("MatMul", ["h", "w"], ["p"], name="mul"),
                      helper.make_node("Cast", ["p"], ["y"], to=FLOAT)],
                     [numpy_helper.from_array(np.ones((4, 4), np.float16), "w")])
    save(model, path)


def control_characters(path):
    """A terminal obeys what it is sent: names come out escaped, on one line."""
    save(model_of([helper.make_node("MatMul", ["x", "w"], ["y"], name="a\nb\x1b[31m")],
                  [numpy_helper.from_array(np.ones((4, 4), np.int64), "w")]), path)


def no_model(path):
    with open(path, "wb") as file:
        file.write(b"not a model at all\n" * 10)


MODELS = [  # what makes it, what the error must contain
    (truncated, []),
    (cyclic, ["cycl"]),
    (oversized, ["w"]),
    (short_data, ["w", "7"]),
    (outside, ["w", "passwd"]),
    (absolute, ["w", "passwd"]),
    (unsupported, ["find", "NonZero", "determine", "Det"]),
    (missing_input, ["lost", "nowhere"]),
    (bad_axis, ["soft", "7"]),
    (wrong_shapes, ["mul"]),
    (half_product, ["mul", "f16", "not supported on the CPU"]),
    (control_characters, ["a", "b"]),
    (no_model, []),
]

ROWS = "tensor<?x4xf32, #nn.shape<[B, 4]>>"
RANGES = "attributes {nn.symbols = {B = #nn.range<min = 1, max = -1, divisor = 1>}}"


def function(argument=ROWS, result=ROWS, ranges=RANGES):
    return f"""func.func @main(%x: {argument}) -> {result} {ranges} {{
  %y = nn.elementwise relu %x : ({argument}) -> {result}
  return %y : {result}
}}"""


TEXTS = [  # of an .mlir file, what the error must contain
    (function(ranges=""), ["nn.symbols of @main", "'B'", "#nn.range<"]),
    (function(ROWS.replace("B", "2 * B"), ROWS.replace("B", "2 * B")),
     ["'B' of @main is no whole dim of any input"]),
    (function("tensor<?x4xf32>", "tensor<?x4xf32>"), ["tensor<?x4xf32>"]),
    ("func.func @main(%x: tensor<?x4xf32>) -> tensor<?x4xf32> { return %x : tensor<?x4xf32> }",
     ["@main", "tensor<?x4xf32>"]),
    (f"func.func private @main({ROWS})", ["@main has no body"]),
    ("", ["expected a function"]),
]

COMMANDS = [  # arguments after `attune`, exit code, what the error must contain
    (["compile"], 2, ["MODEL"]),
    (["compile", "{good}", "--attention", "sideways"], 2, ["sideways"]),
    (["compile", "{good}", "--shape", "n=8..2"], 2, ["n=8..2"]),
    (["compile", "{good}", "--target", "cpu:z80"], 1, ["z80"]),
    (["compile", "{good}", "--precision", "int8", "-o", "{out}"], 1, ["int8", "tf32"]),
    (["compile", "{good}", "--precision", "tf32", "-o", "{out}"], 1, ["tf32", "cuda alone"]),
    (["compile", "{good}", "--emit", "nonsense"], 2, ["nonsense"]),
    (["compile", "{folder}/none.onnx", "-o", "{out}"], 1, ["none.onnx"]),
    (["nonsense"], 2, ["nonsense"]),
    # An option that may be repeated takes one value: the model is not its second.
    (["compile", "--target", "cpu", "--shape", "n=2", "{good}", "-o", "{out}"], 0, []),
    (["compile", "{good}", "--shape", "m=4", "-o", "{out}"], 1, ["'m'", "'n'"]),
    (["compile", "{good}", "-o", "{folder}/none/m.attune"], 1, ["none"]),
    (["compile", "{good}", "-o", "{folder}"], 1, ["regular file"]),
    (["compile", "{good}", "-o", "/dev/full"], 1, ["/dev/full", "regular file"]),
    (["compile", "{good}", "-o", "{out}", "--dump-dir", "{good}/dump"], 1, ["dump"]),
    (["compile", "{good}", "--emit", "nn", "-o", "/dev/full"], 1, ["/dev/full", "space"]),
    (["explain", "{good}", "--html", "/dev/full"], 1, ["/dev/full", "space"]),
    (["compare", "{good}", "--shape", "n=2", "--report", "{folder}/p.svg"], 1, ["p.svg"]),
    (["bench", "{good}", "--shape", "n=2", "--seconds", "0.01", "--profile"], 0, []),
    (["bench", "{good}", "--shape", "n=2:3"], 2, ["n", "list"]),
    (["bench", "{good}"], 1, ['"n"', "--shape"]),
    (["diff", "{good}"], 1, ["'n'", "--shape"]),
    (["diff", "{good}", "--input", "x={folder}/x5.npy"], 1, ["x5.npy", "[n, 4]", "[3, 5]"]),
    (["diff", "{good}", "--input", "x={folder}/x4.npy", "--shape", "n=2"], 1, ["[2, 4]"]),
    (["diff", "{good}", "--input", "x={folder}/x4.npy"], 0, []),
    (["diff", "{good}", "--input", "z={folder}/x4.npy"], 1, ["'z'"]),
    (["diff", "{good}", "--input", "x={folder}/i4.npy"], 1, ["i4.npy", "f32", "i64"]),
]

# What prints facts has to notice that nobody got them.
INTO_A_FULL_DISK = [["ops"], ["explain", "{good}"], ["compile", "{good}", "--emit", "nn"]]


def call(attune, arguments, stdout=subprocess.PIPE):
    done = subprocess.run([attune, *arguments], stdout=stdout, stderr=subprocess.PIPE, text=True,
                          timeout=60)
    return done.returncode, done.stderr.strip()


def judge(name, code, wanted_code, error, wanted, lines):
    problems = []
    if code != wanted_code:
        problems.append(f"exit code {code}, expected {wanted_code}")
    problems += [f"the message lacks '{text}'" for text in wanted if text not in error]
    if not error and wanted_code:
        problems.append("no message")
    if any(ord(c) < 32 and c != "\n" for c in error):
        problems.append("the message holds control characters")
    if lines and len(error.splitlines()) > lines:
        problems.append(f"{len(error.splitlines())} lines, expected {lines}")
    print(f"{'ok    ' if not problems else 'FAILED'} {name}: {error.splitlines()[:1]}")
    for problem in problems:
        print(f"       {problem}")
    return not problems


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    attune = os.path.abspath(parser.parse_args().attune)
    with tempfile.TemporaryDirectory() as folder:
        names = {"good": os.path.join(folder, "good.onnx"), "folder": folder,
                 "out": os.path.join(folder, "out.attune")}
        save(good(), names["good"])
        for name, value in (("x4", np.ones((3, 4), np.float32)), ("x5", np.ones((3, 5), np.float32)),
                            ("i4", np.ones((3, 4), np.int64))):
            np.save(os.path.join(folder, name + ".npy"), value)
        passed = []
        for make, wanted in MODELS:
            path = os.path.join(folder, make.__name__ + ".onnx")
            make(path)
            code, error = call(attune, ["compile", path, "-o", names["out"]])
            lines = 2 if make is unsupported else 1
            passed.append(judge(make.__name__, code, 1, error, [os.path.basename(path), *wanted],
                                lines))
            if os.path.exists(names["out"]):
                print("FAILED: a package was left behind")
                passed.append(False)
                os.remove(names["out"])
        for number, (text, wanted) in enumerate(TEXTS):
            path = os.path.join(folder, f"text{number}.mlir")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)
            code, error = call(attune, ["compile", path, "-o", names["out"]])
            passed.append(judge(f"text {number}", code, 1, error, [path, *wanted], 1))
        for arguments, wanted_code, wanted in COMMANDS:
            code, error = call(attune, [a.format(**names) for a in arguments])
            passed.append(judge(" ".join(arguments), code, wanted_code, error, wanted,
                                1 if wanted_code else 0))
        for arguments in INTO_A_FULL_DISK:
            with open("/dev/full", "w", encoding="utf-8") as full:
                code, error = call(attune, [a.format(**names) for a in arguments], full)
            passed.append(judge(" ".join(arguments) + " >/dev/full", code, 1, error,
                                ["standard output", "space"], 1))
        sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
