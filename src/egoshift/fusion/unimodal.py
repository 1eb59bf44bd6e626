"""One sensor's encoder with a head of its own: how encoders are trained before their features are stored and fused.

Paper: MMG-Ego4D (Gong et al., CVPR 2023) trains its three encoders with cross-entropy, each by itself, before all else
("unimodal supervised pretraining"). How long, with which optimiser and augmentation is not published; windows at random
places of a clip are all the augmentation here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jaxtyping import Float
from torch import Tensor

from egoshift.blocks.streams import trained_classes
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.encoders import SignalSpec, weights_digest
from egoshift.errors import ConfigError
from egoshift.fusion.heads import LinearHead
from egoshift.fusion.sensors import config_of, make_signal_encoder
from egoshift.records import Label


class Unimodal(AbstractClassifier):
    """An encoder of one sensor and a linear head for each kind of label, trained together or the head alone.

    Args:
        sensor: A name of ``encoders.SIGNALS``.
        preset: Of the sensor's architecture: ``"base"``, ``"tiny"``, ...
        options: Fields of its configuration that are to be others than the preset's.
        rate_hz: Rows a second; none takes the sensor's own.
        centred: Whether each window of readings is seen about its own mean; none takes the sensor's own.
        weights: A pretrained encoder to begin with (``load_sensor_encoder``), for video and audio; empty: begins from
            random weights.
        frozen: Whether the encoder stays as it is and only the head is trained; needs ``weights``.
        classes: Per kind of label the class names to train for.

    Raises:
        ConfigError: There is no such sensor, preset or option, or an encoder is to be frozen before it is trained.
        WeightsError: The weights cannot be read.
    """

    def __init__(
        self,
        *,
        sensor: str,
        preset: str = "base",
        options: Mapping[str, Any] | None = None,
        rate_hz: float | None = None,
        centred: bool | None = None,
        weights: str = "",
        frozen: bool = False,
        classes: Mapping[Label, Sequence[str]] | None = None,
    ):
        super().__init__()
        if frozen and not weights:
            raise ConfigError(f"the {sensor} encoder is to be frozen, but begins from random weights; give weights too")
        self.encoder = make_signal_encoder(
            sensor, preset=preset, options=options, rate_hz=rate_hz, centred=centred, weights=weights
        )
        self.encoder.encoder.requires_grad_(not frozen)
        self.frozen_weights = {weights: weights_digest(weights)} if frozen else {}
        trained = trained_classes(classes)
        self.head = LinearHead(self.encoder.dim, trained)
        # Weights that are trained further are in the checkpoint: it must be read where the first ones no longer are.
        kept = {"preset": preset, "options": dict(options or {}), "weights": weights}
        if weights and not frozen:
            kept = {"preset": "base", "options": config_of(self.encoder.encoder), "weights": ""}
        self.settings = {
            "sensor": sensor,
            **kept,
            "rate_hz": None if rate_hz is None else float(rate_hz),
            "centred": centred,
            "frozen": frozen,
            "classes": {label: list(names) for label, names in trained.items()} or None,
        }
        self.required_streams = (sensor,)

    @property
    def spec(self) -> SignalSpec:
        """The windows that it reads."""
        return self.encoder.spec

    def observe(self, clips: Iterable[StreamBatch], text: Mapping[Label, ClassText]) -> None:
        """Takes the mean and deviation of the training clips, unless the weights come with theirs."""
        del text
        self.encoder.observe(batch.streams[self.spec.sensor] for batch in clips)

    def embed(self, batch: StreamBatch) -> Float[Tensor, "batch dim"]:
        """The features that are stored, un-normalised."""
        features: Tensor = self.encoder(batch.streams[self.spec.sensor])
        return features

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``.

        Args:
            batch: Windows ``(batch, rows, numbers in a row)`` of the sensor, NaN where absent.
            text: The classes; their names are read and no vectors.

        Raises:
            ConfigError: The head cannot score the classes.
        """
        logits: dict[Label, Tensor] = self.head(self.embed(batch), text)
        return logits

    def train(self, mode: bool = True) -> "Unimodal":
        """Training mode; a frozen encoder stays in evaluation mode."""
        super().train(mode)
        if self.settings["frozen"]:
            self.encoder.encoder.eval()
        return self
