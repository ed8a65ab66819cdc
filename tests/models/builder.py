"""A few lines per graph: the builder behind variants.py and lookalikes.py.

Enters: calls that read like the graph. Leaves: a checked onnx.ModelProto with
seeded weights. Value names are the operator's name and a counter, so an error
message that names a node can be found again.
"""
import zlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

FLOAT, INT64, BOOL = TensorProto.FLOAT, TensorProto.INT64, TensorProto.BOOL


class Graph:
    def __init__(self, name, opset=17):
        self.name, self.opset = name, opset
        self.nodes, self.inputs, self.outputs, self.tensors = [], [], [], {}

    def input(self, name, *dims, dtype=FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, dtype, dims))
        return name

    def output(self, value, *dims, dtype=FLOAT, name="out"):
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"Identity_{name}"))
        self.outputs.append(helper.make_tensor_value_info(name, dtype, dims))

    def constant(self, value, dtype=np.float32):
        """A constant of the value's own shape; integers become int64."""
        array = np.asarray(value)
        array = array.astype(np.int64 if array.dtype.kind == "i" else dtype)
        name = f"c{len(self.tensors)}"
        self.tensors[name] = numpy_helper.from_array(array, name)
        return name

    def weight(self, *dims, spread=None):
        """Seeded by graph and position; columns spread so that products are about one."""
        name = f"w{len(self.tensors)}"
        rng = np.random.default_rng(zlib.crc32(f"{self.name}/{name}".encode()))
        spread = spread or dims[0] ** -0.5
        values = (spread * rng.standard_normal(dims)).astype(np.float32)
        self.tensors[name] = numpy_helper.from_array(values, name)
        return name

    def __call__(self, op, *inputs, outputs=1, **attributes):
        """Adds a node and returns its value, or a tuple of values."""
        index = len(self.nodes)
        names = [f"{op}_{index}" + (f"_{i}" if i else "") for i in range(outputs)]
        self.nodes.append(
            helper.make_node(op, list(inputs), names, name=f"{op}_{index}", **attributes))
        return names[0] if outputs == 1 else tuple(names)

    def model(self):
        graph = helper.make_graph(self.nodes, self.name, self.inputs, self.outputs,
                                  list(self.tensors.values()))
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)],
                                  ir_version=8 if self.opset < 20 else 10)
        onnx.checker.check_model(model)
        return model

    # What nearly every graph here needs, in the two spellings of an operator
    # whose axes moved from an attribute to an input at opset 13.

    def unsqueeze(self, value, *axes):
        if self.opset < 13:
            return self("Unsqueeze", value, axes=list(axes))
        return self("Unsqueeze", value, self.constant(list(axes)))

    def squeeze(self, value, *axes):
        if self.opset < 13:
            return self("Squeeze", value, axes=list(axes))
        return self("Squeeze", value, self.constant(list(axes)))

    def reshape(self, value, *dims):
        return self("Reshape", value, self.constant(list(dims)))

    def transpose(self, value, *perm):
        return self("Transpose", value, perm=list(perm))

    def size(self, value, axis):
        """The length of one axis as an int64 tensor of shape [1]."""
        return self("Gather", self("Shape", value), self.constant([axis]), axis=0)

    def arange(self, size):
        """0 .. size-1, for a size of shape [1]."""
        return self("Range", self.constant(0), self.squeeze(size, 0), self.constant(1))

    def linear(self, value, rows, columns, bias=True):
        product = self("MatMul", value, self.weight(rows, columns))
        return self("Add", product, self.weight(columns, spread=0.1)) if bias else product


class Registry(dict):
    """Graph makers by name; the decorator takes what the test expects of them."""

    def __call__(self, **expectations):
        def register(make):
            make.expect = expectations
            self[make.__name__] = make
            return make
        return register


def write(registry, folder):
    """Writes every graph of `registry` into `folder`; returns paths by name."""
    paths = {}
    for name, make in registry.items():
        paths[name] = f"{folder}/{name}.onnx"
        onnx.save(make(name), paths[name])
    return paths
