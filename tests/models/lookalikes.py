"""Graphs that look like attention and are not.

Enters: nothing. Leaves: LOOKALIKES, graph makers by name. Each differs from
attention in one thing that a careless matcher overlooks. The compiler must
recognise none of them and still compute them right.
"""
from builder import Graph, Registry
from variants import HEADS, WIDTH, finish, scaled, start

LOOKALIKES = Registry()


@LOOKALIKES(count=0)
def softmax_over_the_queries(name):
    g, _, q, k, v = start(name)
    weights = g("Softmax", scaled(g, q, k), axis=2)
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def softmax_over_keys_and_queries(name):
    """Below opset 13 the axis starts a flattened row: 2 means both last dims."""
    g, _, q, k, v = start(name, opset=12)
    weights = g("Softmax", scaled(g, q, k), axis=2)
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def softmax_with_the_old_default_axis(name):
    """Below opset 13 the default is 1: heads, queries and keys together."""
    g, _, q, k, v = start(name, opset=12)
    return finish(g, g("MatMul", g("Softmax", scaled(g, q, k)), v))


@LOOKALIKES(count=0)
def normalised_without_exponential(name):
    g, _, q, k, v = start(name)
    scores = scaled(g, q, k)
    squares = g("Mul", scores, scores)
    total = g("ReduceSum", squares, g.constant([-1]), keepdims=1)
    return finish(g, g("MatMul", g("Div", squares, total), v))


@LOOKALIKES(count=0)
def tanh_instead_of_softmax(name):
    g, _, q, k, v = start(name)
    return finish(g, g("MatMul", g("Tanh", scaled(g, q, k)), v))


@LOOKALIKES(count=0)
def mask_multiplied_after_softmax(name):
    g, _, q, k, v = start(name)
    mask = g.input("mask", "seq", "seq")
    weights = g("Mul", g("Softmax", scaled(g, q, k), axis=-1), mask)
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def mask_multiplied_before_softmax(name):
    g, _, q, k, v = start(name)
    mask = g.input("mask", "seq", "seq")
    weights = g("Softmax", g("Mul", scaled(g, q, k), mask), axis=-1)
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def bias_added_after_softmax(name):
    g, _, q, k, v = start(name)
    mask = g.input("mask", "seq", "seq")
    weights = g("Add", g("Softmax", scaled(g, q, k), axis=-1), mask)
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def probabilities_used_twice(name):
    g, _, q, k, v = start(name)
    weights = g("Softmax", scaled(g, q, k), axis=-1)
    g.output(weights, "batch", HEADS, "seq", "seq", name="weights")
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def scores_used_twice(name):
    g, _, q, k, v = start(name)
    scores = scaled(g, q, k)
    g.output(scores, "batch", HEADS, "seq", "seq", name="scores")
    return finish(g, g("MatMul", g("Softmax", scores, axis=-1), v))


@LOOKALIKES(count=0)
def probabilities_transposed(name):
    g, _, q, k, v = start(name)
    weights = g.transpose(g("Softmax", scaled(g, q, k), axis=-1), 0, 1, 3, 2)
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def probabilities_on_the_right(name):
    """V^T P: sums over the queries, not over the keys."""
    g, _, q, k, v = start(name)
    weights = g("Softmax", scaled(g, q, k), axis=-1)
    context = g("MatMul", g.transpose(v, 0, 1, 3, 2), weights)
    return finish(g, g.transpose(context, 0, 1, 3, 2))


@LOOKALIKES(count=0)
def probabilities_squared(name):
    g, _, q, k, v = start(name)
    weights = g("Softmax", scaled(g, q, k), axis=-1)
    return finish(g, g("MatMul", g("Mul", weights, weights), v))


@LOOKALIKES(count=0)
def heads_mixed_before_softmax(name):
    """Talking heads: scores of one head depend on all heads."""
    g, _, q, k, v = start(name)
    scores = g.transpose(scaled(g, q, k), 0, 2, 3, 1)
    scores = g.transpose(g("MatMul", scores, g.weight(HEADS, HEADS)), 0, 3, 1, 2)
    return finish(g, g("MatMul", g("Softmax", scores, axis=-1), v))


@LOOKALIKES(count=0)
def guard_that_guards_something_else(name):
    """Zero where some other tensor is NaN is no guard of the probabilities."""
    g, _, q, k, v = start(name)
    mask = g.input("mask", "seq", "seq")
    weights = g("Softmax", scaled(g, q, k), axis=-1)
    off = g("IsNaN", g("Div", mask, mask))
    weights = g("Where", off, g.constant(0.0), weights)
    return finish(g, g("MatMul", weights, v))


@LOOKALIKES(count=0)
def router_between_two_layers(name):
    """A softmax between two dense layers: keys and values would be weights."""
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    weights = g("Softmax", g("MatMul", x, g.weight(WIDTH, 16)), axis=-1)
    g.output(g("MatMul", weights, g.weight(16, WIDTH)), "batch", "seq", WIDTH)
    return g.model()


@LOOKALIKES(count=0)
def softmax_of_scores_that_no_product_made(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    mask = g.input("mask", "seq", "seq")
    g.output(g("MatMul", g("Softmax", mask, axis=-1), x), "batch", "seq", WIDTH)
    return g.model()
