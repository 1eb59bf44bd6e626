"""The one model contract: named feature streams and class text in, logits per kind of label out.

Everything that trains, evaluates, predicts or draws knows only this file; everything that is trained implements it.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from egoshift.records import Label


@dataclass(frozen=True)
class ClassText:
    """The classes of one kind of label as a text encoder sees them.

    Attributes:
        vectors: ``(classes, dim)`` text embeddings, as the encoder gives them (not normalised).
        names: The class names, length ``classes``; empty where only vectors are known.
    """

    vectors: Float[Tensor, "classes dim"]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.names and len(self.names) != len(self.vectors):
            raise ValueError(
                f"{len(self.names)} class names for {len(self.vectors)} text vectors; give one name per row"
            )


@dataclass(frozen=True)
class StreamBatch:
    """Features of a batch of clips and, where known, their labels.

    Attributes:
        streams: Per stream name, ``(batch, time, dim)``. The dims may differ; batch is shared.
        present: Per stream name, whether each sample has it; a stream absent from this mapping is present everywhere.
        targets: Per kind of label, class indices; -1 where a clip is not annotated.
    """

    streams: Mapping[str, Float[Tensor, "batch time _"]]
    present: Mapping[str, Bool[Tensor, " batch"]] = field(default_factory=dict)
    targets: Mapping[Label, Int[Tensor, " batch"]] = field(default_factory=dict)


class AbstractClassifier(nn.Module, ABC):
    """A trainable method: a module whose ``state_dict`` is exactly what a checkpoint holds.

    That is its trainable parameters, and buffers that it took from the training clips. Frozen towers that it runs are
    held beside, not registered as modules. A classifier owns no class list: text comes with every call, so that another
    vocabulary can be scored at any time; where some parameters belong to classes, these are named in its settings.
    Its constructor takes plain values only, and ``settings`` gives them back, so that ``type(c)(**c.settings)`` builds
    a twin to load weights into.
    """

    @property
    @abstractmethod
    def settings(self) -> dict[str, object]:
        """The constructor's keyword arguments, JSON-serialisable."""

    @property
    @abstractmethod
    def required_streams(self) -> tuple[str, ...]:
        """Names of the streams that ``forward`` reads."""

    @property
    def frozen_weights(self) -> Mapping[str, str]:
        """SHA-256 of the weights of frozen towers that the method runs, by the encoder's name; most run none."""
        return {}

    def observe(self, clips: Iterable[StreamBatch], text: Mapping[Label, ClassText]) -> None:
        """Takes in what the method keeps of the training clips, once and before training; most keep nothing.

        Args:
            clips: All training clips in batches, with frames at the bins' centres; read only where needed.
            text: The classes that their targets are indices of.
        """
        del clips, text

    @abstractmethod
    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``."""
