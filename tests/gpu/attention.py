"""Times and checks attention beside PyTorch's kernels, in one process.

Arithmetic: 4 * batch * heads * length^2 * size, half of it when causal. 16k positions and
heads * size = 2048 in all, the setting of the FlashAttention papers. Beside tf32 stands what
PyTorch has for f32, whose kernels are told that they may use it too.
"""

import pathlib
import re
import warnings

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention as sdpa

from kernels import Kernel, median_ms, relative_error

TYPES = {"f16": torch.float16, "bf16": torch.bfloat16, "tf32": torch.float32,
         "f32": torch.float32}
RIVALS = {"flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION,
          "efficient": SDPBackend.EFFICIENT_ATTENTION}
TOLERANCE = {"f16": 2e-3, "bf16": 1.6e-2, "tf32": 2e-3, "f32": 2e-5}


def rival(backend, q, k, v, causal):
    """A call of one of PyTorch's kernels; None where it does not serve these operands."""
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))

    def call():
        with sdpa_kernel(backend):
            return sdpa(q, k, v, is_causal=causal)

    try:
        call()
    except RuntimeError:
        return None
    return call


def triton_rival(q, k, v, causal):
    """FlexAttention, which torch.compile makes a kernel of Triton of."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    length = q.shape[1]
    q, k, v = (x.transpose(1, 2) for x in (q, k, v))
    mask = None
    if causal:
        mask = create_block_mask(lambda b, h, i, j: i >= j, None, None, length, length)
    torch.compiler.reset()  # or the eighth shape would run uncompiled
    call = torch.compile(flex_attention, dynamic=False)
    call(q, k, v, block_mask=mask)
    return lambda: call(q, k, v, block_mask=mask)


def reference(q, k, v, causal):
    """Double precision, by hand."""
    q, k, v = (x.double().transpose(1, 2) for x in (q, k, v))
    scores = q @ k.transpose(-1, -2) / q.shape[-1] ** 0.5
    if causal:
        scores = scores + torch.full_like(scores[0, 0], -torch.inf).triu(1)
    return (scores.softmax(-1) @ v).transpose(1, 2), scores.logsumexp(-1)


def operands(batch, length, heads, size, dtype):
    return [torch.randn(batch, length, heads, size, device="cuda", dtype=dtype) for _ in range(3)]


def launch(kernel, q, k, v, causal):
    # The text has one head: the others come as batch, [batch * heads, length, 1, size].
    batch, length, heads, size = q.shape
    flat = [x.transpose(1, 2).reshape(batch * heads, length, 1, size) for x in (q, k, v)]
    out = torch.full_like(flat[0], torch.nan)
    lse = torch.full((batch * heads, 1, length), torch.nan, device="cuda")
    unused = torch.zeros(1, 1, 1, 1, device="cuda")
    call = kernel.prepare(*flat, unused, unused[0, 0], unused[0, 0, 0], out, lse, 0, 0)
    return call, out.view(batch, heads, length, size), lse.view(batch, heads, length)


def check(kernel, size, precision, causal):
    worst = worst_lse = 0.0
    for length in (1, 63, 197, 512, 1000):
        q, k, v = operands(2, length, 3, size, TYPES[precision])
        call, out, lse = launch(kernel, q, k, v, causal)
        call()
        expected, expected_lse = reference(q, k, v, causal)
        worst = max(worst, relative_error(out.transpose(1, 2), expected))
        worst_lse = max(worst_lse, relative_error(lse, expected_lse))
    return worst, worst_lse


def measure(kernel, size, precision, causal, length):
    batch, heads = max(1, 16384 // length), max(1, 2048 // size)
    q, k, v = operands(batch, length, heads, size, TYPES[precision])
    names, calls = ["attune"], [launch(kernel, q, k, v, causal)[0]]
    for name, backend in RIVALS.items():
        call = rival(backend, q, k, v, causal)
        if call:
            names.append(name)
            calls.append(call)
    if precision == "bf16" and size in (64, 128):  # a few: each is compiled
        names.append("triton")
        calls.append(triton_rival(q, k, v, causal))
    flop = 4 * batch * heads * length**2 * size / (2 if causal else 1)
    return {name: flop / ms / 1e9 for name, ms in zip(names, median_ms(calls))}


def run(folder, lengths=(512, 2048, 16384)):
    folder = pathlib.Path(folder) / "kernels"
    records = []
    warnings.filterwarnings("ignore", module="torch|attention")  # of kernels that do not serve
    for path in sorted(pathlib.Path(folder).glob("attention_*.json")):
        _, size, precision, mask = re.fullmatch(
            r"(attention)_(\d+)_(\w+?)(_causal)?", path.stem).groups()
        kernel, causal = Kernel(folder, path.stem), mask is not None
        error, lse = check(kernel, int(size), precision, causal)
        record = {"kernel": path.stem, "error": error, "lse_error": lse,
                  "ok": error <= TOLERANCE[precision], "tflops": {}}
        for length in lengths:
            record["tflops"][length] = measure(kernel, int(size), precision, causal, length)
        records.append(record)
        print(path.stem, f"error {error:.1e} lse {lse:.1e}", "ok" if record["ok"] else "WRONG",
              {n: {k: round(v) for k, v in t.items()} for n, t in record["tflops"].items()},
              flush=True)
    return records
