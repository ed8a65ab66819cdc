"""A package on the device, with tensors of PyTorch.

Enters: a package, tensors on the device. Leaves: tensors on the device, which a run writes
without any of them passing through the host.
"""

import pathlib
import sys

import torch

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "bench"))
from attune_api import Session  # noqa: E402

CODES = {torch.float32: 1, torch.float16: 3, torch.bfloat16: 4, torch.int64: 5}


class DeviceSession(Session):
    def __init__(self, library, package, profile=False):
        super().__init__(library, package, 1, device="cuda", profile=profile)

    def bind(self, tensors, output_types):
        """Takes inputs in order and returns the outputs that `run` will write."""
        self.tensors = [tensor.contiguous() for tensor in tensors]
        for i, tensor in enumerate(self.tensors):
            self.set_input_at(i, CODES[tensor.dtype], tensor.shape, tensor.data_ptr(),
                              tensor.numel() * tensor.element_size())
        # Those of earlier sizes may be too small to ask for shapes.
        for i in range(len(output_types)):
            self.set_output_at(i, None, 0)
        self.results = []
        for i, dtype in enumerate(output_types):
            result = torch.full(self.output_shape(i), torch.nan, device="cuda", dtype=dtype)
            self.set_output_at(i, result.data_ptr(), result.numel() * result.element_size())
            self.results.append(result)
        # What PyTorch's stream still writes there must be done before a run.
        torch.cuda.synchronize()
        return self.results
