"""One file a paper: features and class text in, logits out."""

from collections.abc import Mapping

from egoshift.blocks.cosine import adapted_logits, adapted_logits_direct, cosine_logits
from egoshift.classifier import AbstractClassifier
from egoshift.methods.clip_adapter import PRESETS_CLIP_ADAPTER, CLIPAdapter
from egoshift.methods.clip_lora import PRESETS_CLIP_LORA, CLIPLoRA
from egoshift.methods.cocoop import CoCoOp
from egoshift.methods.coop import CoOp
from egoshift.methods.efficient_prompt import EfficientPrompt
from egoshift.methods.linear_probe import PRESETS_LINEAR_PROBE, LinearProbe
from egoshift.methods.tip_adapter import PRESETS_TIP_ADAPTER, TipAdapter
from egoshift.methods.vita_clip import PRESETS_VITA_CLIP, VitaCLIP
from egoshift.methods.xmic import XMIC
from egoshift.methods.zero_shot import ZeroShot

METHODS: Mapping[str, type[AbstractClassifier]] = {
    "zero_shot": ZeroShot,
    "xmic": XMIC,
    "coop": CoOp,
    "cocoop": CoCoOp,
    "clip_adapter": CLIPAdapter,
    "efficient_prompt": EfficientPrompt,
    "vita_clip": VitaCLIP,
    "tip_adapter": TipAdapter,
    "clip_lora": CLIPLoRA,
    "linear_probe": LinearProbe,
}
"""By the name that runs and checkpoints call them."""

_PROMPT = {"streams": ["full"], "pooling": "mean-of-raw", "full_stop": False, "logit_scale": 100.0}
_COOP = {**_PROMPT, "num_tokens": 16, "phrase": "", "position": "end", "class_specific": False}
_COCOOP = {**_PROMPT, "num_tokens": 4, "phrase": "a photo of a"}

PRESETS: Mapping[str, Mapping[str, Mapping[str, object]]] = {
    "zero_shot": {
        "paper": {"streams": ["full"], "pooling": "mean-of-unit", "logit_scale": 100.0},
    },
    "xmic": {
        "released": {
            "classify_streams": ["hand"],
            "condition_streams": ["hand", "full"],
            "pooling": "mean-of-raw",
            "num_spatial_layers": 1,
            "num_temporal_layers": 2,
            "num_heads": 4,
            "mlp_ratio": 0.25,
            "position": "learned",
            "head": "bottleneck-relu",
            "alpha": 2.0,
            "train_alpha": False,
            "normalise_condition": True,
            "normalise_adapter": False,
            "normalise_text": False,
            "logit_scale": 100.0,
            "train_logit_scale": True,
        },
        "paper": {
            "classify_streams": ["full"],
            "condition_streams": ["hand", "full"],
            "pooling": "mean-of-unit",
            "num_spatial_layers": 1,
            "num_temporal_layers": 2,
            "num_heads": 4,
            "mlp_ratio": 0.25,
            "position": "none",
            "head": "linear-if-needed",
            "alpha": 1.0,
            "train_alpha": False,
            "normalise_condition": True,
            "normalise_adapter": False,
            "normalise_text": False,
            "logit_scale": 100.0,
            "train_logit_scale": False,
        },
    },
    "coop": {"official": _COOP | {"pooling": "mean-of-unit", "full_stop": True}, "xmic": _COOP},
    "cocoop": {"official": _COCOOP | {"pooling": "mean-of-unit", "full_stop": True}, "xmic": _COCOOP},
    "clip_adapter": PRESETS_CLIP_ADAPTER,
    "vita_clip": PRESETS_VITA_CLIP,
    "tip_adapter": PRESETS_TIP_ADAPTER,
    "clip_lora": PRESETS_CLIP_LORA,
    "linear_probe": PRESETS_LINEAR_PROBE,
    "efficient_prompt": {
        "official": {
            "streams": ["full"],
            "prefix": 16,
            "postfix": 16,
            "num_temporal_layers": 2,
            "num_heads": 8,
            "mlp_ratio": 4.0,
            "temperature": 0.07,
            "max_classes": 400,
        },
    },
}
"""Constructor arguments per method and preset; what follows from features and text is not among them (widths, N, the
names of encoders and of the classes trained with), nor what changes no number but its memory."""

__all__ = [
    "METHODS",
    "PRESETS",
    "XMIC",
    "CLIPAdapter",
    "CLIPLoRA",
    "CoCoOp",
    "CoOp",
    "EfficientPrompt",
    "LinearProbe",
    "TipAdapter",
    "VitaCLIP",
    "ZeroShot",
    "adapted_logits",
    "adapted_logits_direct",
    "cosine_logits",
]
