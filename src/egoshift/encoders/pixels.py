"""Pictures stored as features, for methods that train inside the image tower and so cannot start from its features.

``pixels:<encoder>`` is the name of what gives prepared pictures themselves: every frame resized and cut exactly as the
image tower of that encoder wants it, as 3 * size * size bytes. They lie in the same time-keyed store as features do,
in bytes instead of float16: 147 KiB for each frame of 224 x 224 (512 numbers of a ViT-B/16 take 1 KiB), so 2 GiB for
an hour at 4 frames a second and one view, and 15 KiB a frame at the 72 x 72 of ``egoworld``. While a video is being
extracted its pictures lie on the disk beside the store a second time.
"""

import hashlib
import json

import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egoshift.encoders.card import WeightCard
from egoshift.encoders.image import AbstractImageEncoder
from egoshift.encoders.weights import open_weights

PIXELS = "pixels:"
"""What the name of an encoder begins with that gives prepared pictures themselves."""


class PixelEncoder(AbstractImageEncoder):
    """Gives pictures as they were prepared; runs no weights.

    Args:
        card: Of the family ``"pixels"``; how pictures are prepared.
    """

    def __init__(self, card: WeightCard):
        self.card = card

    def encode(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch dim"]:
        """The pixels of each picture in a row, channel by channel: whole numbers from 0 to 255."""
        size = self.card.size
        if images.dtype is not torch.uint8 or images.shape[1:] != (3, size, size):
            raise ValueError(
                f"got {images.dtype} images of shape {tuple(images.shape)}; give uint8 (batch, 3, {size}, {size}) as "
                "prepare() makes them"
            )
        return images.flatten(1).float()


def load_pixel_encoder(name: str) -> PixelEncoder:
    """What prepares pictures for the image tower of an encoder. Of the weights nothing but the rule is read.

    Args:
        name: As for ``load_image_encoder``, with ``pixels:`` before it or without.

    Raises:
        WeightsError: As for ``load_image_encoder``: there is no such encoder, or it has no image tower.
    """
    name = name.removeprefix(PIXELS)
    weights = open_weights(name)
    weights.offer("image")
    rule = vars(weights.rule())
    decisive = {field: value for field, value in rule.items() if field != "preprocessing_source"}
    card = WeightCard(
        id=PIXELS + name,
        family="pixels",
        sha256=hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest(),
        licence="none",
        activation="none",
        pooling="none: the prepared picture",
        dim=3 * rule["size"] ** 2,
        has_text=False,
        dtype="uint8",
        **rule,
    )
    return PixelEncoder(card)
