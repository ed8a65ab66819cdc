"""The value of a weight, from its name alone. Golden.cpp has the same formula.

Enters: a name and a shape. Leaves: f32 numbers that are the same on all machines: no
library's random numbers are. A vector called weight is that of a norm, and around 1.
"""

import math

import numpy as np


def parameter(name, shape):
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 % 2**64
    count = math.prod(shape)
    with np.errstate(over="ignore"):
        step = np.uint64(0x9E3779B97F4A7C15)
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * step
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    uniform = (z >> np.uint64(40)).astype(np.float64) * 2.0**-24
    offset = 1.0 if len(shape) == 1 and name.endswith("weight") else 0.0
    scale = 0.1 if len(shape) == 1 else 1 / math.sqrt(shape[-1])
    return ((2 * uniform - 1) * scale + offset).astype(np.float32).reshape(shape)
