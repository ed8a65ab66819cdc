"""Attention as people and exporters write it: each graph holds `count` attentions.

Enters: nothing. Leaves: VARIANTS, graph makers by name. The forms follow what
exporters of several frameworks emit: where the scale sits, how the mask is made
and applied, how K is transposed, how Q, K and V are projected and split. Every
graph has dynamic batch and lengths unless a comment says why not.

`beyond` names operators that no model of the end-to-end tests uses: a compiler
without them must say so by name, one that has them must recognise the attention.
"""
import numpy as np

from builder import BOOL, FLOAT, INT64, Graph, Registry

VARIANTS = Registry()
HEADS, SIZE = 2, 24  # a head size whose root is no power of two
WIDTH = HEADS * SIZE
LOWEST = float(np.finfo(np.float32).min)


def heads_of(g, value, heads=HEADS, size=SIZE):
    """[B, S, heads*size] -> [B, heads, S, size]"""
    return g.transpose(g.reshape(value, 0, 0, heads, size), 0, 2, 1, 3)


def merge(g, value, width=WIDTH):
    return g.reshape(g.transpose(value, 0, 2, 1, 3), 0, 0, width)


def start(name, opset=17):
    """A graph with x [batch, seq, WIDTH] and Q, K, V projected from it."""
    g = Graph(name, opset)
    x = g.input("x", "batch", "seq", WIDTH)
    return g, x, *(heads_of(g, g.linear(x, WIDTH, WIDTH)) for _ in range(3))


def finish(g, context):
    g.output(g.linear(merge(g, context), WIDTH, WIDTH), "batch", "seq", WIDTH)
    return g.model()


def scores_of(g, q, k):
    return g("MatMul", q, g.transpose(k, 0, 1, 3, 2))


def attend(g, scores, v, axis=-1):
    return finish(g, g("MatMul", g("Softmax", scores, axis=axis), v))


def scaled(g, q, k):
    return g("Mul", scores_of(g, q, k), g.constant(SIZE ** -0.5))


# --- where the scale sits ---------------------------------------------------

@VARIANTS(count=1)
def scale_divides_scores(name):
    g, _, q, k, v = start(name)
    return attend(g, g("Div", scores_of(g, q, k), g.constant(SIZE ** 0.5)), v)


@VARIANTS(count=1)
def scale_is_first_operand(name):
    g, _, q, k, v = start(name)
    return attend(g, g("Mul", g.constant([SIZE ** -0.5]), scores_of(g, q, k)), v)


@VARIANTS(count=1)
def scale_on_q(name):
    g, _, q, k, v = start(name)
    return attend(g, scores_of(g, g("Mul", q, g.constant(SIZE ** -0.5)), k), v)


@VARIANTS(count=1)
def scale_on_q_before_the_split(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    q, k, v = (g.linear(x, WIDTH, WIDTH) for _ in range(3))
    q = g("Div", q, g.constant(SIZE ** 0.5))
    q, k, v = (heads_of(g, value) for value in (q, k, v))
    return attend(g, scores_of(g, q, k), v)


@VARIANTS(count=1)
def scale_on_k(name):
    g, _, q, k, v = start(name)
    return attend(g, scores_of(g, q, g("Mul", k, g.constant(SIZE ** -0.5))), v)


@VARIANTS(count=1)
def scale_root_on_both(name):
    g, _, q, k, v = start(name)
    root = g.constant(SIZE ** -0.25)
    return attend(g, scores_of(g, g("Mul", q, root), g("Mul", root, k)), v)


@VARIANTS(count=1)
def scale_computed_from_the_shape(name):
    g, _, q, k, v = start(name)
    size = g("Slice", g("Shape", q), g.constant([-1]), g.constant([2**63 - 1]))
    root = g("Sqrt", g("Cast", size, to=FLOAT))
    factor = g("Sqrt", g("Div", g.constant([1.0]), root))
    transposed = g.transpose(k, 0, 1, 3, 2)
    return attend(g, g("MatMul", g("Mul", q, factor), g("Mul", transposed, factor)), v)


@VARIANTS(count=1)
def scale_is_folded_into_the_weights(name):
    g, _, q, k, v = start(name)
    return attend(g, scores_of(g, q, k), v)


@VARIANTS(count=1)
def scale_is_arbitrary(name):
    g, _, q, k, v = start(name)
    return attend(g, g("Div", scores_of(g, q, k), g.constant(100.0)), v)


@VARIANTS(count=1)
def scale_on_q_and_on_scores(name):
    g, _, q, k, v = start(name)
    q = g("Mul", q, g.constant(0.5))
    return attend(g, g("Mul", scores_of(g, q, k), g.constant(0.25)), v)


# --- masks ------------------------------------------------------------------

def padding(g, dtype=FLOAT):
    """attention_mask [batch, seq] as [batch, 1, 1, seq]"""
    mask = g.input("attention_mask", "batch", "seq", dtype=INT64)
    return g("Cast", g.unsqueeze(mask, 1, 2), to=dtype)


def dropped(g, lowest):
    """(1 - m) * lowest"""
    return g("Mul", g("Sub", g.constant(1.0), padding(g)), g.constant(lowest))


@VARIANTS(count=1)
def mask_minus_10000(name):
    g, _, q, k, v = start(name)
    return attend(g, g("Add", scaled(g, q, k), dropped(g, -10000.0)), v)


@VARIANTS(count=1)
def mask_lowest_is_first_operand(name):
    g, _, q, k, v = start(name)
    return attend(g, g("Add", dropped(g, LOWEST), scaled(g, q, k)), v)


@VARIANTS(count=1)
def mask_boolean_then_added(name):
    g, _, q, k, v = start(name)
    bias = g("Where", padding(g, BOOL), g.constant(0.0), g.constant(-np.inf))
    return attend(g, g("Add", scaled(g, q, k), bias), v)


@VARIANTS(count=1)
def mask_selects_scores(name):
    g, _, q, k, v = start(name)
    return attend(g, g("Where", padding(g, BOOL), scaled(g, q, k), g.constant(LOWEST)), v)


@VARIANTS(count=1)
def mask_inverted_and_expanded(name):
    """DistilBERT: where the mask equals 0, of the scores' own shape."""
    g, _, q, k, v = start(name)
    scores = scaled(g, q, k)
    mask = g.input("attention_mask", "batch", "seq", dtype=INT64)
    off = g("Equal", mask, g.constant(0))
    shape = g("Concat", g.size(mask, 0), g.constant([1, 1]), g.size(mask, 1), axis=0)
    off = g("Expand", g("Reshape", off, shape), g("Shape", scores))
    return attend(g, g("Where", off, g.constant(-np.inf), scores), v)


def causal_range(g, x, compare="LessOrEqual"):
    """bool [seq, seq]: key position <= query position"""
    positions = g.arange(g.size(x, 1))
    return g(compare, g.unsqueeze(positions, 0), g.unsqueeze(positions, 1))


@VARIANTS(count=1)
def causal_by_positions(name):
    g, x, q, k, v = start(name)
    keep = causal_range(g, x)
    return attend(g, g("Where", keep, scaled(g, q, k), g.constant(LOWEST)), v)


@VARIANTS(count=1)
def causal_by_a_slice_of_a_constant(name):
    """GPT-2 of old: a stored lower triangle, cut to length."""
    g, x, q, k, v = start(name)
    triangle = g.constant(np.tril(np.ones((1, 1, 128, 128))), dtype=bool)
    length = g.size(x, 1)
    begin, end = g.constant([0, 0]), g("Concat", length, length, axis=0)
    keep = g("Slice", triangle, begin, end, g.constant([2, 3]), g.constant([1, 1]))
    return attend(g, g("Where", keep, scaled(g, q, k), g.constant(-10000.0)), v)


@VARIANTS(count=1, beyond=("Trilu",))
def causal_by_trilu(name):
    g, x, q, k, v = start(name)
    length = g.size(x, 1)
    full = g("Expand", g.constant([[-np.inf]]), g("Concat", length, length, axis=0))
    bias = g("Trilu", full, g.constant(1), upper=1)
    return attend(g, g("Add", scaled(g, q, k), bias), v)


@VARIANTS(count=1)
def causal_and_padding_added_twice(name):
    g, x, q, k, v = start(name)
    bias = g("Where", causal_range(g, x), g.constant(0.0), g.constant(-10000.0))
    scores = g("Add", g("Add", scaled(g, q, k), bias), dropped(g, -10000.0))
    return attend(g, scores, v)


@VARIANTS(count=1)
def causal_and_padding_combined(name):
    g, x, q, k, v = start(name)
    keep = g("And", padding(g, BOOL), causal_range(g, x))
    bias = g("Where", keep, g.constant(0.0), g.constant(LOWEST))
    return attend(g, g("Add", scaled(g, q, k), bias), v)


@VARIANTS(count=1)
def sliding_window(name):
    g, x, q, k, v = start(name)
    positions = g.arange(g.size(x, 1))
    columns, rows = g.unsqueeze(positions, 0), g.unsqueeze(positions, 1)
    near = g("GreaterOrEqual", columns, g("Sub", rows, g.constant(4)))
    keep = g("And", g("LessOrEqual", columns, rows), near)
    return attend(g, g("Where", keep, scaled(g, q, k), g.constant(-np.inf)), v)


@VARIANTS(count=1)
def mask_input_rank_2(name):
    g, _, q, k, v = start(name)
    mask = g.input("mask", "seq", "seq")
    return attend(g, g("Add", mask, scaled(g, q, k)), v)


@VARIANTS(count=1)
def mask_input_rank_3(name):
    g, _, q, k, v = start(name)
    mask = g.unsqueeze(g.input("mask", "batch", "seq", "seq"), 1)
    return attend(g, g("Add", scaled(g, q, k), mask), v)


@VARIANTS(count=1)
def mask_input_rank_4(name):
    g, _, q, k, v = start(name)
    mask = g.input("mask", "batch", 1, "seq", "seq")
    return attend(g, g("Add", scaled(g, q, k), mask), v)


@VARIANTS(count=1, beyond=("Min",))
def bias_per_head_from_buckets(name):
    """T5: no scale; a table of biases gathered by relative position."""
    g, x, q, k, v = start(name)
    positions = g.arange(g.size(x, 1))
    distance = g("Sub", g.unsqueeze(positions, 0), g.unsqueeze(positions, 1))
    bucket = g("Add", g("Max", g("Min", distance, g.constant(7)), g.constant(-7)), g.constant(7))
    bias = g("Gather", g.weight(15, HEADS, spread=1.0), bucket, axis=0)
    bias = g.unsqueeze(g.transpose(bias, 2, 0, 1), 0)
    return attend(g, g("Add", scores_of(g, q, k), bias), v)


@VARIANTS(count=1)
def bias_alibi(name):
    g, x, q, k, v = start(name)
    positions = g("Cast", g.arange(g.size(x, 1)), to=FLOAT)
    slopes = g.constant(np.array([0.5, 0.25]).reshape(1, HEADS, 1, 1))
    bias = g("Mul", slopes, g.unsqueeze(positions, 0, 1, 2))
    return attend(g, g("Add", scaled(g, q, k), bias), v)


@VARIANTS(count=1)
def bias_and_shift_mask_in_five_dims(name):
    """Swin: a learned bias per head, then a mask per window, through [B, 4, H, N, N].

    The windows are folded into the batch, and their length is static.
    """
    g, count = Graph(name), 9
    x = g.reshape(g.input("x", "batch", 4, count, WIDTH), -1, count, WIDTH)
    q, k, v = (heads_of(g, g.linear(x, WIDTH, WIDTH)) for _ in range(3))
    scores = g("Add", scaled(g, q, k), g.weight(1, HEADS, count, count, spread=1.0))
    mask = np.where(np.indices((4, count, count)).sum(0) % 3 == 0, -100.0, 0.0)
    scores = g.reshape(scores, -1, 4, HEADS, count, count)
    scores = g("Add", scores, g.constant(mask.reshape(1, 4, 1, count, count)))
    scores = g.reshape(scores, -1, HEADS, count, count)
    context = g("MatMul", g("Softmax", scores, axis=-1), v)
    windows = g.reshape(g.linear(merge(g, context), WIDTH, WIDTH), -1, 4, count, WIDTH)
    g.output(windows, "batch", 4, count, WIDTH)
    return g.model()


@VARIANTS(count=1)
def softcap(name):
    g, _, q, k, v = start(name)
    capped = g("Tanh", g("Div", scaled(g, q, k), g.constant(5.0)))
    return attend(g, g("Mul", capped, g.constant(5.0)), v)


# --- softmax ----------------------------------------------------------------

@VARIANTS(count=1)
def softmax_guards_against_nan(name):
    g, _, q, k, v = start(name)
    bias = g("Where", padding(g, BOOL), g.constant(0.0), g.constant(-np.inf))
    weights = g("Softmax", g("Add", scaled(g, q, k), bias), axis=-1)
    weights = g("Where", g("IsNaN", weights), g.constant(0.0), weights)
    return finish(g, g("MatMul", weights, v))


@VARIANTS(count=1)
def softmax_axis_3_at_opset_12(name):
    g, _, q, k, v = start(name, opset=12)
    return attend(g, g("Add", scaled(g, q, k), dropped(g, -10000.0)), v, axis=3)


@VARIANTS(count=1)
def softmax_of_matrices_at_opset_12(name):
    """Two dims and the default axis of old, which is the last one here."""
    g = Graph(name, 12)
    x = g.input("x", "seq", WIDTH)
    q, k, v = (g.linear(x, WIDTH, SIZE) for _ in range(3))
    scores = g("MatMul", g("Mul", q, g.constant(SIZE ** -0.5)), g.transpose(k, 1, 0))
    g.output(g("MatMul", g("Softmax", scores), v), "seq", SIZE)
    return g.model()


@VARIANTS(count=1, beyond=("Dropout",))
def softmax_between_casts_and_dropout(name):
    g, _, q, k, v = start(name)
    scores = g("Cast", scaled(g, q, k), to=FLOAT)
    weights = g("Cast", g("Softmax", scores, axis=-1), to=FLOAT)
    weights = g("Dropout", weights, g.constant(0.1))
    return finish(g, g("MatMul", weights, v))


# --- transposes and layouts -------------------------------------------------

@VARIANTS(count=1)
def k_transposed_in_one_step(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    q, v = (heads_of(g, g.linear(x, WIDTH, WIDTH)) for _ in range(2))
    k = g.transpose(g.reshape(g.linear(x, WIDTH, WIDTH), 0, 0, HEADS, SIZE), 0, 2, 3, 1)
    return attend(g, g("Mul", g("MatMul", q, k), g.constant(SIZE ** -0.5)), v)


@VARIANTS(count=1)
def k_transposed_through_three_dims(name):
    g, _, q, k, v = start(name)
    flat = g("Reshape", k, g("Concat", g.constant([-1]), g.size(k, 2), g.size(k, 3), axis=0))
    back = g("Concat", g.size(k, 0), g.size(k, 1), g.size(k, 3), g.size(k, 2), axis=0)
    k = g("Reshape", g.transpose(flat, 0, 2, 1), back)
    return attend(g, g("Mul", g("MatMul", q, k), g.constant(SIZE ** -0.5)), v)


@VARIANTS(count=1)
def heads_folded_into_the_batch(name):
    """BART: [B*H, S, D], with a detour to four dims to add the mask."""
    g, x, q, k, v = start(name)
    folded = g("Concat", g.constant([-1]), g.size(x, 1), g.constant([SIZE]), axis=0)
    q, k, v = (g("Reshape", value, folded) for value in (q, k, v))
    scores = g("MatMul", g("Mul", q, g.constant(SIZE ** -0.5)), g.transpose(k, 0, 2, 1))
    length = g.size(x, 1)
    wide = g("Concat", g.size(x, 0), g.constant([HEADS]), length, length, axis=0)
    scores = g("Add", g("Reshape", scores, wide), dropped(g, LOWEST))
    scores = g("Reshape", scores, g("Concat", g.constant([-1]), length, length, axis=0))
    context = g("MatMul", g("Softmax", scores, axis=-1), v)
    split = g("Concat", g.size(x, 0), g.constant([HEADS]), length, g.constant([SIZE]), axis=0)
    return finish(g, g("Reshape", context, split))


@VARIANTS(count=1, beyond=("Einsum",))
def einsum(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    q, k, v = (g.reshape(g.linear(x, WIDTH, WIDTH), 0, 0, HEADS, SIZE) for _ in range(3))
    scores = g("Einsum", q, k, equation="bqhd,bkhd->bhqk")
    weights = g("Softmax", g("Mul", scores, g.constant(SIZE ** -0.5)), axis=-1)
    context = g("Einsum", weights, v, equation="bhqk,bkhd->bqhd")
    g.output(g.reshape(context, 0, 0, WIDTH), "batch", "seq", WIDTH)
    return g.model()


@VARIANTS(count=1)
def one_head_without_a_head_dim(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    q, k, v = (g.linear(x, WIDTH, SIZE) for _ in range(3))
    scores = g("MatMul", q, g.transpose(k, 0, 2, 1))
    weights = g("Softmax", g("Mul", scores, g.constant(SIZE ** -0.5)), axis=2)
    g.output(g("MatMul", weights, v), "batch", "seq", SIZE)
    return g.model()


@VARIANTS(count=2)
def two_in_a_row(name):
    g, _, q, k, v = start(name)
    context = g("MatMul", g("Softmax", scaled(g, q, k), axis=-1), v)
    x = g.linear(merge(g, context), WIDTH, WIDTH)
    q, k, v = (heads_of(g, g.linear(x, WIDTH, WIDTH)) for _ in range(3))
    return attend(g, scaled(g, q, k), v)


# --- projections ------------------------------------------------------------

@VARIANTS(count=1)
def projected_by_gemm(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    shape = g("Concat", g.size(x, 0), g.size(x, 1), g.constant([HEADS, SIZE]), axis=0)
    rows = g.reshape(x, -1, WIDTH)
    q, k, v = (g.transpose(g("Reshape", g("Gemm", rows, g.weight(WIDTH, WIDTH),
                                          g.weight(WIDTH, spread=0.1), transB=1), shape),
                           0, 2, 1, 3) for _ in range(3))
    return attend(g, scaled(g, q, k), v)


@VARIANTS(count=1)
def projected_at_once_and_split(name):
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    parts = g("Split", g.linear(x, WIDTH, 3 * WIDTH), g.constant([WIDTH] * 3), outputs=3, axis=-1)
    q, k, v = (heads_of(g, part) for part in parts)
    return attend(g, scaled(g, q, k), v)


@VARIANTS(count=1)
def projected_at_once_and_gathered(name):
    """timm and Swin: [B, N, 3, H, D] -> [3, B, H, N, D], then one Gather each."""
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    packed = g.reshape(g.linear(x, WIDTH, 3 * WIDTH), 0, 0, 3, HEADS, SIZE)
    packed = g.transpose(packed, 2, 0, 3, 1, 4)
    q, k, v = (g("Gather", packed, g.constant(i), axis=0) for i in range(3))
    return attend(g, scaled(g, q, k), v)


@VARIANTS(count=1)
def bias_on_some_projections(name):
    """Whisper: K has none."""
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    q, k, v = (heads_of(g, g.linear(x, WIDTH, WIDTH, bias=b)) for b in (True, False, True))
    return attend(g, scaled(g, q, k), v)


@VARIANTS(count=1)
def other_sequence_and_other_value_size(name):
    """Cross-attention: lengths differ, and V has heads of 40."""
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    memory = g.input("memory", "batch", "memory", WIDTH)
    q = heads_of(g, g.linear(x, WIDTH, WIDTH))
    k = heads_of(g, g.linear(memory, WIDTH, WIDTH))
    v = heads_of(g, g.linear(memory, WIDTH, HEADS * 40), HEADS, 40)
    context = g("MatMul", g("Softmax", scaled(g, q, k), axis=-1), v)
    g.output(merge(g, context, HEADS * 40), "batch", "seq", HEADS * 40)
    return g.model()


def grouped(name, repeat):
    """Four heads of queries over two of keys and values."""
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    q = heads_of(g, g.linear(x, WIDTH, 4 * 12), 4, 12)
    k, v = (heads_of(g, g.linear(x, WIDTH, 2 * 12), 2, 12) for _ in range(2))
    k, v = repeat(g, k), repeat(g, v)
    scores = g("Mul", scores_of(g, q, k), g.constant(12 ** -0.5))
    return attend(g, scores, v)


@VARIANTS(count=1)
def grouped_heads_expanded(name):
    def repeat(g, value):
        shape = g("Concat", g.size(value, 0), g.constant([2, 2]), g.size(value, 2),
                  g.constant([12]), axis=0)
        wide = g("Expand", g.unsqueeze(value, 2), shape)
        back = g("Concat", g.size(value, 0), g.constant([4]), g.size(value, 2),
                 g.constant([12]), axis=0)
        return g("Reshape", wide, back)
    return grouped(name, repeat)


@VARIANTS(count=1)
def one_key_head_broadcast(name):
    """Multi-query: MatMul's own broadcasting repeats the head."""
    g = Graph(name)
    x = g.input("x", "batch", "seq", WIDTH)
    q = heads_of(g, g.linear(x, WIDTH, WIDTH))
    k, v = (heads_of(g, g.linear(x, WIDTH, SIZE), 1, SIZE) for _ in range(2))
    return attend(g, scaled(g, q, k), v)


@VARIANTS(count=1, beyond=("Neg", "Cos", "Sin"))
def rotary_positions(name):
    g, x, q, k, v = start(name)
    positions = g("Cast", g.arange(g.size(x, 1)), to=FLOAT)
    rates = g.constant(100.0 ** -(np.arange(SIZE // 2) / (SIZE // 2)).reshape(1, -1))
    angles = g("Mul", g.unsqueeze(positions, 1), rates)
    angles = g("Concat", angles, angles, axis=-1)
    cos, sin = g("Cos", angles), g("Sin", angles)

    def rotate(value):
        low = g("Slice", value, g.constant([0]), g.constant([SIZE // 2]), g.constant([-1]))
        high = g("Slice", value, g.constant([SIZE // 2]), g.constant([SIZE]), g.constant([-1]))
        turned = g("Concat", g("Neg", high), low, axis=-1)
        return g("Add", g("Mul", value, cos), g("Mul", turned, sin))

    return attend(g, scaled(g, rotate(q), rotate(k)), v)


# --- the ready-made operator ------------------------------------------------

@VARIANTS(count=1)
def operator_four_dims(name):
    g, _, q, k, v = start(name, opset=23)
    return finish(g, g("Attention", q, k, v))


@VARIANTS(count=1)
def operator_causal(name):
    g, _, q, k, v = start(name, opset=23)
    return finish(g, g("Attention", q, k, v, is_causal=1, scale=0.3))


@VARIANTS(count=1)
def operator_three_dims_with_mask(name):
    g = Graph(name, 23)
    x = g.input("x", "batch", "seq", WIDTH)
    q, k, v = (g.linear(x, WIDTH, WIDTH) for _ in range(3))
    mask = padding(g, BOOL)
    length = g.size(x, 1)
    mask = g("Expand", mask, g("Concat", g.size(x, 0), g.constant([1]), length, length, axis=0))
    context = g("Attention", q, k, v, mask, q_num_heads=HEADS, kv_num_heads=HEADS)
    g.output(context, "batch", "seq", WIDTH)
    return g.model()


@VARIANTS(count=1)
def operator_grouped_with_bias(name):
    g = Graph(name, 23)
    x = g.input("x", "batch", "seq", WIDTH)
    q = heads_of(g, g.linear(x, WIDTH, 4 * 12), 4, 12)
    k, v = (heads_of(g, g.linear(x, WIDTH, 2 * 12), 2, 12) for _ in range(2))
    bias = g.input("mask", "seq", "seq")
    return finish(g, g("Attention", q, k, v, bias))
