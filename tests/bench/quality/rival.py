"""PyTorch learns the same task: same first weights, same samples in the same order.

Enters: a task, a checkpoint of attune with the first weights, a seed. Leaves: the losses of
the steps, and of each validation its loss and accuracy. Models and optimizers are those of
tests/dsl.
"""
import math
import os
import sys

import safetensors.torch
import torch
import torch.nn.functional as F

from sampler import Sampler

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../dsl"))
import make_golden  # noqa: E402
from training import optimizer_of  # noqa: E402

MODELS = {"vit": make_golden.ViT, "gpt": make_golden.GPT,
          "encoder_decoder": make_golden.Transformer}


def build(task, checkpoint):
    model = MODELS[task.model](**task.settings)
    found = safetensors.torch.load_file(checkpoint)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(found[name])
    return model


def rate_at(task, step):
    """runtime/train/Schedule.h."""
    rate, least, warmup = (task.schedule[key] for key in ("rate", "least", "warmup"))
    if step <= warmup:
        return rate * step / warmup
    share = min((step - warmup) / max(task.steps - warmup, 1), 1)
    return least + (rate - least) * (1 + math.cos(math.pi * share)) / 2


def forward(task, model, part, indices, **options):
    inputs, labels = task.rows(part, indices)
    logits = model(*map(torch.from_numpy, inputs)).flatten(0, -2)
    labels = torch.from_numpy(labels).flatten()
    return F.cross_entropy(logits, labels, **task.loss, **options), logits, labels


@torch.no_grad()
def evaluate(task, model, most_batches):
    """Windows stand side by side, so that each token counts once."""
    size, stride = task.sizes["validation"], 1
    if task.windowed:
        stride = task.rows("validation", [0])[1].size
        size = (size - 1) // stride + 1
    if most_batches:
        size = min(size, most_batches * task.batch)
    loss = correct = count = 0.0
    for first in range(0, size, task.batch):
        indices = [i * stride for i in range(first, min(first + task.batch, size))]
        total, logits, labels = forward(task, model, "validation", indices, reduction="sum")
        loss += total.item()
        correct += (logits.argmax(-1) == labels).sum().item()
        count += len(labels)
    return {"validation_loss": loss / count, "accuracy": correct / count}


def learn(task, checkpoint, seed, tell):
    model = build(task, checkpoint)
    settings = dict(task.optimizer)
    clip = settings.get("clip") or math.inf
    optimizer = optimizer_of(model, 1.0, **settings)
    sampler = Sampler(seed, task.sizes["training"], task.windowed)
    losses, evaluations = [], []
    for step in range(1, task.steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(task, step)
        indices = sampler.batch((step - 1) * task.batch, task.batch)
        optimizer.zero_grad(set_to_none=True)
        loss, _, _ = forward(task, model, "training", indices)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        losses.append(loss.item())
        if step % task.evaluate_every == 0 or step == task.steps:
            most = task.most_batches if step < task.steps else 0
            evaluations.append({"step": step, **evaluate(task, model, most)})
            tell(evaluations[-1])
    return model, losses, evaluations


@torch.no_grad()
def logits_of(model, source, target):
    return model(torch.from_numpy(source), torch.from_numpy(target)).numpy()


def set_threads(count):
    torch.set_num_threads(count)


VERSION = torch.__version__
