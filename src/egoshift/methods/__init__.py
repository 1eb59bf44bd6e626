"""One file a paper: features and class text in, logits out."""

from collections.abc import Mapping

from egoshift.classifier import AbstractClassifier
from egoshift.methods.cosine import adapted_logits, adapted_logits_direct, cosine_logits
from egoshift.methods.xmic import XMIC
from egoshift.methods.zero_shot import ZeroShot

METHODS: Mapping[str, type[AbstractClassifier]] = {"zero_shot": ZeroShot, "xmic": XMIC}

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
}
"""Constructor arguments per method and preset; the widths and N, which follow from the features, are not among them."""

__all__ = [
    "METHODS",
    "PRESETS",
    "XMIC",
    "ZeroShot",
    "adapted_logits",
    "adapted_logits_direct",
    "cosine_logits",
]
