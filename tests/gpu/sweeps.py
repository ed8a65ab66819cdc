"""Times and checks row and map kernels (compiler/target/cuda/test/sweeps.tile) beside a copy.

The copy moves as many bytes as the kernel reads and writes, each operand once.
"""

import pathlib

import torch

from kernels import Kernel, median_ms, relative_error

F16, F32, I64 = torch.float16, torch.float32, torch.int64
TOLERANCE = {F16: 1e-3, F32: 3e-6}


def layer_norm(x, gamma, beta):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], gamma, beta, 1e-5)


def softmax(x):
    return x.softmax(-1)


def gelu_residual(x, bias, residual):
    return torch.nn.functional.gelu(x + bias) + residual


# name: shapes and types of the operands; the result in double precision.
CASES = {
    "layer_norm_768": ([(65536, 768), (768,), (768,)], F32, layer_norm),
    "layer_norm_4096": ([(16384, 4096), (4096,), (4096,)], F32, layer_norm),
    "layer_norm_4096_f16": ([(32768, 4096), (4096,), (4096,)], F16, layer_norm),
    "softmax_1024": ([(65536, 1024)], F32, softmax),
    "softmax_197": ([(262144, 197)], F32, softmax),
    "softmax_any": ([(16384, 3001)], F32, softmax),
    "bias_gelu_residual": ([(65536, 1024), (1024,), (65536, 1024)], F32, gelu_residual),
    "bias_gelu_residual_f16": ([(65536, 1024), (1024,), (65536, 1024)], F16, gelu_residual),
    "transpose_0213": ([(128, 512, 12, 64)], F32, lambda x: x.transpose(1, 2).contiguous()),
    "transpose_021": ([(64, 1024, 1024)], F32, lambda x: x.transpose(1, 2).contiguous()),
    "sum_axis_0": ([(16384, 4096)], F32, lambda x: x.sum(0)),
    "gather_rows": ([(65536,), (30000, 768)], F32, lambda ids, table: table[ids]),
}


def operands(name, shapes, dtype):
    tensors = [torch.randn(shape, device="cuda", dtype=F32).to(dtype) for shape in shapes]
    if name == "gather_rows":
        tensors[0] = torch.randint(0, shapes[1][0], shapes[0], device="cuda")
    return tensors


def widened(tensor):
    return tensor if tensor.dtype == I64 else tensor.double()


def arguments(name, inputs, out):
    """Transposes are in the strides of the operand."""
    if name.startswith("transpose"):
        return [inputs[0].transpose(1, 2), out]
    return [*inputs, out]


def bytes_of(name, inputs, out):
    read = out.numel() if name == "gather_rows" else sum(x.numel() for x in inputs)
    return (read + out.numel()) * out.element_size()


def run(folder):
    folder = pathlib.Path(folder) / "kernels"
    records = []
    for name, (shapes, dtype, function) in CASES.items():
        kernel = Kernel(folder, name)
        inputs = operands(name, shapes, dtype)
        expected = function(*map(widened, inputs))
        out = torch.full(expected.shape, torch.nan, device="cuda", dtype=dtype)
        call = kernel.prepare(*arguments(name, inputs, out))
        call()
        error = relative_error(out, expected)
        del expected
        moved = bytes_of(name, inputs, out)
        source = torch.empty(moved // 2, device="cuda", dtype=torch.uint8)
        target = torch.empty_like(source)
        ms, copy = median_ms([call, lambda: target.copy_(source)])
        record = {"kernel": name, "error": error, "ok": error <= TOLERANCE[dtype],
                  "gb_per_s": moved / ms / 1e6, "share_of_copy": copy / ms}
        records.append(record)
        print(f"{name} error {error:.1e}", "ok" if record["ok"] else "WRONG",
              f"{record['gb_per_s']:.0f} GB/s, {100 * copy / ms:.0f} % of a copy", flush=True)
    return records
