#!/usr/bin/env python3
"""Every exported form of the test models becomes a model that trains.

Enters: the program and a folder of materialised models. Leaves: one line per model, exit
code 1 when any of these does not hold of `--loss ... --emit differentiate`:
- the model keeps @main, and has @eval, @grad, @apply and @step, but no @loss;
- @count is there where labels may not count;
- each weight that is trained has a gradient, which @grad and @apply update, and is
  updated with its optimizer state by @step and @apply;
- nothing forward is computed twice: @grad has the attentions, norms and gathers of @main,
  and at most three products for each of its products;
- each attention has its backward op, and @step reads no gathered gradient.

    check_trainable.py --attune build/bin/attune --models build/tests/models 'vit_*'
"""
import argparse
import fnmatch
import os
import re
import sys

from attune import Attune, Failure

# The output that a loss reads, by the name of the model.
OUTPUTS = {"gpt2": "logits", "vit": "logits"}


def outputs_of(attune, path):
    """The names of the model's float outputs."""
    text = attune.call("compile", path, "--emit", "nn")
    results = re.search(r"func\.func @main\(.*", text).group(0).rpartition("->")[2]
    return re.findall(r"xf32[^{]*\{nn\.name = \"([^\"]+)\"", results)


def functions(module):
    """The text of each function by its name."""
    parts = re.split(r"^  func\.func @(\w+)", module, flags=re.M)
    return dict(zip(parts[1::2], parts[2::2]))


def count(text, op):
    return len(re.findall(rf"\bnn\.{op}\b(?!_)", text))


def check_functions(module, loss):
    found = functions(module)
    wanted = {"main", "eval", "grad", "apply", "step"}
    if loss == "cross_entropy":
        wanted.add("count")
    if set(found) != wanted:
        raise Failure(f"functions are {sorted(found)}, expected {sorted(wanted)}")
    return found


def check_weights(module, found):
    trained = re.findall(r"nn\.weight @(\"[^\"]+\"|\S+) trainable state\s+parameter", module)
    if not trained:
        raise Failure("no weight is trained")
    updates = {name: re.findall(r"nn\.updates = @(\"[^\"]+\"|[^}]+)", text)
               for name, text in found.items()}
    own = {}
    for name in trained:
        def state(suffix, name=name):
            return f'{name[:-1]}.{suffix}"' if name.startswith('"') else f"{name}.{suffix}"
        own[name] = [name, state("m"), state("v")]
        if state("grad") not in updates["grad"] or state("grad") not in updates["apply"]:
            raise Failure(f"{name} has no gradient")
    everything = sorted(state for states in own.values() for state in states)
    if sorted(updates["step"]) != everything:
        raise Failure("@step does not update each weight and its state once")
    return len(trained)


def check_ops(found):
    main, grad = found["main"], found["grad"]
    for op in ("attention", "gather"):
        if count(grad, op) > count(main, op):
            raise Failure(f"{count(grad, op)} nn.{op} in @grad, {count(main, op)} in @main")
    if count(grad, "attention_backward") != count(grad, "attention"):
        raise Failure("an attention has no backward op")
    if count(grad, "contract") > 3 * count(main, "contract"):
        raise Failure(f"{count(grad, 'contract')} products in @grad for "
                      f"{count(main, 'contract')} in @main")
    if ".grad" in re.sub(r"loc\(.*", "", found["step"]).replace("_grad", ""):
        raise Failure("@step reads a gathered gradient")


def check(attune, path):
    names = outputs_of(attune, path)
    model = os.path.basename(path).split("_")[0]
    output = OUTPUTS.get(model, names[0])
    loss = "cross_entropy" if model in OUTPUTS else "mse"
    if output not in names:
        output = names[0]
    module = attune.call("compile", path, "--emit", "differentiate", "--loss", loss,
                         "--loss-output", output)
    found = check_functions(module, loss)
    trained = check_weights(module, found)
    check_ops(found)
    return trained, count(found["grad"], "contract"), count(found["grad"], "attention")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attune", required=True)
    parser.add_argument("--models", required=True)
    parser.add_argument("names", nargs="*", default=["*"])
    options = parser.parse_args()
    paths = sorted(name for name in os.listdir(options.models) if name.endswith(".onnx")
                   and any(fnmatch.fnmatch(name, f"{glob}*") for glob in options.names))
    attune = Attune(options.attune, timeout=600)
    broken = 0 if paths else 1
    for name in paths:
        try:
            facts = check(attune, os.path.join(options.models, name))
            print(f"{name}: {facts[0]} weights, {facts[1]} products, {facts[2]} attentions")
        except Failure as failure:
            broken += 1
            print(f"{name}: FAILED: {failure}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
