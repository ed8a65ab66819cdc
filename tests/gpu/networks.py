"""The models in plain PyTorch: the reference in double precision, and the rival.

Enters: weights by the names that the exported models give them. Leaves: modules that take
what the models take. Q, K and V are projected by one matrix and attention is
scaled_dot_product_attention, without a mask where nothing is padded: PyTorch at its best.
"""

import dataclasses

import onnx
import torch
from torch import nn
from torch.nn.functional import gelu, scaled_dot_product_attention


@dataclasses.dataclass
class Names:
    """Where a layer's weights are in the exported model; {} is its number."""
    qkv: tuple
    out: str
    up: str
    down: str
    norm1: str
    norm2: str


LAYER = "bert.encoder.layer.{}."
BERT = Names(tuple(LAYER + f"attention.self.{x}" for x in ("query", "key", "value")),
             LAYER + "attention.output.dense", LAYER + "intermediate.dense",
             LAYER + "output.dense", LAYER + "attention.output.LayerNorm",
             LAYER + "output.LayerNorm")
VIT = Names(tuple(f"vit.vit.layers.{{}}.attention.{x}_proj" for x in "qkv"),
            "vit.vit.layers.{}.attention.o_proj", "vit.vit.layers.{}.mlp.fc1",
            "vit.vit.layers.{}.mlp.fc2", "vit.vit.layers.{}.layernorm_before",
            "vit.vit.layers.{}.layernorm_after")
GPT2 = Names(("gpt2.transformer.h.{}.attn.c_attn",), "gpt2.transformer.h.{}.attn.c_proj",
             "gpt2.transformer.h.{}.mlp.c_fc", "gpt2.transformer.h.{}.mlp.c_proj",
             "gpt2.transformer.h.{}.ln_1", "gpt2.transformer.h.{}.ln_2")


class Weights:
    """The weights of an exported model as PyTorch calls them."""

    def __init__(self, skeleton, values):
        self.values = dict(values)
        graph = onnx.load(skeleton, load_external_data=False).graph
        added = {name: node for node in graph.node if node.op_type == "Add" for name in node.input}
        # Exporters fold the transposed matrix of a Linear and forget its name; the bias
        # that is added to the product keeps it. Matrices of Gemm keep theirs.
        for node in graph.node:
            others = getattr(added.get(node.output[0]), "input", ())
            bias = [name for name in others if name.endswith(".bias")]
            if node.op_type == "MatMul" and node.input[1] in values and bias:
                self.values[bias[0][:-len("bias")] + "weight"] = values[node.input[1]].T
        self.transposed = {node.input[1] for node in graph.node if node.op_type == "Gemm"
                           and not any(a.name == "transB" and a.i for a in node.attribute)}

    def __getitem__(self, name):
        value = torch.from_numpy(self.values[name].copy())
        return nn.Parameter(value.T.contiguous() if name in self.transposed else value)

    def put(self, module, *names):
        """Into a Linear or a norm; several Linears one under the other."""
        for kind in ("weight", "bias"):
            parts = [self[f"{name}.{kind}"] for name in names]
            setattr(module, kind, nn.Parameter(torch.cat([p.data for p in parts])))
        return module


class Layer(nn.Module):
    def __init__(self, weights, names, index, width, heads, norm_first, causal, epsilon):
        super().__init__()
        self.heads, self.norm_first, self.causal = heads, norm_first, causal
        empty = dict(device="meta")

        def linear(*stems):
            return weights.put(nn.Linear(1, 1, **empty), *(s.format(index) for s in stems))

        def norm(stem):
            return weights.put(nn.LayerNorm(width, epsilon, **empty), stem.format(index))

        self.qkv, self.out = linear(*names.qkv), linear(names.out)
        self.up, self.down = linear(names.up), linear(names.down)
        self.norm1, self.norm2 = norm(names.norm1), norm(names.norm2)
        self.tanh = "tanh" if causal else "none"

    def attend(self, x, mask):
        batch, length, width = x.shape
        q, k, v = self.qkv(x).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = scaled_dot_product_attention(q, k, v, mask, is_causal=self.causal and mask is None)
        return self.out(y.transpose(1, 2).reshape(batch, length, width))

    def expand(self, x):
        return self.down(gelu(self.up(x), approximate=self.tanh))

    def forward(self, x, mask):
        if self.norm_first:
            x = x + self.attend(self.norm1(x), mask)
            return x + self.expand(self.norm2(x))
        x = self.norm1(x + self.attend(x, mask))
        return self.norm2(x + self.expand(x))


class Bert(nn.Module):
    def __init__(self, weights, width, layers, heads, pooled):
        super().__init__()
        embeddings = "bert.embeddings."
        self.word, self.place, self.kind = (
            weights[f"{embeddings}{n}_embeddings.weight"]
            for n in ("word", "position", "token_type"))
        self.norm = weights.put(nn.LayerNorm(width, 1e-12, device="meta"), embeddings + "LayerNorm")
        self.layers = nn.ModuleList(Layer(weights, BERT, i, width, heads, False, False, 1e-12)
                                    for i in range(layers))
        self.pooler = None
        if pooled:
            self.pooler = weights.put(nn.Linear(1, 1, device="meta"), "bert.pooler.dense")

    def forward(self, input_ids, attention_mask, token_type_ids, padded=True):
        x = self.word[input_ids] + self.kind[token_type_ids] + self.place[:input_ids.shape[1]]
        x = self.norm(x)
        mask = attention_mask.bool()[:, None, None, :] if padded else None
        for layer in self.layers:
            x = layer(x, mask)
        if self.pooler:
            return x, torch.tanh(self.pooler(x[:, 0]))
        keep = attention_mask[..., None].to(x.dtype)
        mean = (x * keep).sum(1) / keep.sum(1).clamp(min=1e-9)
        return x, nn.functional.normalize(mean, dim=1)


class Vit(nn.Module):
    def __init__(self, weights):
        super().__init__()
        embeddings = "vit.vit.embeddings."
        self.first, self.place = (weights[embeddings + n]
                                  for n in ("cls_token", "position_embeddings"))
        self.patches = weights.put(nn.Conv2d(3, 768, 16, 16, device="meta"),
                                   embeddings + "patch_embeddings.projection")
        self.layers = nn.ModuleList(Layer(weights, VIT, i, 768, 12, True, False, 1e-12)
                                    for i in range(12))
        self.norm = weights.put(nn.LayerNorm(768, 1e-12, device="meta"), "vit.vit.layernorm")
        self.head = weights.put(nn.Linear(1, 1, device="meta"), "vit.classifier")

    def forward(self, pixel_values, padded=True):
        x = self.patches(pixel_values).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(x.shape[0], -1, -1), x], 1) + self.place
        for layer in self.layers:
            x = layer(x, None)
        return self.head(self.norm(x)[:, 0]),


class Gpt2(nn.Module):
    def __init__(self, weights):
        super().__init__()
        self.word = weights["gpt2.lm_head.weight"]
        self.place = weights["gpt2.transformer.wpe.weight"]
        self.layers = nn.ModuleList(Layer(weights, GPT2, i, 768, 12, True, True, 1e-5)
                                    for i in range(12))
        self.norm = weights.put(nn.LayerNorm(768, 1e-5, device="meta"), "gpt2.transformer.ln_f")

    def forward(self, input_ids, attention_mask, padded=True):
        length = input_ids.shape[1]
        mask = None
        if padded:
            before = torch.ones(length, length, dtype=torch.bool, device=input_ids.device).tril()
            mask = attention_mask.bool()[:, None, None, :] & before
        x = self.word[input_ids] + self.place[:length]
        for layer in self.layers:
            x = layer(x, mask)
        return self.norm(x) @ self.word.T,


def build(name, skeleton, values):
    """The module of a model, in float32."""
    weights = Weights(skeleton, values)
    if name == "minilm":
        return Bert(weights, 384, 6, 12, pooled=False)
    if name == "bert":
        return Bert(weights, 768, 12, 12, pooled=True)
    return {"vit": Vit, "gpt2": Gpt2}[name](weights)
