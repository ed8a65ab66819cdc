"""Evaluates an ONNX model in double precision.

Enters: a model (path or ModelProto) and its inputs. Leaves: the outputs in
float64. This is the yardstick of the end-to-end tests. It shares no code with
the compiler: the graph is rewritten so that every float is a double, and ONNX's
own reference implementation runs it. Constants keep the value that the file
gives them (a float32 sqrt(2) stays that number), because that is what the model
says; only the arithmetic is exact to 1e-16.
"""
import math

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from onnx.reference.op_run import OpRun

FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.BFLOAT16)


class LayerNormalization(OpRun):
    """onnx.reference rounds to float32 here when stash_type says so."""

    def _run(self, x, scale, bias=None, axis=-1, epsilon=1e-5, stash_type=1):
        axes = tuple(range(axis % x.ndim, x.ndim))
        centred = x - x.mean(axis=axes, keepdims=True)
        variance = np.square(centred).mean(axis=axes, keepdims=True)
        normal = centred / np.sqrt(variance + epsilon) * scale
        return (normal if bias is None else normal + bias,)


def erf(x):
    return np.fromiter(map(math.erf, x.ravel()), np.float64, x.size).reshape(x.shape)


class Erf(OpRun):
    """onnx.reference rounds every result to float32."""

    def _run(self, x):
        return (erf(x),)


class Gelu(OpRun):
    """onnx.reference expands it into nodes with float32 constants."""

    def _run(self, x, approximate="none"):
        if approximate == "tanh":
            return (x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3))),)
        return (x / 2 * (1 + erf(x / np.sqrt(2))),)


class FlatSoftmax(OpRun):
    """Softmax below opset 13: everything from `axis` on is one row.

    onnx.reference treats every opset like 13, where only `axis` itself counts.
    """

    def _run(self, x, axis=1):
        rows = x.reshape(int(np.prod(x.shape[:axis % x.ndim])), -1)
        powers = np.exp(rows - rows.max(axis=1, keepdims=True))
        return ((powers / powers.sum(axis=1, keepdims=True)).reshape(x.shape),)


class Attention(OpRun):
    """onnx.reference computes parts of Attention-23 in float32; this does not.

    Covers what the tests use: rank 3 or 4, mask, causal, scale, softcap and
    grouped heads; past and present are refused.
    """

    def _run(self, q, k, v, mask=None, past_k=None, past_v=None, *_, is_causal=0,
             kv_num_heads=None, q_num_heads=None, qk_matmul_output_mode=0, scale=None,
             softcap=0.0, softmax_precision=None, left_window_size=None,
             right_window_size=None):
        if past_k is not None or past_v is not None:
            raise NotImplementedError("past keys and values")
        if any(size not in (None, -1) for size in (left_window_size, right_window_size)):
            raise NotImplementedError("local windows")
        merged = q.ndim == 3
        if merged:
            q, k, v = split_heads(q, q_num_heads), *(split_heads(t, kv_num_heads) for t in (k, v))
        groups = q.shape[1] // k.shape[1]
        k, v = np.repeat(k, groups, axis=1), np.repeat(v, groups, axis=1)
        scale = q.shape[-1] ** -0.5 if scale is None else scale
        scores = scale * (q @ np.swapaxes(k, -1, -2))
        if softcap:  # before the mask, as ONNX has it since 1.20: -inf must stay -inf
            scores = softcap * np.tanh(scores / softcap)
        if is_causal:
            keep = np.tril(np.ones(scores.shape[-2:], dtype=bool))
            scores = np.where(keep, scores, -np.inf)
        if mask is not None:
            scores = np.where(mask, scores, -np.inf) if mask.dtype == bool else scores + mask
        top = scores.max(axis=-1, keepdims=True)
        weights = np.exp(scores - np.where(np.isfinite(top), top, 0))
        total = weights.sum(axis=-1, keepdims=True)
        out = np.where(total > 0, weights / np.where(total > 0, total, 1), 0) @ v
        if merged:
            out = np.swapaxes(out, 1, 2).reshape(out.shape[0], out.shape[2], -1)
        return (out, None, None, None)[:max(1, len(self.onnx_node.output))]


def split_heads(tensor, heads):
    batch, length, width = tensor.shape
    return np.swapaxes(tensor.reshape(batch, length, heads, width // heads), 1, 2)


def widen_tensor(tensor):
    if tensor.data_type in FLOATS:
        values = numpy_helper.to_array(tensor).astype(np.float64)
        tensor.CopyFrom(numpy_helper.from_array(values, tensor.name))


def widen_node(node):
    if node.op_type == "Cast":
        for attribute in node.attribute:
            if attribute.name == "to" and attribute.i in FLOATS:
                attribute.i = TensorProto.DOUBLE
    for attribute in list(node.attribute):
        if attribute.type == onnx.AttributeProto.TENSOR:
            widen_tensor(attribute.t)
        elif node.op_type == "Constant" and attribute.name in ("value_float", "value_floats"):
            value = np.array(helper.get_attribute_value(attribute), dtype=np.float64)
            node.attribute.remove(attribute)
            node.attribute.append(helper.make_attribute("value", numpy_helper.from_array(value)))
        elif attribute.type in (onnx.AttributeProto.GRAPH, onnx.AttributeProto.GRAPHS):
            raise NotImplementedError(f"{node.name}: subgraphs")


def widen(model):
    """Makes every float tensor of `model` a double, in place."""
    graph = model.graph
    for tensor in graph.initializer:
        widen_tensor(tensor)
    for node in graph.node:
        widen_node(node)
    for value in (*graph.input, *graph.output):
        if value.type.tensor_type.elem_type in FLOATS:
            value.type.tensor_type.elem_type = TensorProto.DOUBLE
    graph.ClearField("value_info")


class Reference:
    """A model that is widened once and run often."""

    def __init__(self, model):
        model = onnx.load(model) if isinstance(model, str) else onnx.ModelProto.FromString(
            model.SerializeToString())
        widen(model)
        self.names = [output.name for output in model.graph.output]
        ops = [LayerNormalization, Attention, Erf, Gelu]
        if min(o.version for o in model.opset_import if o.domain == "") < 13:
            ops.append(type("Softmax", (FlatSoftmax,), {}))
            for node in model.graph.node:  # the evaluator would fill in the newest default
                if node.op_type == "Softmax" and not node.attribute:
                    node.attribute.append(helper.make_attribute("axis", 1))
        self.evaluator = ReferenceEvaluator(model, new_ops=ops)
        self.last_use = {name: i for i, node in enumerate(self.evaluator.rt_nodes_)
                         for name in node.input}

    def run(self, inputs):
        """Outputs by name; float inputs are widened.

        Walks the evaluator's nodes itself, because its own loop keeps every
        intermediate: 20 GB for GPT-2 at length 1024.
        """
        values = {"": None, **self.evaluator.rt_inits_}
        for name, value in inputs.items():
            values[name] = value.astype(np.float64) if value.dtype.kind == "f" else value
        with np.errstate(all="ignore"):
            for i, node in enumerate(self.evaluator.rt_nodes_):
                outputs = node.run(*(values[name] for name in node.input))
                values.update(zip(node.output, outputs))
                for name in {*node.input, *node.output}:
                    if self.last_use.get(name, i) <= i and name not in self.names:
                        values.pop(name, None)
                values[""] = None
        results = {name: values[name] for name in self.names}
        for name, value in results.items():
            if value.dtype == np.float32:
                raise AssertionError(f"{name}: the reference fell back to float32")
        return results


def relative_error(got, want):
    """max |got - want| / max |want|; infinite for another shape or a NaN."""
    if got.shape != want.shape:
        return np.inf
    if want.size == 0:
        return 0.0
    if want.dtype.kind in "biu":
        return 0.0 if np.array_equal(got, want) else np.inf
    worst = np.max(np.abs(got.astype(np.float64) - want))
    top = np.max(np.abs(want))
    return float(worst / top if top > 0 else worst) if np.isfinite(worst) else np.inf
