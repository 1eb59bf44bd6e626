"""Image towers: frames in, one feature vector each out."""

from abc import ABC, abstractmethod
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from egoshift.encoders import preprocess
from egoshift.encoders.card import Family, WeightCard

FEATURES: dict[Family, tuple[str, str]] = {
    "clip": ("image_embeds", "projected class token"),
    "siglip": ("pooler_output", "attention pooling head"),
    "dinov2": ("pooler_output", "class token after the last norm"),
    "lavila": ("image_embeds", "projected class token of the clip"),
}
"""Per family, where its tower puts the feature, and what that is."""


class AbstractImageEncoder(ABC):
    """A frozen image tower.

    Attributes:
        card: What it is and how frames are prepared for it.
    """

    card: WeightCard

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return torch.device("cpu")

    def prepare(self, frame: npt.NDArray[np.uint8]) -> UInt8[Tensor, "3 size size"]:
        """One frame ``(height, width, 3)`` as this tower sees it, as bytes; safe to call from any thread."""
        return preprocess.prepare(frame, self.card)

    def exact(self) -> "AbstractImageEncoder | None":
        """The same tower in float32 by torch, to compare with; none where this is it, or where there is none."""
        return None

    @abstractmethod
    def encode(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch dim"]:
        """Un-normalised features in float32, without gradients, on the encoder's device.

        Safe to call from several threads at once.

        Args:
            images: Prepared frames, on any device; left as they are.
        """


class FrozenImageEncoder(AbstractImageEncoder):
    """An image tower of ``transformers``, or one that is called alike.

    Args:
        card: What it is.
        tower: The module, frozen and on its device; see ``load_image_encoder``. LaViLa's reads each frame as a clip of
            its own.
        load_exact: Loads the same tower in float32; none where this is it. Is pickled with the encoder.
    """

    def __init__(
        self, card: WeightCard, tower: nn.Module, load_exact: Callable[[], AbstractImageEncoder] | None = None
    ):
        self.card = card
        self._load_exact = load_exact
        self._tower = tower
        self._weight = next(tower.parameters())

    @property
    def device(self) -> torch.device:
        """Where it runs."""
        return self._weight.device

    @property
    def tower(self) -> nn.Module:
        """The module that runs."""
        return self._tower

    def exact(self) -> AbstractImageEncoder | None:
        """The same tower in float32, read from its file again."""
        return self._load_exact() if self._load_exact else None

    @torch.no_grad()
    def encode(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch dim"]:
        """Un-normalised features in float32, without gradients, on the encoder's device."""
        check_images(images, self.card)
        pixels = preprocess.normalise(images.to(self._weight.device, non_blocking=True), self.card)
        features: Tensor = getattr(
            self._tower(pixel_values=pixels.to(self._weight.dtype)), FEATURES[self.card.family][0]
        )
        return features.float()


def check_images(images: Tensor, card: WeightCard) -> None:
    """Refuse what ``prepare`` did not make.

    Raises:
        ValueError: These are no bytes, or of another size.
    """
    if images.dtype is not torch.uint8 or images.shape[1:] != (3, card.size, card.size):
        raise ValueError(
            f"got {images.dtype} images of shape {tuple(images.shape)}; give uint8 (batch, 3, {card.size}, "
            f"{card.size}) as prepare() makes them"
        )
