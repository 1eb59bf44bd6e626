"""The one model contract: named feature streams and class text in, logits per kind of label out.

Everything that trains, evaluates, predicts or draws knows only this file; everything that is trained implements it.
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from egoshift.errors import ConfigError
from egoshift.records import Label


@dataclass(frozen=True)
class ClassText:
    """The classes of one kind of label as a text encoder sees them.

    Attributes:
        vectors: ``(classes, dim)`` text embeddings, as the encoder gives them (not normalised).
        names: The class names, length ``classes``; empty where only vectors are known.

    Raises:
        ConfigError: There is not one name for each vector, or a name is empty or given twice.
    """

    vectors: Float[Tensor, "classes dim"]
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.names and len(self.names) != len(self.vectors):
            raise ConfigError(
                f"{len(self.names)} class names for {len(self.vectors)} text vectors; give one name per row"
            )
        if self.names:
            check_names(self.names)


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


def check_names(names: Sequence[str], what: str = "class names") -> None:
    """Refuse a vocabulary that is empty, or in which two classes have one name and could not be told apart.

    Args:
        names: The class names.
        what: What the message calls them.

    Raises:
        ConfigError: Naming what is no name, or given twice.
    """
    if isinstance(names, str) or not names:
        raise ConfigError(f"{what}: got {names!r}; give a list of at least one name, such as ['cup', 'knife']")
    if not all(isinstance(name, str) and name.strip() for name in names):
        wrong = next(name for name in names if not isinstance(name, str) or not name.strip())
        raise ConfigError(f"{what}: got {wrong!r} among them; give each as a word or more, such as 'cup'")
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        listed = ", ".join(map(repr, twice[:5])) + (f" and {len(twice) - 5} more" if len(twice) > 5 else "")
        raise ConfigError(f"{what}: {listed} given more than once; give each class one name of its own")


class AbstractClassifier(nn.Module, ABC):
    """A trainable method: a module whose ``state_dict`` is exactly what a checkpoint holds.

    That is its trainable parameters, and buffers that it took from the training clips. Frozen towers that it runs are
    held beside, not registered as modules. A classifier owns no class list: text comes with every call, so that another
    vocabulary can be scored at any time; where some parameters belong to classes, these are named in its settings.
    Its constructor takes plain values only and sets ``settings`` to them, so that ``type(c)(**c.settings)`` builds a
    twin to load weights into.

    Attributes:
        settings: The constructor's keyword arguments, JSON-serialisable.
        required_streams: Names of the streams that ``forward`` reads.
        optional_streams: Those of them that a batch may lack altogether, which is as if no sample had them.
        frozen_weights: SHA-256 of the weights of frozen towers that the method runs, by the encoder's name; most run
            none.
    """

    settings: Mapping[str, object]
    required_streams: tuple[str, ...]
    optional_streams: tuple[str, ...] = ()
    frozen_weights: Mapping[str, str] = MappingProxyType({})

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

    def scorer(self, text: Mapping[Label, ClassText]) -> Callable[[StreamBatch], dict[Label, Tensor]]:
        """``forward`` as a function of the batch alone, for many batches of the same classes while nothing is trained.

        The logits are the same. A method whose text tower reads the classes alone runs it once, and not in each batch.

        Args:
            text: The classes.
        """
        return lambda batch: self(batch, text)


class SubsetScores(NamedTuple):
    """What a model of several modalities makes of samples from some of them.

    Attributes:
        embedding: One vector a sample, by which a few shown samples are compared; zero for samples without any.
        logits: Per kind of label; without meaning for samples without any.
    """

    embedding: Float[Tensor, "batch width"]
    logits: dict[Label, Tensor]


class AbstractSubsetClassifier(AbstractClassifier):
    """A classifier of several modalities that can score a batch from any subset of them, and from many in one pass.

    Attributes:
        modalities: Names of the streams, in the order that subsets are written in.
        width: Of an embedding.
    """

    modalities: tuple[str, ...]
    width: int

    @abstractmethod
    def score_subsets(
        self,
        batch: StreamBatch,
        text: Mapping[Label, ClassText],
        subsets: Sequence[tuple[str, ...]],
        *,
        allow_empty: bool = False,
    ) -> dict[tuple[str, ...], SubsetScores]:
        """Per subset of the modalities what ``forward`` gives for a batch with no other streams, and the embedding.

        Modalities are not dropped, in whichever mode the module is.

        Args:
            batch: The samples.
            text: The classes; none gives embeddings alone.
            subsets: Of the modalities.
            allow_empty: Whether a sample may have nothing of a subset.

        Raises:
            ConfigError: If a name is no modality, or a sample has nothing of a subset and that is not allowed.
        """

    @abstractmethod
    def presence(self, batch: StreamBatch, subset: Sequence[str] | None = None) -> Bool[Tensor, " batch"]:
        """Which samples have at least one modality of a subset; none takes all modalities."""
