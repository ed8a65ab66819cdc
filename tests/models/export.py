#!/usr/bin/env python3
"""Exports the test models from PyTorch in every form that its exporters make.

Enters: nothing but a venv with tests/requirements-export.txt; weights are drawn
from a seed. Leaves: OUT/MODEL_EXPORTER_OPSET_ATTENTION.onnx for every form, and
with --skeletons DIR the weight-free skeletons that are committed here.

Run by hand: exports need torch (5 GB), the normal tests only the skeletons.
Real exports are the source because hand-written graphs miss what exporters do
to shapes, masks and scales, and that is what the importer has to bear.

    export.py --size small --out /tmp/small --skeletons tests/models/skeletons
    export.py --size full --out /tmp/full --only 'bert_dynamo_20_sdpa'
"""
import argparse
import fnmatch
import itertools
import os
import subprocess
import sys
import traceback

from architectures import MODELS, OTHERS, build, seed_weights

LEGACY = [("legacy", 12, "eager")] + [
    ("legacy", o, a) for o in (14, 17) for a in ("eager", "sdpa")]
DYNAMO = [("dynamo", o, a) for o in (18, 20, 23) for a in ("eager", "sdpa")]
SAMPLE = [("dynamo", 20, "sdpa"), ("dynamo", 23, "sdpa")]


def all_forms():
    """Every form as (model, exporter, opset, attention).

    The legacy exporter has no symbolic for scaled_dot_product_attention below
    opset 14. It also makes a Resize of the position tables of dinov2 and beit, an
    operator that no other model here needs.
    """
    for model in MODELS:
        for form in LEGACY + DYNAMO:
            yield (model, *form)
    for model in OTHERS:
        sample = SAMPLE if model in ("dinov2", "beit") else [("legacy", 17, "eager")] + SAMPLE
        for form in sample:
            yield (model, *form)


def form_name(form):
    return "_".join(str(part) for part in form)


def dynamic_axes(inputs):
    """Batch is dynamic everywhere, the length of text inputs as well."""
    return {name: {0: "batch"} if value.dim() == 4 else {0: "batch", 1: "sequence"}
            for name, value in inputs.items()}


def export_one(form, size, out):
    import torch

    model, exporter, opset, attention = form
    torch.manual_seed(0)
    module, inputs, outputs = build(model, size, attention)
    module.eval()
    if not getattr(module, "is_trained", False):
        seed_weights(module, seed=(MODELS + OTHERS).index(model) + 1)
    path = os.path.join(out, form_name(form) + ".onnx")
    axes = dynamic_axes(inputs)
    common = dict(input_names=list(inputs), output_names=outputs, opset_version=opset)
    with torch.no_grad():
        if exporter == "legacy":
            named = {**axes, **{name: {0: "batch"} for name in outputs}}
            if "input_ids" in inputs:
                named[outputs[0]] = {0: "batch", 1: "sequence"}
            torch.onnx.export(module, tuple(inputs.values()), path, dynamo=False,
                              dynamic_axes=named, **common)
        else:
            dims = {name: torch.export.Dim(name) for name in ("batch", "sequence")}
            shapes = tuple({axis: dims[dim] for axis, dim in spec.items()}
                           for spec in axes.values())
            program = torch.onnx.export(module, tuple(inputs.values()), dynamo=True,
                                        dynamic_shapes=shapes, **common)
            program.save(path, external_data=size == "full")
    return path


def run_child(forms, args):
    """Exports `forms` in a process of their own, so that memory is handed back."""
    names = [form_name(f) for f in forms]
    command = [sys.executable, __file__, "--size", args.size, "--out", args.out,
               "--in-process", *names]
    with open(os.path.join(args.out, names[0] + ".log"), "w") as log:
        subprocess.run(command, stdout=log, stderr=log)
    missing = [n for n in names if not os.path.exists(os.path.join(args.out, n + ".onnx"))]
    for name in names:
        print(f"{name:28s} {'FAILED' if name in missing else 'ok'}", flush=True)
    return not missing


def export_all(names, args):
    """The child's side: a form that fails leaves its traceback in the log."""
    for form in (f for f in all_forms() if form_name(f) in names):
        try:
            export_one(form, args.size, args.out)
        except Exception:
            traceback.print_exc()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=("small", "full"), default="small")
    parser.add_argument("--out", required=True)
    parser.add_argument("--only", default="*", help="pattern of form names")
    parser.add_argument("--skeletons", help="write weight-free skeletons here")
    parser.add_argument("--in-process", nargs="*", help=argparse.SUPPRESS)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    forms = list(all_forms())
    if args.in_process:
        export_all(args.in_process, args)
        return 0
    forms = [f for f in forms if args.size == "small" or f[0] in MODELS]
    chosen = [f for f in forms if fnmatch.fnmatch(form_name(f), args.only)]
    batches = [[f] for f in chosen]
    if args.size == "small":  # imports take longer than exports: share a process
        batches = [list(g) for _, g in itertools.groupby(chosen, key=lambda f: f[0])]
    ok = [run_child(b, args) for b in batches]
    if args.skeletons:
        import strip
        for form in chosen:
            strip.strip_file(os.path.join(args.out, form_name(form) + ".onnx"), args.skeletons)
    return 0 if all(ok) else 1


if __name__ == "__main__":
    sys.exit(main())
