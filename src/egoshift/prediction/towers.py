"""The frozen encoders that a predictor uses, each loaded when it is first needed, and once."""

from collections.abc import Mapping, Sequence

import torch

from egoshift.classifier import ClassText
from egoshift.encoders import (
    AbstractImageEncoder,
    AbstractTextEncoder,
    SignalTower,
    class_text,
    load_image_encoder,
    load_text_encoder,
)
from egoshift.encoders.precision import Precision
from egoshift.errors import CheckpointError
from egoshift.recipes.sensor_encoders import load_signal_tower

MOST_VOCABULARIES = 8
"""Lists of class names whose vectors are kept: a page that runs for weeks is asked for ever new ones."""


class Towers:
    """Encoders of pictures, sensors and class names.

    Args:
        device: Where they run: ``cpu``, ``cuda`` …
        precision: What image encoders compute in.
        weights: SHA-256 of the weights that features were made by in training, by encoder.
    """

    def __init__(self, device: str, precision: Precision = "auto", weights: Mapping[str, str] | None = None):
        self.device = device
        self._weights = dict(weights or {})
        self._precision: Precision = precision
        self._images: dict[str, AbstractImageEncoder] = {}
        self._sensors: dict[str, SignalTower] = {}
        self._texts: dict[str, AbstractTextEncoder] = {}
        self._vectors: dict[tuple[str, tuple[str, ...], tuple[str, ...]], ClassText] = {}

    def image(self, name: str) -> AbstractImageEncoder:
        """An image encoder by name.

        Raises:
            CheckpointError: It has other weights than the model was trained with.
        """
        if name not in self._images:
            found = load_image_encoder(name, device=self.device, precision=self._precision)
            self._check(name, found.card.sha256)
            self._images[name] = found
        return self._images[name]

    def sensor(self, name: str) -> SignalTower:
        """A sensor's encoder by name.

        Raises:
            CheckpointError: It has other weights than the model was trained with.
        """
        if name not in self._sensors:
            found = load_signal_tower(name, device=self.device)
            self._check(name, found.card.sha256)
            self._sensors[name] = found
        return self._sensors[name]

    def words(self, encoder: str, names: Sequence[str], templates: Sequence[str]) -> ClassText:
        """Class names as a text encoder sees them; without an encoder, names alone."""
        if not encoder:
            return ClassText(torch.zeros(len(names), 0), tuple(names))
        key = (encoder, tuple(names), tuple(templates))
        if key not in self._vectors:
            if encoder not in self._texts:
                self._texts[encoder] = load_text_encoder(encoder, device=self.device)
            self._vectors[key] = class_text(self._texts[encoder], names, templates)
            if len(self._vectors) > MOST_VOCABULARIES:
                del self._vectors[next(iter(self._vectors))]
        return self._vectors[key]

    def _check(self, name: str, ours: str) -> None:
        theirs = self._weights.get(name, ours)
        if theirs != ours:
            raise CheckpointError(
                f"{name}: has weights {ours[:12]}, the model was trained on features by {theirs[:12]}; give those"
            )
