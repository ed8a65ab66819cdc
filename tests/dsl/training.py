"""Gradients, and the losses of a training, of a PyTorch model.

Enters: a model in double precision, its loss, and what the train section of the example says
of the optimizer. Leaves: arrays for the golden file. Double precision throughout: ten steps
of Adam in f32 differ from themselves by more than the tests allow, as soon as sums are
taken in another order.
"""

import math

import numpy as np
import torch

STEPS = 10


def optimizer_of(model, lr, optimizer="adamw", clip=None, weight_decay=None, **settings):
    """PyTorch's own; matrices decay, biases and scales of norms do not, as in nanoGPT."""
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[optimizer]
    decay = weight_decay if weight_decay is not None else 0.01 if optimizer == "adamw" else 0.0
    weights = list(model.parameters())
    groups = [{"params": [w for w in weights if w.dim() >= 2], "weight_decay": decay},
              {"params": [w for w in weights if w.dim() < 2], "weight_decay": 0.0}]
    return kind(groups, lr=lr, **settings)


def train(model, loss_of, settings):
    """`gradient.WEIGHT` at the start; `losses` and `norms` of steps, before each of them."""
    lr = 0.05 if settings.get("optimizer") == "sgd" else 0.01
    optimizer = optimizer_of(model, lr, **settings)
    arrays, losses, norms = {}, [], []
    for _ in range(STEPS):
        optimizer.zero_grad()
        loss = loss_of()
        loss.backward()
        if not losses:
            arrays |= {f"gradient.{name}": weight.grad.numpy().copy()
                       for name, weight in model.named_parameters()}
        losses.append(loss.item())
        limit = settings.get("clip") or math.inf
        norms.append(torch.nn.utils.clip_grad_norm_(model.parameters(), limit).item())
        optimizer.step()
    return arrays | {"lr": np.float64(lr), "losses": np.array(losses), "norms": np.array(norms)}
