#!/usr/bin/env python3
"""Trains a small language model from the command line and holds what must be exact.

Enters: the built programs. Leaves: a failure for each promise that does not hold: a
training that was cut off goes on bit for bit; so does one with another number of threads;
gradients of a batch do not depend on how it is cut; fused and unfused attention draw the
same dropout; every parameter learns, of ONNX models too; averages go on from what was
trained; what was trained runs; nothing good is replaced by what is broken; what would be
trained on the wrong data is refused before.
"""
import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from attune import Attune, Failure, run_checks

MODELS = os.path.join(os.path.dirname(__file__), "../../examples/models")
SIZES = ["--set", "vocab=12", "--set", "context=16", "--set", "width=32", "--set", "heads=2",
         "--set", "depth=2"]
TEXT = "to be or not to be: that is it. " * 40


def read_safetensors(path):
    with open(path, "rb") as file:
        data = file.read()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__")
    return {name: np.frombuffer(data[8 + length:], np.float32,
                                (entry["data_offsets"][1] - entry["data_offsets"][0]) // 4,
                                entry["data_offsets"][0]).reshape(entry["shape"])
            for name, entry in header.items()}


def read_progress(path):
    """What a checkpoint says of its training."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return json.loads(header["__metadata__"]["attune"])


def write_progress(path, source, **changes):
    """A checkpoint whose training stands elsewhere."""
    data = read_bytes(source)
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    about = {**json.loads(header["__metadata__"]["attune"]), **changes}
    header["__metadata__"]["attune"] = json.dumps(about)
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text + data[end:])


def write_safetensors(path, tensors, dtype="F32"):
    header, end = {}, 0
    for name, value in tensors.items():
        header[name] = {"dtype": dtype, "shape": value.shape,
                        "data_offsets": [end, end := end + value.nbytes]}
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for value in tensors.values():
            file.write(value.tobytes())


def read_log(path, key="loss"):
    with open(path, encoding="utf8") as file:
        return [entry[key] for entry in map(json.loads, file) if key in entry]


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def distance(found, expected):
    """The largest relative L2 distance of a tensor."""
    return max(np.linalg.norm(found[name] - expected[name]) / np.linalg.norm(expected[name])
               for name in expected)


class Training:
    def __init__(self, attune, folder):
        self.attune, self.folder, self.passed = Attune(attune), folder, []
        self.text = self.path("text.txt")
        with open(self.text, "w", encoding="utf8") as file:
            file.write(TEXT)
        classes = len(set(TEXT))
        self.sizes = ["--set", f"vocab={classes}", *SIZES[2:]]
        self.package = self.compile("gpt")

    def path(self, name):
        return os.path.join(self.folder, name)

    def rewritten(self, model, name, change):
        """The text of an example, changed, as another file."""
        path = self.path(name + ".attn")
        with open(os.path.join(MODELS, model + ".attn"), encoding="utf8") as source:
            text = change(source.read())
        with open(path, "w", encoding="utf8") as file:
            file.write(text)
        return path

    def compile(self, name, *options, rate=0.1, change=lambda text: text):
        model = self.rewritten("gpt", name, change)
        return self.attune.compile(model, self.path(name + ".attune"), *self.sizes,
                                   "--set", f"rate={rate}", "--quiet", *options)

    def train(self, package, name, *options, steps=10, batch=8, threads=1):
        """The tensors of a checkpoint, and the losses."""
        return self.train_on(self.text, package, name, "--batch", batch, "--shape", "T=16",
                             "--steps", steps, "--lr", "1e-2", "--warmup", 5, "--threads",
                             threads, *options)

    def train_on(self, data, package, name, *options):
        checkpoint, log = self.path(name + ".safetensors"), self.path(name + ".jsonl")
        self.attune.call("train", package, "--data", data, "--save", checkpoint, "--log", log,
                         "--quiet", *options)
        return read_safetensors(checkpoint), read_log(log)

    def expect(self, condition, what):
        if not condition:
            raise Failure(what)
        self.passed.append(what)

    def resumes(self):
        self.train(self.package, "whole", "--seed", 3, steps=20)
        self.train(self.package, "part", "--seed", 3, steps=10)
        self.train(self.package, "part", "--seed", 3, "--resume", self.path("part.safetensors"),
                   steps=20)
        self.expect(read_bytes(self.path("whole.safetensors"))
                    == read_bytes(self.path("part.safetensors")),
                    "20 steps are 10, a checkpoint and 10 more, byte for byte")
        self.expect(len(read_log(self.path("part.jsonl"))) == 20, "a resumed log goes on")
        self.train(self.package, "early", "--seed", 3, steps=12)
        os.replace(self.path("part.jsonl"), self.path("early.jsonl"))  # up to step 20
        self.train(self.package, "early", "--seed", 3, "--resume",
                   self.path("early.safetensors"), steps=14)
        self.expect(len(read_log(self.path("early.jsonl"))) == 14, "and repeats no step")

    def repeats(self):
        checkpoint = read_bytes(self.path("whole.safetensors"))
        self.train(self.package, "again", "--seed", 3, steps=20)
        self.expect(checkpoint == read_bytes(self.path("again.safetensors")),
                    "two trainings are equal byte for byte")
        self.train(self.package, "two", "--seed", 3, steps=20, threads=2)
        self.expect(checkpoint == read_bytes(self.path("two.safetensors")),
                    "one thread and two are equal byte for byte")

    def accumulates(self):
        # After one step the first moments are the gradients, but for a factor; later
        # steps of Adam would magnify what rounding leaves.
        whole, losses = self.train(self.package, "batch16", steps=1, batch=16)
        parts, again = self.train(self.package, "batch4x4", "--accum", 4, steps=1, batch=4)
        moments = {name: value for name, value in whole.items() if name.endswith(".m")}
        self.expect(distance(parts, moments) < 1e-6,
                    "four times four samples have the gradients of sixteen, with dropout: "
                    f"{distance(parts, moments):.1e}")
        self.expect(np.allclose(losses, again, rtol=2e-6), "and their losses")

    def weighs(self):
        """Parts of a step count as their labels do, of which some have few and one none."""
        package = self.attune.compile(
            os.path.join(MODELS, "bert.attn"), self.path("bert.attune"), "--set", "vocab=40",
            "--set", "context=16", "--set", "width=32", "--set", "depth=1", "--quiet")
        if "count" not in json.loads(self.attune.call("describe", package, "--json"))["entries"]:
            return  # of an older compiler
        data, random = self.path("masked.npz"), np.random.default_rng(4)
        labels = random.integers(0, 40, (4, 8))
        labels[0, 1:] = labels[1] = labels[2, 5:] = -100
        np.savez(data, ids=random.integers(0, 40, (4, 8)), segments=np.zeros((4, 8), np.int64),
                 mask=np.ones((4, 8), np.int64), labels=labels)
        common = ["--validation", 0, "--steps", 1, "--shape", "T=8", "--threads", 1]
        whole, losses = self.train_on(data, package, "bert4", *common, "--batch", 4)
        parts, again = self.train_on(data, package, "bert1x4", *common, "--batch", 1, "--accum", 4)
        # The bias of keys has the gradient 0: it moves all scores of a query alike.
        moments = {name: value for name, value in whole.items()
                   if name.endswith(".m") and not name.endswith("key.bias.m")}
        self.expect(distance(parts, moments) < 1e-6,
                    "parts of a step weigh as many labels as count in them: "
                    f"{distance(parts, moments):.1e}")
        self.expect(np.allclose(losses, again, rtol=2e-6), "and their losses")

    def learns(self):
        start, _ = self.train(self.package, "start", steps=0 + 1)
        end, losses = self.train(self.package, "end", steps=120)
        self.expect(losses[-1] < 0.5 * losses[0],
                    f"the loss falls: {losses[0]:.2f} to {losses[-1]:.2f}")
        self.expect(all(np.any(end[name] != start[name]) for name in start),
                    "every parameter and moment changes")

    def freezes(self):
        package = self.compile("head", "--trainable", "ln_f.weight")
        _, _ = self.train(package, "none", steps=1)
        one, two = read_safetensors(self.path("none.safetensors")), self.train(package, "some",
                                                                               steps=20)[0]
        changed = [name for name in one
                   if np.any(one[name] != two[name]) and not name.endswith((".m", ".v"))]
        self.expect(changed == ["ln_f.weight"], f"only what is to be trained changes: {changed}")

    def trains_small_heads(self):
        """Of a file that has no loss; biases of few classes learn like any other."""
        values = {"weight": np.zeros((3, 8), np.float32), "bias": np.zeros(3, np.float32)}
        graph = helper.make_graph(
            [helper.make_node("Gemm", ["x", *values], ["y"], transB=1)], "head",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 8])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 3])],
            [numpy_helper.from_array(value, name) for name, value in values.items()])
        model, samples = self.path("head.onnx"), self.path("head.npz")
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), model)
        random = np.random.default_rng(1)
        np.savez(samples, x=random.normal(size=(64, 8)).astype(np.float32),
                 labels=np.zeros(64, np.int64))
        package = self.attune.compile(model, self.path("head.attune"), "--loss", "cross_entropy",
                                      "--quiet")
        checkpoint = self.path("head.safetensors")
        self.attune.call("train", package, "--data", samples, "--batch", 8, "--steps", 5, "--lr",
                         "1e-2", "--save", checkpoint, "--quiet")
        found = read_safetensors(checkpoint)
        changed = {name for name in values if np.any(np.ravel(found.get(name, 0)) != 0)}
        self.expect(changed == set(values), f"a head of three classes learns: {sorted(changed)}")

    def fuses(self):
        losses = {}
        for kind in ("fused", "unfused"):
            package = self.compile(kind, "--attention", kind)
            losses[kind] = self.train(package, kind, steps=10)[1]
        self.expect(np.allclose(losses["fused"], losses["unfused"], atol=1e-5),
                    "fused and unfused attention drop the same: "
                    f"{np.abs(np.subtract(*losses.values())).max():.1e}")

    def pictures(self, batch="B"):
        """A vision transformer, which keeps averages, and pictures for it."""
        model = self.rewritten("vit", f"vit-{batch}",
                               lambda text: re.sub(r"\bB\b", str(batch), text))
        package = self.attune.compile(
            model, self.path(f"vit-{batch}.attune"), "--set", "size=8", "--set", "width=16",
            "--set", "heads=2", "--set", "depth=2", "--quiet")
        data, random = self.path("pictures.npz"), np.random.default_rng(0)
        np.savez(data, image=random.normal(size=(64, 1, 8, 8)).astype(np.float32),
                 label=random.integers(0, 10, 64))
        return package, data

    def classify(self, package, data, *options):
        pictures, folder = self.path("image.npy"), self.path("logits")
        np.save(pictures, np.load(data)["image"])
        self.attune.call("run", package, "--input", f"image={pictures}", "--output-dir", folder,
                         *options)
        return np.load(os.path.join(folder, "logits.npy"))

    def averages(self):
        package, data = self.pictures()
        trained, foreign = self.path("vit-trained.attune"), self.path("foreign.safetensors")
        end, _ = self.train_on(data, package, "vit", "--batch", 8, "--steps", 20, "--lr", "1e-2",
                               "-o", trained)
        weights = [name[:-4] for name in end if name.endswith(".ema")]
        self.expect(weights and any(np.any(end[name] != end[name + ".ema"]) for name in weights),
                    f"the model keeps {len(weights)} averages")
        # At the rate 0 nothing but the averages could change.
        still = ["--batch", 8, "--steps", 1, "--lr", 0]
        again, _ = self.train_on(data, trained, "vit-again", *still)
        self.expect(all(np.array_equal(again[name], end[name + ".ema"]) for name in weights),
                    "a trained package begins with the averages as weights")
        self.expect(all(np.allclose(again[name + ".ema"], again[name], rtol=1e-6, atol=1e-7)
                        for name in weights), "and its averages begin there")
        logits = [self.classify(trained, data),
                  self.classify(package, data, "--state", self.path("vit.safetensors"))]
        self.expect(np.array_equal(*logits), "a checkpoint runs as the trained package does")
        write_safetensors(foreign, {name: end[name] for name in weights})
        taken, _ = self.train_on(data, package, "vit-taken", "--init", foreign, *still)
        self.expect(all(np.allclose(taken[name + ".ema"], end[name], rtol=1e-6, atol=1e-7)
                        for name in weights), "averages that a file lacks begin as its weights")

    def validates(self):
        package, data = self.pictures(batch=32)
        found = self.refusal(package, "--data", data, "--batch", "32")
        self.expect("the validation part has 7 samples, which is less than the model's batch of "
                    "32" in found, f"refused before it trains: {found.strip()}")
        for share, count in (("0", 0), ("0.5", 1)):
            self.train_on(data, package, "vit-share", "--steps", 1, "--validation", share)
            self.expect(len(read_log(self.path("vit-share.jsonl"), "validation_loss")) == count,
                        f"tensors have {count} validations where their share is {share}")
        self.train(self.package, "all", "--validation", 0, steps=1)
        self.expect(not read_log(self.path("all.jsonl"), "validation_loss"), "text has none too")

    def runs(self):
        trained, plain = self.path("trained.attune"), self.compile("plain", rate=0)
        self.train(plain, "last", "-o", trained, "--plot", self.path("loss.svg"),
                   "--eval-every", 50, "--schedule", "cosine", steps=200)
        tokens = np.arange(12, dtype=np.int64).reshape(1, 12) % 11
        one = self.attune.run(trained, {"tokens": tokens})["logits"]
        two = self.attune.run(plain, {"tokens": tokens}, "--state",
                              self.path("last.safetensors"))["logits"]
        self.expect(np.array_equal(one, two), "the trained package is the package and its "
                                              "checkpoint")
        fresh = self.attune.run(plain, {"tokens": tokens})["logits"]
        self.expect(not np.array_equal(one, fresh), "and not the one before training")
        words = self.attune.call("generate", trained, "--prompt", "to be or", "-n", 10,
                                 "--temperature", 0)
        self.expect(words == "to be or not to be\n", f"it writes what it read: {words!r}")
        with open(self.path("loss.svg"), encoding="utf8") as file:
            self.expect("validation" in file.read(), "the curve has both losses")
        facts = json.loads(self.attune.call("describe", trained, "--json"))
        self.expect(set(facts["entries"]) - {"count"}
                    == {"infer", "init", "grad", "apply", "step", "eval"},
                    f"entry points: {facts['entries']}")

    def counts(self):
        """Labels of any name that data can be read for are what is counted."""
        package = self.compile("target", change=lambda text: text.replace("targets", "target"))
        facts = json.loads(self.attune.call(
            "train", package, "--data", self.text, "--batch", 8, "--shape", "T=16", "--steps", 3,
            "--json", "--quiet"))
        items = facts["items_per_second"] * facts["seconds"]
        self.expect(round(items) == 3 * 8 * 16, f"{items:.1f} tokens are counted")

    def interrupt(self, checkpoint, *options, before=lambda: None):
        """The exit code and the words of a long training that ctrl-C ends."""
        log = self.path("stopped.jsonl")
        if os.path.exists(log):
            os.remove(log)
        with subprocess.Popen(
                [self.attune.program, "train", self.package, "--data", self.text, "--shape", "T=16",
                 "--steps", "1000000", "--save", checkpoint, "--log", log, "--quiet", *options],
                stderr=subprocess.PIPE, text=True) as process:
            deadline = time.monotonic() + 60
            while not os.path.exists(log) and time.monotonic() < deadline:
                time.sleep(0.05)
            time.sleep(0.5)
            try:
                before()
            finally:  # else it would be waited for
                process.send_signal(signal.SIGINT)
            _, words = process.communicate(timeout=60)
            return process.returncode, words

    def stops(self):
        checkpoint = self.path("stopped.safetensors")
        code, _ = self.interrupt(checkpoint, "--batch", "8")
        self.expect(code == 0 and os.path.exists(checkpoint), "ctrl-C saves a checkpoint")
        code, _ = self.interrupt(checkpoint, "--batch", "1", "--accum", "1000000")
        self.expect(code == 0 and read_progress(checkpoint)["step"] == 0,
                    "ctrl-C within a step throws it away")
        self.train(self.package, "fresh", steps=2)
        self.train(self.package, "zero", "--resume", checkpoint, steps=2)
        self.expect(read_bytes(self.path("fresh.safetensors"))
                    == read_bytes(self.path("zero.safetensors")), "and what came before goes on")

    def loses_nothing(self):
        """Where one file cannot be written at the end, the others are."""
        folder, package = self.path("gone"), self.path("kept.attune")
        checkpoint = os.path.join(folder, "a.safetensors")

        def take_away(target):
            os.rename(folder, target)
            time.sleep(1)  # for a checkpoint on the way, if there is one

        for options in [], ["--save-every", "20"]:
            os.mkdir(folder)
            away = self.path(f"away{len(options)}")
            code, words = self.interrupt(checkpoint, "--batch", "8", "-o", package, *options,
                                         before=lambda target=away: take_away(target))
            self.expect(code == 1 and checkpoint + ": cannot write: No such file" in words
                        and os.path.exists(package), f"the package is kept: {words.strip()}")
            os.remove(package)

    def keeps_what_is_good(self):
        good = self.path("good.safetensors")
        self.train(self.package, "good", steps=1)
        before = read_bytes(good)
        package = self.path("bad.attune")
        done = self.program("train", self.package, "--data", self.text, "--batch", 8, "--shape",
                            "T=16", "--steps", 1, "--lr", "1e300", "--save", good, "-o", package,
                            "--quiet")
        self.expect(done.returncode == 1 and "values that are no finite numbers" in done.stderr
                    and read_bytes(good) == before and not os.path.exists(package),
                    f"what is broken replaces nothing: {done.stderr.strip()}")
        link = self.path("link.safetensors")
        os.symlink("behind.safetensors", link)
        self.train(self.package, "link", steps=1)
        self.expect(os.path.islink(link) and os.path.exists(self.path("behind.safetensors")),
                    "a link is followed")

    def warns(self):
        self.train(self.package, "warm", steps=6)
        self.train(self.package, "warmer", steps=7)
        common = ["train", self.package, "--data", self.text, "--batch", 8, "--shape", "T=16",
                  "--warmup", 5, "--quiet", "--threads", 1, "--resume",
                  self.path("warm.safetensors"), "--steps", 7]
        done = self.program(*common, "--lr", "1e-2")
        self.expect(done.returncode == 0 and not done.stderr, "an exact resume says nothing")
        done = self.program(*common, "--lr", "2e-2", "--accum", 2)
        self.expect(done.returncode == 0 and done.stderr.count("\n") == 1
                    and "goes on otherwise than it would have: --accum 2 (was 1), "
                        "--lr 0.02 (was 0.01)" in done.stderr, f"another: {done.stderr.strip()}")

    def knows_its_alphabet(self):
        """A model may have room for more characters than a text has."""
        roomy = self.attune.compile(
            os.path.join(MODELS, "gpt.attn"), self.path("roomy.attune"), *self.sizes[2:],
            "--set", f"vocab={len(set(TEXT)) + 3}", "--set", "rate=0", "--quiet")
        trained, other = self.path("roomy-trained.attune"), self.path("other.txt")
        self.train(roomy, "roomy", "-o", trained, steps=1)
        found = json.loads(self.attune.call("generate", trained, "--prompt", "to", "-n", 60,
                                            "--temperature", 50, "--json"))
        self.expect(len(found["tokens"]) == len(found["text"]) == 62
                    and set(found["text"]) <= set(TEXT), "it writes characters that it knows")
        with open(other, "w", encoding="utf8") as file:
            file.write(TEXT.replace("t", "z"))
        words = 'token 12 is "z" here and "t" there'
        for package, options in ((trained, []),
                                 (roomy, ["--resume", self.path("roomy.safetensors")]),
                                 (roomy, ["--init", self.path("roomy.safetensors")])):
            found = self.refusal(package, "--data", other, "--shape", "T=16", *options)
            self.expect(words in found, f"another alphabet is refused: {found.strip()}")

    def program(self, *arguments):
        return subprocess.run([self.attune.program, *map(str, arguments)], capture_output=True,
                              text=True, timeout=60)

    def refusal(self, package, *arguments):
        log = self.path("refused.jsonl")
        done = subprocess.run([self.attune.program, "train", package, "--steps", "1", "--log", log,
                               *arguments], capture_output=True, text=True, timeout=60)
        if done.returncode != 1:
            raise Failure(f"{arguments}: exit code {done.returncode}")
        if os.path.exists(log):
            raise Failure(f"{arguments}: it trained before it refused")
        return done.stderr

    def refuses(self):
        part, damaged = self.path("part.safetensors"), self.path("damaged.safetensors")
        write_progress(damaged, part, samples=2**63 - 1)
        tokens, ids = self.path("tokens.npz"), np.zeros((16, 16), np.int64)
        ids[7, 3] = 999
        np.savez(tokens, tokens=ids, targets=np.zeros_like(ids))
        other = self.compile("other", change=lambda text: "# another\n" + text)
        for words, arguments in {
                "it was trained with --seed 3": ["--data", self.text, "--resume", part],
                "it is of another model": ["--data", self.text, "--resume", part, "--seed", "3"],
                "cannot open": ["--data", self.path("nothing")],
                'the size of "T" is not given': ["--data", self.text, "--shape", "S=3"],
                '--shape: the model has no dim "S"; it has B, T': [
                    "--data", self.text, "--shape", "T=16,S=3"],
                "different tokens or classes": ["--data", __file__],
                "says 9223372036854775807 as samples, expected 0 to 2^53": [
                    "--data", self.text, "--seed", "3", "--resume", damaged],
                "cannot write into the folder": ["--data", self.text, "--save",
                                                 self.path("none/a.safetensors")],
                "/dev/null: expected a regular file": ["--data", self.text, "-o", "/dev/null"],
                '"tokens": 999 in row 7': ["--data", tokens]}.items():
            package = other if "another model" in words else self.package
            if "--shape" not in arguments:
                arguments = [*arguments, "--shape", "T=16"]
            found = self.refusal(package, "--batch", "8", *arguments)
            self.expect(words in found, f"refused: {found.strip()}")
        package, data = self.pictures(batch=32)
        found = self.refusal(package, "--data", data, "--batch", "8")
        self.expect("--batch 8: the model takes 32 samples" in found, f"refused: {found.strip()}")
        np.savez(data, image=np.zeros((64, 1, 8, 8), np.float32), label=np.arange(64) // 6)
        found = self.refusal(package, "--data", data)
        self.expect('"label": 10 in row 60, expected 0 to 9' in found, f"refused: {found.strip()}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        training = Training(options.attune, folder)
        checks = (training.resumes, training.repeats, training.accumulates, training.weighs,
                  training.learns, training.freezes, training.trains_small_heads,
                  training.fuses, training.averages, training.validates, training.runs,
                  training.counts, training.stops, training.loses_nothing,
                  training.keeps_what_is_good, training.warns, training.knows_its_alphabet,
                  training.refuses)
        return 1 if run_checks(checks, training.passed) else 0


if __name__ == "__main__":
    sys.exit(main())
