#!/usr/bin/env python3
"""What the commands print: the JSON that tools rely on, pages, colours, progress, help.

Enters: the built programs. Leaves: a failure for each promise that does not hold. Pages
are judged by what can be checked without eyes: well-formed, whole, nothing fetched.
"""
import argparse
import html.parser
import json
import os
import pty
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ElementTree

import numpy as np
from onnx import TensorProto, helper, numpy_helper

NAME = "<b>attention</b> & \x1b[31mred"  # of the last node: what pages and terminals must bear


def block():
    """One head of causal attention, as an exporter writes it."""
    rng = np.random.default_rng(1)
    weights = [numpy_helper.from_array(rng.standard_normal((8, 8)).astype(np.float32), name)
               for name in ("wq", "wk", "wv")]
    nodes = [helper.make_node("MatMul", ["x", w], [w[1]], name=w) for w in ("wq", "wk", "wv")]
    nodes += [helper.make_node("Transpose", ["k"], ["t"], perm=[0, 2, 1]),
              helper.make_node("MatMul", ["q", "t"], ["s"], name="scores"),
              helper.make_node("Softmax", ["s"], ["p"], axis=-1, name="soft"),
              helper.make_node("MatMul", ["p", "v"], ["y"], name=NAME)]
    graph = helper.make_graph(
        nodes, "g", [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", "seq", 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


class Page(html.parser.HTMLParser):
    """Collects tags that are left open and addresses that would be fetched."""

    VOID = {"meta", "br", "wbr"}
    OPTIONAL = {"tr", "td", "th", "p", "li"}  # HTML closes these itself

    def __init__(self, text):
        super().__init__()
        self.open, self.problems, self.words = [], [], []
        self.feed(text)
        self.problems += [f"<{tag}> is not closed" for tag in self.open if tag not in self.OPTIONAL]

    def handle_starttag(self, tag, attrs):
        if tag in ("script", "link", "img", "iframe"):
            self.problems.append(f"<{tag}> on a page that needs nothing else")
        self.problems += [f"{key}={value}" for key, value in attrs if key in ("src", "href")]
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        while self.open and self.open[-1] != tag and self.open[-1] in self.OPTIONAL:
            self.open.pop()
        if not self.open or self.open.pop() != tag:
            self.problems.append(f"</{tag}> without its beginning")

    def handle_data(self, data):
        self.words.append(data)


class Interface:
    def __init__(self, attune, folder):
        self.attune, self.folder, self.passed = attune, folder, []
        self.model, self.package = self.path("m.onnx"), self.path("m.attune")
        with open(self.model, "wb") as file:
            file.write(block().SerializeToString())
        self.run("compile", self.model, "-o", self.package)

    def path(self, name):
        return os.path.join(self.folder, name)

    def run(self, *arguments):
        done = subprocess.run([self.attune, *arguments], capture_output=True, text=True,
                              timeout=120)
        if done.returncode:
            raise RuntimeError(f"{arguments}: {done.stderr}")
        return done.stdout

    def on_terminal(self, *arguments, **environment):
        """Both streams of a command whose terminal we are."""
        leader, follower = pty.openpty()
        process = subprocess.Popen([self.attune, *arguments], stdout=follower, stderr=follower,
                                   env={**os.environ, **environment})
        os.close(follower)
        out = b""
        try:
            while chunk := os.read(leader, 4096):
                out += chunk
        except OSError:  # how a terminal says that nobody is left
            pass
        process.wait()
        os.close(leader)
        return out.decode()

    def judge(self, what, problems):
        print(f"{'FAILED' if problems else 'ok    '} {what}")
        for problem in problems:
            print(f"       {problem}")
        self.passed.append(not problems)

    def fields(self, what, value, *names):
        self.judge(what, [f"no field {name}" for name in names if name not in value])
        return value

    def check_json(self):
        explained = json.loads(self.run("explain", self.model, "--json"))
        attention = self.fields("explain", explained["attention"], "recognised", "fused",
                                "unfused", "items")
        self.judge("explain counts", [] if attention["recognised"] == len(attention["items"]) == 1
                   else [str(attention)])
        compared = json.loads(self.run("compare", self.model, "--json", "--runs", "1", "--shape",
                                       "batch=1,seq=4:8"))
        for point in self.fields("compare", compared, "points")["points"]:
            self.fields("a point", point, "shape", "fused", "unfused", "max_rel_diff")
            self.fields("a side", point["fused"], "median_ms", "peak_bytes")
            self.fields("a shape", point["shape"], "batch", "seq")
        for subject in (self.package, self.model):
            facts = json.loads(self.run("bench", subject, "--json", "--seconds", "0.01",
                                        "--shape", "batch=1,seq=8", "--profile"))
            self.fields("bench", facts, "median_ms", "min_ms", "gflop", "share_of_peak", "isa",
                        "threads", "launches")
        described = json.loads(self.run("describe", self.package, "--json", "--shape",
                                        "batch=1,seq=8"))
        self.fields("describe", described, "inputs", "outputs", "dims", "peak_bytes",
                    "weights_bytes", "code_versions")
        diff = json.loads(self.run("diff", self.model, "--json", "--shape", "batch=1,seq=8"))
        for node in self.fields("diff", diff, "nodes", "worst")["nodes"]:
            if not {"name", "op", "max_rel_diff"} <= node.keys() or node["max_rel_diff"] > 1e-4:
                self.judge("a node of diff", [str(node)])
        self.fields("ops", json.loads(self.run("ops", "--json")), "operators")

    def check_page(self, name, *words):
        with open(self.path(name), encoding="utf-8") as file:
            text = file.read()
        page = Page(text)
        shown = "".join(page.words)
        problems = page.problems + [f"lacks '{word}'" for word in words if word not in shown]
        problems += re.findall(r"url\([^)]*\)|@import[^;]*|https?://(?!www\.w3\.org)\S*", text)
        self.judge(name, problems)

    def check_pages(self):
        self.run("compare", self.model, "--runs", "1", "--shape", "batch=1,seq=4:8:16",
                 "--report", self.path("compare.html"))
        self.check_page("compare.html", "Median time", "Peak memory", "seq=16", "16", "fused")
        self.run("compare", self.model, "--runs", "1", "--shape", "batch=1,seq=4", "--report",
                 self.path("one.html"))
        self.check_page("one.html", "batch=1, seq=4")
        self.run("explain", self.model, "--html", self.path("explain.html"))
        self.check_page("explain.html", "attention", "fired", "fused", "<b>attention</b> &")
        self.run("compare", self.model, "--runs", "1", "--shape", "batch=1,seq=4:8", "--report",
                 self.path("plot.svg"))
        tree = ElementTree.parse(self.path("plot.svg"))
        lines = [e for e in tree.iter() if e.tag.endswith("polyline")]
        self.judge("plot.svg", [] if len(lines) == 4 else [f"{len(lines)} lines"])

    def check_terminal(self):
        green, escape = "\x1b[32m", "\x1b"
        coloured = self.on_terminal("explain", self.model, NO_COLOR="")
        self.judge("colours on a terminal", [] if green in coloured else [repr(coloured)])
        plain = self.on_terminal("explain", self.model, NO_COLOR="1")
        self.judge("NO_COLOR", [] if escape not in plain else [repr(plain)])
        piped = self.run("explain", self.model) + self.run("bench", self.package, "--shape",
                                                          "batch=1,seq=8", "--profile",
                                                          "--seconds", "0.01")
        self.judge("names cannot command a terminal", [] if escape not in piped else [repr(piped)])
        bar = self.on_terminal("bench", self.package, "--shape", "batch=1,seq=8", "--seconds",
                               "2.6", NO_COLOR="1")
        self.judge("a bar after two seconds",
                   [] if re.search(r"measuring \[=+ *\] +\d+ %", bar) else [repr(bar)])
        short = self.on_terminal("bench", self.package, "--shape", "batch=1,seq=8", "--seconds",
                                 "0.01", NO_COLOR="1")
        self.judge("no bar before", [] if "[=" not in short else [repr(short)])

    def check_help(self):
        for command in ("compile", "run", "describe", "bench", "compare", "explain", "diff", "ops"):
            text = self.run(command, "--help")
            self.judge(f"{command} --help",
                       [word for word in (f"Usage: attune {command}",
                                          f"Examples:\n  attune {command}") if word not in text])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--attune", required=True)
    attune = os.path.abspath(parser.parse_args().attune)
    with tempfile.TemporaryDirectory() as folder:
        interface = Interface(attune, folder)
        for check in (interface.check_json, interface.check_pages, interface.check_terminal,
                      interface.check_help):
            check()
    sys.exit(0 if all(interface.passed) else 1)


if __name__ == "__main__":
    main()
