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

MODELS = ("minilm", "bert", "vit", "timmvit", "gpt2")
LEGACY = [("legacy", 12, "eager")] + [
    ("legacy", o, a) for o in (14, 17) for a in ("eager", "sdpa")]
DYNAMO = [("dynamo", o, a) for o in (18, 20, 23) for a in ("eager", "sdpa")]


def all_forms():
    """Every form as (model, exporter, opset, attention).

    The legacy exporter has no symbolic for scaled_dot_product_attention below
    opset 14.
    """
    for model in MODELS:
        for form in LEGACY + DYNAMO:
            yield (model, *form)


def form_name(form):
    return "_".join(str(part) for part in form)


def seed_weights(model, seed):
    """Draws every parameter from `seed`, in the manner of trained weights.

    Matrices get 1/sqrt(fan in), so that attention scores have a spread of about
    one; norm weights lie around 1; two channels of every norm are outliers, as
    in trained transformers, because they are what breaks a careless softmax or
    a narrow accumulator.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() >= 2:
                is_table = "embed" in name or "wte" in name or "wpe" in name
                fan_in = 4.0 if is_table else parameter[0].numel()
                if type_of_owner(model, name) == "Conv1D":
                    fan_in = parameter.shape[0]
                parameter.copy_(noise * fan_in ** -0.5)
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.1 * noise)
                parameter[[1, parameter.numel() // 2]] *= 6
            else:
                parameter.copy_(0.05 * noise)


def type_of_owner(model, name):
    return type(model.get_submodule(name.rpartition(".")[0])).__name__


def build_bert(size, attention, minilm):
    import torch
    from transformers import BertConfig, BertModel

    if size == "small":
        shape = dict(vocab_size=100, hidden_size=64, num_hidden_layers=2,
                     num_attention_heads=4, intermediate_size=128,
                     max_position_embeddings=256)
    elif minilm:
        shape = dict(hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
                     intermediate_size=1536)
    else:
        shape = dict()
    config = BertConfig(attn_implementation=attention, **shape)
    bert = BertModel(config, add_pooling_layer=not minilm)

    class Encoder(torch.nn.Module):
        """BertModel with tensors in, tensors out."""

        def __init__(self):
            super().__init__()
            self.bert = bert

        def forward(self, input_ids, attention_mask, token_type_ids):
            out = self.bert(input_ids=input_ids, attention_mask=attention_mask,
                            token_type_ids=token_type_ids)
            if not minilm:
                return out.last_hidden_state, out.pooler_output
            hidden = out.last_hidden_state
            keep = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9)
            return hidden, torch.nn.functional.normalize(mean, p=2, dim=1)

    ids = torch.randint(0, config.vocab_size, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    types = torch.zeros_like(ids)
    types[:, 5:] = 1
    second = "sentence_embedding" if minilm else "pooler_output"
    return (Encoder(), dict(input_ids=ids, attention_mask=mask, token_type_ids=types),
            ["last_hidden_state", second])


def build_vit(size, attention):
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    shape = {}
    if size == "small":
        shape = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                     intermediate_size=128, image_size=32, patch_size=8)
    config = ViTConfig(attn_implementation=attention,
                       num_labels=10 if size == "small" else 1000, **shape)
    vit = ViTForImageClassification(config)

    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.vit = vit

        def forward(self, pixel_values):
            return self.vit(pixel_values=pixel_values).logits

    side = config.image_size
    return Classifier(), dict(pixel_values=torch.randn(2, 3, side, side)), ["logits"]


def build_timm_vit(size, attention):
    import timm
    import torch
    import timm.layers

    timm.layers.set_fused_attn(attention == "sdpa")
    shape = {}
    if size == "small":
        # 3 heads of 24: the scale is not a power of two here.
        shape = dict(embed_dim=72, depth=2, num_heads=3, mlp_ratio=2,
                     img_size=32, patch_size=8, num_classes=10)
    vit = timm.create_model("vit_base_patch16_224", pretrained=False, **shape)
    side = 32 if size == "small" else 224
    return vit, {"x": torch.randn(2, 3, side, side)}, ["logits"]


def build_gpt2(size, attention):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = {}
    if size == "small":
        shape = dict(vocab_size=100, n_positions=256, n_embd=64, n_layer=2, n_head=4,
                     bos_token_id=0, eos_token_id=0)
    config = GPT2Config(attn_implementation=attention, use_cache=False, **shape)
    gpt2 = GPT2LMHeadModel(config)

    class Decoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gpt2 = gpt2

        def forward(self, input_ids, attention_mask):
            return self.gpt2(input_ids=input_ids, attention_mask=attention_mask,
                             use_cache=False).logits

    ids = torch.randint(0, config.vocab_size, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    return Decoder(), dict(input_ids=ids, attention_mask=mask), ["logits"]


def build(model, size, attention):
    """Returns (module, example inputs by name, output names)."""
    if model in ("minilm", "bert"):
        return build_bert(size, attention, model == "minilm")
    if model == "vit":
        return build_vit(size, attention)
    if model == "timmvit":
        return build_timm_vit(size, attention)
    return build_gpt2(size, attention)


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
    seed_weights(module, seed=MODELS.index(model) + 1)
    path = os.path.join(out, form_name(form) + ".onnx")
    axes = dynamic_axes(inputs)
    common = dict(input_names=list(inputs), output_names=outputs, opset_version=opset)
    with torch.no_grad():
        if exporter == "legacy":
            out_axes = {"batch", "sequence"} if "input_ids" in inputs else {"batch"}
            named = dict(axes)
            named[outputs[0]] = {0: "batch", 1: "sequence"} if "sequence" in out_axes else {0: "batch"}
            for name in outputs[1:]:
                named[name] = {0: "batch"}
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
