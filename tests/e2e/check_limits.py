#!/usr/bin/env python3
"""Models that are legal and extreme compile in seconds and run right.

Long chains, and expressions that share their parts so often that whoever walks them
by paths never ends. Nothing may crash (a recursion per node) or hang. The time limit
is far above what is needed: it stands for "for ever".
"""
import argparse
import os
import subprocess
import sys
import tempfile

import numpy as np
from onnx import TensorProto, helper, numpy_helper

SECONDS = 180
X = np.linspace(-1, 1, 12, dtype=np.float32).reshape(3, 4)


def model(nodes, initializers=()):
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def repeated(op, count, start, end, operands=1, **attributes):
    """start -> op -> op -> ... -> end; each op reads the value before `operands` times."""
    names = [start, *(f"{end}{i}" for i in range(count - 1)), end]
    return [helper.make_node(op, [names[i]] * operands, [names[i + 1]], name=f"{end}_{i}",
                             **attributes) for i in range(count)]


def weight(name, value):
    return numpy_helper.from_array(np.asarray(value), name)


def long_chain():
    return model(repeated("Relu", 100_000, "x", "y")), np.maximum(X, 0)


def long_chain_of_views():
    nodes = repeated("Transpose", 10_001, "x", "t", perm=[1, 0])
    return model(nodes + [helper.make_node("Exp", ["t"], ["y"])]), np.exp(X.T)


def many_readers():
    nodes = [helper.make_node("Exp", ["x"], ["e"])]
    nodes += [helper.make_node("Mul", ["e", "e"], [f"m{i}"]) for i in range(2_000)]
    nodes += [helper.make_node("Sum", [f"m{i}" for i in range(2_000)], ["y"])]
    return model(nodes), 2_000 * np.exp(X) ** 2


def doubled_values():
    return model(repeated("Add", 60, "x", "y", operands=2)), X * np.float32(2.0 ** 60)


def doubled_weights():
    nodes = repeated("Add", 60, "w", "v", operands=2)
    return (model(nodes + [helper.make_node("Add", ["x", "v"], ["y"])],
                  [weight("w", np.arange(1, 5, dtype=np.float32))]),
            X + np.float32(2.0 ** 60) * np.arange(1, 5, dtype=np.float32))


def weights_of_weights():
    """Each level reads the two before it and is itself read: a tree of paths like Fibonacci's."""
    nodes, values = [], [np.full((64, 4), 1e-9, np.float32)] * 2
    names = ["w", "w"]
    for level in range(60):
        nodes.append(helper.make_node("Add", names[-2:], [f"w{level}"]))
        nodes.append(helper.make_node("MatMul", ["x", f"t{level}"], [f"p{level}"]))
        nodes.append(helper.make_node("Transpose", [f"w{level}"], [f"t{level}"], perm=[1, 0]))
        names.append(f"w{level}")
        values.append((values[-1] + values[-2]).astype(np.float32))
    nodes.append(helper.make_node("Sum", [f"p{level}" for level in range(60)], ["y"]))
    expected = sum(X @ value.T for value in values[2:])
    return model(nodes, [weight("w", values[0])]), expected


def doubled_positions():
    nodes = [helper.make_node("Shape", ["x"], ["s"]),
             helper.make_node("Gather", ["s", "zero"], ["n"]),
             helper.make_node("Range", ["zero", "n", "one"], ["at"])]
    nodes += repeated("Mul", 40, "at", "r", operands=2)
    nodes += [helper.make_node("Cast", ["r"], ["f"], to=TensorProto.FLOAT),
              helper.make_node("Unsqueeze", ["f", "axis"], ["column"]),
              helper.make_node("Add", ["x", "column"], ["y"])]
    numbers = [weight("zero", np.int64(0)), weight("one", np.int64(1)),
               weight("axis", np.array([1], np.int64))]
    return model(nodes, numbers), X + np.array([[0], [1], [0]], np.float32)  # 2^(2^40) is 0 in 64 bits


def softmax_of(scores_nodes, name):
    return [helper.make_node("MatMul", ["x", "w"], ["s0"]), *scores_nodes,
            helper.make_node("Softmax", [name], ["p"], axis=-1),
            helper.make_node("MatMul", ["p", "v"], ["y"])]


def attended(scores):
    exponents = np.exp(scores - scores.max(1, keepdims=True))
    return exponents / exponents.sum(1, keepdims=True) @ V


W, V = np.eye(4, dtype=np.float32), np.arange(20, dtype=np.float32).reshape(4, 5)


def scores_of_many_paths():
    """Something that looks like attention, whose scores have 2^40 ways to the product."""
    nodes = repeated("Add", 40, "s0", "a", operands=2)
    nodes += [helper.make_node("Mul", ["a", "tiny"], ["s"])]
    tiny = np.float32(2.0 ** -40)
    return (model(softmax_of(nodes, "s"), [weight("w", W), weight("v", V), weight("tiny", tiny)]),
            attended(X))


def scores_of_many_terms():
    nodes = []
    for i in range(20_000):
        nodes.append(helper.make_node("Add", [f"s{i}", "b"], [f"s{i + 1}"]))
    bias = np.array([1e-6, 0, 0, 2e-6], np.float32)
    return (model(softmax_of(nodes, "s20000"), [weight("w", W), weight("v", V), weight("b", bias)]),
            attended(X + np.array([0.02, 0, 0, 0.04], np.float32)))


def check(attune, make, folder):
    built, expected = make()
    path, package = os.path.join(folder, "m.onnx"), os.path.join(folder, "m.attune")
    with open(path, "wb") as file:
        file.write(built.SerializeToString())
    problem = ""
    try:
        for arguments in (["compile", path, "-o", package, "--quiet"],
                          ["run", package, "--input", f"x={folder}/x.npy",
                           "--output-dir", folder]):
            done = subprocess.run([attune, *arguments], capture_output=True, text=True,
                                  timeout=SECONDS)
            if done.returncode != 0:
                problem = f"{arguments[0]} exits with {done.returncode}: {done.stderr[:300]}"
                break
        else:
            got = np.load(os.path.join(folder, "y.npy"))
            error = np.abs(got - expected).max() / np.abs(expected).max()
            problem = "" if error <= 1e-4 else f"the result is off by {error:.1e}"
    except subprocess.TimeoutExpired:
        problem = f"not done after {SECONDS} s"
    print(f"{'FAILED' if problem else 'ok    '} {make.__name__} {problem}")
    return not problem


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    attune = os.path.abspath(parser.parse_args().attune)
    with tempfile.TemporaryDirectory() as folder:
        np.save(os.path.join(folder, "x.npy"), X)
        makers = [long_chain, long_chain_of_views, many_readers, doubled_values, doubled_weights,
                  weights_of_weights, doubled_positions,
                  scores_of_many_paths, scores_of_many_terms]
        results = [check(attune, make, folder) for make in makers]
    sys.exit(0 if all(results) else 1)


if __name__ == "__main__":
    main()
