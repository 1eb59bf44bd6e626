"""Image towers: frames in, one feature vector each out."""

from abc import ABC, abstractmethod

import numpy as np
import numpy.typing as npt
from jaxtyping import Float, UInt8
from torch import Tensor

from egoshift.encoders import preprocess
from egoshift.encoders.card import WeightCard


class AbstractImageEncoder(ABC):
    """A frozen image tower.

    Attributes:
        card: What it is and how frames are prepared for it.
    """

    card: WeightCard

    def prepare(self, frame: npt.NDArray[np.uint8]) -> UInt8[Tensor, "3 size size"]:
        """One frame ``(height, width, 3)`` as this tower sees it, as bytes; safe to call from any thread."""
        return preprocess.prepare(frame, self.card)

    @abstractmethod
    def encode(self, images: UInt8[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch dim"]:
        """Un-normalised features in float32, without gradients, on the encoder's device.

        Args:
            images: Prepared frames, on any device; left as they are.
        """
