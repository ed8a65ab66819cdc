"""Times and checks contractions (compiler/target/cuda/test/contractions.tile) beside cuBLAS.

The rival computes the product alone; what the kernel does after it costs the rival nothing.
"""

import contextlib
import pathlib

import torch

from kernels import Kernel, median_ms, relative_error

F16, BF16, F32 = torch.float16, torch.bfloat16, torch.float32


def gelu(x):
    return torch.nn.functional.gelu(x)


# name: types and shapes of the operands, that of the result, the result in double precision.
CASES = {
    "f16_square": (F16, [(4096, 4096), (4096, 4096)], lambda a, b: a @ b),
    "f16_square_wide": (F16, [(4096, 4096), (4096, 4096)], lambda a, b: a @ b),
    "f16_large": (F16, [(8192, 8192), (8192, 8192)], lambda a, b: a @ b),
    "bf16_vocabulary": (BF16, [(1024, 768), (50257, 768)], lambda a, b: a @ b.T),
    "bf16_bias_gelu": (BF16, [(4096, 1024), (1024, 4096), (4096,)],
                       lambda a, b, bias: gelu(a @ b + bias)),
    "bf16_bias_residual": (BF16, [(4096, 4096), (4096, 1024), (1024,), (4096, 1024)],
                           lambda a, b, bias, r: a @ b + bias + r),
    "f32_square": (F32, [(2048, 2048), (2048, 2048)], lambda a, b: a @ b),
    "tf32_square": (F32, [(4096, 4096), (4096, 4096)], lambda a, b: a @ b),
    "tf32_small": (F32, [(4096, 4096), (4096, 4096)], lambda a, b: a @ b),
    "tf32_transposed": (F32, [(4096, 4096), (4096, 4096)], lambda a, b: a @ b.T),
    "tf32_gradient": (F32, [(4096, 4096), (4096, 4096)], lambda a, b: a.T @ b),
    "f32_gradient": (F32, [(4096, 4096), (4096, 4096)], lambda a, b: a.T @ b),
    "f16_image": (F16, [(197, 768), (768, 3072), (3072,)],
                  lambda a, b, bias: a @ b + bias),
    "f16_scores": (F16, [(96, 1024, 64), (96, 1024, 64)],
                   lambda a, b: a @ b.transpose(1, 2) * 0.125),
    "f16_scores_low": (F16, [(96, 1024, 64), (96, 1024, 64)],
                       lambda a, b: a @ b.transpose(1, 2) * 0.125),
    "f16_decode": (F16, [(16, 8192), (8192, 4096)], lambda a, b: a @ b),
}
RESULTS = {"bf16_vocabulary": F32}  # where they are of another type than the operands
TRANSPOSED = ("bf16_vocabulary", "f16_scores", "f16_scores_low", "tf32_transposed")
TOLERANCE = {"f16": 1e-3, "bf16": 8e-3, "tf32": 1e-3, "f32": 5e-6}


@contextlib.contextmanager
def allowing(tf32):
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = tf32
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


def operands(dtype, shapes):
    # A vector is a bias, which stays f32. Weights as networks have them.
    tensors = [torch.randn(shape, device="cuda", dtype=F32) for shape in shapes]
    tensors[1] *= shapes[0][-1] ** -0.5
    return [t if len(s) == 1 else t.to(dtype) for t, s in zip(tensors, shapes)]


def run(folder):
    folder = pathlib.Path(folder) / "kernels"
    records = []
    for name, (dtype, shapes, function) in CASES.items():
        kernel = Kernel(folder, name)
        inputs = operands(dtype, shapes)
        expected = function(*(x.double() for x in inputs))
        out = torch.full(expected.shape, torch.nan, device="cuda",
                         dtype=RESULTS.get(name, dtype))
        call = kernel.prepare(*inputs, out)
        call()
        error = relative_error(out, expected)
        del expected
        a, b = inputs[:2]
        if name in TRANSPOSED:
            b = b.transpose(-1, -2)
        if name.endswith("gradient"):
            a = a.T
        precision = name.split("_")[0]
        with allowing(tf32=precision == "tf32"):
            ms, rival = median_ms([call, lambda: a @ b])
        flop = 2 * out.numel() * shapes[0][-1]
        record = {"kernel": name, "error": error, "ok": error <= TOLERANCE[precision],
                  "tflops": {"attune": flop / ms / 1e9, "cublas": flop / rival / 1e9}}
        records.append(record)
        print(f"{name} error {error:.1e}", "ok" if record["ok"] else "WRONG",
              {k: round(v) for k, v in record["tflops"].items()}, f"{rival / ms:.2f}", flush=True)
    return records
