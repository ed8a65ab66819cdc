"""Whole models on the device: against PyTorch in double precision, and timed beside it.

The rivals are the same model in bf16, called eagerly and compiled into a CUDA graph; all leave
their outputs on the device, and all are timed by the clock on the wall, from the call until the
device is done, in turns.
"""

import pathlib
import sys
import tempfile
import time

import numpy
import onnx
import torch

import networks
import thin
from device_session import DeviceSession
from kernels import relative_error

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import inputs as cases  # noqa: E402

TYPES = {"f32": torch.float32, "tf32": torch.float32, "f16": torch.float16, "bf16": torch.bfloat16}
TOLERANCE = {"f32": 1e-4, "tf32": 1e-2, "f16": 2e-2, "bf16": 2e-2}
CHECKED = {"vit": [(1, None), (3, None)], "gpt2": [(2, 13), (3, 197), (1, 1024)]}
CHECKED_TEXT = [(1, 1), (2, 13), (3, 197), (2, 512)]
TIMED = {"vit": (32, None), "gpt2": (1, 1024), "bert": (32, 512), "minilm": (64, 128)}
PROFILED_RUNS = 5


def wall_ms(calls, rounds=15, warm=4):
    """Medians of several calls in turn, each until the device is done."""
    times = {name: [] for name in calls}
    for turn in range(warm + rounds):
        for name, call in calls.items():
            torch.cuda.synchronize()
            start = time.perf_counter()
            call()
            torch.cuda.synchronize()
            if turn >= warm:
                times[name].append((time.perf_counter() - start) * 1e3)
    return {name: float(numpy.median(values)) for name, values in times.items()}


class Model:
    """One of the exported models: its skeleton, its weights, its packages."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.skeleton = self.folder / f"{name}.onnx"
        self.graph = onnx.load(self.skeleton, load_external_data=False)
        self.weights = dict(thin.draw(self.skeleton))

    def network(self, dtype):
        return networks.build(self.name, self.skeleton, self.weights).eval().to("cuda", dtype)

    def inputs(self, batch, length):
        arrays = cases.make_inputs(self.graph, batch, length)
        return {name: torch.from_numpy(array).cuda() for name, array in arrays.items()}

    def whole(self, batch, length):
        """Inputs with nothing padded."""
        inputs = self.inputs(batch, length)
        if "attention_mask" in inputs:
            inputs["attention_mask"].fill_(1)
        return inputs

    def package(self, precision, scratch):
        package = pathlib.Path(scratch) / f"{self.name}-{precision}.attune"
        thin.fill(self.folder / f"{self.name}-{precision}.zip", self.weights, package)
        return str(package)


def bind(session, inputs):
    ordered = [inputs[name] for name in session.input_names]
    return session.bind(ordered, [torch.float32] * len(session.output_names))


def narrowed(inputs, dtype):
    return {n: t.to(dtype) if t.is_floating_point() else t for n, t in inputs.items()}


def worst_error(outputs, expected):
    return max(relative_error(a, b) for a, b in zip(outputs, expected))


@torch.no_grad()
def check(model, session, precision, exact, plain):
    """Worst error of the package's and of PyTorch's outputs; same bits from run to run."""
    worst = rival = 0.0
    for shape in CHECKED.get(model.name, CHECKED_TEXT):
        inputs = model.inputs(*shape)
        expected = exact(**narrowed(inputs, torch.float64))
        outputs = bind(session, inputs)
        session.run()
        first = [output.clone() for output in outputs]
        for _ in range(2):  # the second run captures a graph, the third one replays it
            session.run()
            if not all(torch.equal(a, b) for a, b in zip(outputs, first)):
                worst = float("inf")
        worst = max(worst, worst_error(outputs, expected))
        rival = max(rival, worst_error(plain(**narrowed(inputs, TYPES[precision])), expected))
    return worst, rival


@torch.no_grad()
def measure(model, session, plain):
    batch, length = TIMED[model.name]
    inputs = model.whole(batch, length)
    bind(session, inputs)
    inputs = dict(narrowed(inputs, torch.bfloat16), padded=False)
    compiled = torch.compile(plain, mode="reduce-overhead")
    ms = wall_ms({"attune": session.run, "eager": lambda: plain(**inputs),
                  "compiled": lambda: compiled(**inputs)})
    return dict(batch=batch, length=length, ms=ms, ratio=ms["compiled"] / ms["attune"])


def launches(model, library, package):
    """Where the time goes: launches of one kernel together, the longest first."""
    session = DeviceSession(library, package, profile=True)
    bind(session, model.whole(*TIMED[model.name]))
    session.run()
    session.reset_profile()
    for _ in range(PROFILED_RUNS):
        session.run()
    kernels = {}
    for launch in session.profile():
        sums = kernels.setdefault((launch["op"], launch["kernel"]), dict(count=0, ms=0, flops=0))
        sums["count"] += 1
        sums["ms"] += launch["ms"]
        sums["flops"] += launch["flops"]
    session.close()
    return sorted((dict(op=op, kernel=kernel, count=sums["count"], ms=sums["ms"],
                        tflops=sums["flops"] / sums["ms"] / 1e9)
                   for (op, kernel), sums in kernels.items()), key=lambda k: -k["ms"])


def allowed(precision, rival):
    """Twice the tolerance where PyTorch itself is beyond it."""
    tolerance = TOLERANCE[precision]
    return 2 * tolerance if rival > tolerance else tolerance


def run_precision(model, library, package, precision, exact):
    plain = model.network(TYPES[precision])
    session = DeviceSession(library, package)
    error, rival = check(model, session, precision, exact, plain)
    record = dict(kernel=f"{model.name} {precision}", code=session.code_version, error=error,
                  torch_error=rival, ok=error <= allowed(precision, rival))
    print(record["kernel"], record["code"], f"error {error:.1e}, PyTorch's {rival:.1e}",
          "ok" if record["ok"] else "WRONG", flush=True)
    if precision == "bf16":
        record["time"] = measure(model, session, plain)
        record["launches"] = launches(model, library, package)
        print("  ", record["time"], flush=True)
        for launch in record["launches"][:8]:
            print("    ", {k: round(v, 3) if isinstance(v, float) else v
                           for k, v in launch.items()}, flush=True)
    session.close()
    return record


def run(folder, names=("vit", "gpt2", "bert", "minilm")):
    library = str(pathlib.Path(folder) / "bin" / "libattune.so")
    records = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in names:
            model = Model(pathlib.Path(folder) / "models", name)
            exact = model.network(torch.float64)
            for precision in TYPES:
                package = model.package(precision, scratch)
                records.append(run_precision(model, library, package, precision, exact))
    return records
