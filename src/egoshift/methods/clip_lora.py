"""CLIP-LoRA: low-rank changes of the attention of both frozen towers.

Paper: Zanella and Ben Ayed, "Low-Rank Few-Shot Adaptation of Vision-Language Models", CVPR 2024 workshops (arXiv
2405.18541), section 3. Official code: https://github.com/MaxZanella/CLIP-LoRA/blob/358f0d7/lora.py and ``loralib/``.

Next to each of the query, key and value projections W of every layer runs a product of two narrow matrices,
``W x + gamma * B A dropout(x)``; only A and B are trained, and B starts at zero, so training starts from CLIP. The
change itself is made by ``peft``, which is an extra: ``pip install egoshift[lora]``.

Deviations:
    - Videos. Official: single images. Ours: the pooled features of a clip's frames.
    - Prompts. Official: each data set's own template, such as "a photo of a {}.". Ours: the class name alone, as X-MIC
      finds best (its Table 7).
    - gamma. LoRA: alpha / rank. Official code: alpha / sqrt(rank), and so here.
    - The text tower left as it is (``towers=["image"]``). Official: the mean of the templates' text. Ours: the class
      text as it is given.
    - Class prompts pass in chunks and end at the longest, and frames pass in chunks (``egoshift.encoders.vision``),
      whose activations are computed again in the backward pass: the same numbers.
    - Optimiser. Official: AdamW of rate 2e-4 and decay 0.01, a cosine over 500 steps a shot of 32 images. Here: the
      run's.
    - Official: fp16 autocast. Ours: float32, or the run's mixed precision.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from egoshift.blocks.streams import POOLINGS, choice, class_names, read_text, stream_names
from egoshift.classifier import ClassText, StreamBatch
from egoshift.encoders.prompts import load_prompt_tower
from egoshift.encoders.vision import CHUNK_TOKENS, load_vision_tower
from egoshift.errors import ConfigError
from egoshift.methods.dual import AbstractDualClassifier
from egoshift.methods.pictures import picture_vectors
from egoshift.records import Label

TARGETS: Mapping[str, str] = {"q": "q_proj", "k": "k_proj", "v": "v_proj", "o": "out_proj"}
"""The projections of an attention that can be changed, and what ``transformers`` calls them."""

TOWERS = ("image", "text")

PRESETS_CLIP_LORA: Mapping[str, Mapping[str, object]] = {
    "official": {
        "streams": ["pixels"],
        "pooling": "mean-of-unit",
        "rank": 2,
        "alpha": 1.0,
        "dropout": 0.25,
        "targets": ["q", "k", "v"],
        "towers": ["image", "text"],
        "logit_scale": 100.0,
    }
}


class CLIPLoRA(AbstractDualClassifier):
    """A frozen CLIP with low-rank changes; the defaults are the preset ``official``.

    Args:
        encoder: The CLIP; see ``egoshift.encoders.load_image_encoder``.
        streams: The streams that are classified: its pictures (``pixels:<encoder>``).
        pooling: How frames become one vector: ``"mean-of-unit"`` or ``"mean-of-raw"``.
        rank: The narrow width.
        alpha: What the change is multiplied by, before the division by the square root of the rank.
        dropout: The share of a changed projection's input that the change does not see in training.
        targets: Which projections of each attention are changed: of ``"q"``, ``"k"``, ``"v"``, ``"o"`` (the output).
        towers: Which towers are changed: ``"image"``, ``"text"`` or both.
        logit_scale: What the cosines are multiplied by.
        chunk_tokens: How many tokens of class names, and of frames, run at once, which bounds memory.

    Raises:
        ConfigError: An option is none of its choices, or ``peft`` is not installed.
        WeightsError: There is no such encoder.
    """

    def __init__(
        self,
        *,
        encoder: str = "openai/clip-vit-base-patch16",
        streams: Sequence[str] = ("pixels",),
        pooling: str = "mean-of-unit",
        rank: int = 2,
        alpha: float = 1.0,
        dropout: float = 0.25,
        targets: Sequence[str] = ("q", "k", "v"),
        towers: Sequence[str] = TOWERS,
        logit_scale: float = 100.0,
        chunk_tokens: int = CHUNK_TOKENS,
    ):
        super().__init__()
        self.required_streams = stream_names("streams", streams)
        self.pooling = choice("pooling", pooling, tuple(POOLINGS))
        self.towers = _some("towers", towers, TOWERS)
        self.logit_scale, self.chunk_tokens = float(logit_scale), chunk_tokens
        if min(rank, chunk_tokens) < 1 or min(alpha, logit_scale) <= 0 or not 0 <= dropout < 1:
            raise ConfigError(
                f"rank is {rank}, chunk_tokens {chunk_tokens}, alpha {alpha}, logit_scale {logit_scale}, dropout "
                f"{dropout}; give a rank and tokens of at least 1, numbers above zero, and a dropout from 0 to below 1"
            )
        self.settings = {
            "encoder": encoder,
            "streams": list(self.required_streams),
            "pooling": pooling,
            "rank": rank,
            "alpha": float(alpha),
            "dropout": float(dropout),
            "targets": list(_some("targets", targets, tuple(TARGETS))),
            "towers": list(self.towers),
            "logit_scale": self.logit_scale,
            "chunk_tokens": chunk_tokens,
        }
        self.vision = load_vision_tower(encoder)
        self.frozen_weights = {encoder: self.vision.sha256}
        self.text = load_prompt_tower(encoder) if "text" in self.towers else None
        modules = {"image": self.vision.module, "text": None if self.text is None else self.text.module}
        # In the order of TOWERS and not as given, so that the same seed draws the same numbers.
        self._changed: dict[str, Any] = {}
        for tower in (tower for tower in TOWERS if tower in self.towers):
            self._changed |= _change(tower, modules[tower], targets, rank, alpha, dropout)
        self.lora = nn.ParameterDict(
            {f"{place}_{side}": self._side(place, side).weight for place, side in self._places}
        )

    @property
    def _places(self) -> list[tuple[str, str]]:
        return [(place, side) for place in self._changed for side in ("a", "b")]

    def _side(self, place: str, side: str) -> Any:
        changed = self._changed[place]
        return (changed.lora_A if side == "a" else changed.lora_B)["default"]

    @property
    def scale(self) -> float:
        """What the cosines are multiplied by."""
        return self.logit_scale

    def video(self, batch: StreamBatch) -> Float[Tensor, "batch dim"]:
        """The unit video vectors.

        Raises:
            ConfigError: A stream is missing or holds no pictures of this encoder.
        """
        self._keep_in_step()
        return picture_vectors(
            batch,
            self.required_streams,
            self.vision,
            self.vision.encode,
            pooling=self.pooling,
            chunk_tokens=self.chunk_tokens,
        )

    def text_vectors(self, label: Label, words: ClassText) -> Float[Tensor, "classes dim"]:
        """The class text by the changed text tower from the names, or as it is given where that tower is not changed.

        Raises:
            ConfigError: Classes have no names or text of another width, or a name is too long.
        """
        if self.text is None:
            return read_text(words, self.vision.dim)
        self._keep_in_step()
        nothing = torch.zeros(1, 0, self.text.width, device=next(iter(self.lora.values())).device)
        vectors: Tensor = self.text.encode(nothing, class_names(label, words), chunk_tokens=self.chunk_tokens)
        return vectors[0]

    def _keep_in_step(self) -> None:
        """The towers are no submodules: they take over what has become of the parameters and of the mode."""
        for place, side in self._places:
            module, parameter = self._side(place, side), self.lora[f"{place}_{side}"]
            if module.weight is not parameter:
                module.weight = parameter
        for changed in self._changed.values():
            changed.lora_dropout.train(self.training)


def _change(tower: str, module: Any, targets: Sequence[str], rank: int, alpha: float, dropout: float) -> dict[str, Any]:
    """Puts the changes into a tower; gives the changed projections by names such as ``image_3_q``."""
    try:
        from peft import LoraConfig, inject_adapter_in_model
    except ImportError as error:
        raise ConfigError("clip_lora needs peft, which is not installed; pip install egoshift[lora]") from error
    # Named by their ends they are found in the attentions alone; no other part of CLIP is called so.
    config = LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=dropout,
        use_rslora=True,
        target_modules=[TARGETS[target] for target in targets],
    )
    inject_adapter_in_model(config, module)
    letters = {name: letter for letter, name in TARGETS.items()}
    found = {}
    for name, part in module.named_modules():
        if hasattr(part, "lora_A"):
            layer, projection = name.split(".")[-3], name.split(".")[-1]
            found[f"{tower}_{layer}_{letters[projection]}"] = part
    return found


def _some(option: str, values: Sequence[str], choices: Sequence[str]) -> tuple[str, ...]:
    """The given values as a tuple.

    Raises:
        ConfigError: They are one string, none, one of them twice, or not of the choices.
    """
    if isinstance(values, str) or not values or len(set(values)) != len(values) or not set(values) <= set(choices):
        raise ConfigError(f"{option} is {values!r}; give a list of one or more of {', '.join(map(repr, choices))}")
    return tuple(values)
