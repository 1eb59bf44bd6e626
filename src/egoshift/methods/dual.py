"""Methods of two sides that meet in a cosine: video vectors that know no class, class vectors that know no video."""

from abc import abstractmethod
from collections.abc import Callable, Mapping

from jaxtyping import Float
from torch import Tensor

from egoshift.blocks.cosine import cosine_logits
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.records import Label


class AbstractDualClassifier(AbstractClassifier):
    """A method whose logits are scaled cosines of its video vectors and its class vectors.

    The class vectors are those of all batches, so that a text tower runs once where many batches are scored.
    """

    @property
    @abstractmethod
    def scale(self) -> Tensor | float:
        """What the cosines are multiplied by; a tensor where it is trained."""

    @abstractmethod
    def video(self, batch: StreamBatch) -> Float[Tensor, "batch dim"]:
        """The unit video vectors."""

    @abstractmethod
    def text_vectors(self, label: Label, words: ClassText) -> Float[Tensor, "classes dim"]:
        """The class vectors, of any length."""

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``.

        Raises:
            ConfigError: What ``video`` or ``text_vectors`` cannot read.
        """
        video = self.video(batch)
        return {
            label: cosine_logits(self.text_vectors(label, words), video, self.scale) for label, words in text.items()
        }

    def scorer(self, text: Mapping[Label, ClassText]) -> Callable[[StreamBatch], dict[Label, Tensor]]:
        """See ``AbstractClassifier.scorer``; the class vectors are computed here."""
        vectors = {label: self.text_vectors(label, words) for label, words in text.items()}

        def score(batch: StreamBatch) -> dict[Label, Tensor]:
            video = self.video(batch)
            return {label: cosine_logits(own, video, self.scale) for label, own in vectors.items()}

        return score
