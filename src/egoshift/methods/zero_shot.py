"""Zero-shot: the frozen encoders alone.

Paper: X-MIC (arXiv 2403.19811), section 3.1, "No Fusion": each class's unit text vector against the mean of the
video's frame vectors. Nothing is trained.

Deviations:
    - Pooling. Paper and released code: mean of unit frames (``"mean-of-unit"``, the default here); X-MIC's own
      trainer averages raw frames (``"mean-of-raw"``). Both are given, so that the two methods can be compared on
      one video vector.
    - Streams. Paper: full frames. Here any views of the encoder; of several, the mean direction of those present.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

from egoshift.blocks.cosine import cosine_logits
from egoshift.blocks.streams import POOLINGS, choice, read_text, stream_names, video_vectors
from egoshift.classifier import AbstractClassifier, ClassText, StreamBatch
from egoshift.errors import ConfigError
from egoshift.records import Label


class ZeroShot(AbstractClassifier):
    """Cosines between a video's vector and the class text; has no parameters.

    Args:
        streams: The streams that are classified: features of the image encoder that the text encoder belongs to.
        pooling: How frames become one vector: ``"mean-of-unit"`` or ``"mean-of-raw"``.
        logit_scale: What the cosines are multiplied by.
    """

    def __init__(
        self, *, streams: Sequence[str] = ("full",), pooling: str = "mean-of-unit", logit_scale: float = 100.0
    ):
        super().__init__()
        if logit_scale <= 0:
            raise ConfigError(f"logit_scale is {logit_scale}; give a scale above zero")
        self.required_streams = stream_names("streams", streams)
        self.pooling = choice("pooling", pooling, tuple(POOLINGS))
        self.logit_scale = float(logit_scale)
        self.settings = {"streams": list(streams), "pooling": pooling, "logit_scale": self.logit_scale}

    def forward(self, batch: StreamBatch, text: Mapping[Label, ClassText]) -> dict[Label, Tensor]:
        """Logits ``(batch, classes)`` in float32 for each kind of label in ``text``.

        Raises:
            ConfigError: If a stream is missing, or is of another width than the text.
        """
        video = video_vectors(batch, self.required_streams, self.pooling)
        dim = video.shape[1]
        return {label: cosine_logits(read_text(words, dim), video, self.logit_scale) for label, words in text.items()}
