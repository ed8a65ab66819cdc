#!/usr/bin/env python3
"""Makes a page of a record that tests/gpu/run has written.

usage: page.py RECORD.json > RECORD.md
"""
import json
import sys


def table(head, rows):
    lines = [head, ["---"] + ["--:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def models(records):
    rows = []
    for r in records:
        time = r.get("time")
        shape = ms = ratio = ""
        if time:
            shape = f"{time['batch']}" + (f" x {time['length']}" if time["length"] else "")
            ms = " / ".join(f"{time['ms'][n]:.2f}" for n in ("attune", "eager", "compiled"))
            ratio = f"{time['ratio']:.2f}"
        rows.append([r["kernel"], f"{r['error']:.1e}", f"{r['torch_error']:.1e}", shape, ms, ratio])
    return "Largest errors against double precision, of attune and of PyTorch in the same type; " \
           "milliseconds of attune / PyTorch / torch.compile with CUDA graphs.\n\n" + \
        table(["model", "error", "PyTorch's", "batch", "ms", "compiled / attune"], rows)


def launches(records):
    text = []
    for r in records:
        if "launches" in r:
            rows = [[f"{x['op']} ({x['kernel']})", x["count"], f"{x['ms']:.3f}",
                     f"{x['tflops']:.0f}"] for x in r["launches"][:8]]
            text.append(f"{r['kernel']}, by kernels, each with the time of its events:\n\n"
                        + table(["kernel", "launches", "ms", "TFLOP/s"], rows))
    return "\n\n".join(text)


def fused(records):
    rows = []
    for r in records:
        for p in r["points"]:
            memory = [f"{p[mode]['peak_bytes'] / 1e6:.0f}" for mode in ("fused", "unfused")]
            rows.append([r["kernel"], p["length"], f"{p['fused']['ms']:.3f}",
                         f"{p['unfused']['ms']:.3f}", f"{p['ratio']:.2f}", *memory])
    return "f16, 16k tokens and heads * size = 2048 in all.\n\n" + \
        table(["attention", "length", "fused ms", "unfused ms", "ratio", "fused MB",
               "unfused MB"], rows)


def attention(records):
    lengths = list(records[0]["tflops"])
    rivals = ("flash", "cudnn", "efficient", "triton")
    rows = []
    for r in records:
        for length in lengths:
            t = r["tflops"][length]
            rows.append([r["kernel"], length, f"{t['attune']:.0f}",
                         *(f"{t[n]:.0f}" if n in t else "" for n in rivals),
                         f"{t['attune'] / t['flash']:.2f}" if "flash" in t else ""])
    return "TFLOP/s, 16k tokens and heads * size = 2048 in all; Triton is FlexAttention.\n\n" + \
        table(["kernel", "length", "attune", *rivals, "of flash"], rows)


def contractions(records):
    rows = [[r["kernel"], f"{r['error']:.1e}", f"{r['tflops']['attune']:.0f}",
             f"{r['tflops']['cublas']:.0f}", f"{r['tflops']['attune'] / r['tflops']['cublas']:.2f}"]
            for r in records]
    return "TFLOP/s; cuBLAS computes the product alone.\n\n" + \
        table(["kernel", "error", "attune", "cuBLAS", "ratio"], rows)


def sweeps(records):
    rows = [[r["kernel"], f"{r['error']:.1e}", f"{r['gb_per_s']:.0f}", f"{r['share_of_copy']:.2f}"]
            for r in records]
    return table(["kernel", "error", "GB/s", "of a copy"], rows)


def sanitizer(records):
    clean = sum(r["ok"] and not r.get("refused") for r in records)
    return f"{clean} of {len(records)} runs clean (memcheck, racecheck, synccheck)."


PARTS = {"models": ("Whole models", models), "fused": ("Fused and unfused attention", fused),
         "attention": ("Attention", attention), "contractions": ("Contractions", contractions),
         "sweeps": ("Row and map kernels", sweeps),
         "sanitizer": ("compute-sanitizer", sanitizer)}


def main():
    record = json.load(open(sys.argv[1]))
    machine = record["machine"]
    print(f"# {machine['gpu']}, {record['date']}\n\n"
          f"PyTorch {machine['torch']}, CUDA {machine['cuda']}."
          " Both sides of a ratio took turns in one process. Made by tests/gpu/page.py.")
    for name, (title, part) in PARTS.items():
        if record.get(name):
            print(f"\n## {title}\n\n{part(record[name])}")
            if name == "models":
                print(f"\n{launches(record[name])}")


if __name__ == "__main__":
    main()
