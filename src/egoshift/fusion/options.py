"""The options of ``Fusion``: what may be given, and the parts that are built of it."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from egoshift.blocks.attention import POSITIONS
from egoshift.blocks.streams import choice, trained_classes
from egoshift.encoders import SignalEncoder
from egoshift.errors import ConfigError
from egoshift.fusion.heads import RULES, LinearHead, TextHead
from egoshift.fusion.inputs import INPUT_NORMS
from egoshift.fusion.modules import MISSING, POOLINGS, AttentionFusion, MLPFusion
from egoshift.fusion.sensors import make_signal_encoder

FIRST = ("video", "audio", "imu")
"""The paper's modalities, in its order."""

TOKENS = ("frames", "mean")
HEADS = ("linear", "text")

_DEFAULTS: Mapping[str, object] = {
    "fusion": "attention",
    "width": 256,
    "num_layers": 2,
    "num_heads": 4,
    "mlp_ratio": 4.0,
    "input_norm": "layer",
    "tokens": "frames",
    "position": "learned",
    "pooling": "cls",
    "missing": "mask",
    "modality_dropout": 0.3,
    "head": "linear",
    "text_rule": "compare",
    "classify_streams": [],
    "alpha": 1.0,
    "logit_scale": 100.0,
    "train_logit_scale": False,
    "temperature": 0.07,
    "train_temperature": False,
    "encoders": None,
    "projection_dim": None,
}
PRESETS_FUSION: Mapping[str, Mapping[str, object]] = {
    "attention": _DEFAULTS,
    "mlp": {**_DEFAULTS, "fusion": "mlp", "missing": "zeros"},
    "text": {**_DEFAULTS, "head": "text"},
    "text-shift": {**_DEFAULTS, "head": "text", "text_rule": "shift"},
}
"""All options but those that follow from the data: modalities, their frames, classes and the width of the text. The two
fusions of the paper's ablation, and the two ways to any class names; none is the paper's own, of which too little is
known."""


def checked_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """The constructor's arguments as settings: plain values, defaults filled in, the order of names without meaning.

    Raises:
        ConfigError: If an option is none of its choices, does not fit another one, or widths do not divide.
    """
    options = dict(given)
    _check_widths(options)
    fusion = choice("fusion", options["fusion"], tuple(MISSING))
    rules = MISSING[fusion]
    for option, choices in (
        ("input_norm", INPUT_NORMS),
        ("tokens", TOKENS),
        ("position", POSITIONS),
        ("pooling", POOLINGS),
        ("head", HEADS),
        ("text_rule", RULES),
    ):
        choice(option, options[option], choices)
    options["missing"] = rules[0] if options["missing"] is None else choice("missing", options["missing"], rules)
    if fusion == "attention" and options["pooling"] == "cls" and not options["num_layers"]:
        raise ConfigError("num_layers is 0 with pooling 'cls', which then sees no modality; give a layer, or 'mean'")
    if not 0 <= options["modality_dropout"] <= 1:
        raise ConfigError(f"modality_dropout is {options['modality_dropout']}; give a probability from 0 to 1")
    if options["logit_scale"] <= 0:
        raise ConfigError(f"logit_scale is {options['logit_scale']}; give a scale above zero")
    if not options["temperature"] > 0:
        raise ConfigError(f"temperature is {options['temperature']}; give a number above zero")
    _check_classified(options)
    classes = trained_classes(options["classes"])
    options["modalities"] = dict(sorted(options["modalities"].items(), key=_place))
    options["classes"] = {label: list(names) for label, names in classes.items()} or None
    options["classify_streams"] = sorted(options["classify_streams"])
    options["encoders"] = {name: dict(given) for name, given in sorted((options["encoders"] or {}).items())} or None
    for name in ("mlp_ratio", "modality_dropout", "alpha", "logit_scale", "temperature"):
        options[name] = float(options[name])
    return options


def build_encoders(options: Mapping[str, Any]) -> dict[str, SignalEncoder]:
    """The encoders of the modalities whose streams are signals."""
    found = {
        name: make_signal_encoder(**{"sensor": name, **arguments})
        for name, arguments in sorted((options["encoders"] or {}).items())
    }
    for name, encoder in found.items():
        if options["modalities"].get(name) != encoder.spec.row_dim:
            raise ConfigError(
                f"encoders names {name!r}, whose rows have {encoder.spec.row_dim} numbers; the modalities are "
                f"{options['modalities']}; give a stream of signals of this width"
            )
    return found


def build_fusion(options: Mapping[str, Any]) -> AttentionFusion | MLPFusion:
    """The module between projections and head."""
    num_modalities, width = len(options["modalities"]), options["width"]
    hidden_dim = int(width * options["mlp_ratio"])
    if options["fusion"] == "mlp":
        return MLPFusion(
            num_modalities,
            width,
            num_layers=options["num_layers"],
            hidden_dim=hidden_dim,
            missing=options["missing"],
        )
    placed = options["tokens"] == "frames" and options["position"] == "learned"
    return AttentionFusion(
        num_modalities,
        width,
        num_layers=options["num_layers"],
        num_heads=options["num_heads"],
        hidden_dim=hidden_dim,
        num_frames=options["num_frames"] if placed else None,
        pooling=options["pooling"],
        missing=options["missing"],
    )


def build_head(options: Mapping[str, Any]) -> LinearHead | TextHead:
    """The module that makes logits."""
    if options["head"] == "linear":
        return LinearHead(options["width"], options["classes"] or {})
    return TextHead(
        options["width"],
        options["text_dim"],
        rule=options["text_rule"],
        alpha=options["alpha"],
        logit_scale=options["logit_scale"],
        train_logit_scale=options["train_logit_scale"],
    )


def build_projection(options: Mapping[str, Any]) -> nn.Module:
    """The module that only the alignment loss sees."""
    width, dim = options["width"], options["projection_dim"]
    return nn.Identity() if dim is None else nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, dim))


def _place(modality: tuple[str, int]) -> tuple[int, str]:
    """Where a modality stands among others: the paper's in its order, others after them by name."""
    name, _ = modality
    return FIRST.index(name) if name in FIRST else len(FIRST), name


def _check_widths(options: Mapping[str, Any]) -> None:
    modalities = options["modalities"]
    if not modalities or min(modalities.values()) < 1:
        raise ConfigError(
            f"modalities are {dict(modalities)}; give at least one stream and its width, as {{'video': 512}}"
        )
    sizes = ("width", "num_heads", "num_frames", "text_dim")
    small = [f"{name} {options[name]}" for name in sizes if options[name] < 1]
    small += [f"num_layers {options['num_layers']}"] * (options["num_layers"] < 0)
    projected = options["projection_dim"]
    small += [f"projection_dim {projected}"] * (projected is not None and projected < 1)
    if small:
        raise ConfigError(f"{', '.join(small)}; give at least 1 of each, and no negative number of layers")
    width, ratio = options["width"], options["mlp_ratio"]
    if width % options["num_heads"] or int(width * ratio) < 1:
        raise ConfigError(
            f"width is {width} with num_heads {options['num_heads']} and mlp_ratio {ratio}; give a width that the "
            "heads divide, and a ratio that leaves the MLP one unit"
        )


def _check_classified(options: Mapping[str, Any]) -> None:
    names, modalities = options["classify_streams"], options["modalities"]
    if isinstance(names, str) or len(set(names)) != len(names):
        raise ConfigError(f"classify_streams is {names!r}; give a list of different stream names, as ['video']")
    if names and (options["head"] != "text" or options["text_rule"] == "compare"):
        raise ConfigError(
            "classify_streams are compared with class text that the fused vector moves; give head='text' and "
            "text_rule='shift' or 'both' too, or no classify_streams"
        )
    for name in names:
        if modalities.get(name) != options["text_dim"]:
            found = "no modality" if name not in modalities else f"{modalities[name]} wide"
            raise ConfigError(
                f"classify_streams names {name!r}, which is {found}; give modalities that are as wide as the class "
                f"text, {options['text_dim']}, from the same encoder"
            )
