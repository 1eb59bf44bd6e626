"""What extraction has to do, as something that can be handed to other processes."""

from abc import ABC, abstractmethod
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from egoshift.features.jobs import Encoded, Failed, Finished
from egoshift.features.wanted import Wanted


class AbstractWork(ABC):
    """How the missing rows of videos are encoded; may be pickled, and gives the same rows in any process."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the encoder runs."""

    @abstractmethod
    def run(self, videos: Sequence[Wanted], room: Path) -> Generator[Encoded | Finished | Failed, None, None]:
        """Encodes what is missing of some videos and says what happens as it happens; closing it ends the work.

        Args:
            videos: Which.
            room: A folder with room for rows that may be more than memory holds.
        """


@dataclass(frozen=True)
class Written:
    """All missing rows of a video lie in a part that another process wrote."""

    video_id: str
    part: Path


@dataclass(frozen=True)
class Workers:
    """Processes that encode side by side, by Ray; the store that they make has the bytes of one made without them.

    Attributes:
        number: How many; none takes one a GPU, or else one a machine. They share the cores (and the GPUs) evenly.
        address: ``host:port`` of a running Ray cluster of which this machine is a part; none starts one here, with
            which only this machine can speak, and ends it afterwards. All its machines see the videos, the store and
            the folder that this process runs in at the same paths, and have egoshift installed.
    """

    number: int | None = None
    address: str | None = None
