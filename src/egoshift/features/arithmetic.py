"""What an encoder's faster arithmetic costs in accuracy, measured on the frames that are about to be encoded."""

from collections.abc import Iterable
from itertools import islice

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, UInt8
from torch import Tensor

from egoshift.encoders import AbstractImageEncoder
from egoshift.features.manifest import FeatureError

FRAMES = 16
"""How many frames are compared: one batch, which in float32 takes a ViT-B/16 some seconds."""

FAR = 1e-2
"""From which mean of 1 - cosine on features count as far from float32's: about what lies between neighbouring frames of
a grid, and at CLIP's scale of 100 and 512 dimensions a change of 0.6 in a logit (100 * sqrt(2 * FAR / 512)), more than
what often separates two classes. bfloat16 stays about a hundred times below it."""


def measure_error(
    encoder: AbstractImageEncoder, frames: Iterable[npt.NDArray[np.uint8]], batch_size: int
) -> FeatureError | None:
    """1 - cosine between an encoder's features and those of the same tower in float32 by torch.

    Args:
        encoder: The frozen tower, in the arithmetic that is asked about.
        frames: ``(height, width, 3)`` each; no more than the first 16 are taken, and none without need.
        batch_size: Images per call of the encoder.

    Returns:
        None where the encoder is that very tower, or has none to compare with, or where there is no frame.
    """
    exact = encoder.exact()
    images = [] if exact is None else [encoder.prepare(frame) for frame in islice(frames, FRAMES)]
    if exact is None or not images:
        return None
    prepared = torch.stack(images)
    errors = 1 - torch.cosine_similarity(_encoded(encoder, prepared, batch_size), _encoded(exact, prepared, batch_size))
    mean, largest = (max(0.0, float(f"{float(value):.1e}")) for value in (errors.mean(), errors.max()))
    return FeatureError(mean=mean, max=largest, frames=len(images))


def _encoded(
    encoder: AbstractImageEncoder, images: UInt8[Tensor, "batch 3 size size"], batch_size: int
) -> Float[Tensor, "batch dim"]:
    """Features in float64, in batches of one size as in extraction."""
    padded = torch.cat([images, images.new_zeros((-len(images) % batch_size, *images.shape[1:]))])
    return torch.cat([encoder.encode(part) for part in torch.split(padded, batch_size)])[: len(images)].double().cpu()
