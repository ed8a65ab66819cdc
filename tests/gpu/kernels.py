"""Kernels of emit_kernels on a GPU: loading, launching, timing.

Enters: a folder of NAME.ptx and NAME.json, arguments as torch tensors and integers.
Leaves: the tensors as the kernel wrote them, and times by device events. Needs torch and
cupy, whose RawModule loads PTX through the driver.
"""

import json
import math
import pathlib

import cupy
import numpy
import torch

BYTES_STATIC = 48 << 10


class Kernel:
    """One kernel: its function, and what a launch of it must know."""

    def __init__(self, folder, name):
        path = pathlib.Path(folder) / name
        self.launch = json.loads(path.with_suffix(".json").read_text())
        module = cupy.RawModule(path=str(path.with_suffix(".ptx")))
        self.function = module.get_function(self.launch["name"])
        if self.launch["shared"] > BYTES_STATIC:
            self.function.max_dynamic_shared_size_bytes = self.launch["shared"]

    def prepare(self, *arguments):
        """A call without arguments that launches the kernel on torch's stream.

        It keeps the arguments: torch would give their memory to others, or back.
        """
        slots = []
        for slot in self.launch["slots"]:
            value = arguments[slot["argument"]]
            kind = slot["kind"]
            if kind == "pointer":
                slots.append(value.data_ptr())
            elif kind == "size":
                slots.append(value.shape[slot["dim"]])
            elif kind == "stride":
                slots.append(value.stride(slot["dim"]))
            else:
                slots.append(value)
        items = math.prod(self._blocks(axis, arguments) for axis in self.launch["grid"])
        packed = tuple(numpy.int64(slot) for slot in slots)
        blocks = -(-items // self.launch.get("items", 1))
        stream = cupy.cuda.ExternalStream(torch.cuda.current_stream().cuda_stream)

        def call():
            with stream:
                self.function((blocks,), (self.launch["threads"],), packed,
                              shared_mem=self.launch["shared"])

        call.arguments = arguments
        return call

    @staticmethod
    def _blocks(axis, arguments):
        if "constant" in axis:
            extent = axis["constant"]
        elif "dim" in axis:
            extent = arguments[axis["argument"]].shape[axis["dim"]]
        else:
            extent = arguments[axis["argument"]]
        return -(-extent // axis["step"])


def median_ms(calls, rounds=15, warm=3):
    """Medians of several calls in turn, so that all meet the same clocks."""
    for _ in range(warm):
        for call in calls:
            call()
    times = [[] for _ in calls]
    for _ in range(rounds):
        for call, record in zip(calls, times):
            start, stop = (torch.cuda.Event(enable_timing=True) for _ in range(2))
            start.record()
            call()
            stop.record()
            stop.synchronize()
            record.append(start.elapsed_time(stop))
    return [float(numpy.median(record)) for record in times]


def relative_error(computed, expected):
    """max |a - b| / max |b|; NaN is infinite."""
    difference = (computed.double() - expected.double()).abs().max().item()
    error = difference / max(expected.double().abs().max().item(), 1e-300)
    return error if error == error else math.inf
