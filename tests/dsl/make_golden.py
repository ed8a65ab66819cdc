#!/usr/bin/env python3
"""Makes golden/*.npz: what PyTorch computes for the models of examples/models.

Enters: nothing; the models below are written with torch.nn alone, in the manner of
the papers' own code. Leaves: one small file for each case, which the tests read without
Python. Run by hand, after a change of an example or of a case, in an environment with
torch (2.15 made the files) and numpy: scripts/python-env --export makes one, or, smaller,
python3 -m venv V && V/bin/pip install torch numpy. README.md has the format.
"""

import math
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

from parameter import parameter
from training import train

HERE = pathlib.Path(__file__).parent


def attend(q, k, v, mask=None, bias=None):
    """Attention as its formula; mask is True where a key is seen."""
    scores = q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~mask, -math.inf)
    return scores.softmax(-1) @ v


def split_heads(x, heads):
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


def join_heads(x):
    return x.transpose(1, 2).flatten(2)


class MLP(nn.Module):
    def __init__(self, size, hidden, classes, **_):
        super().__init__()
        # Dropout has no weights but counts, as in the example.
        self.net = nn.Sequential(
            nn.Linear(size * size, hidden), nn.ReLU(), nn.Identity(),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Identity(),
            nn.Linear(hidden, classes))

    def forward(self, image):
        return self.net(image.flatten(1))


class GPT(nn.Module):
    class Block(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.ln_1 = nn.LayerNorm(width, bias=False)
            self.attn = nn.ModuleDict({
                "qkv": nn.Linear(width, 3 * width, bias=False),
                "proj": nn.Linear(width, width, bias=False)})
            self.ln_2 = nn.LayerNorm(width, bias=False)
            self.mlp = nn.ModuleDict({
                "up": nn.Linear(width, 4 * width, bias=False),
                "down": nn.Linear(4 * width, width, bias=False)})

        def forward(self, x):
            q, k, v = (split_heads(part, self.heads)
                       for part in self.attn["qkv"](self.ln_1(x)).chunk(3, -1))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.attn["proj"](join_heads(y))
            return x + self.mlp["down"](F.gelu(self.mlp["up"](self.ln_2(x))))

    def __init__(self, vocab, context, width, heads, depth, **_):
        super().__init__()
        self.wte = nn.Embedding(vocab, width)
        self.wpe = nn.Embedding(context, width)
        self.h = nn.ModuleList(self.Block(width, heads) for _ in range(depth))
        self.ln_f = nn.LayerNorm(width, bias=False)

    def forward(self, tokens):
        x = self.wte(tokens) + self.wpe.weight[: tokens.shape[1]]
        for block in self.h:
            x = block(x)
        return self.ln_f(x) @ self.wte.weight.T


class ViT(nn.Module):
    class Block(nn.Module):
        def __init__(self, width, heads, ratio):
            super().__init__()
            self.heads = heads
            self.norm1 = nn.LayerNorm(width, eps=1e-6)
            self.attn = nn.ModuleDict({
                "qkv": nn.Linear(width, 3 * width), "proj": nn.Linear(width, width)})
            self.norm2 = nn.LayerNorm(width, eps=1e-6)
            self.mlp = nn.Sequential(
                nn.Linear(width, ratio * width), nn.GELU(), nn.Identity(),
                nn.Linear(ratio * width, width))

        def forward(self, x):
            q, k, v = (split_heads(part, self.heads)
                       for part in self.attn["qkv"](self.norm1(x)).chunk(3, -1))
            x = x + self.attn["proj"](join_heads(attend(q, k, v)))
            return x + self.mlp(self.norm2(x))

    def __init__(self, size, channels, patch, classes, width, heads, depth, mlp_ratio, **_):
        super().__init__()
        self.patch = patch
        self.patch_embed = nn.Linear(channels * patch * patch, width)
        self.cls_token = nn.Parameter(torch.empty(1, 1, width))
        self.pos_embed = nn.Parameter(torch.empty(1, (size // patch) ** 2 + 1, width))
        self.blocks = nn.ModuleList(self.Block(width, heads, mlp_ratio) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.head = nn.Linear(width, classes)

    def forward(self, image):
        # Patches by convolution, as timm does.
        weight = self.patch_embed.weight
        weight = weight.reshape(weight.shape[0], image.shape[1], self.patch, self.patch)
        x = F.conv2d(image, weight, self.patch_embed.bias, stride=self.patch)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x)[:, 0])


class BERT(nn.Module):
    class Layer(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            names = ("query", "key", "value", "output")
            self.attention_ = nn.ModuleDict({name: nn.Linear(width, width) for name in names})
            self.attention_["norm"] = nn.LayerNorm(width, eps=1e-12)
            self.intermediate = nn.Linear(width, 4 * width)
            self.output = nn.Linear(4 * width, width)
            self.norm = nn.LayerNorm(width, eps=1e-12)

        def forward(self, x, seen):
            part = self.attention_
            q, k, v = (split_heads(part[name](x), self.heads) for name in ("query", "key", "value"))
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None, :])
            x = part["norm"](x + part["output"](join_heads(y)))
            return self.norm(x + self.output(F.gelu(self.intermediate(x))))

    def __init__(self, vocab, context, types, width, heads, depth, **_):
        super().__init__()
        self.embeddings = nn.ModuleDict({
            "word_embeddings": nn.Embedding(vocab, width),
            "position_embeddings": nn.Embedding(context, width),
            "token_type_embeddings": nn.Embedding(types, width),
            "norm": nn.LayerNorm(width, eps=1e-12)})
        self.layer = nn.ModuleList(self.Layer(width, heads) for _ in range(depth))
        self.transform = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=1e-12))
        self.bias = nn.Parameter(torch.empty(vocab))

    def forward(self, ids, segments, mask):
        part = self.embeddings
        positions = part["position_embeddings"](torch.arange(ids.shape[1]))
        x = part["word_embeddings"](ids) + positions + part["token_type_embeddings"](segments)
        x = part["norm"](x)
        for layer in self.layer:
            x = layer(x, mask != 0)
        return self.transform(x) @ part["word_embeddings"].weight.T + self.bias


class Transformer(nn.Module):
    class Attention(nn.Module):
        def __init__(self, width, heads):
            super().__init__()
            self.heads = heads
            self.query, self.key, self.value, self.out = (
                nn.Linear(width, width) for _ in range(4))
            self.norm = nn.LayerNorm(width)

        def forward(self, x, memory, seen):
            q, k, v = (split_heads(layer(part), self.heads) for layer, part in
                       ((self.query, x), (self.key, memory), (self.value, memory)))
            return self.norm(x + self.out(join_heads(attend(q, k, v, seen))))

    class FeedForward(nn.Module):
        def __init__(self, width, hidden):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, width))
            self.norm = nn.LayerNorm(width)

        def forward(self, x):
            return self.norm(x + self.net(x))

    def __init__(self, vocab, width, heads, depth, hidden, **_):
        super().__init__()
        self.width = width
        self.embed = nn.Embedding(vocab, width)

        def layer(*names):
            parts = {name: self.Attention(width, heads) for name in names}
            return nn.ModuleDict(parts | {"ff": self.FeedForward(width, hidden)})

        self.encoder = nn.ModuleList(layer("attn") for _ in range(depth))
        self.decoder = nn.ModuleList(layer("attn", "cross") for _ in range(depth))

    def embedded(self, tokens):
        # Section 3.5 of the paper, element by element.
        table = torch.zeros(tokens.shape[1], self.width, dtype=self.embed.weight.dtype)
        for position in range(tokens.shape[1]):
            for i in range(0, self.width, 2):
                angle = position / 10000 ** (i / self.width)
                table[position, i], table[position, i + 1] = math.sin(angle), math.cos(angle)
        return self.embed(tokens) * math.sqrt(self.width) + table

    def forward(self, source, target):
        memory, seen = self.embedded(source), (source != 0)[:, None, None, :]
        for layer in self.encoder:
            memory = layer["ff"](layer["attn"](memory, memory, seen))
        length = target.shape[1]
        past = torch.ones(length, length, dtype=torch.bool).tril()
        own = (target != 0)[:, None, None, :] & past
        x = self.embedded(target)
        for layer in self.decoder:
            x = layer["cross"](layer["attn"](x, x, own), memory, seen)
            x = layer["ff"](x)
        return x @ self.embed.weight.T


def window_partition(x, window):
    """Swin's own: [B, H, W, C] to [B * windows, window * window, C]."""
    b, h, w, c = x.shape
    x = x.view(b, h // window, window, w // window, window, c)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(-1, window * window, c)


def window_reverse(windows, window, h, w):
    b = len(windows) * window * window // (h * w)
    x = windows.view(b, h // window, w // window, window, window, -1)
    return x.permute(0, 1, 3, 2, 4, 5).contiguous().view(b, h, w, -1)


class SwinBlock(nn.Module):
    """SwinTransformerBlock of microsoft/Swin-Transformer, without dropout."""

    def __init__(self, dim, side, window, shift, head_width):
        super().__init__()
        self.side, self.window, self.shift, self.heads = side, window, shift, dim // head_width
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attn = nn.ModuleDict({"qkv": nn.Linear(dim, 3 * dim), "proj": nn.Linear(dim, dim)})
        self.attn.table = nn.Parameter(torch.empty((2 * window - 1) ** 2, self.heads))
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def bias(self):
        w = self.window
        coords = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(w), indexing="ij"))
        coords = coords.flatten(1)
        relative = (coords[:, :, None] - coords[:, None, :]).permute(1, 2, 0).contiguous()
        relative += w - 1
        relative[:, :, 0] *= 2 * w - 1
        index = relative.sum(-1)
        return self.attn.table[index.view(-1)].view(w * w, w * w, -1).permute(2, 0, 1)

    def mask(self):
        image = torch.zeros(1, self.side, self.side, 1)
        slices = (slice(0, -self.window), slice(-self.window, -self.shift),
                  slice(-self.shift, None))
        count = 0
        for rows in slices:
            for columns in slices:
                image[:, rows, columns, :] = count
                count += 1
        windows = window_partition(image, self.window).squeeze(-1)
        apart = windows.unsqueeze(1) - windows.unsqueeze(2)
        return apart.masked_fill(apart != 0, -100.0).double()

    def forward(self, x):
        y = self.norm1(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = window_partition(y, self.window)
        q, k, v = (split_heads(part, self.heads) for part in self.attn["qkv"](y).chunk(3, -1))
        bias = self.bias()[None]
        if self.shift:
            bias = (bias + self.mask()[:, None]).repeat(len(x), 1, 1, 1)
        y = self.attn["proj"](join_heads(attend(q, k, v, bias=bias)))
        y = window_reverse(y, self.window, self.side, self.side)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Swin(nn.Module):
    class Stage(nn.Module):
        def __init__(self, index, dim, side, inputs, depth, window, head_width):
            super().__init__()
            self.index = index
            self.merge = nn.Linear(inputs, dim, bias=index == 0)
            self.norm = nn.LayerNorm(dim if index == 0 else inputs)
            self.blocks = nn.ModuleList(
                SwinBlock(dim, side, window, window // 2 if i % 2 and side > window else 0, head_width)
                for i in range(depth))

        def forward(self, x):
            # Swin's PatchMerging; the first stage is its patch embedding.
            parts = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
            x = torch.cat(parts, -1)
            x = self.merge(self.norm(x)) if self.index else self.norm(self.merge(x))
            for block in self.blocks:
                x = block(x)
            return x

    def __init__(self, size, channels, window, classes, width, stages, depth, head_width, **_):
        super().__init__()
        self.layers = nn.ModuleList(
            self.Stage(i, width * 2**i, size // 2 // 2**i,
                       2 * width * 2**i if i else 4 * channels, depth, window, head_width)
            for i in range(stages))
        last = width * 2 ** (stages - 1)
        self.norm, self.head = nn.LayerNorm(last), nn.Linear(last, classes)

    def forward(self, image):
        x = image.permute(0, 2, 3, 1)
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x).mean((1, 2)))


def image(generator, *shape):
    return torch.randn(*shape, generator=generator).float()


def whole(generator, most, *shape, least=0):
    return torch.randint(least, most, shape, generator=generator)


def padded(tokens, *lengths):
    """Rows end after their length; 0 is padding."""
    for row, length in zip(tokens, lengths):
        row[length:] = 0
    return tokens


def cases(g):
    """name: example, torch module, settings, inputs, labels, cross entropy's options and the
    optimizer's, both as the train section of the example has them."""
    labels = whole(g, 11, 3, 6)
    labels[0, 2] = labels[2, 4] = -100
    yield ("mlp", MLP, dict(size=5, hidden=12, classes=4),
           dict(image=image(g, 3, 5, 5)), dict(label=whole(g, 4, 3)), {},
           dict(optimizer="sgd", momentum=0.9))
    yield ("gpt", GPT, dict(vocab=17, context=8, width=16, heads=2, depth=2),
           dict(tokens=whole(g, 17, 2, 7)), dict(targets=whole(g, 17, 2, 7)), {},
           dict(betas=(0.9, 0.99), weight_decay=0.1, clip=1.0))
    yield ("vit", ViT,
           dict(size=8, channels=2, patch=4, classes=5, width=12, heads=3, depth=2, mlp_ratio=2),
           dict(image=image(g, 2, 2, 8, 8)), dict(label=whole(g, 5, 2)),
           dict(label_smoothing=0.1), dict(weight_decay=0.05, clip=1.0))
    mask = torch.ones(3, 6, dtype=torch.int64)
    yield ("bert", BERT, dict(vocab=11, context=9, types=2, width=12, heads=2, depth=2),
           dict(ids=whole(g, 11, 3, 6), segments=whole(g, 2, 3, 6), mask=padded(mask, 6, 4, 1)),
           dict(labels=labels), {}, {})
    yield ("encoder_decoder", Transformer,
           dict(vocab=9, width=8, heads=2, depth=2, hidden=16),
           dict(source=padded(whole(g, 9, 2, 6, least=1), 6, 3),
                target=padded(whole(g, 9, 2, 5, least=1), 4, 5)),
           dict(labels=padded(whole(g, 9, 2, 5, least=1), 4, 5)),
           dict(label_smoothing=0.1, ignore_index=0), dict(betas=(0.9, 0.98), eps=1e-9))
    yield ("swin", Swin,
           dict(size=16, channels=1, window=4, classes=3, width=4, stages=2, depth=2, head_width=2),
           dict(image=image(g, 2, 1, 16, 16)), dict(label=whole(g, 3, 2)),
           dict(label_smoothing=0.1), {})


def record(name, module, settings, inputs, labels, options, optimizer):
    model = module(**settings).double()
    with torch.no_grad():
        for path, weight in model.named_parameters():
            weight.copy_(torch.from_numpy(parameter(path, tuple(weight.shape))))
    arrays = {f"set.{key}": np.int64(value) for key, value in settings.items()}
    arrays |= {f"input.{key}": value.numpy() for key, value in inputs.items()}
    arrays |= {f"label.{key}": value.numpy() for key, value in labels.items()}
    given = [x.double() if x.is_floating_point() else x for x in inputs.values()]
    (target,) = labels.values()
    counts = target != options.get("ignore_index", -100)

    def forward():
        logits = model(*given)
        return logits, F.cross_entropy(logits.flatten(0, -2), target.flatten(), reduction="sum",
                                       **options)

    logits, total = forward()
    arrays["output.logits"] = logits.detach().numpy()
    arrays["loss"] = (total / counts.sum()).detach().numpy()
    arrays["eval.loss"] = total.detach().numpy()
    arrays["eval.count"] = np.float64(counts.sum())
    arrays["eval.correct"] = np.float64(((logits.argmax(-1) == target) & counts).sum())
    arrays |= train(model, lambda: forward()[1] / counts.sum(), optimizer)
    path = HERE / "golden" / f"{name}.npz"
    np.savez(path, **arrays)
    print(f"{path.name}: {path.stat().st_size} bytes, "
          f"{sum(p.numel() for p in model.parameters())} parameters, loss {arrays['loss']:.4f}")


def main():
    wanted = sys.argv[1:]
    for case in cases(torch.Generator().manual_seed(1)):
        if not wanted or case[0] in wanted:
            record(*case)


if __name__ == "__main__":
    main()
