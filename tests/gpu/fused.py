"""Fused against unfused attention on the same device: times, memory, numbers.

Packages of one Attention node each, 16k tokens and heads * size = 2048 in all. Times are those
of the launches alone, which a profiled session measures by events of the device.
"""

import pathlib

import torch
from torch.nn.functional import scaled_dot_product_attention as sdpa

from device_session import DeviceSession
from kernels import relative_error

TOKENS, WIDTH, ROUNDS = 16384, 2048, 8
LENGTHS = (512, 1024, 2048, 4096, 8192)
MODES = ("fused", "unfused")
TOLERANCE = 2e-2  # unfused attention rounds probabilities to f16


def run_length(sessions, size, causal, length):
    heads, batch = WIDTH // size, max(1, TOKENS // length)
    q, k, v = (torch.randn(batch, heads, length, size, device="cuda", dtype=torch.float16)
               for _ in range(3))
    expected = sdpa(q[:1, :2].double(), k[:1, :2].double(), v[:1, :2].double(), is_causal=causal)
    result = dict(length=length)
    for mode, session in sessions.items():
        output, = session.bind((q, k, v), [torch.float16])
        for _ in range(2):
            session.run()
        session.reset_profile()
        for _ in range(ROUNDS):
            session.run()
        ms = sum(launch["ms"] for launch in session.profile())
        result[mode] = dict(ms=ms, peak_bytes=session.cost().peak_bytes,
                            error=relative_error(output[:1, :2], expected))
    result["ratio"] = result["unfused"]["ms"] / result["fused"]["ms"]
    return result


def run(folder):
    folder, records = pathlib.Path(folder), []
    library = str(folder / "bin" / "libattune.so")
    for size in (64, 128):
        for causal in (False, True):
            name = f"{size}{'_causal' if causal else ''}"
            packages = {mode: folder / "attention" / f"{name}_{mode}.attune" for mode in MODES}
            sessions = {mode: DeviceSession(library, str(package), profile=True)
                        for mode, package in packages.items()}
            points = [run_length(sessions, size, causal, length) for length in LENGTHS]
            worst = max(point[mode]["error"] for point in points for mode in MODES)
            records.append(dict(kernel=f"attention {name}", points=points, ok=worst <= TOLERANCE))
            print(name, f"error {worst:.1e}", "ok" if records[-1]["ok"] else "WRONG",
                  {p["length"]: round(p["ratio"], 2) for p in points},
                  {p["length"]: round(p["fused"]["ms"], 3) for p in points}, flush=True)
            for session in sessions.values():
                session.close()
    return records
