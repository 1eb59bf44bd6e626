"""The contract of an encoder of one sensor: a stretch of one clip in, one feature vector out."""

from abc import ABC, abstractmethod

from torch import nn


class AbstractSensorEncoder(nn.Module, ABC):
    """An encoder of video, sound or inertial signals: ``(batch, *shape of a clip) -> (batch, dim)``.

    Inputs may be of any floating type; features are of the weights' type, and not normalised. Each clip is encoded by
    itself: what else is in the batch does not matter.
    """

    @property
    @abstractmethod
    def dim(self) -> int:
        """Length of a feature."""

    @property
    @abstractmethod
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one clip that the positions were made for, without the batch; clips of other lengths run too."""
