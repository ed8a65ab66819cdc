"""Times and checks row and map kernels beside a copy and PyTorch's kernels.

The kernels are those of compiler/target/cuda/test/sweep-kernels.mlir. What limits them is
memory: a share is that of the speed at which a copy of the same tensors goes, timed beside.
"""

import pathlib

import torch
from torch.nn import functional

from kernels import Kernel, median_ms, relative_error

TOLERANCE = {torch.float32: 1e-5, torch.float16: 2e-3}


def draw(*shape, dtype=torch.float32):
    return torch.randn(*shape, device="cuda", dtype=dtype)


def layer_norm(rows, columns, dtype):
    x, scale, bias = draw(rows, columns, dtype=dtype), draw(columns, dtype=dtype), draw(
        columns, dtype=dtype)

    def compute(x, scale, bias):
        return functional.layer_norm(x, (columns,), scale, bias, 1e-5)

    return [x, scale, bias], torch.empty_like(x), compute


def softmax(rows, columns):
    x = draw(rows, columns)
    return [x], torch.empty_like(x), lambda x: x.softmax(-1)


def bias_gelu_residual(rows, columns, dtype):
    x, residual = draw(rows, columns, dtype=dtype), draw(rows, columns, dtype=dtype)
    bias = draw(columns, dtype=dtype)
    return ([x, bias, residual], torch.empty_like(x),
            lambda x, bias, residual: functional.gelu(x + bias) + residual)


def transpose(shape, order):
    x = draw(*shape).permute(order)
    return [x], torch.empty(x.shape, device="cuda"), torch.Tensor.contiguous


def sum_axis_0(rows, columns):
    return [draw(rows, columns)], draw(columns), lambda x: x.sum(0)


def gather_rows(rows, columns):
    table = draw(30000, columns)
    indices = torch.randint(0, 30000, (rows,), device="cuda")
    return ([indices, table], draw(rows, columns),
            lambda indices, table: table.index_select(0, indices))


CASES = {
    "layer_norm_768": lambda: layer_norm(8192, 768, torch.float32),
    "layer_norm_4096": lambda: layer_norm(8192, 4096, torch.float32),
    "layer_norm_4096_f16": lambda: layer_norm(8192, 4096, torch.float16),
    "softmax_1024": lambda: softmax(32768, 1024),
    "softmax_197": lambda: softmax(8 * 12 * 197, 197),
    "softmax_any": lambda: softmax(32768, 1024),
    "bias_gelu_residual": lambda: bias_gelu_residual(1 << 16, 1024, torch.float32),
    "bias_gelu_residual_f16": lambda: bias_gelu_residual(1 << 16, 1024, torch.float16),
    "transpose_0213": lambda: transpose((32, 512, 12, 64), (0, 2, 1, 3)),
    "transpose_021": lambda: transpose((32, 1024, 1024), (0, 2, 1)),
    "sum_axis_0": lambda: sum_axis_0(8192, 4096),
    "gather_rows": lambda: gather_rows(16384, 768),
}


def copy_of(count):
    """A copy that reads and writes so many bytes in all."""
    source = torch.empty(count // 2, dtype=torch.uint8, device="cuda")
    target = torch.empty_like(source)
    return lambda: target.copy_(source)


def traffic(name, inputs, out):
    """Bytes that have to move."""
    if name == "gather_rows":
        return inputs[0].nbytes + 2 * out.nbytes
    return sum(x.numel() * x.element_size() for x in inputs) + out.nbytes


def as_double(tensor):
    return tensor.double() if tensor.is_floating_point() else tensor


def run(folder):
    records = []
    for name, case in CASES.items():
        if not (pathlib.Path(folder) / f"{name}.json").exists():
            continue
        inputs, out, compute = case()
        call = Kernel(folder, name).prepare(*inputs, out)
        out.fill_(torch.nan)
        call()
        expected = compute(*map(as_double, inputs))
        error = relative_error(out, expected)
        del expected
        count = traffic(name, inputs, out)
        ms, copy_ms, torch_ms = median_ms(
            [call, copy_of(count), lambda: compute(*inputs)])
        record = {"kernel": name, "error": error, "ok": error <= TOLERANCE[out.dtype],
                  "ms": ms, "gb_per_second": count / ms / 1e6, "share_of_copy": copy_ms / ms,
                  "torch_ms": torch_ms}
        records.append(record)
        print(f"{name:24} error {error:.1e} {'ok' if record['ok'] else 'WRONG'} "
              f"{ms:.3f} ms {record['gb_per_second']:.0f} GB/s, {copy_ms / ms:.2f} of a copy, "
              f"torch {torch_ms:.3f} ms", flush=True)
    return records
